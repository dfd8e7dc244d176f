//! One connection: HTTP/1.1 or 2 with limits, until it ends, idles too long, or the engine drains.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::watch;

use super::malformed::Enveloped;
use super::trust::{self, Socket};
use crate::service::Engine;

/// How long a head may take, and how long a connection may idle. Above the sidecar's own idle
/// time, so that it is the sidecar that closes and no request meets a closing socket.
const HEAD_TIME_MAX: Duration = Duration::from_secs(75);
/// For the head of one request; the sidecar lets 32 KiB in and adds its own headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The sidecar lets 100 in and adds about ten.
const HEADERS_MAX: usize = 128;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// Pings on idle HTTP/2 connections find out that the other end has gone.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How connections are served; one for each worker.
#[derive(Clone)]
pub(super) struct Protocol(auto::Builder<TokioExecutor>);

impl Protocol {
    pub(super) fn new() -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
        Self(builder)
    }

    /// Serves `stream` to its end; `drain` turning true lets it finish what is in flight.
    pub(super) async fn serve<S>(
        self,
        stream: S,
        socket: Socket,
        engine: Engine,
        mut drain: watch::Receiver<bool>,
    ) where
        S: Read + Write + Unpin + Send + 'static,
    {
        // hyper's timer starts once it knows the protocol; this flag tells that it does.
        let started = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let started = Arc::clone(&started);
            move |request: Request<Incoming>| {
                started.store(true, Relaxed);
                let engine = engine.clone();
                async move { Ok::<_, Infallible>(answer(&engine, socket, request).await) }
            }
        });
        let mut connection = pin!(self.0.serve_connection(Enveloped::new(stream), service));
        let mut first_request = pin!(tokio::time::sleep(HEAD_TIME_MAX));
        let mut waiting_for_first = true;
        let mut draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(fault) = ended {
                        tracing::debug!(%fault, "a connection broke off");
                    }
                    return;
                }
                () = first_request.as_mut(), if waiting_for_first => {
                    if !started.load(Relaxed) {
                        return;
                    }
                    waiting_for_first = false;
                }
                // An error means that the server is gone: drain as well.
                _ = drain.wait_for(|drain| *drain), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn answer(
    engine: &Engine,
    socket: Socket,
    request: Request<Incoming>,
) -> http::Response<crate::Body> {
    let (parts, body) = request.into_parts();
    match trust::judge(&parts, socket) {
        Ok(()) => engine.call(Request::from_parts(parts, body)).await,
        Err(distrust) => engine.forbidden(&distrust),
    }
}
