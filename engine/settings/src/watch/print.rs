//! The content of a file or folder, small enough to keep and compare.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

/// Bytes of a watched file that count: what is longer no reader of ours takes.
const BYTES_MAX: u64 = 16 << 20;
/// Files of a watched folder that count.
const FILES_MAX: usize = 10_000;

/// Equal prints mean equal content, but for a chance of 2⁻⁶⁴.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Print {
    /// It could not be read, and why.
    Unreadable(io::ErrorKind),
    /// A digest of the bytes, or of all names and bytes in a folder.
    Content(u64),
}

impl Print {
    /// Of what is there now.
    pub fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Self::of_folder(path),
            Ok(_) => Self::of_read(crate::document::read_bounded(path, BYTES_MAX).as_deref()),
            Err(error) => Self::Unreadable(error.kind()),
        }
    }

    /// Of bytes that were read.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self::Content(hasher.finish())
    }

    pub(crate) fn of_read(read: Result<&[u8], &io::Error>) -> Self {
        match read {
            Ok(bytes) => Self::of_bytes(bytes),
            Err(error) => Self::Unreadable(error.kind()),
        }
    }

    /// The files right in a folder; folders in it do not count, nor do hidden names.
    fn of_folder(path: &Path) -> Self {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return Self::Unreadable(error.kind()),
        };
        let mut files: Vec<_> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| !is_hidden(path) && path.is_file())
            .take(FILES_MAX)
            .collect();
        files.sort_unstable();
        let mut hasher = DefaultHasher::new();
        for file in files {
            file.file_name().hash(&mut hasher);
            match Self::of(&file) {
                Self::Content(digest) => digest.hash(&mut hasher),
                Self::Unreadable(kind) => kind.hash(&mut hasher),
            }
        }
        Self::Content(hasher.finish())
    }
}

/// Editors' swap files and Kubernetes' `..data` are not content.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
