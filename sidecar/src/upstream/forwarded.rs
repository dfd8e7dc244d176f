//! What the engine is told of the client's connection: `Forwarded` (RFC 7239) and the older
//! `X-Forwarded-For`, as values that are made once for each client address and `Host`.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use parking_lot::Mutex;

/// Remembered pairs. Few clients talk to a worker at a time; a miss costs two small allocations.
const SLOTS: usize = 64;

/// One worker's memory of values, replaced at the place that their key falls on.
pub(super) struct Memory {
    slots: Mutex<Box<[Option<Entry>]>>,
    hasher: foldhash::fast::RandomState,
}

struct Entry {
    address: IpAddr,
    tls: bool,
    host: HeaderValue,
    values: Values,
}

/// The two headers.
#[derive(Clone)]
pub(super) struct Values {
    pub(super) forwarded: HeaderValue,
    pub(super) forwarded_for: HeaderValue,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            slots: Mutex::new((0..SLOTS).map(|_| None).collect()),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    pub(super) fn values(&self, address: IpAddr, tls: bool, host: &HeaderValue) -> Values {
        use std::hash::BuildHasher;

        let hash = self.hasher.hash_one((address, host.as_bytes()));
        #[expect(clippy::cast_possible_truncation, reason = "any bits do for a place")]
        let place = hash as usize % SLOTS;
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(place) else {
            return Values::new(address, tls, host);
        };
        match slot {
            Some(entry) if entry.address == address && entry.tls == tls && entry.host == host => {
                entry.values.clone()
            }
            _ => {
                let values = Values::new(address, tls, host);
                *slot = Some(Entry {
                    address,
                    tls,
                    host: host.clone(),
                    values: values.clone(),
                });
                values
            }
        }
    }
}

impl Values {
    fn new(address: IpAddr, tls: bool, host: &HeaderValue) -> Self {
        let address = address.to_canonical();
        let forwarded_for = address.to_string();
        let mut forwarded = BytesMut::with_capacity(64);
        forwarded.put_slice(b"for=");
        // RFC 7239 §6: an IPv6 address stands in brackets, and so in quotes.
        match address {
            IpAddr::V4(_) => forwarded.put_slice(forwarded_for.as_bytes()),
            IpAddr::V6(_) => {
                forwarded.put_slice(b"\"[");
                forwarded.put_slice(forwarded_for.as_bytes());
                forwarded.put_slice(b"]\"");
            }
        }
        forwarded.put_slice(if tls { b";proto=https" } else { b";proto=http" });
        // The gate admits no such Host; were it to, the quotes would still not be broken out of.
        let quotable = |&byte: &u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if host.as_bytes().iter().all(quotable) {
            forwarded.put_slice(b";host=\"");
            forwarded.put_slice(host.as_bytes());
            forwarded.put_slice(b"\"");
        }
        Self {
            forwarded: value(forwarded.freeze()),
            forwarded_for: value(Bytes::from(forwarded_for)),
        }
    }
}

/// Visible ASCII by construction.
fn value(bytes: Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes)
        .unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_quotes_what_is_no_token() {
        for (address, tls, host, want) in [
            (
                "10.1.2.3",
                true,
                "localhost:8077",
                "for=10.1.2.3;proto=https;host=\"localhost:8077\"",
            ),
            (
                "2001:db8::1",
                false,
                "[::1]:80",
                "for=\"[2001:db8::1]\";proto=http;host=\"[::1]:80\"",
            ),
            // As a dual-stack socket reports an IPv4 client.
            (
                "::ffff:10.1.2.3",
                true,
                "h",
                "for=10.1.2.3;proto=https;host=\"h\"",
            ),
            ("10.1.2.3", true, "a\";by=\"b", "for=10.1.2.3;proto=https"),
        ] {
            let host = HeaderValue::from_static(host);
            let values = Values::new(address.parse().unwrap(), tls, &host);
            assert_eq!(values.forwarded, want);
        }
    }

    #[test]
    fn a_remembered_value_is_only_used_for_its_own_key() {
        let memory = Memory::new();
        let host = HeaderValue::from_static("h");
        // More keys than slots, so places are shared.
        for round in 0..2 {
            for last in 0..=255 {
                let address = IpAddr::from([10, 0, 0, last]);
                let values = memory.values(address, true, &host);
                assert_eq!(values.forwarded_for, address.to_string(), "round {round}");
            }
        }
        let other = HeaderValue::from_static("other");
        let address = IpAddr::from([10, 0, 0, 1]);
        for (tls, host, want) in [
            (true, &host, "for=10.0.0.1;proto=https;host=\"h\""),
            (false, &host, "for=10.0.0.1;proto=http;host=\"h\""),
            (true, &other, "for=10.0.0.1;proto=https;host=\"other\""),
        ] {
            assert_eq!(memory.values(address, tls, host).forwarded, want);
        }
    }
}
