//! HTTP/1.1 and HTTP/2 on one connection: hyper with every bound set, under its connection's
//! alarm.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::Session;
use super::life::Verdict;
use super::stream::Stream;
use crate::admin::{ConnectionLimit, Stage};
use crate::body::ResponseBody;
use crate::config::Limits;
use crate::gate;

/// hyper's own default, for which it keeps the table of headers on the stack; any other number
/// costs an allocation for each request.
const HEADERS_ON_STACK: usize = 100;

/// Bounds what a body that its reader does not take can hold of a connection. hyper takes no
/// less than 8 KiB.
const HTTP1_BUFFER: usize = 64 * 1024;

/// Bytes of one request body that may come in ahead of the upstream.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Bytes of one response that may wait for their reader.
const SEND_BUFFER: usize = 64 * 1024;

/// Streams that were opened and reset before we saw them (CVE-2023-44487).
const PENDING_RESETS: usize = 20;

/// Streams that we reset because of the other side's faults.
const LOCAL_RESETS: usize = 128;

/// An unanswered PING ends the connection after this.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// So long the rest of a refused request is read and thrown away.
const LINGER: Duration = Duration::from_secs(2);

/// After GOAWAY an idle connection has so long to close by itself.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 until either side ends the connection. Between requests hyper's buffers are
/// given back after a while.
pub(super) async fn serve_http1<T>(
    session: &Arc<Session>,
    mut stream: Stream<T>,
    limits: &Limits,
) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut alarm = pin!(sleep_until(session.life.next_alarm(Instant::now())));
    loop {
        if !wait_for_bytes(session, &mut stream, alarm.as_mut()).await? {
            // The other end is gone, or its time is up; TLS is owed its close_notify.
            let _ = stream.shutdown().await;
            return Ok(());
        }
        // While it was parked the alarm was set for the end of its idle time.
        alarm
            .as_mut()
            .reset(session.life.next_alarm(Instant::now()));
        let service = service_fn(|request| answer(Arc::clone(session), request));
        let mut connection = http1(limits).serve_connection(TokioIo::new(stream), service);
        let mut ending = false;
        let ended = poll_fn(|cx| {
            // Polled first: told to end before it has read what is there, hyper would drop it.
            let mut polled = Pin::new(&mut connection).poll(cx);
            if polled.is_pending() && !ending && session.life.draining(cx.waker()) {
                ending = true;
                Pin::new(&mut connection).graceful_shutdown();
                polled = Pin::new(&mut connection).poll(cx);
            }
            if let Poll::Ready(done) = polled {
                return Poll::Ready(Ended::Done(done.map_err(io::Error::other)));
            }
            poll_alarm(session, alarm.as_mut(), cx)
        })
        .await;
        match ended {
            Ended::Done(done) => {
                linger(connection.into_parts().io.into_inner()).await;
                return done;
            }
            Ended::Limit(limit) => {
                session.worker.counters().connection_closed_by(limit);
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ended::Park => {
                let parts = connection.into_parts();
                stream = parts.io.into_inner();
                stream.put_back(parts.read_buf);
            }
        }
    }
}

/// Ends our direction and waits for the other end to end its own. Closing with a part of a refused
/// request unread would reset the connection, and the refusal could be lost (RFC 9112 §9.6).
async fn linger<T>(mut stream: Stream<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let end = async move {
        // hyper has done so, but not where it had to give up.
        let _ = stream.shutdown().await;
        let mut unread = [0; 4 * 1024];
        while stream.read(&mut unread).await.is_ok_and(|n| n > 0) {}
    };
    // Boxed, as it is needed for a moment only.
    let _ = tokio::time::timeout(LINGER, Box::pin(end)).await;
}

/// Serves HTTP/2 until either side ends the connection.
pub(super) async fn serve_http2<T>(
    session: &Arc<Session>,
    stream: Stream<T>,
    limits: &Limits,
) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let owned = Arc::clone(session);
    let service = service_fn(move |request| answer(Arc::clone(&owned), request));
    let mut connection = http2(limits).serve_connection(TokioIo::new(stream), service);
    let mut alarm = pin!(sleep_until(session.life.next_alarm(Instant::now())));
    let mut going_away = false;
    let ended = poll_fn(|cx| {
        if !going_away && session.life.draining(cx.waker()) {
            going_away = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(done) = Pin::new(&mut connection).poll(cx) {
            return Poll::Ready(Ended::Done(done.map_err(io::Error::other)));
        }
        match poll_alarm(session, alarm.as_mut(), cx) {
            // HTTP/2 keeps its state in the connection; there is nothing to give back.
            Poll::Ready(Ended::Park) => Poll::Pending,
            other => other,
        }
    })
    .await;
    match ended {
        Ended::Done(done) => done,
        Ended::Limit(limit) => {
            session.worker.counters().connection_closed_by(limit);
            Pin::new(&mut connection).graceful_shutdown();
            let _ = tokio::time::timeout(GOAWAY_GRACE, &mut connection).await;
            Err(io::ErrorKind::TimedOut.into())
        }
        Ended::Park => Ok(()),
    }
}

/// Why hyper's connection is no longer polled.
enum Ended {
    Done(io::Result<()>),
    Limit(ConnectionLimit),
    Park,
}

/// Judges the connection when its alarm rings.
fn poll_alarm(session: &Session, mut alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Ended> {
    while alarm.as_mut().poll(cx).is_ready() {
        match session.life.judge(Instant::now()) {
            Verdict::Wait(until) => alarm.as_mut().reset(until),
            Verdict::Park(due) => {
                alarm.as_mut().reset(due);
                return Poll::Ready(Ended::Park);
            }
            Verdict::Close(limit) => return Poll::Ready(Ended::Limit(limit)),
        }
    }
    Poll::Pending
}

/// Waits for the first bytes of a request; `false` when none will be served.
async fn wait_for_bytes<T>(
    session: &Session,
    stream: &mut Stream<T>,
    mut alarm: Pin<&mut Sleep>,
) -> io::Result<bool>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let _parked = session.worker.counters().connection_parked();
    let mut readable = pin!(stream.readable());
    poll_fn(|cx| {
        if let Poll::Ready(readable) = readable.as_mut().poll(cx) {
            return Poll::Ready(readable);
        }
        if session.life.draining(cx.waker()) && session.life.may_end(Instant::now()) {
            return Poll::Ready(Ok(false));
        }
        loop {
            match poll_alarm(session, alarm.as_mut(), cx) {
                Poll::Ready(Ended::Limit(limit)) => {
                    session.worker.counters().connection_closed_by(limit);
                    return Poll::Ready(Ok(false));
                }
                Poll::Ready(Ended::Park) => {}
                Poll::Ready(Ended::Done(_)) | Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(HTTP1_BUFFER));
    if limits.header_count != HEADERS_ON_STACK {
        builder.max_headers(limits.header_count);
    }
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Counts a request as under way from its head until its response's body is dropped.
struct UnderWay(Arc<Session>);

impl UnderWay {
    fn new(session: Arc<Session>) -> Self {
        session.life.request_begun();
        session.worker.counters().request_begun();
        Self(session)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.worker.counters().request_ended();
        self.0.life.request_ended();
    }
}

async fn answer(
    session: Arc<Session>,
    request: Request<Incoming>,
) -> Result<Response<Watched>, Infallible> {
    let under_way = UnderWay::new(session);
    let session = &under_way.0;
    let of_http1 = request.version() <= Version::HTTP_11;
    let mut response = gate::serve(&session.worker, &session.connection, request).await;
    // hyper would say so by itself, but only once the drain has reached this connection.
    if of_http1 && session.worker.shared.health.stage() == Stage::Closing {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response.map(|body| Watched {
        body,
        _under_way: under_way,
    }))
}

/// A response's body that keeps its request counted.
struct Watched {
    body: ResponseBody,
    _under_way: UnderWay,
}

impl Body for Watched {
    type Data = <ResponseBody as Body>::Data;
    type Error = <ResponseBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
