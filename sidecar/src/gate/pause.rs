//! Answers that are held back: 429 to whoever goes on after a budget of failures is spent.
//!
//! A caller that waits for an answer before it asks again is slowed to one request a second on each
//! of its connections, so that a flood from one address costs the others next to nothing. The
//! answer says `Retry-After: 1` or more, so nobody who heeds it loses time.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::refusal::Reason;

/// How long an answer is held back.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers held back at a time; beyond it they go out at once, because each holds its request.
const HELD_MAX: usize = 4096;

/// The places of answers that are held back.
pub struct Pauses(Semaphore);

impl Default for Pauses {
    fn default() -> Self {
        Self(Semaphore::new(HELD_MAX))
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
        if let Ok(_place) = self.0.try_acquire() {
            // Boxed: a timer's entry is large, and every request would have room for it.
            Box::pin(tokio::time::sleep(PAUSE)).await;
        }
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
            let want = if spent.contains(reason) {
                PAUSE
            } else {
                Duration::ZERO
            };
            assert_eq!(start.elapsed(), want, "{reason:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_place_the_answer_goes_out_at_once() {
        let pauses = Pauses::default();
        let _all = pauses
            .0
            .try_acquire_many(HELD_MAX.try_into().unwrap())
            .unwrap();
        let start = Instant::now();
        pauses.before(Reason::BearerFailuresSpent).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
