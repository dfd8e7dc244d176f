//! Whether a request may be sent a second time.
//!
//! Rules, whole: once; within the budget; any request of which nothing was written; and, on a
//! reused connection that closed before a byte of the answer, a request without body whose
//! operation is read-only in the table (outside it: GET and HEAD). A writing operation is never
//! sent twice, whatever its method (RFC 9110 §9.2.2 judges by method and would let a GET that
//! creates be repeated).

/// A retry costs as much as five requests earn, so retries are at most a fifth of the traffic: an
/// upstream in trouble is not sent twice the load.
const COST: u16 = 5;

/// Ten retries: enough for the connections that a restart of the upstream breaks at once.
const FULL: u16 = 10 * COST;

/// How far an exchange had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// No byte was written.
    Nothing,
    /// Written, at least in part; the connection closed before a byte of the answer.
    Unanswered,
    /// The answer had begun.
    Answered,
}

/// What the decision needs to know of a failed exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) progress: Progress,
    /// The connection had served an exchange before: most likely it was closed as idle.
    pub(super) reused: bool,
    /// The operation changes nothing, and the request has no body.
    pub(super) harmless: bool,
}

/// Whether sending again is safe.
pub(super) fn is_safe(facts: Facts) -> bool {
    match facts.progress {
        Progress::Nothing => true,
        Progress::Unanswered => facts.reused && facts.harmless,
        Progress::Answered => false,
    }
}

/// Bounds retries to a share of the requests.
pub(super) struct Budget {
    tokens: u16,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { tokens: FULL }
    }

    /// A request came.
    pub(super) fn earn(&mut self) {
        self.tokens = (self.tokens + 1).min(FULL);
    }

    /// Whether a retry may be had; it is then paid for.
    pub(super) fn spend(&mut self) -> bool {
        match self.tokens.checked_sub(COST) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_have_been_done_twice_is_sent_twice() {
        use Progress::{Answered, Nothing, Unanswered};
        for progress in [Nothing, Unanswered, Answered] {
            for reused in [false, true] {
                for harmless in [false, true] {
                    let want = match (progress, reused, harmless) {
                        (Nothing, _, _) | (Unanswered, true, true) => true,
                        (Unanswered | Answered, _, _) => false,
                    };
                    let facts = Facts {
                        progress,
                        reused,
                        harmless,
                    };
                    assert_eq!(is_safe(facts), want, "{facts:?}");
                }
            }
        }
    }

    #[test]
    fn retries_are_at_most_a_fifth_of_the_requests() {
        let mut budget = Budget::new();
        let start = (0..1000).take_while(|_| budget.spend()).count();
        assert_eq!(start, 10);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.earn();
            retries += usize::from(budget.spend());
        }
        assert_eq!(retries, 200);
        for _ in 0..1000 {
            budget.earn();
        }
        assert_eq!(
            (0..1000).take_while(|_| budget.spend()).count(),
            10,
            "what is saved is bounded"
        );
    }
}
