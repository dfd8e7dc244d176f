//! Whether requests are welcome, and why not.

use std::fmt::Write;
use std::io;
use std::time::{Duration, SystemTime};

use time::format_description::well_known::Rfc3339;
use tokio::net::{TcpStream, UnixStream};

use super::health::Stage;
use super::issuers::by_name;
use crate::Shared;
use crate::config::{Endpoint, Snapshot};
use crate::upstream::TokenStore;

/// A probe of the engine may take no longer than a prober waits by default.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);

/// One thing that was looked at.
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

enum State {
    Good,
    Bad,
    /// Told for information; it does not decide.
    Told,
}

/// What a probe is answered.
pub(super) struct Readiness {
    pub(super) ready: bool,
    checks: Vec<Check>,
}

impl Readiness {
    /// Looks at everything. The engine is asked only when it decides or is to be told.
    pub(super) async fn look(shared: &Shared, verbose: bool) -> Self {
        let snapshot = shared.live.snapshot();
        let mut checks = vec![config(shared, &snapshot)];
        checks.extend(stages(shared, &snapshot));
        checks.push(deny(shared, &snapshot));
        checks.extend(shadow(&snapshot));
        if verbose {
            checks.extend(issuers(&snapshot));
            checks.extend(
                snapshot
                    .upstream_token
                    .as_ref()
                    .map(|token| own_token(token)),
            );
        }
        if verbose || snapshot.ready_requires_upstream {
            checks.push(upstream(&snapshot).await);
        }
        let ready = !checks.iter().any(|check| matches!(check.state, State::Bad));
        Self { ready, checks }
    }

    /// One line that says what stands in the way.
    pub(super) fn line(&self) -> String {
        let bad = |check: &&Check| matches!(check.state, State::Bad);
        match self.checks.iter().find(bad) {
            None => "ready\n".to_owned(),
            Some(check) => format!("not ready: {}: {}\n", check.name, check.detail),
        }
    }

    /// A line for each check.
    pub(super) fn report(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let mark = match check.state {
                State::Good => "[+]",
                State::Bad => "[-]",
                State::Told => "[!]",
            };
            let _ = writeln!(text, "{mark} {}: {}", check.name, check.detail);
        }
        text + if self.ready { "ready\n" } else { "not ready\n" }
    }
}

/// Keys and listeners come up one after the other, and the listeners go first.
fn stages(shared: &Shared, snapshot: &Snapshot) -> [Check; 2] {
    let (state, detail) = match shared.health.stage() {
        Stage::Starting => (State::Bad, "starting".to_owned()),
        Stage::Ready => {
            let at = shared.health.listening();
            let at: Vec<_> = at.iter().map(|(address, _)| address.to_string()).collect();
            (State::Good, at.join(", "))
        }
        Stage::Draining | Stage::Closing => (
            State::Bad,
            "draining: the end has been asked for".to_owned(),
        ),
    };
    let keys = match (&snapshot.token_server, snapshot.issuers.is_empty()) {
        (Some(_), _) => "tokens are issued and validated",
        (None, false) => "no token side; tokens of other issuers are validated",
        (None, true) => "no token side",
    };
    [
        Check {
            name: "keys",
            state: State::Good,
            detail: keys.to_owned(),
        },
        Check {
            name: "listeners",
            state,
            detail,
        },
    ]
}

/// How it stands with each external issuer's keys. One that is down makes nothing unready: the
/// others' tokens are served, and its own while its keys are held.
fn issuers(snapshot: &Snapshot) -> Vec<Check> {
    let now = SystemTime::now();
    let checks = by_name(snapshot).into_iter().map(|(name, standing)| {
        let mut detail = format!("`{name}`: {} keys", standing.keys);
        if let Some(age) = standing.fetched.and_then(|at| now.duration_since(at).ok()) {
            let _ = write!(detail, ", fetched {} s ago", age.as_secs());
        }
        let good = standing.keys > 0 && standing.fault.is_none();
        if let Some(fault) = standing.fault {
            let _ = write!(detail, "; the last attempt failed: {fault}");
        }
        Check {
            name: "issuer",
            state: if good { State::Good } else { State::Told },
            detail,
        }
    });
    checks.collect()
}

/// How it stands with the sidecar's own token for the upstream. Without one requests are refused,
/// and that is told by them: a restart would bring none either.
fn own_token(store: &TokenStore) -> Check {
    let standing = store.standing();
    let mut detail = match standing.left {
        Some(left) => format!("held, good for {} s", left.as_secs()),
        None => "none is held".to_owned(),
    };
    let good = standing.left.is_some() && standing.fault.is_none();
    if let Some(fault) = standing.fault {
        let _ = write!(detail, "; the last attempt failed: {fault}");
    }
    Check {
        name: "upstream token",
        state: if good { State::Good } else { State::Told },
        detail,
    }
}

/// A file that was kept out does not make the process unready: the old configuration serves.
fn config(shared: &Shared, snapshot: &Snapshot) -> Check {
    let reload = shared.live.status();
    let found_good = time::OffsetDateTime::from(reload.last_success);
    let mut detail = format!(
        "generation {}, found good at {}",
        snapshot.generation,
        found_good.format(&Rfc3339).unwrap_or_default()
    );
    if !reload.needs_restart.is_empty() {
        let keys = reload.needs_restart.join(", ");
        let _ = write!(detail, "; needs a restart to change {keys}");
    }
    let state = match reload.fault {
        None => State::Good,
        Some(fault) => {
            let _ = write!(detail, "; what is there now was kept out:\n{fault}");
            State::Told
        }
    };
    Check {
        name: "config",
        state,
        detail,
    }
}

/// A file that is no list, or a revocation that could not be written, does not make the process
/// unready: what is known stays in force.
fn deny(shared: &Shared, snapshot: &Snapshot) -> Check {
    let counts = shared.revocations.counts();
    let mut detail = format!(
        "{} in the configuration, {} kept of at most {}",
        snapshot.deny.entries.entries().len(),
        counts.tokens + counts.entries,
        snapshot.deny.limit
    );
    let mut state = State::Good;
    if let Some(file) = &snapshot.deny.file {
        let status = file.status();
        let good_at = time::OffsetDateTime::from(status.good_at);
        let _ = write!(
            detail,
            "; {} in {}, found good at {}",
            file.list().entries().len(),
            file.path().display(),
            good_at.format(&Rfc3339).unwrap_or_default()
        );
        if let Some(fault) = status.fault {
            state = State::Told;
            let _ = write!(detail, "; what is there now was kept out: {fault}");
        }
    }
    if counts.damaged > 0 {
        state = State::Told;
        let _ = write!(
            detail,
            "; {} lines of revocations.jsonl cannot be read",
            counts.damaged
        );
    }
    if counts.unwritten > 0 {
        state = State::Told;
        let _ = write!(detail, "; {} would not survive a restart", counts.unwritten);
    }
    Check {
        name: "deny list",
        state,
        detail,
    }
}

/// What policy only reports, so that nobody forgets it.
fn shadow(snapshot: &Snapshot) -> Option<Check> {
    let routes = snapshot.routes.iter().filter(|route| route.shadow);
    let routes: Vec<_> = routes.map(|route| route.pattern.as_str()).collect();
    (!routes.is_empty()).then(|| Check {
        name: "policy",
        state: State::Told,
        detail: format!(
            "shadow mode: what it refuses is only counted on {}",
            routes.join(", ")
        ),
    })
}

async fn upstream(snapshot: &Snapshot) -> Check {
    let reached = match &snapshot.upstream.endpoint {
        Endpoint::Embedded => Ok("runs in this process".to_owned()),
        Endpoint::Http { authority } => {
            let port = authority.port_u16().unwrap_or(80);
            let host = authority.host();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            probe(async { TcpStream::connect((host, port)).await.map(drop) })
                .await
                .map(|()| format!("accepts connections at {authority}"))
                .map_err(|error| format!("does not answer at {authority}: {error}"))
        }
        Endpoint::Unix { path } => {
            let shown = path.display();
            probe(async { UnixStream::connect(path).await.map(drop) })
                .await
                .map(|()| format!("accepts connections at {shown}"))
                .map_err(|error| format!("does not answer at {shown}: {error}"))
        }
    };
    let (state, detail) = match reached {
        Ok(detail) => (State::Good, detail),
        Err(detail) if snapshot.ready_requires_upstream => (State::Bad, detail),
        Err(detail) => (State::Told, detail),
    };
    Check {
        name: "engine",
        state,
        detail,
    }
}

async fn probe(connect: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match tokio::time::timeout(PROBE_TIMEOUT, connect).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
