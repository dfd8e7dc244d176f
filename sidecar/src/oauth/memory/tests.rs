use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::bearer::fixture;
use crate::keys::Secret;

/// Of `right`, cheap enough for a test.
const HASH: &str = "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$bo4xNKxq6wt2CzZBv6c1DugRQy9z7qnohikqcXE2hRo";
/// Another hash of the same.
const REHASH: &str =
    "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yO5+EniegYJB3JzJstoZPhw0HZud1JKXXUafF2aXWtI";
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn pair(id: &str, secret: &str) -> Credentials<'static> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    Credentials {
        basic: true,
        first: Pair {
            id: owned(id),
            secret: owned(secret),
        },
        raw: None,
        first_is_raw: false,
    }
}

fn attempt() -> Attempt {
    Attempt {
        address: Ipv4Addr::LOCALHOST.into(),
        budget: Rate {
            per_second: 1,
            burst: 3,
        },
        arrived: Instant::now(),
        now: UNIX_EPOCH + NOW,
    }
}

fn clients(secrets: &[Secret]) -> Clients {
    let with = |id, secrets| {
        let mut client = fixture::client(id, &["*"]);
        client.secrets = secrets;
        client
    };
    [
        with("a", secrets.to_vec()),
        with("plain", vec![Secret::new("right")]),
    ]
    .into_iter()
    .collect()
}

async fn ask(
    memory: &SecretMemory,
    clients: &Clients,
    id: &str,
    secret: &str,
) -> Result<usize, Reason> {
    let credentials = pair(id, secret);
    let found = memory.authenticate(&credentials, clients, attempt()).await;
    found
        .map(|found| found.secret)
        .map_err(|refusal| refusal.reason)
}

fn hashed(text: &str) -> Secret {
    Secret::hashed(text).unwrap()
}

#[tokio::test]
async fn a_hashed_secret_authenticates_and_the_slow_hash_is_paid_once() {
    let memory = SecretMemory::new();
    let registered = clients(&[Secret::new("other"), hashed(HASH)]);
    assert_eq!(ask(&memory, &registered, "a", "right").await, Ok(1));
    assert_eq!(memory.remembered.0.read().len(), 1);
    // However often: it is remembered, and spends no budget.
    for _ in 0..20 {
        assert_eq!(ask(&memory, &registered, "a", "right").await, Ok(1));
    }
    for (id, secret) in [("a", "wrong"), ("nobody", "right"), ("plain", "wrong")] {
        let found = ask(&memory, &registered, id, secret).await;
        assert_eq!(found, Err(Reason::ClientCredentialsWrong), "{id} {secret}");
    }
    assert_eq!(ask(&memory, &registered, "plain", "right").await, Ok(0));
    assert_eq!(memory.remembered.0.read().len(), 2);
}

#[tokio::test]
async fn the_memory_lasts_as_long_as_the_same_hash_is_configured() {
    let memory = SecretMemory::new();
    let first = clients(&[hashed(HASH)]);
    assert_eq!(ask(&memory, &first, "a", "right").await, Ok(0));
    // Another reading of the same: still remembered, though no attempt is left.
    let id = memory.key.hash_one("a");
    for _ in 0..10 {
        let key = (id, Source::from(attempt().address));
        memory
            .failures
            .spend(key, attempt().budget, attempt().arrived);
    }
    let again = clients(&[Secret::new("new"), hashed(HASH)]);
    memory.remembered.keep(&again);
    assert_eq!(ask(&memory, &again, "a", "right").await, Ok(1));
    // Another hash, though of the same secret, has to be proved anew.
    let spent = Err(Reason::SecretFailuresSpent);
    let other = clients(&[hashed(REHASH)]);
    assert_eq!(ask(&memory, &other, "a", "right").await, spent);
    // Taken away and given back: it was forgotten meanwhile.
    memory.remembered.keep(&other);
    assert_eq!(ask(&memory, &first, "a", "right").await, spent);
}

#[tokio::test]
async fn a_secret_past_its_end_is_not_remembered_and_not_hashed() {
    let memory = SecretMemory::new();
    let wrong = Err(Reason::ClientCredentialsWrong);
    let good = clients(&[hashed(HASH).until(UNIX_EPOCH + NOW)]);
    assert_eq!(ask(&memory, &good, "a", "right").await, Ok(0));
    let over = clients(&[hashed(HASH).until(UNIX_EPOCH + NOW - Duration::from_secs(1))]);
    assert_eq!(ask(&memory, &over, "a", "right").await, wrong);
}

#[tokio::test]
async fn equal_attempts_at_once_share_one_hash_and_one_failure() {
    let memory = SecretMemory::new();
    let registered = clients(&[hashed(HASH)]);
    // Five times the burst: joining a computation spends nothing.
    let credentials = pair("a", "right");
    let ask = || memory.authenticate(&credentials, &registered, attempt());
    let found = tokio::join!(ask(), ask(), ask(), ask(), ask());
    let found = <[_; 5]>::from(found);
    assert!(found.iter().all(Result::is_ok));
}

#[tokio::test]
async fn once_the_budget_is_spent_nothing_is_compared_known_client_or_not() {
    let memory = SecretMemory::new();
    let registered = clients(&[hashed(HASH)]);
    for id in ["a", "nobody"] {
        for _ in 0..3 {
            let found = ask(&memory, &registered, id, "wrong").await;
            assert_eq!(found, Err(Reason::ClientCredentialsWrong), "{id}");
        }
        let found = ask(&memory, &registered, id, "right").await;
        assert_eq!(found, Err(Reason::SecretFailuresSpent), "{id}");
    }
}

#[test]
fn every_wrong_guess_costs_what_the_dearest_client_has() {
    let registered = clients(&[hashed(HASH), hashed(REHASH)]);
    assert_eq!(registered.toll().len(), 2);
    assert!(clients(&[Secret::new("x")]).toll().is_empty());
    assert!(Clients::default().toll().is_empty());
}

#[tokio::test]
async fn the_raw_reading_is_tried_second_and_costs_no_second_failure() {
    let memory = SecretMemory::new();
    let registered = clients(&[Secret::new("a+b")]);
    let reading = |secret: &str, raw: &str| Credentials {
        raw: Some(pair("a", raw).first),
        ..pair("a", secret)
    };
    let found = memory
        .authenticate(&reading("a b", "a+b"), &registered, attempt())
        .await
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert!(found.raw);
    for _ in 0..2 {
        let credentials = reading("c d", "c+d");
        let found = memory.authenticate(&credentials, &registered, attempt());
        let reason = found.await.err().unwrap().reason;
        assert_eq!(reason, Reason::ClientCredentialsWrong);
    }
    let credentials = reading("e f", "e+f");
    let found = memory.authenticate(&credentials, &registered, attempt());
    assert_eq!(
        found.await.err().unwrap().reason,
        Reason::SecretFailuresSpent
    );
}
