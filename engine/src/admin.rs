//! Probes and metrics of the engine, on a listener of their own.
//!
//! In: GET requests. Out: `/livez` (the program runs), `/readyz` (schemes are loaded and no drain
//! is on; `?verbose` says what is), `/metrics` in the text format of Prometheus.
//! Rules: as on the engine's own listener, nothing for browsers and names rebound to us.

use std::convert::Infallible;
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::JoinSet;

use crate::Body;
use crate::server::{BindError, Socket, judge, tcp};
use crate::service::Engine;

/// Probes come at a time, few and short.
const CONNECTIONS_MAX: usize = 64;
/// For a head, and idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// The admin sockets, listening.
#[derive(Debug)]
pub struct Admin {
    sockets: Vec<TcpListener>,
}

impl Admin {
    /// Listens on each of `addresses`.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for &address in addresses {
            sockets.extend(tcp(address, 1, "Engine.Admin.Url")?);
        }
        Ok(Self { sockets })
    }

    /// Where it listens; with port 0, which port that became.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    /// When the runtime cannot take a socket.
    pub async fn serve(self, engine: Engine) -> std::io::Result<()> {
        let mut accepting = JoinSet::new();
        for socket in self.sockets {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            accepting.spawn(accept(listener, engine.clone()));
        }
        while accepting.join_next().await.is_some() {}
        Ok(())
    }
}

async fn accept(listener: tokio::net::TcpListener, engine: Engine) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => stream,
                Err(fault) => {
                    tracing::debug!(%fault, "cannot accept an admin connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let engine = engine.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&engine, request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(fault) = served {
                tracing::debug!(%fault, "an admin connection broke off");
            }
        });
    }
}

fn answer(engine: &Engine, request: Request<Incoming>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    if let Err(distrust) = judge(&parts, Socket::Admin) {
        return plain(StatusCode::FORBIDDEN, format!("{distrust}\n"));
    }
    let known = ["/livez", "/readyz", "/metrics"].contains(&parts.uri.path());
    if known && ![Method::GET, Method::HEAD].contains(&parts.method) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "send GET\n".into());
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match parts.uri.path() {
        "/livez" => plain(StatusCode::OK, "ok\n".into()),
        "/readyz" => readiness(engine, parts.uri.query()),
        "/metrics" => metrics(engine),
        _ => plain(
            StatusCode::NOT_FOUND,
            "there are /livez, /readyz and /metrics\n".into(),
        ),
    }
}

fn readiness(engine: &Engine, query: Option<&str>) -> Response<Body> {
    let state = engine.state();
    let ready = state.loaded && !state.draining;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let verbose = query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "verbose" || pair.starts_with("verbose="))
    });
    let mut text = String::new();
    if verbose {
        let sign = |good| if good { "[+]" } else { "[-]" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}schemes {} loaded, {} broken\n{}drain {}\n[+]store memory only\n[+]instances {}",
            sign(state.loaded),
            state.schemes,
            state.schemes_broken,
            sign(!state.draining),
            if state.draining { "on" } else { "off" },
            state.instances,
        );
    }
    text.push_str(if ready { "ok\n" } else { "not ready\n" });
    plain(status, text)
}

fn metrics(engine: &Engine) -> Response<Body> {
    let mut text = String::new();
    let state = engine.state();
    // Writing to a string cannot fail.
    let _ = engine.counts().write(&mut text);
    for (name, help, value) in [
        (
            "engine_instances",
            "Process instances held.",
            state.instances,
        ),
        (
            "engine_schemes",
            "Schemes that can be started.",
            state.schemes,
        ),
        (
            "engine_schemes_broken",
            "Scheme files with faults, left out.",
            state.schemes_broken,
        ),
        (
            "engine_ready",
            "1 when requests are answered.",
            usize::from(state.loaded && !state.draining),
        ),
    ] {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
        );
    }
    let mut response = plain(StatusCode::OK, text);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
