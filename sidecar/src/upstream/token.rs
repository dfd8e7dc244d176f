//! The sidecar's own token for the upstream: held, sent, and kept fresh beside the workers.
//!
//! In: how a token is had ([`TokenPlan`]). Out: the value of `Authorization`, without waiting; none
//! while none was ever had or the last one is over. One task asks: at once, at 80 % of a token's
//! life, after a failure again less and less often, and soon after the upstream has refused the
//! token that is held, at most once in [`REFUSED_GAP`]. A token is used to its end while no other
//! can be had. Stores outlive snapshots that change nothing of the plan.
//! Elsewhere: the question itself (`token::ask`); HTTP (`fetch`).

mod ask;
mod keeper;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::fetch::{Client, Source};
use ask::{Fault, Granted};
pub(crate) use keeper::TokenKeeper;

/// Between two refreshes because the upstream refused: one that refuses every token costs the
/// token server no more than this.
const REFUSED_GAP: Duration = Duration::from_secs(10);

/// How a token is had. Equal plans get the same.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenPlan {
    pub(crate) token_url: Source,
    pub(crate) client_id: Box<str>,
    pub(crate) client_secret: Box<str>,
    pub(crate) secret_in: SecretIn,
    pub(crate) scope: Option<Box<str>>,
    pub(crate) audience: Option<Box<str>>,
    pub(crate) resource: Option<Box<str>>,
    /// Vouch for the token server, besides the system's.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// Where the secret goes (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretIn {
    /// `Authorization: Basic`.
    Header,
    /// The form.
    Form,
}

impl TokenPlan {
    /// Whether tokens of both are for the same, however they are asked for.
    fn same_token(&self, other: &Self) -> bool {
        self.token_url == other.token_url
            && self.client_id == other.client_id
            && self.scope == other.scope
            && self.audience == other.audience
            && self.resource == other.resource
    }
}

/// The token of one plan, as far as it is had.
pub struct TokenStore {
    plan: TokenPlan,
    client: Client,
    held: ArcSwapOption<Held>,
    /// The upstream has refused what is held.
    refused: Notify,
    state: Mutex<State>,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

struct Held {
    /// With its scheme.
    value: HeaderValue,
    had: Instant,
    expires: Instant,
}

#[derive(Default)]
struct State {
    /// What the last attempt failed of.
    fault: Option<Arc<str>>,
    /// When the upstream last refused a token, as far as it counted.
    refused: Option<Instant>,
}

/// How it stands with the token, for probes and metrics.
pub(crate) struct TokenStanding {
    /// Of the one held.
    pub(crate) left: Option<Duration>,
    /// What the last attempt failed of; `None` when it succeeded.
    pub(crate) fault: Option<Arc<str>>,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

impl TokenStore {
    /// With the token of `before` where that is for the same.
    pub(crate) fn new(plan: TokenPlan, client: Client, before: Option<&Self>) -> Self {
        let held = before
            .filter(|before| before.plan.same_token(&plan))
            .and_then(|before| before.held.load_full());
        Self {
            plan,
            client,
            held: ArcSwapOption::new(held),
            refused: Notify::new(),
            state: Mutex::default(),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn plan(&self) -> &TokenPlan {
        &self.plan
    }

    /// The value of `Authorization`, if there is one that is not over.
    pub(super) fn current(&self, now: Instant) -> Option<HeaderValue> {
        let held = self.held.load();
        held.as_ref()
            .filter(|held| now < held.expires)
            .map(|held| held.value.clone())
    }

    /// The upstream refused `sent`: another is asked for soon, unless that one is not held any more
    /// or the upstream has refused one a moment ago.
    pub(super) fn refused(&self, sent: &HeaderValue, now: Instant) {
        let same = self
            .held
            .load()
            .as_ref()
            .is_some_and(|held| held.value == *sent);
        if !same {
            return;
        }
        let mut state = self.state.lock();
        if state
            .refused
            .is_some_and(|before| now < before + REFUSED_GAP)
        {
            return;
        }
        state.refused = Some(now);
        drop(state);
        tracing::warn!(
            token_server = %self.plan.token_url.origin(),
            "the upstream refused the sidecar's token; another is asked for"
        );
        self.refused.notify_one();
    }

    pub(crate) fn standing(&self) -> TokenStanding {
        let now = Instant::now();
        let held = self.held.load();
        let left = held
            .as_ref()
            .and_then(|held| held.expires.checked_duration_since(now));
        TokenStanding {
            left: left.filter(|left| !left.is_zero()),
            fault: self.state.lock().fault.clone(),
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Asks once, and keeps what comes. The life of a new token.
    async fn refresh(&self) -> Option<Duration> {
        let asked = Instant::now();
        let origin = self.plan.token_url.origin();
        match ask::token(&self.plan, &self.client).await {
            Ok(Granted { value, life }) => {
                self.held.store(Some(Arc::new(Held {
                    value,
                    had: asked,
                    expires: asked + life,
                })));
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                if self.state.lock().fault.take().is_some() {
                    tracing::info!(token_server = %origin, "a token for the upstream is had again");
                }
                Some(life)
            }
            Err(fault) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.failed_of(&fault, asked);
                None
            }
        }
    }

    /// Told once, until it goes well again.
    fn failed_of(&self, fault: &Fault, now: Instant) {
        let origin = self.plan.token_url.origin();
        let text: Arc<str> = fault.chain().into();
        let before = self.state.lock().fault.replace(Arc::clone(&text));
        if before.is_some() {
            return;
        }
        if self.current(now).is_some() {
            tracing::warn!(
                token_server = %origin,
                fault = %text,
                "no new token for the upstream; the one held goes on until its end"
            );
        } else {
            tracing::warn!(
                token_server = %origin,
                fault = %text,
                "no token for the upstream; requests are answered 503 until there is one"
            );
        }
    }
}

#[cfg(test)]
mod tests;
