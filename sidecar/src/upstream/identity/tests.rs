use serde_json::Value;

use super::*;
use crate::bearer::fixture::{self, NOW};
use crate::bearer::jws::Compact;

fn snapshot(lifetime: u64) -> Snapshot {
    let mut snapshot = fixture::snapshot();
    snapshot.upstream.signed_identity = Some(SignedIdentity {
        audience: "engine".into(),
        lifetime: Duration::from_secs(lifetime),
        bare_headers: true,
    });
    snapshot
}

fn signed(principal: &Principal, snapshot: &Snapshot, now: u64) -> String {
    let value = of(principal, snapshot, now).unwrap().unwrap();
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    let names = [
        "iss",
        "sub",
        "aud",
        "client_id",
        "scope",
        "iat",
        "nbf",
        "exp",
        "act",
        "token_iss",
    ];
    let found = crate::bearer::claims_of(token, &names);
    let found = found
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(found.collect())
}

#[test]
fn it_says_who_calls_for_the_upstream_only_and_shortly() {
    let snapshot = snapshot(60);
    let principal = fixture::principal(&snapshot);
    let token = signed(&principal, &snapshot, NOW);
    let jws = Compact::split(&token).unwrap();
    assert!(jws.is_of_type(TYPE));
    assert_eq!(jws.kid().unwrap(), Some(fixture::kid()));
    let ring = &snapshot.token_server.as_ref().unwrap().keys;
    let key = ring.find(fixture::kid(), NOW).unwrap().verifying();
    assert!(key.verify(jws.signed.as_bytes(), &jws.signature().unwrap()));
    let issuer = &*snapshot.authority.issuer;
    assert_eq!(
        claims(&token),
        serde_json::json!({
            "iss": issuer, "sub": "all", "aud": "engine", "client_id": "all",
            "scope": "WorkflowApi", "iat": NOW, "nbf": NOW, "exp": NOW + 60, "token_iss": issuer,
        })
    );
    // It is no access token of ours.
    let judged = crate::bearer::validate(token.as_bytes(), &fixture::judging(&snapshot, NOW));
    assert!(judged.is_err());
}

#[test]
fn one_is_sent_until_a_fifth_of_its_life_is_left() {
    let snapshot = snapshot(100);
    let principal = fixture::principal(&snapshot);
    let first = signed(&principal, &snapshot, NOW);
    for (after, same) in [(0, true), (79, true), (80, false)] {
        let sent = signed(&principal, &snapshot, NOW + after);
        assert_eq!(sent == first, same, "after {after} s");
    }
    // A clock that was set back makes no identity of the future.
    let renewed = signed(&principal, &snapshot, NOW + 80);
    assert_ne!(signed(&principal, &snapshot, NOW), renewed);
}

#[test]
fn what_it_rests_on_has_it_made_anew() {
    let principal = fixture::principal(&snapshot(100));
    let first = signed(&principal, &snapshot(100), NOW);
    assert_eq!(signed(&principal, &snapshot(100), NOW), first);
    assert_ne!(signed(&principal, &snapshot(99), NOW), first);
    let mut other = snapshot(100);
    other.authority.issuer = "https://other.example/".into();
    let moved = signed(&principal, &other, NOW);
    assert_eq!(claims(&moved)["iss"], "https://other.example/");
    assert!(of(&principal, &fixture::snapshot(), NOW).is_none());
}
