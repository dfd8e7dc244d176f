use std::fs;

use proptest::prelude::*;

use super::super::Epoch;
use super::super::fixture::{NOW, judging, snapshot, token};
use super::super::validate;
use super::*;

fn principal() -> Arc<Principal> {
    let snapshot = snapshot();
    let validated = validate(token().as_bytes(), &judging(&snapshot, NOW)).unwrap();
    validated.principal
}

fn client(id: &str) -> Denial {
    Denial {
        client: Some(id.into()),
        ..Denial::default()
    }
}

/// Far ahead of the clock of this machine, which decides what the file keeps.
const LATER: u64 = 4_000_000_000;

#[tokio::test]
async fn what_was_acknowledged_survives_and_what_was_taken_back_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (principal, changes) = (principal(), Changes::default());
    let revocations = Revocations::load(folder.path(), NOW);
    assert!(!revocations.cover(&principal, NOW));
    revocations.revoke("1", LATER, &changes, NOW).await.unwrap();
    assert!(revocations.cover(&principal, NOW));
    revocations
        .deny(client("all"), &changes, NOW)
        .await
        .unwrap();
    drop(revocations);

    let again = Revocations::load(folder.path(), NOW);
    assert!(again.cover(&principal, NOW));
    assert_eq!(again.listed(), (1, vec![client("all")]));
    let lone = Denial {
        token: Some("1".into()),
        ..Denial::default()
    };
    assert!(again.allow(lone.clone(), &changes).await.unwrap());
    assert!(again.cover(&principal, NOW), "its client is refused too");
    assert!(again.allow(client("all"), &changes).await.unwrap());
    assert!(!again.allow(client("all"), &changes).await.unwrap());
    assert!(!again.cover(&principal, NOW));
    drop(again);
    let last = Revocations::load(folder.path(), NOW);
    assert_eq!(last.listed(), (0, Vec::new()));
}

#[tokio::test]
async fn a_change_is_counted_after_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let changes = Changes::default();
    let revocations = Revocations::load(folder.path(), NOW);
    let before = changes.epoch().now();
    revocations.revoke("1", LATER, &changes, NOW).await.unwrap();
    assert!(changes.epoch().now() > before);
}

#[tokio::test]
async fn a_torn_line_is_dropped_and_nothing_is_appended_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jsonl");
    let line = r#"{"add":{"Token":"1","Until":"2096-10-02T07:06:40Z"}}"#;
    fs::write(
        &path,
        format!("{line}\nnonsense\n{line}\n{{\"add\":{{\"Tok"),
    )
    .unwrap();
    let revocations = Revocations::load(folder.path(), NOW);
    assert_eq!(revocations.listed().0, 1);
    let changes = Changes::default();
    revocations.revoke("2", LATER, &changes, NOW).await.unwrap();
    drop(revocations);
    assert_eq!(Revocations::load(folder.path(), NOW).listed().0, 2);
}

#[tokio::test]
async fn where_nothing_can_be_kept_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let (principal, changes) = (principal(), Changes::default());
    let revocations = Revocations::load(&file, NOW);
    let refused = revocations.revoke("1", LATER, &changes, NOW).await;
    assert!(matches!(refused, Err(Refused::NotKept(_))));
    assert!(revocations.cover(&principal, NOW), "in force all the same");
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let changes = Arc::new(Changes::default());
    let revocations = Arc::new(Revocations::load(folder.path(), NOW));
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let (revocations, changes) = (Arc::clone(&revocations), Arc::clone(&changes));
        waiting.spawn(async move {
            let token = format!("token-{number}");
            revocations.revoke(&token, LATER, &changes, NOW).await
        });
    }
    while let Some(revoked) = waiting.join_next().await {
        revoked.unwrap().unwrap();
    }
    drop(revocations);
    assert_eq!(Revocations::load(folder.path(), NOW).listed().0, 1000);
}

proptest! {
    #[test]
    fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("revocations.jsonl"), bytes).unwrap();
        let _ = Revocations::load(folder.path(), NOW);
    }
}

#[test]
fn the_epoch_of_changes_is_the_one_that_stamps_look_at() {
    let epoch = Epoch::default();
    let before = epoch.now();
    epoch.advance();
    assert_ne!(epoch.now(), before);
}
