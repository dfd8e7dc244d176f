//! The two bodies that stream through the sidecar.
//!
//! In: what a client sends ([`RequestBody`]), what the engine answers ([`ResponseBody`]). Out: the
//! same bytes, moved and not copied, with the length known wherever it was known.
//! Rules: `Limits.Body` bounds a request's size, `Limits.BodyRate` how slowly it may come.
//! Elsewhere: the connection that a response streams from (`upstream`).

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Version;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::bearer::Leash;
use crate::config::Limits;
use crate::upstream;

/// So long the rest of a body that was not taken is read and thrown away.
const LINGER: Duration = Duration::from_secs(2);

/// A request's body as hyper hands it over, taken or not.
///
/// Dropped before its end over HTTP/2 it would have its stream reset. RFC 9113 §8.1 lets a server
/// do so once it has answered, but there are clients, curl among them, that lose the answer over
/// it. So the rest is thrown away for a moment. Over HTTP/1 the connection sees to that when it
/// ends.
pub struct Arriving {
    /// `None` once its rest is left to be thrown away.
    incoming: Option<Incoming>,
    multiplexed: bool,
}

impl Arriving {
    /// The body of a request of that `version`.
    pub fn new(incoming: Incoming, version: Version) -> Self {
        Self {
            incoming: Some(incoming),
            multiplexed: version == Version::HTTP_2,
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.multiplexed || self.is_end_stream() {
            return;
        }
        let Some(mut incoming) = self.incoming.take() else {
            return;
        };
        // Nobody waits for the task: it ends with its stream, its time or its runtime.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER, async move {
                while let Some(Ok(_)) = incoming.frame().await {}
            }));
        }
    }
}

/// What a client sends on: bounded in size, streamed with back pressure.
pub enum RequestBody {
    /// No body, so no framing either.
    Empty,
    /// Read whole: a rule had to see it, or it was there at once.
    Full(Bytes),
    /// As it comes.
    Stream(Inbound),
}

impl RequestBody {
    /// The body of a request under `limits`.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] when its announced length alone is over `Limits.Body`.
    pub fn new(incoming: Arriving, limits: &Limits) -> Result<Self, Fault> {
        if incoming.is_end_stream() {
            return Ok(Self::Empty);
        }
        if incoming.size_hint().lower() > limits.body {
            let limit = limits.body;
            return Err(Fault::TooLarge { limit });
        }
        Ok(Self::Stream(Inbound {
            incoming,
            first: None,
            left: limits.body,
            limit: limits.body,
            pace: Pace::new(limits.body_rate, limits.body_rate_grace),
            leash: None,
        }))
    }

    /// Ends a stream when its request may not go on. What is here whole is not held.
    pub(crate) fn hold_by(&mut self, leash: impl FnOnce() -> Leash) {
        if let Self::Stream(stream) = self {
            stream.leash = Some(leash());
        }
    }

    /// A stream that is already here whole becomes [`RequestBody::Full`]: it can be sent a second
    /// time, and leaves in one write with the head. Never waits, and leaves no waker.
    ///
    /// # Errors
    /// As the stream's own.
    pub(crate) fn settle(&mut self) -> Result<(), Fault> {
        let Self::Stream(stream) = self else {
            return Ok(());
        };
        if stream.first.is_some() {
            return Ok(());
        }
        match stream.poll_data(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {}
            Poll::Ready(None) => *self = Self::Empty,
            Poll::Ready(Some(Err(fault))) => return Err(fault),
            Poll::Ready(Some(Ok(data))) => {
                if stream.incoming.is_end_stream() {
                    *self = Self::Full(data);
                } else {
                    stream.first = Some(data);
                }
            }
        }
        Ok(())
    }

    /// Reads to the end, where a rule has to see all of it: at most `limit` bytes, within `time`.
    /// What was read is still to be sent on, as before.
    ///
    /// # Errors
    /// [`Unread`]; of these only [`Unread::Broken`] leaves nothing to send on.
    pub(crate) async fn whole(&mut self, limit: u64, time: Duration) -> Result<Bytes, Unread> {
        let stream = match self {
            Self::Empty => return Ok(Bytes::new()),
            Self::Full(data) if data.len() as u64 > limit => return Err(Unread::Over),
            Self::Full(data) => return Ok(data.clone()),
            Self::Stream(stream) => stream,
        };
        if stream
            .size_hint()
            .exact()
            .is_some_and(|length| length > limit)
        {
            return Err(Unread::Over);
        }
        let until = Instant::now() + time;
        let mut read = Whole::default();
        if let Some(first) = stream.first.take() {
            read.add(first);
        }
        // What was read stands before what may still come, whatever ends this.
        loop {
            if read.len() > limit {
                stream.first = Some(read.end());
                return Err(Unread::Over);
            }
            // Cancel safe as far as it matters: dropped with the request.
            let next = std::future::poll_fn(|cx| stream.poll_frame(cx));
            match timeout_at(until, next).await {
                Ok(Some(Ok(frame))) => read.add(frame.into_data().unwrap_or_default()),
                Ok(Some(Err(fault))) => return Err(Unread::Broken(fault)),
                Ok(None) => {
                    let data = read.end();
                    *self = if data.is_empty() {
                        Self::Empty
                    } else {
                        Self::Full(data.clone())
                    };
                    return Ok(data);
                }
                Err(_) => {
                    let data = read.end();
                    stream.first = (!data.is_empty()).then_some(data);
                    return Err(Unread::Late);
                }
            }
        }
    }
}

/// Why a body could not be read whole.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It has more bytes than the rule may see.
    Over,
    /// It did not come in time.
    Late,
    /// It broke, or it breaks a limit of every body.
    Broken(Fault),
}

/// Pieces on their way to one; a single piece is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    joined: BytesMut,
}

impl Whole {
    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&data);
    }

    fn len(&self) -> u64 {
        (self.first.len() + self.joined.len()) as u64
    }

    fn end(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(data) => {
                let data = std::mem::take(data);
                *self = Self::Empty;
                Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
            }
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(data) => data.is_empty(),
            Self::Stream(stream) => stream.first.is_none() && stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(data) => SizeHint::with_exact(data.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// A request body on its way in. It yields data only: trailers could carry past the gate what the
/// gate removes from the head.
pub struct Inbound {
    incoming: Arriving,
    /// Taken by [`RequestBody::settle`], not yet sent on.
    first: Option<Bytes>,
    /// Bytes that may still come.
    left: u64,
    limit: u64,
    pace: Pace,
    leash: Option<Leash>,
}

impl Inbound {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.leash.as_mut().is_some_and(Leash::is_cut) {
            return Poll::Ready(Some(Err(Fault::Revoked)));
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match self.poll_data(cx) {
            Poll::Ready(data) => {
                self.pace.came();
                Poll::Ready(data.map(|data| data.map(Frame::data)))
            }
            Poll::Pending => {
                if let Some(leash) = &mut self.leash
                    && leash.poll_cut(cx).is_ready()
                {
                    return Poll::Ready(Some(Err(Fault::Revoked)));
                }
                ready!(self.pace.poll_too_slow(cx));
                let rate = self.pace.rate;
                Poll::Ready(Some(Err(Fault::TooSlow { rate })))
            }
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.incoming).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(cause) => return Poll::Ready(Some(Err(Fault::Client(cause)))),
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = data.len() as u64;
            let Some(left) = self.left.checked_sub(length) else {
                let limit = self.limit;
                return Poll::Ready(Some(Err(Fault::TooLarge { limit })));
            };
            self.left = left;
            self.pace.received += length;
            return Poll::Ready(Some(Ok(data)));
        }
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.incoming.size_hint();
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        match hint.exact() {
            Some(rest) => SizeHint::with_exact(rest + first),
            None => SizeHint::new(),
        }
    }
}

/// How long a body may keep us waiting: the grace, and a second for every `rate` bytes that came.
/// Only time spent waiting for the client counts, never the engine's back pressure.
struct Pace {
    /// Bytes a second; 0 is no demand.
    rate: u64,
    grace: Duration,
    received: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    /// Made on the first wait, so a body that is already here costs no timer. May stand too early:
    /// what came since then has earned more time, which is looked up when it rings.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(rate: u64, grace: Duration) -> Self {
        Self {
            rate,
            grace,
            received: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            alarm: None,
        }
    }

    fn came(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Ready when the client has used up its time.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.rate == 0 {
            return Poll::Pending;
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / self.rate);
        let allowed = (self.grace.saturating_add(earned)).saturating_sub(self.waited);
        let Some(deadline) = since.checked_add(allowed) else {
            return Poll::Pending;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Why a request body cannot be read on. The client's doing, each of them.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// 413.
    #[error("the request body is over {limit} bytes")]
    TooLarge {
        /// `Limits.Body`.
        limit: u64,
    },
    /// 408.
    #[error("the request body came slower than {rate} bytes a second")]
    TooSlow {
        /// `Limits.BodyRate`.
        rate: u64,
    },
    /// 401.
    #[error("the request's token is no good any more")]
    Revoked,
    /// It broke off, or its framing is wrong.
    #[error("the request body broke off")]
    Client(#[source] hyper::Error),
}

/// What goes back to a client.
pub enum ResponseBody {
    /// Nothing.
    Empty,
    /// Whole.
    Full(Bytes),
    /// Streams from a connection of the pool, which gets it back when the body has ended.
    Upstream(upstream::Outbound),
    /// The engine linked into this process.
    #[cfg(feature = "embedded")]
    Embedded(engine::Body),
    /// Ends when the token of its request is no good any more.
    Held(Box<Held>),
}

/// A response that flows, and what it is held by.
pub struct Held {
    /// Empty once it was cut: the upstream is let go in the same moment.
    body: ResponseBody,
    leash: Leash,
}

impl Held {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.leash.is_cut() {
            let frame = Pin::new(&mut self.body).poll_frame(cx);
            if frame.is_ready() || self.leash.poll_cut(cx).is_pending() {
                return frame;
            }
        }
        self.body = ResponseBody::Empty;
        Poll::Ready(Some(Err(Broken::Revoked)))
    }
}

impl ResponseBody {
    /// Holds what flows. What is here whole, or has a length, ends by itself.
    pub(crate) fn held_by(self, leash: impl FnOnce() -> Leash) -> Self {
        let flows = match &self {
            Self::Empty | Self::Full(_) | Self::Held(_) => false,
            Self::Upstream(_) => true,
            #[cfg(feature = "embedded")]
            Self::Embedded(body) => body.size_hint().exact().is_none(),
        };
        if !flows {
            return self;
        }
        Self::Held(Box::new(Held {
            body: self,
            leash: leash(),
        }))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(data) => {
                let data = std::mem::take(data);
                *self = Self::Empty;
                Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
            }
            Self::Upstream(body) => body.poll_frame(cx).map_err(Broken::Upstream),
            #[cfg(feature = "embedded")]
            Self::Embedded(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|cause| Broken::Engine(cause.into())),
            Self::Held(held) => held.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(data) => data.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
            #[cfg(feature = "embedded")]
            Self::Embedded(body) => body.is_end_stream(),
            Self::Held(held) => held.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(data) => SizeHint::with_exact(data.len() as u64),
            Self::Upstream(body) => body.size_hint(),
            #[cfg(feature = "embedded")]
            Self::Embedded(body) => body.size_hint(),
            Self::Held(held) => held.body.size_hint(),
        }
    }
}

/// A response broke after its head was out; the client's connection or stream is cut, so that it
/// cannot take a part for the whole.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The upstream closed early, or sent what is no HTTP.
    #[error("the upstream's response broke off")]
    Upstream(#[source] hyper::Error),
    /// The token of its request was revoked, or its client removed.
    #[error("the request's token is no good any more")]
    Revoked,
    /// The embedded engine failed while it answered.
    #[error("the engine's response broke off")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
