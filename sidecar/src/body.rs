//! The two bodies that stream through the sidecar.

use bytes::Bytes;
use hyper::body::Incoming;

/// What a client sends on: bounded in size, streamed with back pressure.
pub enum RequestBody {
    Empty,
    /// Read whole because a rule had to see it.
    Full(Bytes),
    Stream(Incoming),
}

/// What goes back to a client.
pub enum ResponseBody {
    Empty,
    Full(Bytes),
    Upstream(Incoming),
}
