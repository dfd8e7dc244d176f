//! The task that keeps the token fresh, on the runtime that steers: none of a worker's.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::TokenStore;
use crate::backoff::{self, random, retry_after};
use crate::config::Live;

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

/// A token without a life to speak of is not asked for without a pause.
fn refresh_after(life: Duration, random: f64) -> Duration {
    backoff::refresh_after(life, random).max(REFRESH_MIN)
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
}
