//! The keys of external issuers, and how they are kept up to date.
//!
//! In: where an issuer's key set is. Out: the keys held now, without waiting; a fetch when one is
//! due or a token names a key that is not held. Stores outlive snapshots: a reload that changes
//! nothing of how keys are found goes on with the store that is there.
//! Rules: OAuth reference §5.7; `docs/decisions/0016`.
//! Elsewhere: what is in a key set (`keys`), how it is asked for (`fetch`).

mod ask;
mod kept;
mod refresh;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio::sync::Notify;

pub(crate) use refresh::Refresher;

use super::Changes;
use crate::config::Way;
use crate::fetch::{Client, FetchFrom};
use crate::keys::{Algorithm, PublicKeys};
use ask::KeysFault;

/// Where the keys of a trusted issuer are.
pub(crate) enum IssuerKeys {
    /// In a file that is part of the configuration.
    File(Arc<PublicKeys>),
    /// Fetched, and kept up to date.
    Fetched(Arc<KeyStore>),
}

impl IssuerKeys {
    /// Looks into the keys held now; `None` when none was ever had.
    pub(crate) fn look<T>(&self, into: impl FnOnce(&PublicKeys) -> T) -> Option<T> {
        match self {
            Self::File(keys) => Some(into(keys)),
            Self::Fetched(store) => {
                let held = store.held.load();
                held.as_ref().map(|held| into(&held.keys))
            }
        }
    }

    /// A token named a key that is not held: has the key set fetched soon, at most once in
    /// [`refresh::ASKED_GAP`]. Never waits.
    pub(crate) fn want(&self) {
        match self {
            // A changed file is seen by itself.
            Self::File(_) => {}
            Self::Fetched(store) => store.want(),
        }
    }
}

/// How an issuer's key set is found. Equal plans find the same.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) issuer: Arc<str>,
    pub(crate) way: Way,
    pub(crate) from: Option<FetchFrom>,
    /// Vouch for it, besides the system's.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// One issuer's keys as they were last fetched.
pub(crate) struct KeyStore {
    pub(crate) plan: Plan,
    client: Client,
    held: ArcSwapOption<Held>,
    /// Somebody wants a fetch that has not ended yet.
    wanted: AtomicBool,
    wake: Notify,
    state: Mutex<State>,
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Where the document is kept for the next start.
    file: Option<PathBuf>,
}

/// A document and its keys.
struct Held {
    keys: PublicKeys,
    document: Bytes,
    etag: Option<HeaderValue>,
}

#[derive(Default)]
struct State {
    /// When the issuer last answered well; of a document that was kept, when it was written.
    fetched: Option<SystemTime>,
    /// What the last attempt failed of; `None` when it succeeded.
    fault: Option<Arc<str>>,
    /// When the document was last written for the next start.
    kept: Option<SystemTime>,
}

/// A document that does not change is written again after this: it is taken as it was last
/// confirmed.
const KEEP_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How it stands with an issuer's keys, for probes and metrics.
pub(crate) struct Standing {
    /// Different keys held.
    pub(crate) keys: usize,
    /// When the issuer last answered well; `None` for a file, and when it never did.
    pub(crate) fetched: Option<SystemTime>,
    /// What the last attempt failed of.
    pub(crate) fault: Option<Arc<str>>,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

impl KeyStore {
    /// With the document that `before` holds, when that is the same issuer's from the same place,
    /// else with the one that is kept in `folder`, else empty.
    pub(crate) fn new(
        plan: Plan,
        client: Client,
        before: Option<&Self>,
        folder: Option<&Path>,
    ) -> Self {
        let file = folder.map(|folder| kept::file(folder, &plan));
        let same = before
            .filter(|before| before.plan.issuer == plan.issuer && before.plan.way == plan.way);
        let document = match same.and_then(|before| before.held.load_full()) {
            Some(held) => {
                let fetched = same.and_then(|before| before.state.lock().fetched);
                Some((held.document.clone(), fetched))
            }
            None => file
                .as_deref()
                .and_then(|file| kept::read(file, SystemTime::now()))
                .map(|(document, written)| (document, Some(written))),
        };
        let held = document.and_then(|(document, fetched)| {
            let keys = PublicKeys::parse(&document, &plan.algorithms).ok()?;
            let held = Held {
                keys,
                document,
                // Asked for anew, whole: what is allowed may be different now.
                etag: None,
            };
            Some((Arc::new(held), fetched))
        });
        let (held, fetched) = held.map_or((None, None), |(held, fetched)| (Some(held), fetched));
        Self {
            plan,
            client,
            held: ArcSwapOption::new(held),
            wanted: AtomicBool::new(false),
            wake: Notify::new(),
            state: Mutex::new(State {
                fetched,
                ..State::default()
            }),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            file,
        }
    }

    fn want(&self) {
        // Read first: a flood of tokens with unknown keys must not fight over the line.
        if !self.wanted.load(Ordering::Relaxed) && !self.wanted.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// The outcome of a fetch. Keys that are new are in force before anyone is told of them.
    fn took(&self, answer: Result<ask::Answer, KeysFault>, changes: &Changes) -> Option<Duration> {
        match answer {
            Ok(ask::Answer { fresh, life }) => {
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                // Before the keys are seen: who sees them sees since when they are there.
                let failed = {
                    let mut state = self.state.lock();
                    state.fetched = Some(SystemTime::now());
                    state.fault.take().is_some()
                };
                if let Some(held) = fresh {
                    self.publish(held, changes);
                }
                self.keep();
                if failed {
                    tracing::info!(issuer = %self.plan.issuer, "the issuer's keys are fetched again");
                }
                Some(life)
            }
            Err(fault) => {
                let fault = chain(&fault);
                self.failed.fetch_add(1, Ordering::Relaxed);
                let mut state = self.state.lock();
                if state.fault.is_none() {
                    let issuer = &*self.plan.issuer;
                    if self.held.load().is_some() {
                        tracing::warn!(
                            issuer,
                            fault,
                            "the issuer's keys cannot be fetched; those held go on"
                        );
                    } else {
                        tracing::warn!(
                            issuer,
                            fault,
                            "the issuer's keys cannot be fetched; its tokens are answered 503 until they are"
                        );
                    }
                }
                state.fault = Some(fault.into());
                None
            }
        }
    }

    /// Keeps the document for the next start.
    fn keep(&self) {
        let now = SystemTime::now();
        let recent = |kept: SystemTime| now.duration_since(kept).is_ok_and(|age| age < KEEP_AGAIN);
        let (Some(file), Some(held)) = (&self.file, self.held.load_full()) else {
            return;
        };
        if self.state.lock().kept.is_some_and(recent) {
            return;
        }
        match kept::write(file, &held.document) {
            Ok(()) => self.state.lock().kept = Some(now),
            Err(error) => {
                let issuer = &*self.plan.issuer;
                tracing::warn!(issuer, %error, "the issuer's keys are not kept for the next start");
            }
        }
    }

    fn publish(&self, next: Held, changes: &Changes) {
        let before = self.held.load_full();
        let is_new = before
            .as_ref()
            .is_none_or(|before| !before.keys.same_as(&next.keys));
        let issuer = &*self.plan.issuer;
        let told = before.as_ref().map(|before| before.keys.passed_over());
        if told != Some(next.keys.passed_over()) {
            for passed in next.keys.passed_over() {
                if passed.why.is_alarming() {
                    tracing::warn!(issuer, "{passed}");
                }
            }
        }
        if before.is_none_or(|before| before.document != next.document) {
            self.state.lock().kept = None;
        }
        let keys = next.keys.len();
        self.held.store(Some(Arc::new(next)));
        if is_new {
            changes.happened();
            tracing::info!(issuer, keys, "the issuer's keys are in force");
        }
    }
}

/// How it stands with an issuer's keys.
pub(crate) fn standing(keys: &IssuerKeys) -> Standing {
    let held = keys.look(PublicKeys::len).unwrap_or(0);
    match keys {
        IssuerKeys::File(_) => Standing {
            keys: held,
            fetched: None,
            fault: None,
            succeeded: 0,
            failed: 0,
        },
        IssuerKeys::Fetched(store) => {
            let state = store.state.lock();
            Standing {
                keys: held,
                fetched: state.fetched,
                fault: state.fault.clone(),
                succeeded: store.succeeded.load(Ordering::Relaxed),
                failed: store.failed.load(Ordering::Relaxed),
            }
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
