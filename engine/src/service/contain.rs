//! A panic costs the request that it happened in, nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The future panicked. Its message was printed by the panic hook, and is nobody else's business.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs `future`; a panic inside ends it alone. What it shares with others is behind locks that
/// do not poison, and snapshots that are swapped whole, so nothing half done is ever seen.
pub(super) async fn contained<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}
