use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::super::fixture::{NOW, judging, snapshot, token};
use super::super::validate;
use super::*;

fn principal() -> Arc<Principal> {
    let snapshot = snapshot();
    let validated = validate(token().as_bytes(), &judging(&snapshot, NOW)).unwrap();
    validated.principal
}

fn load(folder: &Path) -> Revocations {
    Revocations::load(folder, Arc::default(), NOW).unwrap()
}

fn client(id: &str) -> Denial {
    Denial {
        client: Some(id.into()),
        ..Denial::default()
    }
}

fn one(token: &str) -> Denial {
    Denial {
        token: Some(token.into()),
        until: Some(LATER),
        ..Denial::default()
    }
}

async fn allow(revocations: &Revocations, denial: Denial) -> bool {
    let mut outcomes = revocations.allow_all(vec![denial]).await;
    outcomes.pop().unwrap().unwrap()
}

/// Far ahead of the clock of this machine, which decides what the file keeps.
const LATER: u64 = 4_000_000_000;
const LIMIT: usize = 5000;

#[tokio::test]
async fn what_was_acknowledged_survives_and_what_was_taken_back_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let principal = principal();
    let revocations = load(folder.path());
    assert!(!revocations.cover(&principal, NOW));
    revocations.deny(one("1"), LIMIT).await.unwrap();
    assert!(revocations.cover(&principal, NOW));
    revocations.deny(client("all"), LIMIT).await.unwrap();
    drop(revocations);

    let again = load(folder.path());
    assert!(again.cover(&principal, NOW));
    assert_eq!(again.listed(), [client("all"), one("1")]);
    let endless = Denial {
        until: None,
        ..one("1")
    };
    assert!(allow(&again, endless).await, "an end need not be repeated");
    assert!(again.cover(&principal, NOW), "its client is refused too");
    assert!(allow(&again, client("all")).await);
    assert!(!allow(&again, client("all")).await);
    assert!(!again.cover(&principal, NOW));
    drop(again);
    assert_eq!(load(folder.path()).listed(), []);
}

#[tokio::test]
async fn a_change_is_counted_after_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let changes = Arc::new(Changes::default());
    let revocations = Revocations::load(folder.path(), Arc::clone(&changes), NOW).unwrap();
    let before = changes.epoch().now();
    revocations.deny(one("1"), LIMIT).await.unwrap();
    assert!(changes.epoch().now() > before);
}

#[tokio::test]
async fn a_torn_line_is_dropped_and_nothing_is_appended_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jsonl");
    let line = r#"{"add":{"Token":"1","Until":"2096-10-02T07:06:40Z"}}"#;
    let torn = format!("{line}\nnonsense\n{line}\n{{\"add\":{{\"Tok");
    fs::write(&path, torn).unwrap();
    let revocations = load(folder.path());
    assert_eq!(revocations.counts().tokens, 1);
    assert_eq!(revocations.counts().damaged, 1);
    revocations.deny(one("2"), LIMIT).await.unwrap();
    drop(revocations);
    assert_eq!(load(folder.path()).counts().tokens, 2);
}

#[tokio::test]
async fn a_file_torn_anywhere_keeps_every_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jsonl");
    let revocations = load(folder.path());
    for number in 0..4 {
        let denial = one(&number.to_string());
        revocations.deny(denial, LIMIT).await.unwrap();
    }
    drop(revocations);
    let whole = fs::read(&path).unwrap();
    for end in 0..=whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let lines = whole[..end].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(load(folder.path()).counts().tokens, lines, "{end}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_kept_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let principal = principal();
    let revocations = load(&file);
    let refused = revocations.deny(one("1"), LIMIT).await;
    assert!(matches!(refused, Err(Refused::NotKept(_))));
    assert!(revocations.cover(&principal, NOW), "in force all the same");
    assert_eq!(revocations.counts().unwritten, 1);
    // Once it can be kept, it is, with whatever comes next.
    fs::remove_file(&file).unwrap();
    revocations.deny(one("2"), LIMIT).await.unwrap();
    assert_eq!(revocations.counts().unwritten, 0);
    drop(revocations);
    assert_eq!(load(&file).counts().tokens, 2);
}

#[test]
fn what_cannot_be_read_at_the_start_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("revocations.jsonl")).unwrap();
    assert!(Revocations::load(folder.path(), Arc::default(), NOW).is_err());
}

#[tokio::test]
async fn a_full_list_refuses_and_forgets_nothing_that_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let revocations = load(folder.path());
    for token in ["1", "2", "3"] {
        revocations.deny(one(token), 3).await.unwrap();
    }
    for refused in [one("4"), client("a")] {
        let outcome = revocations.deny(refused, 3).await;
        assert!(matches!(outcome, Err(Refused::Full)), "{outcome:?}");
    }
    revocations.deny(one("2"), 3).await.unwrap();
    assert_eq!(revocations.listed().len(), 3);
    assert!(allow(&revocations, one("1")).await);
    revocations.deny(client("a"), 3).await.unwrap();
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let revocations = Arc::new(load(folder.path()));
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let revocations = Arc::clone(&revocations);
        waiting.spawn(async move {
            let token = format!("token-{number}");
            revocations.deny(one(&token), LIMIT).await
        });
    }
    while let Some(revoked) = waiting.join_next().await {
        revoked.unwrap().unwrap();
    }
    drop(revocations);
    assert_eq!(load(folder.path()).counts().tokens, 1000);
}

/// Waits for the thread that follows.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never came about: {what}");
}

#[tokio::test]
async fn processes_with_one_folder_share_what_they_revoke_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let both = [load(folder.path()), load(folder.path())];
    for round in 0..20 {
        for (place, revocations) in both.iter().enumerate() {
            let denial = one(&format!("{place}-{round}"));
            revocations.deny(denial, LIMIT).await.unwrap();
        }
    }
    both[0].deny(client("all"), LIMIT).await.unwrap();
    let principal = principal();
    for revocations in &both {
        until("all are known", || revocations.listed().len() == 41).await;
        assert!(revocations.cover(&principal, NOW));
    }
    assert!(allow(&both[1], client("all")).await);
    until("it is taken back", || !both[0].cover(&principal, NOW)).await;
    drop(both);
    assert_eq!(load(folder.path()).listed().len(), 40);
}

#[tokio::test]
async fn a_file_written_anew_by_another_process_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jsonl");
    let revocations = load(folder.path());
    revocations.deny(one("1"), LIMIT).await.unwrap();
    revocations.deny(one("2"), LIMIT).await.unwrap();
    let line = r#"{"add":{"Token":"2"}}"#;
    let other = folder.path().join("other");
    fs::write(&other, format!("{line}\n")).unwrap();
    fs::rename(&other, &path).unwrap();
    until("it is followed", || revocations.counts().tokens == 1).await;
    revocations.deny(one("3"), LIMIT).await.unwrap();
    drop(revocations);
    assert_eq!(load(folder.path()).counts().tokens, 2);
}

#[tokio::test]
async fn a_file_of_much_that_is_over_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jsonl");
    let revocations = load(folder.path());
    for _ in 0..6 {
        let denials: Vec<_> = (0..1000).map(|number| one(&number.to_string())).collect();
        for outcome in revocations.deny_all(denials.clone(), LIMIT).await {
            outcome.unwrap();
        }
        for outcome in revocations.allow_all(denials).await {
            assert!(outcome.unwrap());
        }
    }
    revocations.deny(one("last"), LIMIT).await.unwrap();
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines < 6000, "{lines}");
    drop(revocations);
    assert_eq!(load(folder.path()).listed(), [one("last")]);
}

/// What a step of the model does.
#[derive(Clone, Debug)]
enum Step {
    Deny(u8, bool),
    Allow(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6, any::<bool>()).prop_map(|(which, ends)| Step::Deny(which, ends)),
        3 => (0_u8..6).prop_map(Step::Allow),
        1 => Just(Step::Restart),
    ]
}

/// Three of single tokens, three of other kinds.
fn nth(which: u8) -> Denial {
    let name = || Some(which.to_string().into());
    match which {
        0..3 => Denial {
            token: name(),
            ..Denial::default()
        },
        3 => client("3"),
        4 => Denial {
            token: name(),
            client: name(),
            ..Denial::default()
        },
        _ => Denial {
            issued_before: Some(NOW),
            ..Denial::default()
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_does_what_a_map_does_and_remembers_it(steps in proptest::collection::vec(step(), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut revocations = load(folder.path());
            let mut model: BTreeMap<Denial, Option<u64>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Deny(which, ends) => {
                        let until = ends.then_some(LATER);
                        let denial = Denial { until, ..nth(which) };
                        revocations.deny(denial, LIMIT).await.unwrap();
                        model.insert(nth(which), until);
                    }
                    Step::Allow(which) => {
                        let was = allow(&revocations, nth(which)).await;
                        prop_assert_eq!(was, model.remove(&nth(which)).is_some());
                    }
                    Step::Restart => {
                        drop(revocations);
                        revocations = load(folder.path());
                    }
                }
                let mut listed = revocations.listed();
                listed.sort();
                let model = model.iter().map(|(entry, until)| Denial {
                    until: *until,
                    ..entry.clone()
                });
                let mut model: Vec<_> = model.collect();
                model.sort();
                prop_assert_eq!(listed, model);
            }
            Ok(())
        })?;
    }

    #[test]
    fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("revocations.jsonl"), bytes).unwrap();
        let _ = Revocations::load(folder.path(), Arc::default(), NOW);
    }
}
