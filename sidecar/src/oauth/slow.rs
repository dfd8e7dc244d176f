//! Slow hashes beside the workers: a few threads, a short queue, one computation for equal guesses.
//!
//! In: a guess that nothing cheaper decides. Out: its verdict, once, to everyone who waits for it.
//! A thread that serves requests never runs one. What the queue has no room for is refused at once,
//! and no address fills the queue alone, so whoever floods it waits longest himself.
//! Elsewhere: what is remembered so that this happens once (`memory`).

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::keys::Keyed;
use crate::policy::Source;
use crate::refusal::Reason;

/// Guesses that wait: at 20 ms for each, the last one waits little more than a second.
const QUEUE: usize = 64;
/// Of those, from one address: four such addresses leave the queue full, not one.
const PER_SOURCE: usize = 16;
/// Requests that wait for one guess. Each is a request held open, which connections bound too.
const WAITERS_MAX: usize = 1024;
/// Threads: a quarter of the cores, and at least one; each may take 64 MiB while it hashes.
const THREADS_MAX: usize = 4;
/// Behind the workers, when there is not time enough for all.
const NICENESS: i32 = 10;

/// A few threads that run guesses and tell the verdict `V`.
pub(super) struct SlowHashes<V> {
    state: Arc<Mutex<State<V>>>,
}

struct State<V> {
    /// Guesses queued or running.
    under_way: HashMap<Keyed, Guess<V>>,
    by_source: HashMap<Source, usize>,
    /// `None` until the first guess.
    queue: Option<mpsc::SyncSender<Job<V>>>,
}

struct Guess<V> {
    source: Source,
    waiters: Vec<oneshot::Sender<V>>,
}

type Work<V> = Box<dyn FnOnce() -> V + Send>;

struct Job<V> {
    key: Keyed,
    work: Work<V>,
}

impl<V: Clone + Send + 'static> SlowHashes<V> {
    /// No thread yet: most sidecars never need one.
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                under_way: HashMap::new(),
                by_source: HashMap::new(),
                queue: None,
            })),
        }
    }

    /// Waits for the same guess if somebody makes it already.
    pub(super) fn join(&self, key: Keyed) -> Option<Result<oneshot::Receiver<V>, Reason>> {
        let mut state = self.state.lock();
        state.under_way.get_mut(&key).map(Guess::wait)
    }

    /// Has `work` run, or waits for the same guess of another.
    pub(super) fn begin(
        &self,
        key: Keyed,
        source: Source,
        work: Work<V>,
    ) -> Result<oneshot::Receiver<V>, Reason> {
        let mut state = self.state.lock();
        if let Some(guess) = state.under_way.get_mut(&key) {
            return guess.wait();
        }
        if state
            .by_source
            .get(&source)
            .is_some_and(|n| *n >= PER_SOURCE)
        {
            return Err(Reason::SecretChecksBusy);
        }
        if state.queue.is_none() {
            state.queue = self.start();
        }
        let queue = state.queue.as_ref().ok_or(Reason::SecretChecksBusy)?;
        queue
            .try_send(Job { key, work })
            .map_err(|_| Reason::SecretChecksBusy)?;
        let mut guess = Guess {
            source,
            waiters: Vec::with_capacity(1),
        };
        let verdict = guess.wait();
        state.under_way.insert(key, guess);
        *state.by_source.entry(source).or_default() += 1;
        verdict
    }

    /// The threads end when the queue's sender is gone, which is when `self` is.
    fn start(&self) -> Option<mpsc::SyncSender<Job<V>>> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut started = 0;
        for index in 0..(cores / 4).clamp(1, THREADS_MAX) {
            let jobs = Arc::clone(&jobs);
            // Weak: the state holds the sender, whose end is what ends the thread.
            let state = Arc::downgrade(&self.state);
            let thread = std::thread::Builder::new().name(format!("hash-{index}"));
            let spawned = thread.spawn(move || {
                // Of this thread alone on Linux; elsewhere it does not matter much.
                let _ = rustix::process::nice(NICENESS);
                loop {
                    let job = jobs.lock().recv();
                    let Ok(Job { key, work }) = job else {
                        return;
                    };
                    let verdict = catch_unwind(AssertUnwindSafe(work)).ok();
                    let Some(state) = state.upgrade() else {
                        return;
                    };
                    state.lock().end(key, verdict.as_ref());
                }
            });
            started += usize::from(spawned.is_ok());
        }
        (started > 0).then_some(queue)
    }
}

impl<V: Clone> State<V> {
    /// Without a verdict the waiters' receivers fail, which they take for a refusal.
    fn end(&mut self, key: Keyed, verdict: Option<&V>) {
        let Some(guess) = self.under_way.remove(&key) else {
            return;
        };
        if let Some(count) = self.by_source.get_mut(&guess.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&guess.source);
            }
        }
        for waiter in guess.waiters {
            if let Some(verdict) = verdict {
                let _ = waiter.send(verdict.clone());
            }
        }
    }
}

impl<V> Guess<V> {
    fn wait(&mut self) -> Result<oneshot::Receiver<V>, Reason> {
        self.waiters.retain(|waiter| !waiter.is_closed());
        if self.waiters.len() >= WAITERS_MAX {
            return Err(Reason::SecretChecksBusy);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiters.push(sender);
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(n: usize) -> Keyed {
        Keyed::new(&n.to_be_bytes())
    }

    fn source(n: u8) -> Source {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)).into()
    }

    /// Holds every thread until it is dropped.
    fn blocked(slow: &SlowHashes<usize>) -> (mpsc::Sender<()>, oneshot::Receiver<usize>) {
        let (go, wait) = mpsc::channel::<()>();
        let waiting = slow.begin(
            key(0),
            source(0),
            Box::new(move || {
                let _ = wait.recv();
                0
            }),
        );
        (go, waiting.unwrap())
    }

    #[tokio::test]
    async fn equal_guesses_share_one_computation() {
        let slow = SlowHashes::new();
        let (go, first) = blocked(&slow);
        let ran = Arc::new(AtomicUsize::new(0));
        let guess = || {
            let ran = Arc::clone(&ran);
            let work = Box::new(move || ran.fetch_add(1, Ordering::Relaxed) + 7);
            slow.begin(key(1), source(1), work).unwrap()
        };
        let waiting: Vec<_> = (0..20).map(|_| guess()).collect();
        assert!(slow.join(key(1)).is_some() && slow.join(key(2)).is_none());
        drop(go);
        assert_eq!(first.await, Ok(0));
        for verdict in waiting {
            assert_eq!(verdict.await, Ok(7));
        }
        assert_eq!(ran.load(Ordering::Relaxed), 1);
        assert!(slow.join(key(1)).is_none());
        assert!(slow.state.lock().by_source.is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_no_address_fills_it() {
        let slow = SlowHashes::new();
        let (go, first) = blocked(&slow);
        let mut refused = 0;
        let mut waiting = Vec::new();
        for n in 1..=PER_SOURCE + 5 {
            match slow.begin(key(n), source(1), Box::new(|| 1)) {
                Ok(verdict) => waiting.push(verdict),
                Err(reason) => {
                    assert_eq!(reason, Reason::SecretChecksBusy);
                    refused += 1;
                }
            }
        }
        assert_eq!((waiting.len(), refused), (PER_SOURCE, 5));
        // Another address has room still.
        waiting.push(slow.begin(key(500), source(2), Box::new(|| 1)).unwrap());
        for n in 0..QUEUE {
            let from = source(u8::try_from(n + 3).unwrap());
            waiting.extend(slow.begin(key(1_000 + n), from, Box::new(|| 1)).ok());
        }
        assert!(waiting.len() <= QUEUE + THREADS_MAX);
        let late = slow.begin(key(2_000), source(200), Box::new(|| 1));
        assert_eq!(late.err(), Some(Reason::SecretChecksBusy));
        drop(go);
        assert_eq!(first.await, Ok(0));
        for verdict in waiting {
            assert_eq!(verdict.await, Ok(1));
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_guess() {
        let slow = SlowHashes::new();
        let panics = Box::new(|| panic!("a test's own"));
        assert!(
            slow.begin(key(1), source(1), panics)
                .unwrap()
                .await
                .is_err()
        );
        let fine = slow.begin(key(1), source(1), Box::new(|| 3)).unwrap();
        assert_eq!(fine.await, Ok(3));
    }
}
