//! An upstream under test, a fake engine behind it, and a client in front.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::super::pool::Bounds;
use super::super::shown::Shown;
use super::super::{Destination, Upstream};
use crate::admin::Metrics;
use crate::body::{Arriving, Fault, RequestBody, ResponseBody};
use crate::config::{Endpoint, Limits, Rate, UpstreamSettings};
use crate::gate::CanonicalRequest;
use crate::refusal::{Reason, Refusal};

/// Longer than any test takes: a deadline that must not ring.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// The upstream under test with what it is called with.
pub(super) struct Rig {
    pub(super) upstream: Upstream,
    pub(super) settings: UpstreamSettings,
    pub(super) generation: u64,
    pub(super) metrics: Metrics,
}

impl Rig {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self::bounded(endpoint, Bounds::default())
    }

    pub(super) fn bounded(endpoint: &Endpoint, bounds: Bounds) -> Self {
        Self {
            upstream: Upstream::to(1, endpoint, bounds),
            settings: UpstreamSettings {
                endpoint: endpoint.clone(),
                connect_timeout: NEVER,
                response_timeout: NEVER,
                idle_timeout: NEVER,
                preserve_host: false,
                forward_token: false,
                signed_identity: None,
            },
            generation: 1,
            metrics: Metrics::new(1),
        }
    }

    pub(super) async fn send(
        &self,
        request: CanonicalRequest,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let to = Destination {
            generation: self.generation,
            settings: &self.settings,
        };
        let identity = [
            HeaderValue::from_static("client"),
            HeaderValue::from_static("subject"),
            HeaderValue::from_static("WorkflowApi other"),
        ];
        let shown = Shown {
            bare: Some(&identity),
            ..Shown::default()
        };
        let counters = self.metrics.worker(0);
        self.upstream
            .deliver(&to, request, shown, Instant::now(), counters)
            .await
    }

    /// Status and body, or why not.
    pub(super) async fn ask(&self, request: CanonicalRequest) -> Result<(u16, Bytes), Reason> {
        let response = self.send(request).await.map_err(|refusal| refusal.reason)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await;
        Ok((status, body.unwrap().to_bytes()))
    }

    /// Idle connections to the endpoint in force.
    pub(super) fn idle(&self) -> usize {
        let current = self.upstream.current.lock();
        current.pool.as_ref().map_or(0, |pool| pool.idle_count())
    }
}

/// A request as the gate would admit it.
pub(super) fn request(method: &Method, path: &str, body: RequestBody) -> CanonicalRequest {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = method.clone();
    head.uri = path.parse().unwrap();
    let name = path
        .trim_start_matches("/workflowapi/")
        .split(['/', '?'])
        .next();
    CanonicalRequest {
        head,
        body,
        host: HeaderValue::from_static("api.example:8077"),
        operation: name.and_then(workflow_api::find),
        request_id: HeaderValue::from_static("0123456789abcdef"),
        client_address: [10, 1, 2, 3].into(),
        tls: true,
        proof: false,
    }
}

pub(super) fn get(path: &str) -> CanonicalRequest {
    request(&Method::GET, path, RequestBody::Empty)
}

pub(super) fn post(path: &str, body: &'static str) -> CanonicalRequest {
    request(
        &Method::POST,
        path,
        RequestBody::Full(Bytes::from_static(body.as_bytes())),
    )
}

/// An engine made of a script for each connection. Counts and keeps the heads it was sent.
pub(super) struct Fake {
    pub(super) endpoint: Endpoint,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Fake {
    /// `script` gets the connection's number, from 0.
    pub(super) async fn start<F, R>(script: F) -> Self
    where
        F: Fn(usize, Peer) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let task = tokio::spawn({
            let (seen, connections) = (Arc::clone(&seen), Arc::clone(&connections));
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let number = connections.fetch_add(1, SeqCst);
                    let seen = Arc::clone(&seen);
                    let peer = Peer {
                        stream,
                        read: Vec::new(),
                        seen,
                    };
                    tokio::spawn(script(number, peer));
                }
            }
        });
        Self {
            endpoint: Endpoint::Http {
                authority: authority.parse().unwrap(),
            },
            seen,
            connections,
            task: task.abort_handle(),
        }
    }

    /// Answers every request with `answer`, over and over.
    pub(super) async fn answering(answer: &'static str) -> Self {
        Self::start(move |_, mut peer| async move {
            while peer.request().await.is_some() {
                peer.write(answer).await;
            }
        })
        .await
    }

    /// The heads that came, in order.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The engine's end of a connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// The next head, counted; `None` at the end.
    pub(super) async fn request(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await.ok()?;
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        self.seen.lock().push(head.clone());
        Some(head)
    }

    /// As many bytes of the body.
    pub(super) async fn body(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            self.more().await.unwrap();
        }
        self.read.drain(..length).collect()
    }

    /// Up to and with `end`.
    pub(super) async fn until(&mut self, end: &str) -> Vec<u8> {
        let end = loop {
            if let Some(at) = find(&self.read, end.as_bytes()) {
                break at + end.len();
            }
            self.more().await.unwrap();
        };
        self.read.drain(..end).collect()
    }

    async fn more(&mut self) -> Result<(), ()> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(()),
        }
    }

    pub(super) async fn write(&mut self, text: &str) {
        // A peer that has gone is what some scripts wait for.
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Until the sidecar has closed.
    pub(super) async fn closed(&mut self) {
        while self.more().await.is_ok() {}
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

pub(super) fn limits() -> Limits {
    let rate = Rate {
        per_second: 1,
        burst: 1,
    };
    Limits {
        handshake: NEVER,
        header: NEVER,
        form_body: NEVER,
        body_rate: 1024,
        body_rate_grace: Duration::from_secs(60),
        idle: NEVER,
        header_bytes: 32 * 1024,
        header_count: 100,
        body: 1024 * 1024 * 1024,
        rule_body: 1024,
        token: 8192,
        connections: 1,
        connections_per_address: 1,
        http2_streams: 1,
        secret_failures: rate,
        bearer_failures: rate,
        token_requests: None,
        requests: None,
    }
}

/// A client's raw connection to a server that forwards through `rig`, HTTP/1.1.
pub(super) fn front(rig: &Arc<Rig>, limits: Limits) -> DuplexStream {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let rig = Arc::clone(rig);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (rig, limits) = (Arc::clone(&rig), limits.clone());
        async move {
            let (head, incoming) = request.into_parts();
            let incoming = Arriving::new(incoming, head.version);
            let answer = match RequestBody::new(incoming, &limits) {
                Ok(body) => {
                    let path = head.uri.to_string();
                    let mut canonical = self::request(&head.method, &path, body);
                    canonical.head.headers = head.headers;
                    rig.send(canonical).await.map_err(|refusal| refusal.reason)
                }
                Err(Fault::TooLarge { .. }) => Err(Reason::BodyTooLarge),
                Err(_) => Err(Reason::BodyBroken),
            };
            Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(|reason| {
                let mut response = Response::new(ResponseBody::Empty);
                *response.status_mut() = reason.status();
                response
            }))
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    tokio::spawn(connection);
    client
}

/// Reads a response's head from a raw connection: status and headers.
pub(super) async fn read_head(client: &mut DuplexStream) -> (StatusCode, HeaderMap) {
    let mut head = Vec::new();
    while find(&head, b"\r\n\r\n").is_none() {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let mut map = HeaderMap::new();
    headers.for_each(|(name, value): (http::HeaderName, HeaderValue)| {
        map.append(name, value);
    });
    (status.parse().unwrap(), map)
}
