//! Tells when the content of files or folders has changed, however it was written.
//!
//! In: paths with a [`Print`] of the content in force, and what to do on a change. Out: that
//! call, on a thread of its own, when a print differs.
//! Rules: folders are watched, not files, so that a rename over a file and a swapped symbolic
//! link (Kubernetes `..data`) are seen; events only say *look*, the content decides; a slow poll
//! looks too, where events are lost or not to be had.
//! Elsewhere: which folders those are (`watch::places`), what content is (`watch::print`).

mod places;
mod print;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use places::Places;
pub use print::Print;

/// A path and the content that was read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// A file, or a folder whose files count.
    pub path: PathBuf,
    /// Its content when it was read.
    pub print: Print,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Without another event for this long, a write is taken for finished.
    pub quiet: Duration,
    /// Longest wait for that quiet, so that a change is in force within 200 ms.
    pub patience: Duration,
    /// Between looks without any event.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            patience: Duration::from_millis(150),
            poll: Duration::from_secs(2),
        }
    }
}

/// Why the reader is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Content differs from what was read last.
    Changed,
    /// Someone asked, whatever the content.
    Asked,
}

/// A thread that watches. Dropping it ends the thread and waits for it.
pub struct Watcher {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// Asks a [`Watcher`] to read now, from any thread.
#[derive(Clone)]
pub struct Trigger {
    signal: Arc<Signal>,
}

impl Trigger {
    /// Has the files read again soon, changed or not. Does not wait for it.
    pub fn read_now(&self) {
        self.signal.set(|state| state.asked = true);
    }
}

impl Watcher {
    /// Watches `watched`; `read` is called on a change and gives what is to be watched from
    /// then on.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        name: &str,
        watched: Vec<Watched>,
        timing: Timing,
        read: impl FnMut(Cause) -> Vec<Watched> + Send + 'static,
    ) -> std::io::Result<Self> {
        let signal = Arc::new(Signal::default());
        let mut round = Round {
            signal: Arc::clone(&signal),
            timing,
            watched,
            places: Places::default(),
            notify: None,
            read: Box::new(read),
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || round.run())?;
        Ok(Self {
            signal,
            thread: Some(thread),
        })
    }

    /// A handle that asks this watcher to read.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            signal: Arc::clone(&self.signal),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.signal.set(|state| state.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watching thread panicked");
        }
    }
}

/// What other threads tell the watching one. Three flags: a storm of events is one entry.
#[derive(Default)]
struct Signal {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// First and last event not yet looked at.
    events: Option<(Instant, Instant)>,
    asked: bool,
    stop: bool,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.wake.notify_all();
    }

    fn event(&self) {
        let now = Instant::now();
        self.set(|state| {
            let first = state.events.map_or(now, |(first, _)| first);
            state.events = Some((first, now));
        });
    }

    /// Waits until it is time to look; `None` to stop.
    fn wait(&self, timing: Timing) -> Option<Cause> {
        let poll_at = Instant::now() + timing.poll;
        let mut state = self.lock();
        loop {
            if state.stop {
                return None;
            }
            let now = Instant::now();
            if state.asked {
                state.asked = false;
                state.events = None;
                return Some(Cause::Asked);
            }
            let look_at = match state.events {
                Some((first, last)) => (last + timing.quiet).min(first + timing.patience),
                None => poll_at,
            };
            if now >= look_at {
                state.events = None;
                return Some(Cause::Changed);
            }
            state = self
                .wake
                .wait_timeout(state, look_at - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// The watching thread's own state.
struct Round {
    signal: Arc<Signal>,
    timing: Timing,
    watched: Vec<Watched>,
    places: Places,
    notify: Option<RecommendedWatcher>,
    read: Box<dyn FnMut(Cause) -> Vec<Watched> + Send>,
}

impl Round {
    fn run(&mut self) {
        self.arm();
        // What changed between the first reading and the arming.
        self.look(Cause::Changed);
        while let Some(cause) = self.signal.wait(self.timing) {
            self.look(cause);
        }
    }

    /// Reads when asked, or when content differs from what was read last.
    fn look(&mut self, cause: Cause) {
        let now: Vec<_> = self
            .watched
            .iter()
            .map(|watched| Print::of(&watched.path))
            .collect();
        let changed = self
            .watched
            .iter()
            .zip(&now)
            .any(|(watched, print)| watched.print != *print);
        if changed || cause == Cause::Asked {
            let read = &mut self.read;
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(cause)));
            if let Ok(watched) = outcome {
                self.watched = watched;
            } else {
                // The content that did it is not read again and again.
                for (watched, print) in self.watched.iter_mut().zip(now) {
                    watched.print = print;
                }
                tracing::error!("reading changed files panicked; what was in force stays");
            }
        }
        self.arm();
    }

    /// Watches the folders that matter now; they change with links and with what files name.
    fn arm(&mut self) {
        let places = Places::of(self.watched.iter().map(|watched| watched.path.as_path()));
        if places == self.places {
            return;
        }
        let signal = Arc::clone(&self.signal);
        let filter = places.clone();
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !counts(&event, &filter)) {
                return;
            }
            signal.event();
        });
        // Kept also when watching fails: the poll goes on, and a change of places tries again.
        self.places = places;
        let mut notify = match notify {
            Ok(notify) => notify,
            Err(error) => {
                tracing::warn!(%error, "no file events; changes are seen by polling");
                return;
            }
        };
        for folder in self.places.folders() {
            if let Err(error) = notify.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "cannot watch; polling");
            }
        }
        self.notify = Some(notify);
        // A new watcher sees nothing of what happened before it: look once more.
        self.signal.event();
    }
}

/// Whether an event can mean new content of what is watched. Our own reading makes events too.
fn counts(event: &notify::Event, places: &Places) -> bool {
    let writes = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    };
    writes
        && (event.need_rescan()
            || event.paths.is_empty()
            || event.paths.iter().any(|path| places.hold(path)))
}

#[cfg(test)]
mod tests;
