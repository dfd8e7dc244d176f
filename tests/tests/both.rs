//! Runs a test of the API against both ways to it: the engine's own listener, and the sidecar with
//! the engine inside.

use tests::api::Api;
use tests::server::Setup;

/// `test` straight against an engine, then through a sidecar.
pub(crate) async fn both(test: impl AsyncFn(&Api)) {
    let engine = Setup::new().engine().await;
    test(&engine.api()).await;
    drop(engine);
    let sidecar = Setup::new().sidecar().await;
    test(&sidecar.api().await).await;
}
