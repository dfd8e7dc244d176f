//! Answers that are held back: 429 to whoever goes on after a budget of failures is spent.
//!
//! A caller that waits for an answer before it asks again is slowed to about one request a second on
//! each of its connections, so that a flood from one address costs the others next to nothing. The
//! answer says `Retry-After: 1` or more, so nobody who heeds it loses much.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::refusal::Reason;

/// How long an answer is held back at least, and how much longer at most. Were it the same for
/// all, the whole flood would come back at once, and find what the budget has regained meanwhile.
const PAUSE: Duration = Duration::from_millis(500);
const SPREAD: Duration = Duration::from_secs(1);

/// Answers held back at a time; beyond it they go out at once, because each holds its request.
const HELD_MAX: usize = 4096;

/// The places of answers that are held back.
pub struct Pauses {
    places: Semaphore,
    held: AtomicU32,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            places: Semaphore::new(HELD_MAX),
            held: AtomicU32::new(0),
        }
    }
}

impl Pauses {
    /// Waits, if a refusal for `reason` is to be held back and there is a place.
    pub(super) async fn before(&self, reason: Reason) {
        if !matches!(
            reason,
            Reason::BearerFailuresSpent | Reason::SecretFailuresSpent
        ) {
            return;
        }
        if let Ok(_place) = self.places.try_acquire() {
            // Boxed: a timer's entry is large, and every request would have room for it.
            Box::pin(tokio::time::sleep(self.length())).await;
        }
    }

    /// Multiples of the golden ratio, less their whole part, are spread evenly, however many.
    fn length(&self) -> Duration {
        const GOLDEN: u32 = 0x9e37_79b9;
        let count = self.held.fetch_add(1, Ordering::Relaxed);
        let part = f64::from(count.wrapping_mul(GOLDEN)) / f64::from(u32::MAX);
        PAUSE + SPREAD.mul_f64(part)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_spent_budget_is_answered_late() {
        let pauses = Pauses::default();
        for reason in Reason::ALL {
            let start = Instant::now();
            pauses.before(*reason).await;
            let spent = [Reason::BearerFailuresSpent, Reason::SecretFailuresSpent];
            let pause = PAUSE..=PAUSE + SPREAD;
            if spent.contains(reason) {
                assert!(pause.contains(&start.elapsed()), "{reason:?}");
            } else {
                assert_eq!(start.elapsed(), Duration::ZERO, "{reason:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_place_the_answer_goes_out_at_once() {
        let pauses = Pauses::default();
        let _all = pauses
            .places
            .try_acquire_many(HELD_MAX.try_into().unwrap())
            .unwrap();
        let start = Instant::now();
        pauses.before(Reason::BearerFailuresSpent).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
