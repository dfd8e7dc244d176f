//! The thread that keeps issuers' keys up to date: one task for each issuer, none of a worker's.
//!
//! Fetched at once, then at 80 % of each document's life; after a failure again soon, then less and
//! less often; and when a token names a key that is not held, at most once in [`ASKED_GAP`].

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
use crate::backoff::{random, refresh_after, retry_after};
use crate::config::Snapshot;
use crate::fetch::Source;

/// Between two fetches that tokens asked for: whoever makes up key ids costs the issuer no more.
pub(super) const ASKED_GAP: Duration = Duration::from_secs(10);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
