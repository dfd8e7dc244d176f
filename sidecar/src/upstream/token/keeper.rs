//! The task that keeps the token fresh, on the runtime that steers: none of a worker's.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::TokenStore;
use crate::config::Live;

/// After the first failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// However short a token lives.
const REFRESH_MIN: Duration = Duration::from_millis(500);

/// Owns the task. Dropped, it ends.
pub(crate) struct TokenKeeper(JoinHandle<()>);

impl Drop for TokenKeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl TokenKeeper {
    /// Keeps the token of the snapshot in force from now on, on the runtime it is called on.
    pub(crate) fn start(live: &Live) -> Self {
        let store = live.snapshot().upstream_token.clone();
        let (sender, stores) = watch::channel(store);
        live.on_swap(move |_, next| {
            sender.send_replace(next.upstream_token.clone());
        });
        Self(tokio::spawn(run(stores)))
    }
}

/// Until the sender is gone.
async fn run(mut stores: watch::Receiver<Option<Arc<TokenStore>>>) {
    loop {
        let store = stores.borrow_and_update().clone();
        let mut kept = pin!(keep(store.as_deref()));
        loop {
            // Both are polled on in the next round; a question is given up only with its store.
            tokio::select! {
                biased;
                changed = stores.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let next = stores.borrow_and_update();
                    let same = match (&*next, &store) {
                        (Some(next), Some(store)) => Arc::ptr_eq(next, store),
                        (None, None) => true,
                        (Some(_), None) | (None, Some(_)) => false,
                    };
                    if !same {
                        break;
                    }
                }
                () = &mut kept => {}
            }
        }
    }
}

/// Keeps one store's token fresh, for ever.
async fn keep(store: Option<&TokenStore>) {
    let Some(store) = store else {
        return std::future::pending().await;
    };
    let mut failures = 0;
    let mut next = first(store, Instant::now());
    loop {
        // Cancel safe: a clock, and a permit that is not lost.
        tokio::select! {
            biased;
            () = store.refused.notified() => {}
            () = sleep_until(next) => {}
        }
        let wait = if let Some(life) = store.refresh().await {
            failures = 0;
            refresh_after(life, random())
        } else {
            failures += 1;
            retry_after(failures, random())
        };
        next = Instant::now() + wait;
    }
}

/// At once, unless a token was taken over.
fn first(store: &TokenStore, now: Instant) -> Instant {
    let held = store.held.load();
    held.as_ref().map_or(now, |held| {
        held.had + refresh_after(held.expires - held.had, random())
    })
}

/// 80 % of a life, up to a tenth of it sooner, so that replicas do not ask all at once.
fn refresh_after(life: Duration, random: f64) -> Duration {
    life.mul_f64(0.8 - 0.1 * random).max(REFRESH_MIN)
}

/// Twice as long with each failure, up to half of it sooner.
fn retry_after(failures: u32, random: f64) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << (failures - 1).min(16));
    doubled.min(RETRY_MAX).mul_f64(1.0 - 0.5 * random)
}

/// From 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "jitter needs no 64 bits")]
fn random() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refreshed_at_four_fifths_of_its_life() {
        let life = Duration::from_secs(1000);
        assert_eq!(refresh_after(life, 0.0), Duration::from_secs(800));
        assert!(refresh_after(life, 1.0) >= Duration::from_secs(699));
        assert_eq!(refresh_after(Duration::ZERO, 0.0), REFRESH_MIN);
    }

    #[test]
    fn a_server_that_is_down_is_asked_less_and_less_often() {
        let waits: Vec<_> = (1..=9).map(|n| retry_after(n, 0.0).as_millis()).collect();
        let want = [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
        assert_eq!(waits, want);
        assert_eq!(retry_after(u32::MAX, 0.0), RETRY_MAX);
        assert_eq!(retry_after(1, 1.0), RETRY_FIRST / 2);
    }
}
