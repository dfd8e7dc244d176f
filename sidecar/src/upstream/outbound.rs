//! A response body on its way from the upstream to a client.
//!
//! It holds the connection until its last byte, drives it while the client reads, and gives it
//! back then. Dropped before, it closes the connection: the upstream learns that nobody waits.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;

use super::pool::{Lease, Permit};
use super::wire::Outgoing;

/// A streaming response.
pub struct Outbound {
    incoming: Incoming,
    /// Came with the head.
    first: Option<Bytes>,
    link: Link,
}

enum Link {
    /// The body drives the connection.
    Own(Lease),
    /// The request body was still on its way when the answer began. If the client sends on without
    /// reading, only a connection that moves by itself gets both through.
    Task {
        _task: AbortOnDrop,
        _sender: SendRequest<Outgoing>,
        _permit: Permit,
    },
    /// The body has ended.
    Over,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Outbound {
    /// The exchange's request has been sent whole.
    pub(super) fn driving(incoming: Incoming, first: Option<Bytes>, lease: Lease) -> Self {
        Self {
            incoming,
            first,
            link: Link::Own(lease),
        }
    }

    /// The request is still being sent. Such a connection is not kept afterwards.
    pub(super) fn spawned(incoming: Incoming, first: Option<Bytes>, lease: Lease) -> Self {
        let Lease { wire, permit } = lease;
        let (sender, connection) = wire.into_parts();
        // Ends with the connection, or when this body is dropped. A failure reaches the body.
        let task = tokio::spawn(async move { drop(connection.await) });
        Self {
            incoming,
            first,
            link: Link::Task {
                _task: AbortOnDrop(task.abort_handle()),
                _sender: sender,
                _permit: permit,
            },
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let frame = match &mut self.link {
            Link::Own(lease) => {
                // Data comes from `drive` alone: a waker here would only wake this very task.
                let mut idle = Context::from_waker(Waker::noop());
                let mut frame = Pin::new(&mut self.incoming).poll_frame(&mut idle);
                if frame.is_pending() {
                    lease.wire.drive(cx);
                    frame = Pin::new(&mut self.incoming).poll_frame(&mut idle);
                }
                frame
            }
            Link::Task { .. } | Link::Over => Pin::new(&mut self.incoming).poll_frame(cx),
        };
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) => {
                if self.incoming.is_end_stream() {
                    self.end();
                }
            }
            // After a failure the connection is not good any more, which is seen when it is given
            // back.
            Poll::Ready(None | Some(Err(_))) => self.end(),
        }
        frame
    }

    fn end(&mut self) {
        if let Link::Own(lease) = std::mem::replace(&mut self.link, Link::Over) {
            lease.give_back();
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.incoming.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        match self.incoming.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest + first),
            None => SizeHint::new(),
        }
    }
}
