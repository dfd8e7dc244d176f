//! The file behind revocations: one line for each change, appended and synced before it is
//! acknowledged, written anew when most of it is over.
//!
//! Several processes may have the same data folder, such as replicas on a shared volume, or an old
//! and a new one during a restart. Whoever writes holds a lock on `revocations.lock` meanwhile and
//! has read what the others wrote before; whoever reads needs none: a line counts when its newline
//! is there, and a file that is written anew replaces the old one in one step.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::deny::Denial;
use crate::keys::{make_folder, write_over};

const FILE: &str = "revocations.jsonl";
const LOCK: &str = "revocations.lock";

/// Lines beyond those that count, before the file is written anew.
const DEAD_LINES_MAX: usize = 4096;

/// How long another process may hold the lock. A round is some milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Between two attempts at the lock.
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    /// From now on refused.
    Add(Denial),
    /// Not any more.
    Remove(Denial),
}

/// What was read.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) changes: Vec<Change>,
    /// Whole lines that say nothing.
    pub(super) damaged: u64,
}

/// What the file says beyond what was read before.
pub(super) enum News {
    Nothing,
    Appended(Lines),
    /// It is another file, and this is all of it.
    Whole(Lines),
}

/// The file as far as it was read.
pub(super) struct Journal {
    folder: PathBuf,
    path: PathBuf,
    /// The file that was read. Open, so that no other can have its inode.
    file: Option<File>,
    /// Bytes of whole lines that were read or written.
    offset: u64,
    lines: usize,
    /// There are lines in it that could not be read.
    damaged: bool,
}

impl Journal {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            path: folder.join(FILE),
            file: None,
            offset: 0,
            lines: 0,
            damaged: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other processes from writing until it is dropped.
    pub(super) fn lock(&self) -> io::Result<File> {
        make_folder(&self.folder).map_err(io::Error::other)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.folder.join(LOCK))?;
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(LOCK_AGAIN);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads on. A file that is not there says nothing, also when it was there before: what it said
    /// is still in force, and will be written again by the next change.
    pub(super) fn news(&mut self) -> io::Result<News> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => {
                self.file = None;
                return Ok(News::Nothing);
            }
            Err(error) => return Err(error),
        };
        let known = match &self.file {
            Some(file) => is_same(&file.metadata()?, &metadata) && metadata.len() >= self.offset,
            None => false,
        };
        if known && metadata.len() == self.offset {
            return Ok(News::Nothing);
        }
        let mut file = match self.file.take() {
            Some(file) if known => file,
            _ => {
                (self.offset, self.lines) = (0, 0);
                File::open(&self.path)?
            }
        };
        let start = file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |last| last + 1);
        let (lines, count) = self.parse(&bytes[..whole]);
        self.file = Some(file);
        self.offset = start + whole as u64;
        self.lines += count;
        self.damaged |= lines.damaged > 0;
        Ok(match (known, count) {
            (false, _) => News::Whole(lines),
            (true, 0) => News::Nothing,
            (true, _) => News::Appended(lines),
        })
    }

    fn parse(&self, bytes: &[u8]) -> (Lines, usize) {
        let mut lines = Lines::default();
        let mut count = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            count += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(change) => lines.changes.push(change),
                Err(error) => {
                    lines.damaged += 1;
                    // What serde says beside the place may quote the line.
                    tracing::error!(
                        path = %self.path.display(), line = self.lines + count,
                        column = error.column(),
                        "a revocation cannot be read, and is passed over"
                    );
                }
            }
        }
        (lines, count)
    }

    /// Whether it has far more lines than the `live` ones that count.
    pub(super) fn is_mostly_over(&self, live: usize) -> bool {
        self.file.is_none() || self.lines > live.saturating_mul(2) + DEAD_LINES_MAX
    }

    /// Adds lines, and has them on the disk. The lock is held, and all before was read.
    pub(super) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut text = Vec::new();
        for change in changes {
            line(&mut text, change)?;
        }
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        // What follows the last newline was being written when a process ended, and was never
        // acknowledged.
        file.set_len(self.offset)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&text)?;
        file.sync_data()?;
        self.offset += text.len() as u64;
        self.lines += changes.len();
        Ok(())
    }

    /// Replaces the file by one with nothing but `live`. The lock is held, and all before was read.
    pub(super) fn rewrite(&mut self, live: Vec<Denial>) -> io::Result<()> {
        let lines = live.len();
        let mut text = Vec::new();
        for denial in live {
            line(&mut text, &Change::Add(denial))?;
        }
        if std::mem::take(&mut self.damaged) {
            // Somebody may still read what we cannot.
            fs::copy(&self.path, self.path.with_extension("damaged"))?;
        }
        write_over(&self.path, &text)?;
        self.file = Some(File::open(&self.path)?);
        self.offset = text.len() as u64;
        self.lines = lines;
        Ok(())
    }
}

fn line(text: &mut Vec<u8>, change: &Change) -> io::Result<()> {
    serde_json::to_writer(&mut *text, change)?;
    text.push(b'\n');
    Ok(())
}

/// Whether it is one file, and not another that was put in its place.
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
