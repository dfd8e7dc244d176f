//! How it stands with external issuers' keys, for probes and metrics.

use crate::bearer::{Standing, standing};
use crate::config::Snapshot;

/// Issuers that are shown; a configuration with more shows the first by name.
const SHOWN_MAX: usize = 64;

/// Each issuer by name, as many as are shown.
pub(super) fn by_name(snapshot: &Snapshot) -> Vec<(&str, Standing)> {
    let issuers = snapshot.issuers.iter();
    let mut named: Vec<_> = issuers
        .map(|issuer| (&*issuer.settings.issuer, &issuer.keys))
        .collect();
    named.sort_unstable_by_key(|(name, _)| *name);
    named.truncate(SHOWN_MAX);
    let shown = named.into_iter();
    shown.map(|(name, keys)| (name, standing(keys))).collect()
}
