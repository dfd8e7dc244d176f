//! Ids: of requests, and of our span in a trace that a client started.
//!
//! Rules: W3C Trace Context, Level 1, §3.2 and §3.3. A valid `traceparent` is continued with a new
//! parent id; an invalid one is dropped, and `tracestate` with it.

use std::cell::Cell;

use http::{HeaderMap, HeaderName, HeaderValue};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longest `traceparent` of a future version that is looked at.
const PARENT_MAX: usize = 256;
/// §3.3.1.1 asks for 512 characters to be passed on; more is not.
const STATE_MAX: usize = 1024;

/// Makes the trace's headers ours, or drops them.
pub(super) fn continue_in(headers: &mut HeaderMap) {
    let mut parents = headers.get_all(&TRACEPARENT).iter();
    let ours = match (parents.next(), parents.next()) {
        (Some(parent), None) => continued(parent.as_bytes(), random_id()),
        _ => None,
    };
    let state: usize = headers
        .get_all(&TRACESTATE)
        .iter()
        .map(HeaderValue::len)
        .sum();
    if ours.is_none() || state > STATE_MAX {
        headers.remove(&TRACESTATE);
    }
    match ours {
        Some(ours) => drop(headers.insert(&TRACEPARENT, ours)),
        None => drop(headers.remove(&TRACEPARENT)),
    }
}

/// The same trace with `span` as the parent; in version 00, whatever the client's.
fn continued(parent: &[u8], span: u64) -> Option<HeaderValue> {
    if parent.len() > PARENT_MAX || parent.len() < 55 {
        return None;
    }
    let (known, rest) = parent.split_at(55);
    let [version @ .., b'-'] = &known[..3] else {
        return None;
    };
    let (trace, old, flags) = (&known[3..35], &known[36..52], &known[53..55]);
    let hex = |text: &[u8]| text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |text: &[u8]| text.iter().all(|b| *b == b'0');
    let well_formed = known[35] == b'-'
        && known[52] == b'-'
        && [version, trace, old, flags].into_iter().all(hex)
        && !zero(trace)
        && !zero(old)
        && version != b"ff"
        && (rest.is_empty() || (version != b"00" && rest[0] == b'-'));
    if !well_formed {
        return None;
    }
    let mut ours = [0; 55];
    ours.copy_from_slice(known);
    ours[..2].copy_from_slice(b"00");
    ours[36..52].copy_from_slice(&hex_of(span));
    HeaderValue::from_bytes(&ours).ok()
}

/// A new id for a request: 32 hexadecimal digits, unique over processes.
pub(super) fn request_id() -> HeaderValue {
    let mut text = [0; 32];
    let (high, low) = text.split_at_mut(16);
    high.copy_from_slice(&hex_of(SEED.with(|seed| seed.0)));
    low.copy_from_slice(&hex_of(random_id()));
    HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value")
}

thread_local! {
    /// Random once for each thread; after that a counter. Ids must be unique, not secret, and a
    /// system call for each would cost more than the rest of the gate.
    static SEED: (u64, Cell<u64>) = (random(), Cell::new(random()));
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    u64::from_ne_bytes(bytes)
}

/// Never twice in a thread: a counter through a mixer that is one to one (`SplitMix64`'s). Never 0.
fn random_id() -> u64 {
    let count = SEED.with(|(_, counter)| {
        counter.set(counter.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        counter.get()
    });
    let mut id = count;
    id = (id ^ id >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ id >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (id ^ id >> 31).max(1)
}

fn hex_of(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (place, byte) in number.to_be_bytes().into_iter().enumerate() {
        text[2 * place] = DIGITS[usize::from(byte >> 4)];
        text[2 * place + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn valid_traceparent_is_continued_and_others_are_dropped() {
        for (parent, good) in [
            (GOOD, true),
            (
                "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                true,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                false,
            ),
            (
                "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
                false,
            ),
            (
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                false,
            ),
            (
                "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                false,
            ),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&TRACEPARENT, HeaderValue::from_static(parent));
            headers.insert(&TRACESTATE, HeaderValue::from_static("a=b"));
            continue_in(&mut headers);
            assert_eq!(headers.contains_key(&TRACEPARENT), good, "{parent}");
            assert_eq!(headers.contains_key(&TRACESTATE), good, "{parent}");
            if good {
                let ours = headers[&TRACEPARENT].to_str().unwrap();
                assert_eq!(ours.len(), 55);
                assert!(ours.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
                assert!(ours.ends_with("-01"));
                assert_ne!(ours, parent);
            }
        }
        let mut headers = HeaderMap::new();
        headers.append(&TRACEPARENT, HeaderValue::from_static(GOOD));
        headers.append(&TRACEPARENT, HeaderValue::from_static(GOOD));
        continue_in(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn request_ids_are_unique() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| request_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
