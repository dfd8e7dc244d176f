//! The engine linked into this process, called without a socket.
//!
//! It gets the same request as a remote one would, so both are judged and served alike.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use super::shown::Shown;
use super::{Upstream, head, outcome};
use crate::body::{Fault, RequestBody, ResponseBody};
use crate::config::UpstreamSettings;
use crate::gate::CanonicalRequest;
use crate::refusal::{Reason, Refusal};

static LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");

/// One call. Dropping the future cancels it.
pub(super) async fn call(
    upstream: &Upstream,
    settings: &UpstreamSettings,
    request: CanonicalRequest,
    shown: Shown<'_>,
    now: Instant,
) -> Result<Response<ResponseBody>, Refusal> {
    let Some(engine) = &upstream.engine else {
        return Err(outcome::refuse(
            Reason::UpstreamUnavailable,
            "the embedded engine is not running",
        ));
    };
    let to_head = request.head.method == Method::HEAD;
    let request = head::request(request, shown, settings, &LOCALHOST, &upstream.memory);
    let fault = match request.body() {
        RequestBody::Stream(_) => Some(Arc::default()),
        RequestBody::Empty | RequestBody::Full(_) => None,
    };
    let request: Request<Watched> = request.map(|body| Watched {
        body,
        fault: fault.clone(),
    });
    let answer = timeout_at(now + settings.response_timeout, engine.call(request))
        .await
        .map_err(|_| {
            outcome::refuse(
                Reason::UpstreamTimeout,
                "the engine did not answer within ResponseTimeout",
            )
        })?;
    // The engine can only say that it could not read the body; we know why.
    if let Some(fault) = fault.and_then(|fault| fault.lock().take()) {
        return Err(outcome::of_client(&fault));
    }
    let (mut parts, body) = answer.into_parts();
    head::response(&mut parts, body.size_hint().exact(), to_head)
        .map_err(|why| outcome::unfit(&why))?;
    Ok(Response::from_parts(parts, ResponseBody::Embedded(body)))
}

/// A request body that remembers what broke it.
struct Watched {
    body: RequestBody,
    /// For streams only.
    fault: Option<Arc<Mutex<Option<Fault>>>>,
}

/// Why the engine cannot read on. The reason itself stays with the sidecar.
#[derive(Debug, thiserror::Error)]
#[error("the request body cannot be read")]
struct Unreadable;

impl Body for Watched {
    type Data = Bytes;
    type Error = Unreadable;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unreadable>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|fault| {
                if let Some(slot) = &self.fault {
                    *slot.lock() = Some(fault);
                }
                Unreadable
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
