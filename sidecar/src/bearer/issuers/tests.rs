use super::*;
use crate::fetch::Source;

const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::EdDSA];

fn set(kid: &str) -> Bytes {
    format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
    )
    .into()
}

fn plan(uri: &str, algorithms: &[Algorithm]) -> Plan {
    Plan {
        issuer: "https://id".into(),
        way: Way::Uri(Source::parse(uri, None).unwrap()),
        from: None,
        authorities: Vec::new(),
        algorithms: algorithms.to_vec(),
    }
}

pub(super) fn store(before: Option<&KeyStore>, folder: Option<&Path>) -> KeyStore {
    let client = Client::new(&[]).unwrap();
    KeyStore::new(plan("https://id/keys", &ALGORITHMS), client, before, folder)
}

fn answer(document: Bytes) -> ask::Answer {
    ask::Answer {
        fresh: Some(Held {
            keys: PublicKeys::parse(&document, &ALGORITHMS).unwrap(),
            document,
            etag: None,
        }),
        life: Duration::from_secs(60),
    }
}

fn down() -> KeysFault {
    KeysFault::Metadata {
        origin: "https://id".into(),
    }
}

fn knows(store: &KeyStore, kid: &str) -> bool {
    store
        .held
        .load()
        .as_ref()
        .is_some_and(|held| held.keys.knows(kid))
}

#[test]
fn keys_stay_while_the_issuer_is_down_and_a_change_is_told_once() {
    let changes = Changes::default();
    let told = || changes.epoch().now();
    let store = store(None, None);
    assert!(store.took(Err(down()), &changes).is_none());
    assert!(store.held.load().is_none());
    assert_eq!(told(), 0);

    assert!(store.took(Ok(answer(set("a"))), &changes).is_some());
    assert_eq!((knows(&store, "a"), told()), (true, 1));
    // The same keys, and that they are the same, end no token.
    store.took(Ok(answer(set("a"))), &changes);
    let unchanged = ask::Answer {
        fresh: None,
        life: Duration::from_secs(60),
    };
    store.took(Ok(unchanged), &changes);
    assert_eq!(told(), 1);

    store.took(Err(down()), &changes);
    assert_eq!((knows(&store, "a"), told()), (true, 1));
    store.took(Ok(answer(set("b"))), &changes);
    assert_eq!(
        (knows(&store, "a"), knows(&store, "b"), told()),
        (false, true, 2)
    );

    let standing = standing(&IssuerKeys::Fetched(Arc::new(store)));
    assert_eq!(
        (standing.keys, standing.succeeded, standing.failed),
        (1, 4, 2)
    );
    assert!(standing.fault.is_none() && standing.fetched.is_some());
}

#[test]
fn a_start_while_the_issuer_is_down_goes_on_with_the_keys_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(None, Some(folder.path()));
    assert!(first.held.load().is_none());
    first.took(Ok(answer(set("a"))), &Changes::default());
    assert!(knows(&store(None, Some(folder.path())), "a"));
    // Of another place, or of another issuer, they are not the keys.
    let client = Client::new(&[]).unwrap();
    let elsewhere = plan("https://id/other", &ALGORITHMS);
    let elsewhere = KeyStore::new(elsewhere, client, None, Some(folder.path()));
    assert!(elsewhere.held.load().is_none());
    // What was spoiled is as good as none, and so is what is too old.
    let file = kept::file(folder.path(), &first.plan);
    let late = SystemTime::now() + Duration::from_secs(8 * 24 * 60 * 60);
    assert!(kept::read(&file, SystemTime::now()).is_some());
    assert!(kept::read(&file, late).is_none());
    std::fs::write(&file, "{").unwrap();
    assert!(store(None, Some(folder.path())).held.load().is_none());
}

#[test]
fn other_algorithms_are_read_out_of_the_document_that_is_held() {
    let first = store(None, None);
    first.took(Ok(answer(set("a"))), &Changes::default());
    assert!(knows(&store(Some(&first), None), "a"));
    let client = || Client::new(&[]).unwrap();
    let narrower = plan("https://id/keys", &[Algorithm::RS256]);
    let narrower = KeyStore::new(narrower, client(), Some(&first), None);
    assert!(
        narrower.held.load().is_none(),
        "none of its keys is allowed"
    );
    let elsewhere = plan("https://id/other", &ALGORITHMS);
    let elsewhere = KeyStore::new(elsewhere, client(), Some(&first), None);
    assert!(elsewhere.held.load().is_none(), "they were not found there");
}
