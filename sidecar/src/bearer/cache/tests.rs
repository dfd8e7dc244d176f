use std::sync::Arc;

use serde_json::json;

use super::super::fixture::{
    NOW, client, clients, good_claims, judging, ring, snapshot, token, token_of, with,
};
use super::super::validate;
use super::*;
use crate::config::Snapshot;

fn remember(cache: &Cache, token: &str, snapshot: &Snapshot) {
    let validated = validate(token.as_bytes(), &judging(snapshot, NOW)).unwrap();
    cache.insert(token.as_bytes(), validated, &judging(snapshot, NOW));
}

fn found(cache: &Cache, token: &str, snapshot: &Snapshot, now: u64) -> bool {
    cache
        .find(token.as_bytes(), &judging(snapshot, now))
        .is_some()
}

#[test]
fn what_was_validated_is_found_until_it_ends() {
    let (cache, snapshot, token) = (Cache::new(), snapshot(), token());
    assert!(!found(&cache, &token, &snapshot, NOW));
    remember(&cache, &token, &snapshot);
    assert!(found(&cache, &token, &snapshot, NOW + 3599));
    assert!(!found(&cache, &token, &snapshot, NOW + 3600));
}

#[test]
fn the_whole_token_is_compared() {
    let (cache, snapshot, token) = (Cache::new(), snapshot(), token());
    remember(&cache, &token, &snapshot);
    for place in [0, 10, token.len() / 2, token.len() - 1] {
        let mut other = token.clone().into_bytes();
        other[place] ^= 1;
        assert!(
            cache.find(&other, &judging(&snapshot, NOW)).is_none(),
            "{place}"
        );
    }
    assert!(
        cache
            .find(&token.as_bytes()[1..], &judging(&snapshot, NOW))
            .is_none()
    );
    assert!(cache.find(b"", &judging(&snapshot, NOW)).is_none());
}

#[test]
fn a_change_that_matters_ends_an_entry_and_one_that_does_not_keeps_it() {
    let token = token();
    let folder = tempfile::tempdir().unwrap();
    let next = || Snapshot {
        generation: 2,
        ..snapshot()
    };
    let mut same = next();
    same.block_user_api = true;
    let mut removed = next();
    removed.token_server.as_mut().unwrap().clients = clients([client("reader", &["read"])]);
    let mut narrowed = next();
    narrowed.token_server.as_mut().unwrap().clients = clients([client("all", &["read"])]);
    let mut key = next();
    key.token_server.as_mut().unwrap().keys = Arc::new(ring(folder.path()));
    let mut issuer = next();
    issuer.authority.issuer = "https://other.example/".into();
    let mut off = next();
    off.token_server = None;
    for (what, snapshot, want) in [
        ("nothing that matters", same, true),
        ("client removed", removed, false),
        ("client's operations", narrowed, false),
        ("key replaced", key, false),
        ("issuer", issuer, false),
        ("token side off", off, false),
    ] {
        let cache = Cache::new();
        remember(&cache, &token, &super::super::fixture::snapshot());
        assert_eq!(found(&cache, &token, &snapshot, NOW), want, "{what}");
        assert_eq!(
            cache.len(),
            usize::from(want),
            "{what}: what is refused is dropped"
        );
    }
}

#[test]
fn a_request_under_an_older_snapshot_drops_nothing() {
    let (cache, token) = (Cache::new(), token());
    let mut newer = snapshot();
    newer.generation = 2;
    remember(&cache, &token, &newer);
    let mut older = snapshot();
    older.token_server = None;
    assert!(!found(&cache, &token, &older, NOW));
    assert!(found(&cache, &token, &newer, NOW));
}

#[test]
fn cache_is_bounded_and_keeps_what_is_used() {
    let snapshot = snapshot();
    let bounds = Bounds {
        entries: 4,
        bytes: 1 << 20,
    };
    let cache = Cache::bounded(bounds);
    let used = token();
    remember(&cache, &used, &snapshot);
    let validated = validate(used.as_bytes(), &judging(&snapshot, NOW)).unwrap();
    for number in 0..10_000 {
        assert!(found(&cache, &used, &snapshot, NOW), "{number}");
        let token = format!("token number {number} is as good as any other");
        cache.insert(
            token.as_bytes(),
            validated.clone(),
            &judging(&snapshot, NOW),
        );
        if number % 1000 == 0 {
            assert!(cache.len() <= 4 * SHARDS);
        }
    }
    assert!(cache.len() <= 4 * SHARDS);
    let queued: usize = cache
        .shards
        .iter()
        .map(|shard| shard.read().queue.len())
        .sum();
    assert!(queued <= 3 * 4 * SHARDS);
}

#[test]
fn bytes_are_bounded_and_counted_right() {
    let snapshot = snapshot();
    let cache = Cache::bounded(Bounds {
        entries: 1000,
        bytes: 4096,
    });
    let validated = validate(token().as_bytes(), &judging(&snapshot, NOW)).unwrap();
    for number in 0..1000 {
        let token = format!("{}{number}", "x".repeat(1000));
        cache.insert(
            token.as_bytes(),
            validated.clone(),
            &judging(&snapshot, NOW),
        );
    }
    for shard in &cache.shards {
        let shard = shard.read();
        let held: usize = shard.entries.values().map(Entry::size).sum();
        assert_eq!(shard.bytes, held);
        assert!(held <= 4096);
    }
    let huge = "x".repeat(5000);
    let before = cache.len();
    cache.insert(huge.as_bytes(), validated, &judging(&snapshot, NOW));
    assert_eq!(cache.len(), before, "what does not fit is not kept");
}

#[test]
fn a_token_that_is_over_makes_room() {
    let snapshot = snapshot();
    let cache = Cache::new();
    let short = token_of(&with(good_claims(), json!({"exp": NOW + 1})));
    remember(&cache, &short, &snapshot);
    let validated = validate(token().as_bytes(), &judging(&snapshot, NOW)).unwrap();
    for number in 0..1000 {
        let token = format!("token number {number} is as good as any other");
        cache.insert(
            token.as_bytes(),
            validated.clone(),
            &judging(&snapshot, NOW + 1),
        );
    }
    assert_eq!(cache.len(), 1000);
}
