//! What is remembered of signing keys from one run to the next: public parts only.
//!
//! In: the file under the data folder. Out: the key that last signed, and those before it with the
//! instant at which each one retires. A file that cannot be read loses retired keys, never more:
//! it is reported, and the sidecar starts.

use std::io;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};

use super::generated;

const FILE: &str = "signing-keys.json";

/// Tokens live 24 h at most, so no key needs to outlive its replacement for longer.
pub(super) const LIFETIME_MAX: u64 = 24 * 60 * 60;

/// Most retired keys that are published. A key replaced more often than that within a token's
/// lifetime is a mistake, and clients read the whole set.
pub(super) const RETIRED_MAX: usize = 16;

/// The file's content.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    /// The key that signs, or did when this was written.
    pub(super) active: Option<Jwk>,
    /// The longest lifetime, in seconds, of a token that it may have signed.
    #[serde(default)]
    pub(super) longest_lifetime: u64,
    #[serde(default)]
    pub(super) retired: Vec<Retired>,
}

/// A key that signs no more, but whose tokens may still live.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Retired {
    pub(super) key: Jwk,
    /// Seconds since the epoch.
    pub(super) until: u64,
}

impl History {
    pub(super) fn path(data_folder: &Path) -> PathBuf {
        data_folder.join(FILE)
    }

    /// What the file tells; nothing when there is none.
    pub(super) fn read(data_folder: &Path) -> Self {
        let path = Self::path(data_folder);
        let fault: Box<dyn std::error::Error> = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(history) => return history,
                Err(fault) => fault.into(),
            },
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(fault) => fault.into(),
        };
        tracing::warn!(
            path = %path.display(),
            fault = %fault,
            "the record of replaced signing keys cannot be read; tokens that they signed are refused"
        );
        Self::default()
    }

    pub(super) fn write(&self, data_folder: &Path) -> Result<(), super::Error> {
        let path = Self::path(data_folder);
        generated::make_folder(data_folder)?;
        let json = serde_json::to_vec_pretty(self).expect("a history has only JSON members");
        generated::write_over(&path, &json).map_err(|source| super::Error::Write { path, source })
    }

    /// Adds a retired key, or moves its end further out.
    pub(super) fn retire(&mut self, key: Jwk, until: u64) {
        let kid = key.common.key_id.clone();
        match self
            .retired
            .iter_mut()
            .find(|one| one.key.common.key_id == kid)
        {
            Some(known) => known.until = known.until.max(until),
            None => self.retired.push(Retired { key, until }),
        }
    }

    /// Drops what is over, what signs again, and what exceeds the bound (soonest over first).
    pub(super) fn prune(&mut self, active_kid: &str, now: u64) {
        self.retired
            .retain(|one| one.until > now && one.key.common.key_id.as_deref() != Some(active_kid));
        for one in &mut self.retired {
            // A clock that once stood far ahead must not keep a key for years.
            one.until = one.until.min(now + LIFETIME_MAX);
        }
        self.retired.sort_by_key(|one| std::cmp::Reverse(one.until));
        self.retired.truncate(RETIRED_MAX);
    }
}
