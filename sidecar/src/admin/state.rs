//! What an administrator is shown, as JSON: the configuration in force, the deny list, the clients.
//!
//! No secret and nothing of one is in it, and no token but the ids of revoked ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::health::Stage;
use super::issuers::by_name;
use crate::Shared;
use crate::bearer::Standing;
use crate::clock::unix_time;
use crate::keys::{KeyRing, State};

/// The whole deny list, by where its entries are kept. What is under `kept` may be taken back here.
pub(super) fn deny(shared: &Shared) -> Value {
    let snapshot = shared.live.snapshot();
    let kept = shared.revocations.listed();
    let file = snapshot.deny.file.as_ref().map(|file| {
        let status = file.status();
        json!({
            "path": file.path(),
            "goodAt": instant(status.good_at),
            "fault": status.fault.as_deref(),
            "entries": file.list().entries(),
        })
    });
    json!({
        "kept": kept,
        "limit": snapshot.deny.limit,
        "configuration": snapshot.deny.entries.entries(),
        "file": file,
    })
}

/// The state of the process.
pub(super) fn status(shared: &Shared) -> Value {
    let snapshot = shared.live.snapshot();
    let reload = shared.live.status();
    let counts = shared.revocations.counts();
    let stage = match shared.health.stage() {
        Stage::Starting => "starting",
        Stage::Ready => "ready",
        Stage::Draining => "draining",
        Stage::Closing => "closing",
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "stage": stage,
        "startedAt": instant(UNIX_EPOCH + Duration::from_secs(shared.metrics.started_at)),
        "configuration": {
            "generation": snapshot.generation,
            "goodAt": instant(reload.last_success),
            "fault": reload.fault.as_deref(),
            "needsRestart": reload.needs_restart,
        },
        "issuer": &*snapshot.authority.issuer,
        "keys": snapshot.token_server.as_ref().map(|server| keys(&server.keys)),
        "issuers": by_name(&snapshot).into_iter().map(issuer).collect::<Vec<_>>(),
        "clients": snapshot.token_server.as_ref().map(|server| server.clients.iter().count()),
        "denied": {
            "configuration": snapshot.deny.entries.entries().len(),
            "file": snapshot.deny.file.as_ref().map(|file| file.list().entries().len()),
            "tokens": counts.tokens,
            "entries": counts.entries,
            "limit": snapshot.deny.limit,
        },
        "tokensKnown": shared.tokens.len(),
        "streamsEnded": shared.changes.cut(),
    })
}

/// Each key that signs, will sign, or signed what may still be good.
fn keys(ring: &KeyRing) -> Vec<Value> {
    let states = ring.states(unix_time());
    let shown = states.into_iter().map(|(kid, algorithm, state)| {
        let (state, name, at) = match state {
            State::Next(from) => ("next", "from", from),
            State::Active(since) => ("active", "since", since),
            State::Retired(until) => ("retired", "until", until),
        };
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(at));
        json!({
            "kid": kid,
            "algorithm": algorithm.name(),
            "state": state,
            name: at.and_then(instant),
        })
    });
    shown.collect()
}

fn issuer((name, standing): (&str, Standing)) -> Value {
    json!({
        "issuer": name,
        "keys": standing.keys,
        "fetchedAt": standing.fetched.and_then(instant),
        "fault": standing.fault.as_deref(),
    })
}

/// Every registered client, and when it last authenticated.
pub(super) fn clients(shared: &Shared) -> String {
    match &shared.live.snapshot().token_server {
        Some(server) => shared.last_used.told(&server.clients).to_string(),
        None => r#"{"clients":[]}"#.to_owned(),
    }
}

fn instant(time: SystemTime) -> Option<String> {
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}
