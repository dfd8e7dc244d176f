//! The load: as many requests as the server takes, each waiting for its answer.
//!
//! A thread for each core, each with its own runtime and connections. HTTP/1.1 has one request
//! under way on each of N connections, HTTP/2 S on each of C. Every answer is read whole and must
//! be a 200; another one ends the run, for a fast refusal is no answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Result, cpu};

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// HTTP/1.1, so many connections.
    Http1 {
        /// In all.
        connections: usize,
    },
    /// HTTP/2, so many connections with so many streams each.
    Http2 {
        /// In all.
        connections: usize,
        /// On each.
        streams: usize,
    },
}

impl Shape {
    /// For the report.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Http1 { connections } => format!("HTTP/1.1 {connections} connections"),
            Self::Http2 {
                connections,
                streams,
            } => format!("HTTP/2 {connections}x{streams} streams"),
        }
    }

    /// ALPN.
    #[must_use]
    pub fn protocol(self) -> &'static [u8] {
        match self {
            Self::Http1 { .. } => b"http/1.1",
            Self::Http2 { .. } => b"h2",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::Http1 { connections } | Self::Http2 { connections, .. } => connections,
        }
    }
}

/// What is asked, of whom.
#[derive(Clone)]
pub struct Target {
    /// Of the server.
    pub address: SocketAddr,
    /// With the protocol to speak.
    pub tls: Arc<ClientConfig>,
    /// Path and query.
    pub path: String,
    /// Sent with every request.
    pub token: String,
    /// A form that is posted; `None`: a GET.
    pub form: Option<Bytes>,
}

/// How long.
#[derive(Clone, Copy)]
pub struct Span {
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Answers within the span.
    pub requests: u64,
    /// Of the server process within it.
    pub cpu: Duration,
    /// Of the span, on the wall.
    pub wall: Duration,
}

/// Drives the process `pid` behind `target` for `span`.
///
/// # Errors
/// A connection or request failed, or an answer was no 200.
pub fn drive(target: &Target, shape: Shape, span: Span, pid: u32) -> Result<Measured> {
    let threads = std::thread::available_parallelism()?.get();
    let count = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            // Connections are dealt out evenly, the first threads get what is left over.
            let all = shape.connections();
            let own = all / threads + usize::from(thread < all % threads);
            let (target, count, stop) = (target.clone(), Arc::clone(&count), Arc::clone(&stop));
            std::thread::spawn(move || worker(&target, shape, own, &count, &stop))
        })
        .collect();
    std::thread::sleep(span.warm_up);
    let (start, before, cpu_before) = (Instant::now(), count.load(Relaxed), cpu::time(pid)?);
    std::thread::sleep(span.measured);
    let (wall, after, cpu_after) = (start.elapsed(), count.load(Relaxed), cpu::time(pid)?);
    stop.store(true, Relaxed);
    for worker in workers {
        worker.join().map_err(|_| "a load thread panicked")??;
    }
    Ok(Measured {
        requests: after - before,
        cpu: cpu_after.saturating_sub(cpu_before),
        wall,
    })
}

fn worker(
    target: &Target,
    shape: Shape,
    connections: usize,
    count: &Arc<AtomicU64>,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut loops = tokio::task::JoinSet::new();
        for _ in 0..connections {
            match shape {
                Shape::Http1 { .. } => {
                    let sender = http1_connection(target).await?;
                    let (target, count, stop) =
                        (target.clone(), Arc::clone(count), Arc::clone(stop));
                    loops.spawn(ask_http1(sender, target, count, stop));
                }
                Shape::Http2 { streams, .. } => {
                    let sender = http2_connection(target).await?;
                    for _ in 0..streams {
                        let (target, count, stop) =
                            (target.clone(), Arc::clone(count), Arc::clone(stop));
                        loops.spawn(ask_http2(sender.clone(), target, count, stop));
                    }
                }
            }
        }
        while let Some(ended) = loops.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// A TLS connection to the target.
///
/// # Errors
/// It is refused, or the handshake fails.
pub async fn connect(target: &Target) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    Ok(TlsConnector::from(Arc::clone(&target.tls))
        .connect(name, stream)
        .await?)
}

/// A connection that speaks HTTP/1.1.
///
/// # Errors
/// As [`connect`].
pub async fn http1_connection(target: &Target) -> Result<http1::SendRequest<Full<Bytes>>> {
    let stream = TokioIo::new(connect(target).await?);
    let (sender, connection) = http1::handshake(stream).await?;
    // Ends when the sender is dropped; a failure shows in the request that it fails.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn http2_connection(target: &Target) -> Result<http2::SendRequest<Full<Bytes>>> {
    let stream = TokioIo::new(connect(target).await?);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// One request of the run.
///
/// # Errors
/// The target is no URL.
pub fn request(target: &Target, absolute: bool) -> Result<Request<Full<Bytes>>> {
    let mut request = if absolute {
        Request::builder().uri(format!("https://{}{}", target.address, target.path))
    } else {
        let host = target.address.to_string();
        Request::builder().uri(&target.path).header(HOST, host)
    };
    if !target.token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {}", target.token));
    }
    Ok(match &target.form {
        Some(form) => request
            .method(Method::POST)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.clone()))?,
        None => request.body(Full::default())?,
    })
}

async fn ask_http1(
    mut sender: http1::SendRequest<Full<Bytes>>,
    target: Target,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Result<()> {
    let template = request(&target, false)?;
    while !stop.load(Relaxed) {
        sender.ready().await?;
        finish(sender.send_request(template.clone()).await?).await?;
        count.fetch_add(1, Relaxed);
    }
    Ok(())
}

async fn ask_http2(
    mut sender: http2::SendRequest<Full<Bytes>>,
    target: Target,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Result<()> {
    let template = request(&target, true)?;
    while !stop.load(Relaxed) {
        finish(sender.send_request(template.clone()).await?).await?;
        count.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Reads the answer whole.
///
/// # Errors
/// It breaks off, or is no 200.
pub async fn finish(response: Response<Incoming>) -> Result<()> {
    let status = response.status();
    let mut body = response.into_body();
    if status != 200 {
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        return Err(format!("a request was answered {status}: {body}").into());
    }
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}
