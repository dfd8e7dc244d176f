//! Which assertions were used: each is good once (RFC 7523 §3 rule 7).
//!
//! In: the `jti` of an assertion that is good in every other way. Out: whether it is fresh. It is
//! remembered until the assertion is over. Each client has its share of the memory, and only a
//! client's own key fills it: nothing is forgotten early to make room, and nobody's traffic pushes
//! out another's. Whoever has filled his share is refused until time frees it. Local to this
//! process.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::keys::Keyed;
use crate::refusal::Reason;

/// Assertions of one client, about 32 bytes each: with those that live for a minute, 1,092 a second;
/// with those that live for an hour, 18.
const CLIENT_MAX: usize = 64 * 1024;
/// Between two looks through a client's assertions for those that are over.
const SWEEP_SECONDS: u64 = 30;

/// The assertions that were used.
#[derive(Default)]
pub struct UsedAssertions {
    /// Held for a look-up only.
    by_client: Mutex<HashMap<Arc<str>, Arc<Mutex<Window>>>>,
}

#[derive(Default)]
struct Window {
    /// When each is over, in seconds since the epoch, by a keyed digest of its `jti`.
    ends: HashMap<[u8; 16], u64>,
    swept: u64,
}

impl UsedAssertions {
    /// Uses the assertion `jti` of `client`, which is over at `ends`.
    pub(super) fn spend(
        &self,
        client: &Arc<str>,
        jti: &str,
        ends: u64,
        now: u64,
    ) -> Result<(), Reason> {
        let window = {
            let mut by_client = self.by_client.lock();
            match by_client.get(client) {
                Some(window) => Arc::clone(window),
                None => Arc::clone(by_client.entry(Arc::clone(client)).or_default()),
            }
        };
        window.lock().spend(jti, ends, now, CLIENT_MAX)
    }
}

impl Window {
    fn spend(&mut self, jti: &str, ends: u64, now: u64, most: usize) -> Result<(), Reason> {
        let key = Keyed::new(jti.as_bytes()).short();
        if self.ends.get(&key).is_some_and(|end| now <= *end) {
            return Err(Reason::AssertionReplayed);
        }
        if now >= self.swept + SWEEP_SECONDS || now < self.swept {
            self.swept = now;
            self.ends.retain(|_, end| now <= *end);
        }
        if self.ends.len() >= most {
            return Err(Reason::AssertionsTooMany);
        }
        self.ends.insert(key, ends);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_good_once_until_it_is_over() {
        let used = UsedAssertions::default();
        let (one, two) = (Arc::from("one"), Arc::from("two"));
        assert_eq!(used.spend(&one, "a", 100, 50), Ok(()));
        assert_eq!(
            used.spend(&one, "a", 100, 50),
            Err(Reason::AssertionReplayed)
        );
        assert_eq!(
            used.spend(&one, "a", 100, 100),
            Err(Reason::AssertionReplayed)
        );
        assert_eq!(used.spend(&one, "b", 100, 50), Ok(()));
        // Another client's is another.
        assert_eq!(used.spend(&two, "a", 100, 50), Ok(()));
    }

    #[test]
    fn a_full_window_refuses_and_forgets_nothing_early() {
        let mut window = Window::default();
        for n in 0..4 {
            assert_eq!(window.spend(&n.to_string(), 200 + n, 100, 4), Ok(()));
        }
        assert_eq!(
            window.spend("x", 200, 110, 4),
            Err(Reason::AssertionsTooMany)
        );
        assert_eq!(
            window.spend("0", 200, 110, 4),
            Err(Reason::AssertionReplayed)
        );
        // The first two are over, and looked for again.
        assert_eq!(window.spend("x", 300, 202, 4), Ok(()));
        assert_eq!(
            window.spend("3", 300, 202, 4),
            Err(Reason::AssertionReplayed)
        );
    }
}
