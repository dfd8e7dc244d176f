//! The thread that keeps issuers' keys up to date: one task for each issuer, none of a worker's.
//!
//! Fetched at once, then at 80 % of each document's life; after a failure again soon, then less and
//! less often; and when a token names a key that is not held, at most once in [`ASKED_GAP`].

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle as Task;
use tokio::time::{Instant, sleep_until};

use super::{IssuerKeys, KeyStore, ask};
use crate::Shared;
use crate::config::Snapshot;
use crate::fetch::Source;

/// Between two fetches that tokens asked for: whoever makes up key ids costs the issuer no more.
pub(super) const ASKED_GAP: Duration = Duration::from_secs(10);
/// After the first failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Names that are looked up at a time, each on a thread of its own.
const LOOKUPS_MAX: usize = 4;
/// A discovered place is looked up again after this, and after every failure.
const DISCOVERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Owns the thread. It is started when the first issuer is there whose keys are fetched.
#[derive(Default)]
pub(crate) struct Refresher {
    thread: Mutex<Option<Running>>,
}

struct Running {
    stores: watch::Sender<Vec<Arc<KeyStore>>>,
    thread: JoinHandle<()>,
}

impl Refresher {
    /// Keeps the stores of `snapshot` up to date from now on, and no others.
    pub(crate) fn follow(&self, snapshot: &Snapshot, shared: &Arc<Shared>) {
        let clients = snapshot.token_server.iter();
        let clients = clients.flat_map(|server| server.clients.iter());
        let published = clients.filter_map(|client| client.means.keys.as_ref()?.store());
        let stores: Vec<_> = snapshot
            .issuers
            .iter()
            .filter_map(|issuer| match &issuer.keys {
                IssuerKeys::Fetched(store) => Some(Arc::clone(store)),
                IssuerKeys::File(_) => None,
            })
            .chain(published.cloned())
            .collect();
        let mut thread = self.thread.lock();
        match &*thread {
            Some(running) => {
                running.stores.send_replace(stores);
            }
            None if stores.is_empty() => {}
            None => match start(stores, shared) {
                Ok(running) => *thread = Some(running),
                Err(error) => {
                    tracing::error!(%error, "no thread to fetch issuers' keys");
                }
            },
        }
    }

    /// Ends the thread. What is under way is given up.
    pub(crate) fn stop(&self) {
        let running = self.thread.lock().take();
        if let Some(Running { stores, thread }) = running {
            drop(stores);
            if thread.join().is_err() {
                tracing::error!("the thread that fetches issuers' keys had panicked");
            }
        }
    }
}

fn start(stores: Vec<Arc<KeyStore>>, shared: &Arc<Shared>) -> std::io::Result<Running> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS_MAX)
        .build()?;
    let (sender, receiver) = watch::channel(stores);
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new()
        .name("issuers".to_owned())
        .spawn(move || {
            runtime.block_on(run(receiver, shared));
            // A name that is being looked up must not hold up the end.
            runtime.shutdown_background();
        })?;
    Ok(Running {
        stores: sender,
        thread,
    })
}

/// Until the sender is gone.
async fn run(mut stores: watch::Receiver<Vec<Arc<KeyStore>>>, shared: Arc<Shared>) {
    let mut tasks: Vec<(Arc<KeyStore>, Task<()>)> = Vec::new();
    loop {
        let wanted = stores.borrow_and_update().clone();
        tasks.retain(|(store, task)| {
            let stays = wanted.iter().any(|one| Arc::ptr_eq(one, store));
            if !stays {
                task.abort();
            }
            stays
        });
        for store in wanted {
            if tasks.iter().all(|(known, _)| !Arc::ptr_eq(known, &store)) {
                let task = tokio::spawn(keep(Arc::clone(&store), Arc::clone(&shared)));
                tasks.push((store, task));
            }
        }
        if stores.changed().await.is_err() {
            return;
        }
    }
}

/// Keeps one store up to date, for ever.
async fn keep(store: Arc<KeyStore>, shared: Arc<Shared>) {
    let mut found: Option<(Source, Instant)> = None;
    let mut asked: Option<Instant> = None;
    let mut failures = 0;
    let mut next = Instant::now();
    loop {
        if due(&store, next, asked).await {
            asked = Some(Instant::now());
        }
        let fetched = fetch(&store, &mut found).await;
        let life = store.took(fetched, &shared.changes);
        // Who asked meanwhile has been served; who still misses a key asks again.
        tokio::select! {
            biased;
            () = store.wake.notified() => {}
            () = std::future::ready(()) => {}
        }
        store.wanted.store(false, Ordering::Release);
        let wait = if let Some(life) = life {
            failures = 0;
            refresh_after(life, random())
        } else {
            found = None;
            failures += 1;
            retry_after(failures, random())
        };
        next = Instant::now() + wait;
    }
}

/// Waits until `next`, or until a token asks and the last one that did is long enough ago. Whether
/// it was a token.
async fn due(store: &KeyStore, next: Instant, asked: Option<Instant>) -> bool {
    let earliest = asked.map(|asked| asked + ASKED_GAP);
    // Cancel safe: a clock, and a permit that is not lost.
    tokio::select! {
        biased;
        () = sleep_until(next) => return false,
        () = store.wake.notified() => {}
    }
    let earliest = earliest.unwrap_or_else(Instant::now);
    sleep_until(earliest.min(next)).await;
    earliest < next
}

async fn fetch(
    store: &KeyStore,
    found: &mut Option<(Source, Instant)>,
) -> Result<ask::Answer, ask::KeysFault> {
    let fresh = found
        .take()
        .filter(|(_, since)| since.elapsed() < DISCOVERED);
    let (source, since) = if let Some(found) = fresh {
        found
    } else {
        let source = ask::discover(&store.plan, &store.client).await?;
        (source, Instant::now())
    };
    let etag = store
        .held
        .load()
        .as_ref()
        .and_then(|held| held.etag.clone());
    let answer = ask::keys(&store.plan, &store.client, &source, etag.as_ref()).await;
    *found = Some((source, since));
    answer
}

/// 80 % of a life, up to a tenth of it sooner, so that replicas do not ask all at once.
fn refresh_after(life: Duration, random: f64) -> Duration {
    life.mul_f64(0.8 - 0.1 * random)
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
    fn keys_are_fetched_again_at_four_fifths_of_their_life() {
        let life = Duration::from_secs(1000);
        assert_eq!(refresh_after(life, 0.0), Duration::from_secs(800));
        assert!(refresh_after(life, 1.0) >= Duration::from_secs(699));
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&random()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_that_ask_are_heard_once_in_ten_seconds() {
        let store = super::super::tests::store(None, None);
        let begin = Instant::now();
        let hour = begin + Duration::from_secs(3600);
        // The first at once.
        store.want();
        assert!(due(&store, hour, None).await);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        // Until the fetch has ended nobody else is heard, then the next, after the gap.
        store.want();
        store.wanted.store(false, Ordering::Release);
        store.want();
        store.want();
        assert!(due(&store, hour, Some(begin)).await);
        assert_eq!(begin.elapsed(), ASKED_GAP);
        // A fetch that is due anyway is not put off, and does not count.
        store.wanted.store(false, Ordering::Release);
        store.want();
        let soon = Instant::now() + Duration::from_secs(1);
        assert!(!due(&store, soon, Some(Instant::now())).await);
        assert!(!due(&store, hour, None).await);
        assert_eq!(Instant::now(), hour);
    }

    #[test]
    fn an_issuer_that_is_down_is_asked_less_and_less_often() {
        let waits: Vec<_> = (1..=9).map(|n| retry_after(n, 0.0).as_millis()).collect();
        let want = [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
        assert_eq!(waits, want);
        assert_eq!(retry_after(u32::MAX, 0.0), RETRY_MAX);
        assert_eq!(retry_after(1, 1.0), RETRY_FIRST / 2);
    }
}
