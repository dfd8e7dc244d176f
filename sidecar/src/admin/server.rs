//! Plain HTTP for probes and scrapers: `/livez`, `/readyz`, `/metrics`.
//!
//! In: requests of whoever reaches the listener. Out: text. Nothing here changes anything.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::exposition;
use super::guard::{self, Foreign};
use super::readiness::Readiness;
use crate::Shared;

/// Probes and scrapers are few; more at once is a fault of theirs and waits its turn.
const CONNECTIONS_MAX: usize = 64;

/// A request's head, and the pause between two, may take this long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);

/// Descriptors ran out; the workers' loops say so in the log.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Starts serving on `listeners`; returns their real addresses. Ends with the runtime it runs on.
pub(crate) fn start(
    listeners: Vec<std::net::TcpListener>,
    shared: &Arc<Shared>,
) -> io::Result<Vec<SocketAddr>> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut addresses = Vec::with_capacity(listeners.len());
    for listener in listeners {
        addresses.push(listener.local_addr()?);
        let listener = TcpListener::from_std(listener)?;
        tokio::spawn(accept(listener, Arc::clone(shared), Arc::clone(&places)));
    }
    Ok(addresses)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&shared, request));
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(tcp), service);
            // How a prober ends its connection is its own affair.
            let _ = serving.await;
            drop(place);
        });
    }
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let refused = guard::check(request.headers());
    let mut response = match refused {
        Err(Foreign::Host) => text(
            StatusCode::MISDIRECTED_REQUEST,
            "This listener answers to addresses and local names only: use one as Host\n",
        ),
        Err(Foreign::Page) => text(
            StatusCode::FORBIDDEN,
            "This listener does not answer web pages\n",
        ),
        Ok(()) if !matches!(*request.method(), Method::GET | Method::HEAD) => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
        Ok(()) => route(shared, request.uri()).await,
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

async fn route(shared: &Arc<Shared>, uri: &http::Uri) -> Response<Full<Bytes>> {
    match uri.path() {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" => {
            let verbose = uri
                .query()
                .is_some_and(|query| query.split('&').any(names_verbose));
            let readiness = Readiness::look(shared, verbose).await;
            let status = if readiness.ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            let told = if verbose {
                readiness.report()
            } else {
                readiness.line()
            };
            text(status, told)
        }
        "/metrics" => match exposition::exposition(shared) {
            Ok(metrics) => {
                let mut response = text(StatusCode::OK, metrics);
                let kind = HeaderValue::from_static(exposition::CONTENT_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(std::fmt::Error) => text(StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n"),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "Here are /livez, /readyz, /readyz?verbose and /metrics\n",
        ),
    }
}

fn names_verbose(pair: &str) -> bool {
    matches!(pair, "verbose" | "verbose=" | "verbose=1" | "verbose=true")
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests;
