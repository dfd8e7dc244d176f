//! When something that is fetched is fetched again: before its life ends, and after a failure.
//!
//! Both are spread at random, so that replicas do not ask all at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// After the first failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// 80 % of a life, up to a tenth of it sooner. `random` is from 0 to 1.
pub(crate) fn refresh_after(life: Duration, random: f64) -> Duration {
    life.mul_f64(0.8 - 0.1 * random)
}

/// Twice as long with each failure, of which there is one at least, up to half of it sooner.
pub(crate) fn retry_after(failures: u32, random: f64) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(RETRY_MAX).mul_f64(1.0 - 0.5 * random)
}

/// From 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "jitter needs no 64 bits")]
pub(crate) fn random() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_is_fetched_again_at_four_fifths_of_its_life() {
        let life = Duration::from_secs(1000);
        assert_eq!(refresh_after(life, 0.0), Duration::from_secs(800));
        assert!(refresh_after(life, 1.0) >= Duration::from_secs(699));
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&random()));
        }
    }

    #[test]
    fn a_server_that_is_down_is_asked_less_and_less_often() {
        let waits: Vec<_> = (1..=9).map(|n| retry_after(n, 0.0).as_millis()).collect();
        let want = [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
        assert_eq!(waits, want);
        assert_eq!(retry_after(u32::MAX, 0.0), RETRY_MAX);
        assert_eq!(retry_after(1, 1.0), RETRY_FIRST / 2);
    }
}
