//! The schemes of an engine, from a watched folder and from uploads.
//!
//! In: a folder of `*.xml` files, and XML by the API. Out: versions in the registry, numbered.
//! Rules: a folder that cannot be read takes nothing away, and is looked at again; an upload with
//! the source of the newest version is that version.
//! Elsewhere: which files become a version (`registry`), what a valid scheme is (`scheme`),
//! noticing changes (crate `settings`).

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use settings::watch::{Print, Timing, Watched, Watcher};

use crate::config::EngineSettings;
use crate::failure::Failure;
use crate::processes::Processes;
use crate::scheme::{Scheme, SchemeFaults};

/// The folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the thread that watches the schemes folder")]
pub struct SchemesError(#[from] io::Error);

/// An upload is not stored.
#[derive(Debug)]
pub(super) enum StoreError {
    Failed(Failure),
    /// `schemeCode` and the scheme's `Name` differ.
    OtherName {
        given: Box<str>,
        named: Arc<str>,
    },
    Invalid(SchemeFaults),
    /// Over `Engine.Limits.SchemeBytes`.
    TooLarge {
        max: usize,
    },
}

/// The schemes of an engine.
pub(super) struct Schemes {
    shared: Arc<Shared>,
    watcher: Mutex<Option<Watcher>>,
}

struct Shared {
    folder: PathBuf,
    /// Bytes of an upload; the parser has a bound of its own.
    bytes_max: usize,
    processes: Processes,
    /// Of all codes ever stored: how many versions there were.
    versions: Mutex<HashMap<Arc<str>, u64>>,
    broken: AtomicUsize,
    /// That the folder cannot be read is said once, until it can.
    unreadable: AtomicBool,
}

impl Schemes {
    pub(super) fn new(settings: &EngineSettings, processes: Processes) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder: settings.schemes.clone(),
                bytes_max: settings.limits.scheme_bytes,
                processes,
                versions: Mutex::default(),
                broken: AtomicUsize::new(0),
                unreadable: AtomicBool::new(false),
            }),
            watcher: Mutex::new(None),
        }
    }

    /// Reads the folder, and has it read again whenever it changes.
    pub(super) fn watch(&self) -> Result<(), SchemesError> {
        let first = self.shared.read();
        let shared = Arc::clone(&self.shared);
        let read = move |_| shared.read();
        let watcher = Watcher::start("schemes", first, Timing::default(), read)?;
        *self.watcher.lock() = Some(watcher);
        Ok(())
    }

    /// Has the folder read again soon.
    pub(super) fn read_now(&self) {
        if let Some(watcher) = &*self.watcher.lock() {
            watcher.trigger().read_now();
        }
    }

    /// Files left out.
    pub(super) fn broken(&self) -> usize {
        self.shared.broken.load(Relaxed)
    }

    /// Stores an upload as the newest version of `code`; the number of that version.
    pub(super) fn store(&self, code: &str, source: &str) -> Result<u64, StoreError> {
        let max = self.shared.bytes_max;
        if source.len() > max {
            return Err(StoreError::TooLarge { max });
        }
        let scheme = Scheme::parse(source, Some(code))
            .map_err(StoreError::Invalid)?
            .scheme;
        if &*scheme.code != code {
            return Err(StoreError::OtherName {
                given: code.into(),
                named: scheme.code,
            });
        }
        let processes = &self.shared.processes;
        // Held to the end: of two uploads of one content, one makes the version.
        let mut versions = self.shared.versions.lock();
        let newest = processes.registry().find(code);
        if newest.is_some_and(|newest| newest.source == scheme.source) {
            return Ok(versions.get(code).copied().unwrap_or(1));
        }
        let scheme = processes.add_scheme(scheme).map_err(StoreError::Failed)?;
        Ok(count(&mut versions, &scheme))
    }
}

impl Shared {
    /// Reads what is new in the folder; gives what is to be watched.
    fn read(&self) -> Vec<Watched> {
        // Taken first: what changes while the files are read makes another reading.
        let watched = Watched {
            path: self.folder.clone(),
            print: Print::of(&self.folder),
        };
        match self.processes.load_folder(&self.folder) {
            Ok(report) => {
                self.unreadable.store(false, Relaxed);
                let broken = report.broken.len() + report.still_broken;
                self.broken.store(broken, Relaxed);
                let mut versions = self.versions.lock();
                for loaded in &report.loaded {
                    count(&mut versions, &loaded.scheme);
                }
            }
            Err(fault) => {
                if !self.unreadable.swap(true, Relaxed) {
                    let cause = std::error::Error::source(&fault).map(ToString::to_string);
                    tracing::warn!(cause, "{fault} (Engine.Schemes); what was loaded stays");
                }
            }
        }
        vec![watched]
    }
}

/// The number of a version that is new.
fn count(versions: &mut HashMap<Arc<str>, u64>, scheme: &Scheme) -> u64 {
    let number = versions.entry(Arc::clone(&scheme.code)).or_insert(0);
    *number += 1;
    *number
}
