//! The two bodies that stream through the sidecar.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::config::Limits;

/// What a client sends on: bounded in size, streamed with back pressure.
pub enum RequestBody {
    /// No body.
    Empty,
    /// Read whole because a rule had to see it.
    Full(Bytes),
    /// As it comes.
    Stream(Incoming),
}

/// The body is larger than allowed.
#[derive(Debug)]
pub struct Fault;

impl RequestBody {
    /// The body of a request under `limits`.
    pub fn new(incoming: Incoming, limits: &Limits) -> Result<Self, Fault> {
        if incoming.is_end_stream() {
            Ok(Self::Empty)
        } else if incoming.size_hint().lower() > limits.body {
            Err(Fault)
        } else {
            Ok(Self::Stream(incoming))
        }
    }
}

/// What goes back to a client.
pub enum ResponseBody {
    /// Nothing.
    Empty,
    /// Whole.
    Full(Bytes),
    /// Streams.
    Upstream(Incoming),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(data) => {
                let data = std::mem::take(data);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Self::Upstream(incoming) => Pin::new(incoming).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(data) => data.is_empty(),
            Self::Upstream(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(data) => SizeHint::with_exact(data.len() as u64),
            Self::Upstream(incoming) => incoming.size_hint(),
        }
    }
}
