//! When the keys of the data folder are replaced, and by whom.
//!
//! In: the period, the folder, an instant. Out: the next key, made long enough before it signs that
//! everybody who reads the key set has seen it. Names tell instants, so processes that share the
//! folder make one key and not two; those that do not share it need keys from files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::retired::LIFETIME_MAX;
use super::{Algorithm, Error, generated};
use crate::config::Snapshot;

/// A file whose content changes with every new key: what a running sidecar watches.
pub(crate) const MARKER: &str = "signing-keys.changed";

/// How often keys are replaced, and by which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// From one key to the next.
    pub(crate) period: Duration,
    pub(crate) algorithm: Algorithm,
    /// How long a key is published before it signs: longer than a key set is cached.
    pub(crate) ahead: Duration,
}

impl Rotation {
    /// Makes the next key if it is time at `now` (seconds); tells whether it did.
    pub(crate) fn tend(&self, data_folder: &Path, now: u64) -> Result<bool, Error> {
        let files = generated::files(data_folder);
        let Some((from, path)) = files.last() else {
            return Ok(false);
        };
        // The first key has no instant in its name: its file's age is when it began.
        let from = if *from == 0 { made(path, now) } else { *from };
        let next = from.saturating_add(self.period.as_secs());
        if next > now.saturating_add(self.ahead.as_secs()) {
            return Ok(false);
        }
        // After a long rest the next key is not to be one that should have signed long ago.
        let next = next.max(now.saturating_add(self.ahead.as_secs()));
        add(data_folder, next, self.algorithm)?;
        discard(data_folder, now);
        Ok(true)
    }
}

/// Adds a key that signs from `from` on (seconds), and has running sidecars look.
fn add(data_folder: &Path, from: u64, algorithm: Algorithm) -> Result<PathBuf, Error> {
    let path = generated::make_from(data_folder, from, algorithm)?;
    let marker = data_folder.join(MARKER);
    generated::write_over(&marker, format!("{from}\n").as_bytes()).map_err(|source| {
        Error::Write {
            path: marker,
            source,
        }
    })?;
    Ok(path)
}

/// How long a key is published before it signs, where no rotation says otherwise: twice the time for
/// which key sets are cached.
const AHEAD: Duration = Duration::from_secs(600);

/// Why a key cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The token side is off.
    #[error("the token side is off (`DisableOpenIddictServer`), so nothing is signed")]
    Off,
    /// They are somebody else's to replace.
    #[error("the keys come from files: add the next one to `SigningKeys` with a `NotBefore`")]
    FromFiles,
    /// It cannot be made or written.
    #[error(transparent)]
    Key(#[from] Error),
}

/// Adds the next signing key to the data folder of `snapshot`, whatever its age; running sidecars
/// notice. Gives the instant (seconds) from which it signs: after everybody has seen it, or, with
/// `at_once`, now.
pub fn rotate(snapshot: &Snapshot, at_once: bool, now: u64) -> Result<u64, RotateError> {
    let server = snapshot.token_server.as_ref().ok_or(RotateError::Off)?;
    let algorithm = server.makes.ok_or(RotateError::FromFiles)?;
    let ahead = server.rotation.map_or(AHEAD, |rotation| rotation.ahead);
    let from = if at_once { now } else { now + ahead.as_secs() };
    add(&snapshot.data_folder, from, algorithm)?;
    Ok(from)
}

/// Private keys that no token needs any more: the next one has signed for a token's longest life.
fn discard(data_folder: &Path, now: u64) {
    let files = generated::files(data_folder);
    for pair in files.windows(2) {
        let [(_, path), (next, _)] = pair else {
            continue;
        };
        if next.saturating_add(LIFETIME_MAX) < now
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "an old signing key cannot be removed");
        }
    }
}

fn made(path: &Path, now: u64) -> u64 {
    let modified = fs::metadata(path).and_then(|found| found.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(now, |since| since.as_secs())
}
