//! An HTTP client that trusts what the test says: HTTP/1.1 or 2, TLS, plain TCP or a Unix socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::material::Material;
use crate::wait::within;

/// Reads and writes, whatever is underneath.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Where to and how; each call makes a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
    trust: Vec<CertificateDer<'static>>,
    http2: bool,
    identity: Option<Identity>,
    /// What is said before anything else.
    preface: Vec<u8>,
}

/// A certificate of the client's own. Sessions are resumed between its connections.
#[derive(Clone, Debug)]
struct Identity {
    config: Arc<ClientConfig>,
    resumed: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
enum Place {
    Tcp {
        tls: bool,
        /// As in the URL, for `Host` and the certificate.
        host: String,
        port: u16,
        /// What to connect to: `localhost` is 127.0.0.1 unless the test says otherwise.
        address: String,
    },
    Unix(PathBuf),
}

impl Client {
    /// For `https://…`, `http://…` or `unix:/…`, trusting only `trust`.
    pub fn new(url: &str, trust: Vec<CertificateDer<'static>>) -> Self {
        let place = if let Some(path) = url.strip_prefix("unix:") {
            Place::Unix(PathBuf::from(path))
        } else {
            let parsed = url.parse::<http::Uri>();
            let parsed = parsed.unwrap_or_else(|fault| panic!("{url}: {fault}"));
            let tls = parsed.scheme_str() == Some("https");
            let host = parsed.host().expect("a host in the URL").to_owned();
            let address = match host.as_str() {
                "localhost" => "127.0.0.1".to_owned(),
                other => other.to_owned(),
            };
            Place::Tcp {
                tls,
                port: parsed.port_u16().unwrap_or(if tls { 443 } else { 80 }),
                host,
                address,
            }
        };
        Self {
            place,
            trust,
            http2: false,
            identity: None,
            preface: Vec::new(),
        }
    }

    /// The same over HTTP/2.
    #[must_use]
    pub fn http2(&self) -> Self {
        Self {
            http2: true,
            ..self.clone()
        }
    }

    /// The same, which says `preface` before TLS and everything else, as a proxy may.
    #[must_use]
    pub fn saying(&self, preface: impl Into<Vec<u8>>) -> Self {
        Self {
            preface: preface.into(),
            ..self.clone()
        }
    }

    /// The same over this version of TLS, with a certificate to show if it is asked for one.
    #[must_use]
    pub fn with_identity(
        &self,
        material: &Material,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in &self.trust {
            roots.add(certificate.clone()).expect("a certificate");
        }
        let key = PrivateKeyDer::try_from(material.key_der.clone()).expect("a key");
        let mut config = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![material.trust()], key)
            .expect("a certificate with its key");
        config.alpn_protocols = vec![self.alpn().to_vec()];
        Self {
            identity: Some(Identity {
                config: Arc::new(config),
                resumed: Arc::new(AtomicUsize::new(0)),
            }),
            ..self.clone()
        }
    }

    /// How many connections with its identity were resumed from a ticket.
    pub fn resumed(&self) -> usize {
        let identity = self.identity.as_ref();
        identity.map_or(0, |identity| identity.resumed.load(Ordering::Relaxed))
    }

    fn alpn(&self) -> &'static [u8] {
        if self.http2 { b"h2" } else { b"http/1.1" }
    }

    /// The same, connected to another address of the host.
    #[must_use]
    pub fn at(&self, other: &str) -> Self {
        let mut client = self.clone();
        if let Place::Tcp { address, .. } = &mut client.place {
            other.clone_into(address);
        }
        client
    }

    /// The authority for `Host`.
    pub fn authority(&self) -> String {
        match &self.place {
            Place::Tcp { host, port, .. } => format!("{host}:{port}"),
            Place::Unix(_) => "localhost".to_owned(),
        }
    }

    /// A byte stream: TCP and TLS done, nothing sent.
    pub async fn stream(&self) -> Result<Box<dyn Duplex>, String> {
        match &self.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                Ok(Box::new(stream.map_err(|fault| fault.to_string())?))
            }
            Place::Tcp {
                tls,
                host,
                port,
                address,
            } => {
                let stream = TcpStream::connect(format!("{address}:{port}"));
                let mut stream = stream.await.map_err(|fault| fault.to_string())?;
                let _ = stream.set_nodelay(true);
                let said = stream.write_all(&self.preface).await;
                said.map_err(|fault| fault.to_string())?;
                if !tls {
                    return Ok(Box::new(stream));
                }
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
                let config = match &self.identity {
                    Some(identity) => Arc::clone(&identity.config),
                    None => Arc::new(self.tls()),
                };
                let connector = TlsConnector::from(config);
                let stream = connector.connect(name.expect("a server name"), stream);
                let stream = stream.await.map_err(|fault| fault.to_string())?;
                let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
                if let (Some(identity), true) = (&self.identity, resumed) {
                    identity.resumed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Box::new(stream))
            }
        }
    }

    fn tls(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in &self.trust {
            roots.add(certificate.clone()).expect("a certificate");
        }
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![self.alpn().to_vec()];
        config
    }

    /// A connection that is kept for several calls.
    pub async fn connect(&self) -> Result<Connection, String> {
        let stream = TokioIo::new(self.stream().await?);
        let sender = if self.http2 {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .map_err(|fault| fault.to_string())?;
            tokio::spawn(driver);
            Sender::Http2(sender)
        } else {
            let (sender, driver) = http1::handshake(stream)
                .await
                .map_err(|fault| fault.to_string())?;
            tokio::spawn(driver);
            Sender::Http1(sender)
        };
        Ok(Connection { sender })
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// Any method.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = Request::new(Full::default());
        let uri = if self.http2 {
            let scheme = match &self.place {
                Place::Tcp { tls: true, .. } => "https",
                _ => "http",
            };
            format!("{scheme}://{}{path}", self.authority())
        } else {
            let host = HeaderValue::from_str(&self.authority()).expect("a host");
            request.headers_mut().insert(http::header::HOST, host);
            path.to_owned()
        };
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap_or_else(|fault| panic!("{uri}: {fault}"));
        Call {
            client: self.clone(),
            request,
        }
    }
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection that serves one call after the other.
pub struct Connection {
    sender: Sender,
}

impl Connection {
    /// Sends `call` here; an error says that the connection is gone.
    pub async fn send(&mut self, call: Call) -> Result<Answer, String> {
        let answered = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(|fault| fault.to_string())?;
                sender.send_request(call.request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(|fault| fault.to_string())?;
                sender.send_request(call.request).await
            }
        };
        let (head, body) = answered.map_err(|fault| format!("{fault:?}"))?.into_parts();
        let body = body.collect().await.map_err(|fault| format!("{fault:?}"))?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}

/// A request being made.
#[must_use]
#[derive(Debug)]
pub struct Call {
    client: Client,
    request: Request<Full<Bytes>>,
}

impl Call {
    /// Adds a header; a second one of the same name stands beside the first.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.request.headers_mut().append(name, value);
        self
    }

    /// `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic …`, both halves form-encoded as RFC 6749 §2.3.1 wants.
    pub fn basic(self, id: &str, secret: &str) -> Self {
        use base64::Engine as _;
        let pair = format!("{}:{}", form_encoded(id), form_encoded(secret));
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// A JSON body.
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// A form body.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", form(pairs))
    }

    /// Any body.
    pub fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self.header("content-type", media_type)
    }

    /// Sends it on a connection of its own.
    pub async fn try_send(self) -> Result<Answer, String> {
        let client = self.client.clone();
        let what = format!("{} {}", self.request.method(), self.request.uri());
        within(&what, async {
            let mut connection = client.connect().await?;
            connection.send(self).await
        })
        .await
    }

    /// Sends it and wants an answer.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        self.try_send()
            .await
            .unwrap_or_else(|fault| panic!("no answer to {what}: {fault}"))
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(fault) => panic!("{fault} in {} {:?}", self.status, self.text()),
        }
    }

    /// A header as text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The same answer, if its status is this.
    #[track_caller]
    #[allow(
        clippy::return_self_not_must_use,
        reason = "asserting the status may be all that a test wants"
    )]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }
}

/// Pairs in `application/x-www-form-urlencoded`.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", form_encoded(name), form_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// One half of a pair, encoded.
pub fn form_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
        encoded
    })
}
