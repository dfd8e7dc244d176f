//! The whole gate over a socket, for tests: a server that asks it, and an engine that tells what it
//! was sent.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::serve;
use crate::bearer::fixture;
use crate::config::{Endpoint, Live, Snapshot};
use crate::listener::Connection;
use crate::upstream::Upstream;
use crate::{Shared, Worker};

pub(crate) struct Rig {
    address: SocketAddr,
    pub(crate) worker: Arc<Worker>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A token of `client` that is good now.
pub(crate) fn token(client: &str) -> String {
    let now = now();
    fixture::token_of(&fixture::with(
        fixture::good_claims(),
        json!({"client_id": client, "sub": client, "iat": now, "nbf": now, "exp": now + 600}),
    ))
}

impl Rig {
    /// Serves `change`d fixture settings, with the echo behind.
    pub(crate) async fn start(change: impl FnOnce(&mut Snapshot)) -> Self {
        let mut snapshot = fixture::snapshot();
        let engine = echo().await.to_string().parse().unwrap();
        snapshot.upstream.endpoint = Endpoint::Http { authority: engine };
        change(&mut snapshot);
        let shared = Arc::new(Shared::new(Live::new(Arc::new(snapshot))).unwrap());
        let upstream = Upstream::new(
            &shared.live,
            #[cfg(feature = "embedded")]
            None,
        );
        let worker = Arc::new(Worker {
            upstream,
            index: 0,
            shared,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener, Arc::clone(&worker)));
        Self { address, worker }
    }

    /// Sends `request` as it stands and reads to the end.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// A request without a body; `fields` are whole lines.
    pub(crate) async fn ask(&self, line: &str, fields: &str) -> Answer {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: sidecar.example\r\nConnection: close\r\n{fields}\r\n"
        );
        self.send(&request).await
    }

    /// The same with the token of `client`.
    pub(crate) async fn ask_as(&self, client: &str, line: &str, fields: &str) -> Answer {
        let fields = format!("Authorization: Bearer {}\r\n{fields}", token(client));
        self.ask(line, &fields).await
    }

    /// A token request; `fields` are whole lines.
    pub(crate) async fn form(&self, fields: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "POST /connect/token HTTP/1.1\r\nHost: sidecar.example\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\
             {fields}\r\n{body}"
        );
        self.send(&request).await
    }
}

async fn accept(listener: TcpListener, worker: Arc<Worker>) {
    while let Ok((stream, peer)) = listener.accept().await {
        let worker = Arc::clone(&worker);
        let connection = Connection {
            peer,
            local: stream.local_addr().unwrap(),
            tls: true,
            through_proxy: false,
            certificate: OnceLock::new(),
        };
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (worker, connection) = (Arc::clone(&worker), connection.clone());
                async move {
                    Ok::<_, std::convert::Infallible>(serve(&worker, &connection, request).await)
                }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Answers with what it was sent.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let headers: serde_json::Map<String, Value> = head
                        .headers
                        .iter()
                        .map(|(name, value)| {
                            (
                                name.to_string(),
                                String::from_utf8_lossy(value.as_bytes()).into(),
                            )
                        })
                        .collect();
                    let told = json!({
                        "method": head.method.as_str(), "target": head.uri.to_string(),
                        "headers": headers, "body": String::from_utf8_lossy(&body),
                    });
                    let mut response = Response::new(Full::new(Bytes::from(told.to_string())));
                    let mine = http::HeaderValue::from_static("https://engine.example");
                    response
                        .headers_mut()
                        .insert("access-control-allow-origin", mine);
                    Ok::<_, hyper::Error>(response)
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}
