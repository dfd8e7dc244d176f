//! The bare hyper programs: what the same crates do without a sidecar around them. Run as
//! sub-commands of the bench itself, each in a process of its own.
//!
//! One single-threaded runtime each, as one worker of the sidecar has; the plain upstream behind
//! the proxies has one for each core, so that it is never the bottleneck.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Result, keys};

/// What the constant servers answer: about what a call of the API does.
pub const ANSWER: &str = r#"{"success":true,"data":["TestScheme"]}"#;

/// A plain HTTP/1.1 server with a constant answer.
///
/// # Errors
/// It cannot listen.
pub fn upstream(address: SocketAddr) -> Result<()> {
    let workers = std::thread::available_parallelism()?.get();
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            std::thread::spawn(move || {
                single(async move {
                    let listener = listen(address)?;
                    loop {
                        let (stream, _) = listener.accept().await?;
                        stream.set_nodelay(true)?;
                        let connection = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service_fn(constant));
                        // Its client closes it; how is of no interest here.
                        tokio::spawn(async move { drop(connection.await) });
                    }
                })
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a worker panicked")??;
    }
    Ok(())
}

/// A TLS server with a constant answer.
///
/// # Errors
/// It cannot listen, or its certificate is none.
pub fn tls_server(address: SocketAddr, certificate: &Path) -> Result<()> {
    let tls = TlsAcceptor::from(keys::server(certificate)?);
    single(async move {
        let listener = listen(address)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let tls = tls.clone();
            tokio::spawn(async move {
                let Some(stream) = handshake(&tls, stream).await else {
                    return;
                };
                let connection = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, service_fn(constant))
                    .await;
                drop(connection);
            });
        }
    })
}

/// A TLS proxy that checks nothing: what is left of a sidecar without its reason.
///
/// # Errors
/// It cannot listen, or its certificate is none.
pub fn tls_proxy(address: SocketAddr, certificate: &Path, upstream: SocketAddr) -> Result<()> {
    let tls = TlsAcceptor::from(keys::server(certificate)?);
    let pool = Arc::new(Pool {
        idle: Mutex::new(Vec::new()),
        upstream,
    });
    single(async move {
        let listener = listen(address)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let (tls, pool) = (tls.clone(), Arc::clone(&pool));
            tokio::spawn(async move {
                let Some(stream) = handshake(&tls, stream).await else {
                    return;
                };
                let service = service_fn(move |request| {
                    let pool = Arc::clone(&pool);
                    async move { pool.forward(request).await.map_err(std::io::Error::other) }
                });
                let connection = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, service)
                    .await;
                drop(connection);
            });
        }
    })
}

/// A connection whose handshake succeeds; the others are of no interest here.
async fn handshake(tls: &TlsAcceptor, stream: TcpStream) -> Option<TokioIo<TlsStream<TcpStream>>> {
    stream.set_nodelay(true).ok()?;
    tls.accept(stream).await.ok().map(TokioIo::new)
}

/// Idle connections, last in, first out.
struct Pool {
    idle: Mutex<Vec<SendRequest<Incoming>>>,
    upstream: SocketAddr,
}

impl Pool {
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Incoming>> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.into_parts().path_and_query.ok_or("no path")?;
        parts.uri = path.into();
        parts.version = http::Version::HTTP_11;
        parts.headers.remove(http::header::AUTHORIZATION);
        let host = HeaderValue::from_static("localhost");
        parts.headers.insert(http::header::HOST, host);
        let mut sender = self.sender().await?;
        let answer = sender
            .send_request(Request::from_parts(parts, body))
            .await?;
        // Ready again once its small body has been read, which it has by the next request.
        self.idle.lock().await.push(sender);
        let (mut parts, body) = answer.into_parts();
        parts.version = http::Version::HTTP_11;
        Ok(Response::from_parts(parts, body))
    }

    async fn sender(&self) -> Result<SendRequest<Incoming>> {
        loop {
            let Some(mut sender) = self.idle.lock().await.pop() else {
                break;
            };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn constant(
    _: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

fn single(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Several threads may listen on one address.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into())?)
}
