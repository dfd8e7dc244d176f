//! One HTTP/1.1 connection to the upstream, driven by the request that holds it.
//!
//! hyper's connection is a future beside the exchange; most programs spawn it. Here the task that
//! waits for the answer polls it: no task switch and no wake-up between the two, and when the
//! client goes away, dropping the request closes the connection in the same moment. Only an answer
//! that begins before the request body has ended needs both directions to move by themselves, and
//! gets a task (`outbound`).

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::retry::Progress;
use super::socket::{Marks, Socket, Stream};
use crate::body::{Fault, RequestBody};

/// Bytes that one connection may buffer in each direction: what a response head may take, and what
/// back pressure lets pile up. hyper's own bound is 400 KiB, a lot for 500 connections.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A connection idle for longer than this is asked about at the socket before it is used, so that
/// retries are kept for races. Under load the reactor's view is younger, and the system call is
/// saved: with 5 ms here, a crowded machine made it for every third request.
const PROBE_AFTER: Duration = Duration::from_secs(1);

pub(super) type Connection = http1::Connection<TokioIo<Socket>, Outgoing>;

/// An open connection.
pub(super) struct Wire {
    pub(super) sender: http1::SendRequest<Outgoing>,
    connection: Connection,
    pub(super) marks: Arc<Marks>,
    /// The connection's future has finished and must not be polled again.
    ended: bool,
    /// Kept over exchanges and rarely moved in the timer wheel: it may ring early, never late.
    alarm: Pin<Box<Sleep>>,
    /// An exchange has succeeded on it, so its peer may have closed it as idle since.
    pub(super) reused: bool,
    idle_since: Instant,
    /// The headers of the request under way, for a second try: hyper takes a request whole and
    /// gives none back that it has begun. The room is kept over exchanges.
    copy: Vec<(HeaderName, HeaderValue)>,
}

/// How sure to be that the upstream has not closed an idle connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// The request could be sent again.
    Repeatable,
    /// It could not: the socket itself is asked, for a system call.
    OnlyChance,
}

/// Why an exchange came to no answer.
pub(super) struct Failed {
    pub(super) cause: Cause,
    /// Given back by hyper: it was never begun.
    pub(super) unsent: Option<Request<Outgoing>>,
}

/// How long the upstream may take to answer. A request body that is still on its way gives it more:
/// the time then counts from the last byte, and from the last progress before that.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) until: Instant,
    pub(super) time: Duration,
}

pub(super) enum Cause {
    /// No head of an answer in time.
    Timeout,
    Broken(hyper::Error),
}

impl Cause {
    /// The request's own body, if that is what failed.
    pub(super) fn fault(&self) -> Option<&Fault> {
        let Self::Broken(error) = self else {
            return None;
        };
        error.source()?.downcast_ref()
    }
}

impl Wire {
    /// Takes over a fresh socket.
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let marks = Arc::new(Marks::default());
        let socket = Socket::new(stream, Arc::clone(&marks));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(socket))
            .await?;
        let now = Instant::now();
        Ok(Self {
            sender,
            connection,
            marks,
            ended: false,
            alarm: Box::pin(sleep_until(now)),
            reused: false,
            idle_since: now,
            copy: Vec::new(),
        })
    }

    /// Copies `headers` for a second try.
    pub(super) fn keep(&mut self, headers: &HeaderMap) {
        let copies = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        self.copy.extend(copies);
    }

    /// What was kept, in the same order.
    pub(super) fn kept(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.copy.len());
        for (name, value) in self.copy.drain(..) {
            headers.append(name, value);
        }
        headers
    }

    /// The answer has begun: there will be no second try.
    pub(super) fn answered(&mut self, now: Instant) {
        self.copy.clear();
        self.idle_since = now;
    }

    /// Lets the connection read and write what it can; true when it has ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        // How it ended is told to whoever waits for the answer or its body.
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.ended = true;
        }
        self.ended
    }

    /// Whether a request may be sent on it now. With the idle waker: whoever used the connection
    /// last shall not be woken by the next one's doings.
    pub(super) fn is_usable(&mut self, now: Instant, care: Care) -> bool {
        if care == Care::OnlyChance || self.age(now) > PROBE_AFTER {
            self.marks.probe.store(true, Relaxed);
        }
        !self.drive(&mut Context::from_waker(Waker::noop())) && self.sender.is_ready()
    }

    /// Sends `request` and waits for the head of its answer. The request is on its way before the
    /// future is made, which so need not carry it.
    pub(super) fn exchange(
        &mut self,
        mut request: Request<RequestBody>,
        patience: Patience,
    ) -> impl Future<Output = Result<Response<Incoming>, Failed>> {
        let mut streaming = matches!(request.body(), RequestBody::Stream(_));
        let request = {
            self.marks.begin(!streaming);
            let body = std::mem::replace(request.body_mut(), RequestBody::Empty);
            let marks = streaming.then(|| Arc::clone(&self.marks));
            request.map(|_| Outgoing { body, marks })
        };
        // The answer comes from `drive` alone, right before it is looked for: it needs no waker,
        // and no budget, whose exhaustion would be reported to that waker.
        let answer = unconstrained(self.sender.try_send_request(request));
        async move {
            let mut answer = std::pin::pin!(answer);
            let mut deadline = patience.until;
            if self.alarm.deadline() > deadline {
                self.alarm.as_mut().reset(deadline);
            }
            std::future::poll_fn(|cx| {
                self.drive(cx);
                let mut idle = Context::from_waker(Waker::noop());
                if let Poll::Ready(answer) = answer.as_mut().poll(&mut idle) {
                    return Poll::Ready(answer.map_err(|mut failed| Failed {
                        unsent: failed.take_message(),
                        cause: Cause::Broken(failed.into_error()),
                    }));
                }
                if streaming && self.marks.body_sent.load(Relaxed) {
                    streaming = false;
                    deadline = Instant::now() + patience.time;
                }
                while self.alarm.as_mut().poll(cx).is_ready() {
                    if self.alarm.deadline() >= deadline {
                        if !(streaming && self.marks.is_moving()) {
                            return Poll::Ready(Err(Failed {
                                cause: Cause::Timeout,
                                unsent: None,
                            }));
                        }
                        deadline = Instant::now() + patience.time;
                    }
                    self.alarm.as_mut().reset(deadline);
                }
                Poll::Pending
            })
            .await
        }
    }

    /// How far a failed exchange had come.
    pub(super) fn progress(&self, failed: &Failed) -> Progress {
        if failed.unsent.is_some() || !self.marks.written.load(Relaxed) {
            Progress::Nothing
        } else if self.marks.answered.load(Relaxed) || matches!(failed.cause, Cause::Timeout) {
            // A time-out is no close: the answer may be on its way.
            Progress::Answered
        } else {
            Progress::Unanswered
        }
    }

    /// How long it has been idle.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.idle_since)
    }

    /// Parts it for an exchange whose directions move by themselves.
    pub(super) fn into_parts(self) -> (http1::SendRequest<Outgoing>, Connection) {
        (self.sender, self.connection)
    }
}

/// The request body as hyper holds it: marks when it was let go.
pub(super) struct Outgoing {
    pub(super) body: RequestBody,
    /// For streams only.
    marks: Option<Arc<Marks>>,
}

impl Outgoing {
    /// Back from hyper, unsent.
    pub(super) fn into_body(mut self) -> RequestBody {
        std::mem::replace(&mut self.body, RequestBody::Empty)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(marks) = &self.marks {
            marks.body_sent.store(true, Relaxed);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(marks) = &self.marks {
            marks.client_awaited.store(frame.is_pending(), Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
