//! How many connections may be open, in all and from one address; shared by the workers.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::admin::ConnectionLimit;
use crate::config::Limits;

/// Enough that two workers seldom meet at one lock.
const SHARDS: usize = 16;

/// Counts open connections. Bounded itself: it holds at most one entry for each of them.
pub(crate) struct Seats {
    taken: AtomicUsize,
    by_address: [Mutex<HashMap<IpAddr, usize, RandomState>>; SHARDS],
    hasher: RandomState,
}

impl Seats {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            by_address: std::array::from_fn(|_| Mutex::new(HashMap::default())),
            hasher: RandomState::default(),
        })
    }

    /// Takes a seat for a connection from `address` until the [`Seat`] is dropped, or says which
    /// limit is reached. Without an address it counts for nobody yet.
    pub(crate) fn take(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        limits: &Limits,
    ) -> Result<Seat, ConnectionLimit> {
        if self.taken.fetch_add(1, Relaxed) >= limits.connections {
            self.taken.fetch_sub(1, Relaxed);
            return Err(ConnectionLimit::Connections);
        }
        let mut seat = Seat {
            seats: Arc::clone(self),
            owner: None,
        };
        if let Some(address) = address {
            seat.hand_to(address, limits)?;
        }
        Ok(seat)
    }

    /// Counts one more for `owner`, unless it has as many as it may.
    fn count(&self, owner: IpAddr, limits: &Limits) -> Result<(), ConnectionLimit> {
        let mut shard = self.shard(owner).lock();
        let held = shard.entry(owner).or_insert(0);
        if *held < limits.connections_per_address {
            *held += 1;
            return Ok(());
        }
        if *held == 0 {
            shard.remove(&owner);
        }
        Err(ConnectionLimit::ConnectionsPerAddress)
    }

    fn uncount(&self, owner: IpAddr) {
        let mut shard = self.shard(owner).lock();
        if let Some(held) = shard.get_mut(&owner) {
            *held -= 1;
            if *held == 0 {
                shard.remove(&owner);
            }
        }
    }

    fn shard(&self, owner: IpAddr) -> &Mutex<HashMap<IpAddr, usize, RandomState>> {
        let hash = usize::try_from(self.hasher.hash_one(owner) % SHARDS as u64).unwrap_or(0);
        self.by_address.get(hash).unwrap_or(&self.by_address[0])
    }
}

/// One connection's place; given back on drop.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    /// Whose it is, when that is known.
    owner: Option<IpAddr>,
}

impl Seat {
    /// Makes it count for `address`, or says that this one has as many as it may.
    pub(super) fn hand_to(
        &mut self,
        address: IpAddr,
        limits: &Limits,
    ) -> Result<(), ConnectionLimit> {
        let owner = owner(address);
        self.seats.count(owner, limits)?;
        if let Some(before) = self.owner.replace(owner) {
            self.seats.uncount(before);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(owner) = self.owner {
            self.seats.uncount(owner);
        }
        self.seats.taken.fetch_sub(1, Relaxed);
    }
}

/// Who an address counts for: an IPv4 address itself, an IPv6 one its /64, which is what one
/// customer is given (RFC 6177 §2).
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, per_address: usize) -> Limits {
        Limits {
            connections,
            connections_per_address: per_address,
            ..crate::listener::tests::limits()
        }
    }

    #[test]
    fn a_seat_is_refused_beyond_each_limit_and_free_again_after_drop() {
        let seats = Seats::new();
        let limits = limits(3, 2);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let first = seats.take(Some(one), &limits).ok();
        let _second = seats.take(Some(one), &limits).ok().unwrap();
        assert_eq!(
            seats.take(Some(one), &limits).err(),
            Some(ConnectionLimit::ConnectionsPerAddress)
        );
        let _third = seats.take(Some(other), &limits).ok().unwrap();
        assert_eq!(
            seats.take(Some(other), &limits).err(),
            Some(ConnectionLimit::Connections)
        );
        drop(first);
        assert!(seats.take(Some(one), &limits).is_ok());
    }

    #[test]
    fn a_seat_counts_for_a_client_once_it_is_named() {
        let seats = Seats::new();
        let limits = limits(3, 1);
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let mut first = seats.take(None, &limits).ok().unwrap();
        let mut second = seats.take(None, &limits).ok().unwrap();
        assert_eq!(first.hand_to(client, &limits), Ok(()));
        assert_eq!(
            second.hand_to(client, &limits),
            Err(ConnectionLimit::ConnectionsPerAddress)
        );
        drop(second);
        drop(first);
        let _third = seats.take(Some(client), &limits).ok().unwrap();
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        for (a, b, same) in [
            ("2001:db8::1", "2001:db8::ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let (left, right) = (owner(a.parse().unwrap()), owner(b.parse().unwrap()));
            assert_eq!(left == right, same, "{a} {b}");
        }
    }
}
