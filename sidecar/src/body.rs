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

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Empty => std::task::Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                std::task::Poll::Ready(Some(Ok(http_body::Frame::data(bytes))))
            }
            Self::Upstream(incoming) => std::pin::Pin::new(incoming).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Empty => http_body::SizeHint::with_exact(0),
            Self::Full(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Self::Upstream(incoming) => incoming.size_hint(),
        }
    }
}
