//! Loads a folder of schemes into the registry.
//!
//! In: a folder with `*.xml` files. Out: new versions of what has changed since the last time,
//! and the files that were left out, each with its fault.
//! Rules: Workflow API §4: a broken file is left out and the rest goes on; a file becomes a new
//! version only when its content differs from what was last loaded from it, so an upload stays
//! newer than an unchanged file. A file that goes leaves its scheme.
//! Elsewhere: watching for changes (whoever starts the engine).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::Registry;
use crate::failure::Failure;
use crate::scheme::{self, BYTES_MAX, Scheme, SchemeFaults};

/// What loading a folder came to.
#[derive(Debug, Default)]
pub struct FolderReport {
    /// Files that became a new version.
    pub loaded: Vec<Loaded>,
    /// Files as they were when last loaded.
    pub unchanged: usize,
    /// Files left out, reported now for the first time with their content.
    pub broken: Vec<Broken>,
    /// Files left out, reported before.
    pub still_broken: usize,
}

/// A file that became a new version.
#[derive(Debug)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// The version.
    pub scheme: Arc<Scheme>,
    /// What its author should look at.
    pub warnings: Vec<scheme::Fault>,
}

/// A file that was left out.
#[derive(Debug)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub fault: FileFault,
}

/// Why a file was left out.
#[derive(Debug, Error)]
pub enum FileFault {
    /// It cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// It is no valid scheme; draw it to see where.
    #[error("the scheme is invalid")]
    Scheme(#[source] SchemeFaults),
    /// Two files describe one scheme; the one loaded first counts, of two new ones the first by
    /// name.
    #[error("scheme `{code}` is described by `{by}` already; rename one or remove a file")]
    SecondFile {
        /// The scheme.
        code: Arc<str>,
        /// The file that counts.
        by: PathBuf,
    },
    /// The registry does not take it.
    #[error("the scheme cannot be added")]
    NotAdded(#[source] Failure),
}

impl Loaded {
    /// Says in the log what was loaded, with its warnings.
    pub fn log(&self) {
        let path = self.path.display();
        tracing::info!(%path, scheme = &*self.scheme.code, "scheme loaded");
        for warning in &self.warnings {
            tracing::warn!(%path, "{warning}");
        }
    }
}

impl Broken {
    /// Draws the fault in the log.
    pub fn log(&self) {
        let path = self.path.display();
        match &self.fault {
            FileFault::Scheme(faults) => {
                tracing::error!(%path, "scheme left out\n{}", faults.draw(false));
            }
            FileFault::Read(source) => {
                tracing::error!(%path, "scheme left out: {}: {source}", self.fault);
            }
            FileFault::NotAdded(source) => {
                tracing::error!(%path, "scheme left out: {}: {source}", self.fault);
            }
            FileFault::SecondFile { .. } => {
                tracing::error!(%path, "scheme left out: {}", self.fault);
            }
        }
    }
}

/// The folder cannot be listed.
#[derive(Debug, Error)]
#[error("cannot list the schemes in `{path}`")]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// What is known of the files loaded before.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: BTreeMap<PathBuf, File>,
}

#[derive(Debug)]
struct File {
    /// None: it could not be read.
    content: Option<Fingerprint>,
    became: Became,
}

#[derive(Debug, Clone)]
enum Became {
    Version(Arc<str>),
    Broken,
    /// Left out because another file describes this code.
    Second {
        code: Arc<str>,
        by: PathBuf,
    },
}

/// Stands for a file's content; an accidental match is out of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    len: usize,
    hash: u64,
}

impl Fingerprint {
    fn of(content: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Self {
            len: content.len(),
            hash: hasher.finish(),
        }
    }
}

impl Registry {
    /// Loads what is new or changed in `folder`. `id` makes the ids of versions; there may be
    /// `max` codes in all. Blocks on files.
    ///
    /// # Errors
    /// When the folder cannot be listed; single files are in the report.
    pub fn load_folder(
        &self,
        folder: &Path,
        id: impl Fn() -> Uuid,
        max: usize,
    ) -> Result<FolderReport, FolderError> {
        let paths = schemes_in(folder).map_err(|source| FolderError {
            path: folder.into(),
            source,
        })?;
        // One at a time: two that see the same change must not make two versions of it.
        let mut files = self.files.lock();
        let mut report = FolderReport::default();
        for path in &paths {
            let outcome = self.load(&mut files, &paths, path, &id, max);
            match outcome {
                Ok(Some(loaded)) => report.loaded.push(loaded),
                Ok(None) => report.unchanged += 1,
                Err(None) => report.still_broken += 1,
                Err(Some(fault)) => report.broken.push(Broken {
                    path: path.clone(),
                    fault,
                }),
            }
        }
        Ok(report)
    }

    /// Loads one file. `Ok(None)`: unchanged; `Err(None)`: broken as it was before.
    fn load(
        &self,
        files: &mut Files,
        present: &BTreeSet<PathBuf>,
        path: &Path,
        id: &impl Fn() -> Uuid,
        max: usize,
    ) -> Result<Option<Loaded>, Option<FileFault>> {
        let content = read(path);
        let fingerprint = content.as_ref().ok().map(|bytes| Fingerprint::of(bytes));
        if let Some(known) = files.known.get(path)
            && known.content == fingerprint
        {
            match &known.became {
                Became::Version(_) => return Ok(None),
                Became::Broken => return Err(None),
                Became::Second { code, by } => {
                    if files.owner(code, path, present).as_ref() == Some(by) {
                        return Err(None);
                    }
                }
            }
        }
        let loaded = content
            .map_err(FileFault::Read)
            .and_then(|bytes| self.become_version(files, present, path, &bytes, id, max));
        let became = match &loaded {
            Ok(loaded) => Became::Version(Arc::clone(&loaded.scheme.code)),
            Err(FileFault::SecondFile { code, by }) => Became::Second {
                code: Arc::clone(code),
                by: by.clone(),
            },
            Err(FileFault::Read(_) | FileFault::Scheme(_) | FileFault::NotAdded(_)) => {
                Became::Broken
            }
        };
        let known = File {
            content: fingerprint,
            became,
        };
        files.known.insert(path.into(), known);
        loaded.map(Some).map_err(Some)
    }

    fn become_version(
        &self,
        files: &Files,
        present: &BTreeSet<PathBuf>,
        path: &Path,
        bytes: &[u8],
        id: &impl Fn() -> Uuid,
        max: usize,
    ) -> Result<Loaded, FileFault> {
        let name = path.to_string_lossy();
        let parsed = Scheme::parse_bytes(bytes, Some(&name)).map_err(FileFault::Scheme)?;
        let code = &parsed.scheme.code;
        if let Some(by) = files.owner(code, path, present) {
            let code = Arc::clone(code);
            return Err(FileFault::SecondFile { code, by });
        }
        let scheme = self
            .add(parsed.scheme.with_id(id()), max)
            .map_err(FileFault::NotAdded)?;
        Ok(Loaded {
            path: path.into(),
            scheme,
            warnings: parsed.warnings,
        })
    }
}

impl Files {
    /// Another file, still there, that the code was loaded from.
    fn owner(&self, code: &str, path: &Path, present: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        let mut others = self
            .known
            .iter()
            .filter(|(other, _)| other.as_path() != path && present.contains(other.as_path()));
        let owner = others.find(|(_, file)| match &file.became {
            Became::Version(own) => **own == *code,
            Became::Broken | Became::Second { .. } => false,
        });
        owner.map(|(other, _)| other.clone())
    }
}

/// The scheme files, sorted by name. Hidden ones are editors' and Kubernetes' own.
fn schemes_in(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let xml = path
            .extension()
            .and_then(OsStr::to_str)
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        if xml && !hidden && path.is_file() {
            paths.insert(path);
        }
    }
    Ok(paths)
}

/// The file, but never more than shows that it is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
    fs::File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
