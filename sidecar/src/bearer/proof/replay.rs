//! Which proofs were used: each is good once (RFC 9449 §11.1).
//!
//! A proof is remembered as long as it could be taken, by the time at which its client says that it
//! was made. What is remembered is a keyed 64-bit digest of key and `jti`: with two million of them
//! a fresh proof is taken for a used one once in 10^13. Only proofs of authenticated clients that
//! are good in every other way come here. Each client has its share, and whoever has filled that is
//! refused until time frees it: nothing is forgotten early to make room, so a flood of one's own
//! proofs opens no way to replay another.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::refusal::Reason;

/// Enough that workers seldom meet; a power of two.
const SHARDS: usize = 16;
/// Proofs of one client: with proofs that count for two minutes (`Dpop.ProofLifetime` to both
/// sides) 4,369 a second.
const CLIENT_MAX: usize = 512 * 1024;
/// Proofs over all clients, about 16 bytes each.
const TOTAL_MAX: usize = 2 * 1024 * 1024;
/// Proofs made within so many seconds are forgotten together.
const SLICE_SECONDS: u64 = 16;

/// The proofs that were used.
pub(super) struct Replays {
    shards: Box<[Mutex<Shard>]>,
    key: RandomState,
    bounds: Bounds,
    /// What was made before may have been forgotten: it is never taken again, also when the
    /// configuration is changed to let proofs be older.
    forgotten: AtomicU64,
}

/// Of one shard.
#[derive(Clone, Copy)]
struct Bounds {
    client: usize,
    total: usize,
}

#[derive(Default)]
struct Shard {
    clients: HashMap<Arc<str>, Window, foldhash::fast::RandomState>,
    held: usize,
    /// The slice in which this was last swept.
    swept: u64,
}

#[derive(Default)]
struct Window {
    slices: VecDeque<(u64, HashSet<u64, foldhash::fast::RandomState>)>,
    held: usize,
}

/// A proof that is about to be used.
pub(super) struct Used<'a> {
    pub(super) client: &'a str,
    /// RFC 7638 thumbprint.
    pub(super) key: &'a [u8; 32],
    pub(super) jti: &'a str,
    /// `iat`.
    pub(super) issued: u64,
}

impl Replays {
    pub(super) fn new() -> Self {
        Self::bounded(Bounds {
            client: CLIENT_MAX / SHARDS,
            total: TOTAL_MAX / SHARDS,
        })
    }

    fn bounded(bounds: Bounds) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            key: RandomState::new(),
            bounds,
            forgotten: AtomicU64::new(0),
        }
    }

    /// Uses a proof up. `lifetime`: proofs older than so many seconds are not taken.
    pub(super) fn first(&self, used: &Used<'_>, now: u64, lifetime: u64) -> Result<(), Reason> {
        let digest = self.key.hash_one((used.key, used.jti));
        let place = (digest >> 32) as usize % SHARDS;
        let mut shard = self.shards[place].lock();
        if now / SLICE_SECONDS != shard.swept {
            shard.swept = now / SLICE_SECONDS;
            let before = now.saturating_sub(lifetime) / SLICE_SECONDS;
            self.forgotten
                .fetch_max(before * SLICE_SECONDS, Ordering::Relaxed);
            shard.sweep(before);
        }
        if used.issued < self.forgotten.load(Ordering::Relaxed) {
            return Err(Reason::ProofNotCurrent);
        }
        let Shard { clients, held, .. } = &mut *shard;
        let full = *held >= self.bounds.total;
        let window = match clients.get_mut(used.client) {
            Some(window) => window,
            None if full => return Err(Reason::ProofsTooMany),
            None => clients.entry(used.client.into()).or_default(),
        };
        let slice = used.issued / SLICE_SECONDS;
        if window
            .slices
            .iter()
            .any(|(one, digests)| *one == slice && digests.contains(&digest))
        {
            return Err(Reason::ProofReplayed);
        }
        if full || window.held >= self.bounds.client {
            return Err(Reason::ProofsTooMany);
        }
        window.insert(slice, digest);
        *held += 1;
        Ok(())
    }
}

impl Shard {
    /// Forgets what was made before that slice.
    fn sweep(&mut self, before: u64) {
        self.clients.retain(|_, window| {
            window.slices.retain(|(slice, _)| *slice >= before);
            window.held = window.slices.iter().map(|(_, digests)| digests.len()).sum();
            window.held > 0
        });
        self.held = self.clients.values().map(|window| window.held).sum();
    }
}

impl Window {
    fn insert(&mut self, slice: u64, digest: u64) {
        self.held += 1;
        if let Some((_, digests)) = self.slices.iter_mut().find(|(one, _)| *one == slice) {
            digests.insert(digest);
        } else {
            self.slices.push_back((slice, HashSet::from_iter([digest])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: u64 = 60;
    const NOW: u64 = 1_800_000_000;

    fn first(
        replays: &Replays,
        client: &str,
        jti: &str,
        issued: u64,
        now: u64,
    ) -> Result<(), Reason> {
        let key = &[1; 32];
        replays.first(
            &Used {
                client,
                key,
                jti,
                issued,
            },
            now,
            LIFETIME,
        )
    }

    #[test]
    fn a_proof_is_used_once_as_long_as_it_could_be_taken() {
        let replays = Replays::new();
        for issued in [NOW - LIFETIME, NOW, NOW + LIFETIME] {
            assert_eq!(first(&replays, "a", "1", issued, NOW), Ok(()), "{issued}");
        }
        for now in [NOW, NOW + 1, NOW + 30, NOW + LIFETIME] {
            let again = first(&replays, "a", "1", NOW, now);
            assert_eq!(again, Err(Reason::ProofReplayed), "{now}");
            let again = first(&replays, "a", "1", NOW + LIFETIME, now);
            assert_eq!(again, Err(Reason::ProofReplayed), "{now}");
        }
        let other_key = Used {
            client: "a",
            key: &[2; 32],
            jti: "1",
            issued: NOW,
        };
        assert_eq!(replays.first(&other_key, NOW, LIFETIME), Ok(()));
    }

    #[test]
    fn whoever_floods_is_refused_alone_and_nothing_is_forgotten() {
        let replays = Replays::bounded(Bounds {
            client: 4,
            total: 16,
        });
        assert_eq!(first(&replays, "honest", "1", NOW, NOW), Ok(()));
        let flood = (0..1_000).map(|n| first(&replays, "flood", &n.to_string(), NOW, NOW));
        let refused = flood
            .filter(|one| *one == Err(Reason::ProofsTooMany))
            .count();
        assert_eq!(refused, 1_000 - 4 * SHARDS);
        assert_eq!(
            first(&replays, "honest", "1", NOW, NOW),
            Err(Reason::ProofReplayed)
        );
        assert_eq!(first(&replays, "honest", "2", NOW, NOW), Ok(()));
        // Time frees the share.
        let later = NOW + LIFETIME + SLICE_SECONDS;
        assert_eq!(first(&replays, "flood", "0", later, later), Ok(()));
    }

    #[test]
    fn all_clients_together_are_bounded() {
        let replays = Replays::bounded(Bounds {
            client: 4,
            total: 8,
        });
        for n in 0..1_000 {
            let _ = first(&replays, &n.to_string(), "x", NOW + n % 2, NOW);
        }
        let held: usize = replays.shards.iter().map(|shard| shard.lock().held).sum();
        assert!(held <= 8 * SHARDS, "{held}");
        let clients: usize = replays
            .shards
            .iter()
            .map(|shard| shard.lock().clients.len())
            .sum();
        assert!(clients <= held, "{clients}");
    }

    #[test]
    fn what_was_forgotten_is_never_taken_again() {
        let replays = Replays::new();
        for n in 0..1_000 {
            assert_eq!(first(&replays, "a", &n.to_string(), NOW, NOW), Ok(()));
        }
        let later = NOW + LIFETIME + SLICE_SECONDS;
        assert_eq!(first(&replays, "a", "x", later, later), Ok(()));
        // The configuration now lets proofs be an hour old.
        for n in 0..1_000 {
            let old = Used {
                client: "a",
                key: &[1; 32],
                jti: &n.to_string(),
                issued: NOW,
            };
            let again = replays.first(&old, later, 3_600);
            assert!(again.is_err(), "{n}");
        }
    }
}
