//! Admitted requests go to the engine; responses stream back.

use crate::body::ResponseBody;
use crate::gate::Admitted;
use crate::refusal::Refusal;

/// One worker's way to the engine: its own connection pool.
pub struct Upstream {}

impl Upstream {
    /// Only the gate makes an `Admitted`: nothing unchecked leaves from here.
    pub async fn forward(
        &self,
        _admitted: Admitted,
        _counters: &crate::admin::Counters,
    ) -> Result<http::Response<ResponseBody>, Refusal> {
        Err(crate::refusal::Reason::UpstreamUnavailable.into())
    }
}
