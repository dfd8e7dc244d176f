//! Plain HTTP for probes and scrapers: `/livez`, `/readyz`, `/metrics`; and for administrators.
//!
//! In: requests of whoever reaches the listener, or may open the socket `admin.sock` under the data
//! folder. Out: text. Elsewhere: who may do more than look at probes (`authority`), and what that is
//! (`actions`).

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use super::actions;
use super::authority::{self, Door};
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

/// The socket's name under the data folder.
const SOCKET: &str = "admin.sock";

/// Starts serving on `listeners` and on the socket; returns the listeners' real addresses. Ends with
/// the runtime it runs on. Without the socket everything but its actions works.
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
    let folder = shared.live.snapshot().data_folder.clone();
    match socket(&folder) {
        Ok(listener) => {
            tokio::spawn(accept_local(listener, Arc::clone(shared)));
        }
        Err(error) => tracing::warn!(
            folder = %folder.display(), %error,
            "no admin.sock in the data folder: administrators need a token"
        ),
    }
    Ok(addresses)
}

/// Bound under a name of its own, so that nobody can open it before its mode is set, then put in
/// the place of what an earlier run left there.
fn socket(folder: &Path) -> io::Result<UnixListener> {
    crate::keys::make_folder(folder).map_err(io::Error::other)?;
    let own = folder.join(format!("{SOCKET}.{}", std::process::id()));
    let _ = std::fs::remove_file(&own);
    let listener = UnixListener::bind(&own)?;
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&own, folder.join(SOCKET))?;
    Ok(listener)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((tcp, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(tcp, Door::Network(peer.ip().into()), &shared).await;
            drop(place);
        });
    }
}

/// Whoever may open the socket is its owner, who needs no limit.
async fn accept_local(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve(stream, Door::Socket, &shared).await });
    }
}

async fn serve<S>(stream: S, door: Door, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(shared, door, request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // How a prober ends its connection is its own affair.
    let _ = serving.await;
}

async fn answer(
    shared: &Arc<Shared>,
    door: Door,
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
        Ok(()) if actions::is_action(request.uri().path()) => {
            match authority::authorise(shared, door, request.headers()) {
                Ok(who) => actions::answer(shared, &who, request).await,
                Err(refused) => refused.response(),
            }
        }
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
        _ => not_here(),
    }
}

fn not_here() -> Response<Full<Bytes>> {
    text(
        StatusCode::NOT_FOUND,
        "Here are /livez, /readyz, /readyz?verbose and /metrics\n",
    )
}

fn names_verbose(pair: &str) -> bool {
    matches!(pair, "verbose" | "verbose=" | "verbose=1" | "verbose=true")
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests;
