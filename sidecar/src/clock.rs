//! Seconds since the epoch, in which tokens, keys and the deny list count.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub(crate) fn unix_time() -> u64 {
    seconds(SystemTime::now())
}

/// Whole seconds; 0 for what lies before the epoch.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
