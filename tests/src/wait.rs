//! Waiting for a state: a condition is asked again and again until it holds.
//!
//! No test asserts how long something took; [`LIMIT`] only ends one that would never end.

use std::future::Future;
use std::time::{Duration, Instant};

/// After this a state that has not come about is a failure.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Asks `probe` until it gives a value. `what` names the awaited state in the failure.
pub async fn until<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(began.elapsed() < LIMIT, "never came about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `future`, or a failure that names `what` after [`LIMIT`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(LIMIT, future).await;
    ended.unwrap_or_else(|_| panic!("never ended: {what}"))
}
