//! Budgets of failures and of requests: token buckets in a bounded table.
//!
//! In: whose failure it was, the rate in force, an instant. Out: whether the budget is spent, and
//! for how long. A bucket is one number: the instant at which it is full again (the generic cell
//! rate algorithm). A bucket that is full again is worth nothing, so it is what goes first when the
//! table is full; then the one that is nearest to it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;

use crate::config::Rate;

const SHARDS: usize = 16;
/// Buckets in each shard; 64 Ki in all take about 3 MiB.
const BUCKETS_MAX: usize = 4096;
/// Buckets that are looked at for one to drop.
const SAMPLE: usize = 8;

/// Bearer failures by address.
pub type Failures = Budgets<Source>;

/// Where a request comes from, as far as one user can be told from another: an IPv4 address, or
/// the 64 bits of an IPv6 address that a network gives to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    prefix: u64,
    v6: bool,
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self {
                prefix: u64::from(address.to_bits()),
                v6: false,
            },
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Self {
                    prefix: a << 48 | b << 32 | c << 16 | d,
                    v6: true,
                }
            }
        }
    }
}

/// A table of buckets by `K`.
pub struct Budgets<K> {
    shards: Box<[Mutex<Shard<K>>]>,
    key: RandomState,
    started: Instant,
    bound: usize,
}

struct Shard<K> {
    /// The instant, in nanoseconds since the start, at which the bucket is full again.
    full_at: HashMap<K, u64>,
    /// When full buckets were last swept out, in nanoseconds since the start.
    swept: u64,
}

impl<K: Eq + Hash + Copy> Default for Budgets<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + Hash + Copy> Budgets<K> {
    /// Every budget whole.
    pub fn new() -> Self {
        Self::bounded(BUCKETS_MAX)
    }

    pub(super) fn bounded(bound: usize) -> Self {
        Self {
            shards: (0..SHARDS)
                .map(|_| {
                    Mutex::new(Shard {
                        full_at: HashMap::new(),
                        swept: 0,
                    })
                })
                .collect(),
            key: RandomState::new(),
            started: Instant::now(),
            bound,
        }
    }

    /// Whether the budget of `key` has room for one more failure; else the seconds until it has.
    pub(crate) fn check(&self, key: K, rate: Rate, now: Instant) -> Result<(), u32> {
        let now = self.nanos(now);
        let full_at = self.shard(key).lock().full_at.get(&key).copied();
        match full_at {
            Some(full_at) => room(full_at, rate, now),
            None => Ok(()),
        }
    }

    /// Takes one failure from the budget of `key`.
    pub(crate) fn spend(&self, key: K, rate: Rate, now: Instant) {
        let now = self.nanos(now);
        let mut shard = self.shard(key).lock();
        if let Some(full_at) = shard.full_at.get_mut(&key) {
            // What is owed beyond the burst is forgotten: 429 ends with the flood.
            let most = now.saturating_add(interval(rate) * u64::from(rate.burst.max(1)));
            *full_at = ((*full_at).max(now) + interval(rate)).min(most);
            return;
        }
        if shard.full_at.len() >= self.bound {
            shard.make_room(now);
        }
        shard.full_at.insert(key, now + interval(rate));
    }

    /// Takes one from the budget of `key`, or tells the seconds until it has one to give. What is
    /// refused takes nothing.
    pub(crate) fn take(&self, key: K, rate: Rate, now: Instant) -> Result<(), u32> {
        let now = self.nanos(now);
        let mut shard = self.shard(key).lock();
        if let Some(full_at) = shard.full_at.get_mut(&key) {
            room(*full_at, rate, now)?;
            *full_at = (*full_at).max(now) + interval(rate);
            return Ok(());
        }
        if shard.full_at.len() >= self.bound {
            shard.make_room(now);
        }
        shard.full_at.insert(key, now + interval(rate));
        Ok(())
    }

    /// Buckets that are kept now.
    pub(crate) fn kept(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| shard.lock().full_at.len()).sum()
    }

    fn shard(&self, key: K) -> &Mutex<Shard<K>> {
        &self.shards[(self.key.hash_one(key) >> 32) as usize % SHARDS]
    }

    fn nanos(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

impl<K: Eq + Hash + Copy> Shard<K> {
    fn make_room(&mut self, now: u64) {
        const SECOND: u64 = 1_000_000_000;
        // A sweep looks at every bucket, so not more often than once a second.
        if now.saturating_sub(self.swept) >= SECOND {
            self.swept = now;
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        // Of a few, the one that is full soonest: a bucket that is nearly spent stays, so a flood
        // of new keys does not buy anyone a new budget.
        let sample = self.full_at.iter().take(SAMPLE);
        let soonest = sample.min_by_key(|(_, full_at)| **full_at);
        if let Some(key) = soonest.map(|(key, _)| *key) {
            self.full_at.remove(&key);
        }
    }
}

/// Nanoseconds in which one failure is forgiven.
fn interval(rate: Rate) -> u64 {
    1_000_000_000 / u64::from(rate.per_second.max(1))
}

fn room(full_at: u64, rate: Rate, now: u64) -> Result<(), u32> {
    let interval = interval(rate);
    let after = full_at.max(now) + interval;
    let deepest = now + interval * u64::from(rate.burst.max(1));
    if after <= deepest {
        return Ok(());
    }
    let wait = (after - deepest).div_ceil(1_000_000_000);
    Err(u32::try_from(wait).unwrap_or(u32::MAX))
}
