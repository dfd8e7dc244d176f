//! The schemes of an engine, from a watched folder and from uploads.
//!
//! In: a folder of `*.xml` files, and XML by the API. Out: versions in the registry.
//! Rules: a file becomes a new version only when its content differs from what was last loaded
//! from it, so an upload is newer than an unchanged file; a broken file is drawn once per content
//! in the log, counted and left out, and what it gave before stays; a file that goes takes its
//! scheme away from new instances. A folder that cannot be read takes nothing away.
//! Elsewhere: what a valid scheme is (`scheme`), noticing changes (crate `settings`).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use settings::watch::{Print, Timing, Watched, Watcher};
use uuid::Uuid;

use crate::config::EngineSettings;
use crate::failure::Failure;
use crate::processes::Processes;
use crate::scheme::{self, Scheme, SchemeFaults};

/// Files that are read; the registry has its own limit on schemes.
const FILES_MAX: usize = 10_000;
/// Warnings shown of one scheme.
const WARNINGS_SHOWN: usize = 20;

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
    /// Bytes of one scheme; the parser has a bound of its own.
    bytes_max: usize,
    processes: Processes,
    /// Of all codes ever stored: how many versions there were.
    versions: Mutex<HashMap<Arc<str>, u64>>,
    /// Held while the folder is read, by the one who reads it.
    files: Mutex<Files>,
    broken: AtomicUsize,
}

#[derive(Default)]
struct Files {
    known: BTreeMap<PathBuf, Known>,
    /// Reported once, until it can be read again.
    unreadable: bool,
}

/// What is remembered of a file.
struct Known {
    print: Print,
    broken: bool,
    /// What its last good content gave.
    scheme: Option<(Arc<str>, Uuid)>,
}

impl Schemes {
    pub(super) fn new(settings: &EngineSettings, processes: Processes) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder: settings.schemes.clone(),
                bytes_max: settings.limits.scheme_bytes,
                processes,
                versions: Mutex::default(),
                files: Mutex::default(),
                broken: AtomicUsize::new(0),
            }),
            watcher: Mutex::new(None),
        }
    }

    /// Reads the folder, and has it read again whenever it changes.
    pub(super) fn watch(&self) -> Result<(), SchemesError> {
        let watched = self.shared.read();
        let shared = Arc::clone(&self.shared);
        let watcher = Watcher::start("schemes", watched, Timing::default(), move |_| {
            shared.read()
        })?;
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
        let parsed = Scheme::parse(source, Some(code)).map_err(StoreError::Invalid)?;
        if &*parsed.scheme.code != code {
            return Err(StoreError::OtherName {
                given: code.into(),
                named: parsed.scheme.code,
            });
        }
        let (_, version) = self.shared.add(parsed.scheme).map_err(StoreError::Failed)?;
        Ok(version)
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
        let mut files = self.files.lock();
        match scheme_files(&self.folder) {
            Ok(paths) => {
                files.unreadable = false;
                self.take(&mut files.known, &paths);
            }
            Err(fault) => {
                if !files.unreadable {
                    tracing::warn!(
                        folder = %self.folder.display(), %fault,
                        "cannot read the schemes folder (Engine.Schemes); what was loaded stays"
                    );
                }
                files.unreadable = true;
            }
        }
        let broken = files.known.values().filter(|known| known.broken).count();
        self.broken.store(broken, Relaxed);
        vec![watched]
    }

    fn take(&self, known: &mut BTreeMap<PathBuf, Known>, paths: &[PathBuf]) {
        for path in paths {
            let (print, content) = match read_bounded(path) {
                Ok(content) => (Print::of_bytes(&content), Ok(content)),
                Err(fault) => (Print::Unreadable(fault.kind()), Err(fault)),
            };
            if known.get(path).is_some_and(|known| known.print == print) {
                continue;
            }
            let loaded = match content {
                Ok(content) => self.load(known, path, &content),
                Err(fault) => {
                    tracing::warn!(path = %path.display(), %fault, "cannot read a scheme file");
                    None
                }
            };
            let before = known.remove(path).and_then(|known| known.scheme);
            known.insert(
                path.clone(),
                Known {
                    print,
                    broken: loaded.is_none(),
                    scheme: loaded.or(before),
                },
            );
        }
        let gone: Vec<PathBuf> = known
            .keys()
            .filter(|path| paths.binary_search(path).is_err())
            .cloned()
            .collect();
        for path in gone {
            if let Some((code, id)) = known.remove(&path).and_then(|known| known.scheme) {
                self.take_away(known, &code, id);
            }
        }
    }

    /// A new content of a file; none when it is broken.
    fn load(
        &self,
        known: &BTreeMap<PathBuf, Known>,
        path: &Path,
        content: &[u8],
    ) -> Option<(Arc<str>, Uuid)> {
        let name = path.file_name()?.to_string_lossy();
        if content.len() > self.bytes_max {
            tracing::error!(
                path = %path.display(), max = self.bytes_max,
                "scheme file left out: it is larger than Engine.Limits.SchemeBytes"
            );
            return None;
        }
        let parsed = match Scheme::parse_bytes(content, Some(&name)) {
            Ok(parsed) => parsed,
            Err(faults) => {
                tracing::error!("scheme file left out\n{}", faults.draw(false));
                return None;
            }
        };
        let code = Arc::clone(&parsed.scheme.code);
        let owner = known.iter().find(|(other, known)| {
            *other != path
                && other.exists()
                && known.scheme.as_ref().is_some_and(|(c, _)| *c == code)
        });
        if let Some((other, _)) = owner {
            tracing::error!(
                path = %path.display(), other = %other.display(), scheme = %code,
                "scheme file left out: the other file has a scheme of this name already"
            );
            return None;
        }
        for warning in parsed.warnings.iter().take(WARNINGS_SHOWN) {
            tracing::warn!(path = %path.display(), "{warning}");
        }
        for missing in self.processes.providers().missing_for(&parsed.scheme) {
            tracing::warn!(path = %path.display(), "{missing}");
        }
        match self.add(parsed.scheme) {
            Ok((scheme, version)) => {
                tracing::info!(scheme = %scheme.code, version, "scheme loaded");
                Some((code, scheme.id))
            }
            Err(failure) => {
                tracing::error!(path = %path.display(), %failure, "scheme file left out");
                None
            }
        }
    }

    /// Makes a scheme the newest version of its code, unless the newest has the same source.
    fn add(&self, scheme: Scheme) -> Result<(Arc<Scheme>, u64), Failure> {
        let registry = self.processes.registry();
        // Held to the end: of two uploads of one content, one makes the version.
        let mut versions = self.versions.lock();
        if let Some(newest) = registry.find(&scheme.code)
            && newest.source == scheme.source
        {
            let version = versions.get(&scheme.code).copied().unwrap_or(1);
            return Ok((newest, version));
        }
        let max = self.processes.terms().limits.schemes;
        let scheme = registry.add(scheme.with_id(Uuid::now_v7()), max)?;
        let version = versions.entry(Arc::clone(&scheme.code)).or_insert(0);
        *version += 1;
        Ok((scheme, *version))
    }

    /// The file that gave `code` is gone. What an upload or another file gave meanwhile stays.
    fn take_away(&self, known: &BTreeMap<PathBuf, Known>, code: &Arc<str>, id: Uuid) {
        let _versions = self.versions.lock();
        let registry = self.processes.registry();
        let is_newest = registry.find(code).is_some_and(|newest| newest.id == id);
        let has_other = known
            .values()
            .any(|known| known.scheme.as_ref().is_some_and(|(_, other)| *other == id));
        if is_newest && !has_other && registry.remove(code).is_ok() {
            tracing::info!(scheme = %code, "scheme removed with its file");
        }
    }
}

/// The scheme files right in a folder, sorted. Hidden names are editors' and Kubernetes' own.
fn scheme_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let is_xml = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_xml && !is_hidden && path.is_file() {
            paths.push(path);
        }
        if paths.len() == FILES_MAX {
            break;
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// One byte more than a scheme may have, so that the parser says what is wrong.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let max = u64::try_from(scheme::BYTES_MAX).unwrap_or(u64::MAX);
    File::open(path)?
        .take(max.saturating_add(1))
        .read_to_end(&mut content)?;
    Ok(content)
}
