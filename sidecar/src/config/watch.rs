//! Reloads when files change, or when asked.
//!
//! In: a [`Source`], the [`Live`] to keep up to date, and how a snapshot is put in force. Out:
//! that call, and a log line for each thing that a reload found, once for each content.
//! Rules: an invalid content changes nothing; the content in force is not swapped in again.
//! Elsewhere: how changes are seen (`settings::watch`); moving listeners (`server`).

use std::collections::HashSet;
use std::io;

use settings::Severity;
use settings::watch::{self, Timing, Watched, Watcher};

use super::{Faults, Live, Loaded, Snapshot, Source};

/// Keeps a [`Live`] up to date, on a thread of its own. Dropping it ends that thread.
pub struct Reloader {
    watcher: Watcher,
}

/// Why a valid snapshot could not be put in force, such as a port that is taken.
pub type ApplyError = Box<dyn std::error::Error + Send + Sync>;

/// Asks for a reload from any thread, as SIGHUP does.
#[derive(Clone)]
pub struct Trigger {
    inner: watch::Trigger,
}

impl Trigger {
    /// Has everything read again soon, changed or not. Does not wait for it.
    pub fn reload_now(&self) {
        self.inner.read_now();
    }
}

impl Reloader {
    /// Watches what the first load read: `watched` and `known` (its
    /// warnings, which were shown) are of that [`Loaded`].
    /// `apply` puts a snapshot in force by [`Live::swap`] and whatever else that takes; it may
    /// block, and when it fails nothing has changed.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        source: Source,
        live: Live,
        watched: Vec<Watched>,
        known: &Faults,
        apply: impl FnMut(Snapshot) -> Result<(), ApplyError> + Send + 'static,
    ) -> io::Result<Self> {
        let timing = Timing::default();
        let mut state = State {
            source,
            live,
            apply: Box::new(apply),
            in_force: watched.clone(),
            drawn: Vec::new(),
            warned: messages(known),
        };
        let watching = Watcher::start("config-watch", watched, timing, move |_| state.reload())?;
        Ok(Self { watcher: watching })
    }

    /// A handle that asks for a reload.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            inner: self.watcher.trigger(),
        }
    }
}

/// Refused contents that are remembered; an operator who breaks the file more often than that
/// between two good ones sees a fault again.
const DRAWN_MAX: usize = 16;

struct State {
    source: Source,
    live: Live,
    apply: Box<dyn FnMut(Snapshot) -> Result<(), ApplyError> + Send>,
    /// The content of the snapshot in force.
    in_force: Vec<Watched>,
    /// The refused contents since the last good one, as they were drawn, the latest last: each is
    /// logged once, also when an editor's dance lets the file vanish in between.
    drawn: Vec<String>,
    /// Warnings that were logged, by their text.
    warned: HashSet<String>,
}

impl State {
    fn reload(&mut self) -> Vec<Watched> {
        let Loaded {
            outcome,
            warnings,
            needs_restart,
            watched,
        } = self.source.load(Some(&self.live.snapshot()));
        match outcome {
            Ok(_) if watched == self.in_force => {
                self.live.succeeded(needs_restart);
                if !self.drawn.is_empty() {
                    self.drawn.clear();
                    tracing::info!("the configuration is valid again, and as it was");
                }
            }
            Ok(snapshot) => {
                let generation = snapshot.generation;
                match (self.apply)(snapshot) {
                    Ok(()) => {
                        self.in_force.clone_from(&watched);
                        self.drawn.clear();
                        self.live.succeeded(needs_restart);
                        tracing::info!(generation, "the changed configuration is in force");
                        self.warn(&warnings);
                    }
                    Err(error) => self.refuse(super::source::chain(&*error)),
                }
            }
            Err(faults) => self.refuse(faults.render(false)),
        }
        watched
    }

    /// The old configuration stays. Counted and logged once for each content.
    fn refuse(&mut self, drawn: String) {
        if self.drawn.last() == Some(&drawn) {
            return;
        }
        self.live.failed(&drawn);
        if let Some(known) = self.drawn.iter().position(|one| *one == drawn) {
            self.drawn.remove(known);
        } else {
            tracing::error!(
                "the changed configuration is refused; the old one stays in force\n{drawn}"
            );
            if self.drawn.len() == DRAWN_MAX {
                self.drawn.remove(0);
            }
        }
        self.drawn.push(drawn);
    }

    /// Logs what was not logged before.
    fn warn(&mut self, warnings: &Faults) {
        for fault in warnings.iter() {
            let known = self.warned.contains(fault.message());
            if !known && fault.severity() == Severity::Warning {
                tracing::warn!("{}", warnings.render_one(fault, false));
            }
        }
        self.warned = messages(warnings);
    }
}

fn messages(faults: &Faults) -> HashSet<String> {
    faults
        .iter()
        .map(|fault| fault.message().to_owned())
        .collect()
}
