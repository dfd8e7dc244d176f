use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Certificate;
use crate::Shared;
use crate::admin::ConnectionLimit;
use crate::config::{self, CertificateSource, Limits, Live, Rate, Snapshot, Source};
use crate::server::{MakeUpstream, Server};
use crate::upstream::Upstream;

/// The defaults of the reference.
pub(crate) fn limits() -> Limits {
    let unlimited = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    Limits {
        handshake: Duration::from_secs(10),
        header: Duration::from_secs(30),
        form_body: Duration::from_secs(60),
        body_rate: 1024,
        body_rate_grace: Duration::from_secs(60),
        idle: Duration::from_secs(75),
        header_bytes: 32 * 1024,
        header_count: 100,
        body: 16 * 1024 * 1024,
        rule_body: 1024 * 1024,
        token: 8 * 1024,
        connections: 8192,
        connections_per_address: 6000,
        http2_streams: 128,
        secret_failures: unlimited,
        bearer_failures: unlimited,
        token_requests: None,
        requests: None,
    }
}

fn listen(address: &str, tls: bool) -> config::ListenUrl {
    config::ListenUrl {
        url: address.into(),
        addresses: vec![address.parse().unwrap()],
        tls,
    }
}

/// A data folder with keys, made once for all tests: making an RSA key takes a while.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{
            "Url": "https://127.0.0.1:0;http://127.0.0.2:0", "AllowPlainHttp": true,
            "DisableOpenIddictServer": false,
            "OpenIddictServerSettings": { "ClientCredentials": [
                { "ClientId": "tester", "ClientSecret": "for tests of the listener" }
            ] },
            "Upstream": "http://127.0.0.1:1",
            "Admin": { "Url": "http://127.0.0.1:0" },
            "Drain": { "Delay": 0 },
            "Workers": 2
        }"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        load(folder.path());
        folder
    });
    folder.path()
}

fn load(folder: &Path) -> Snapshot {
    let loaded = Source::file(folder.join("config.json")).load(None);
    match loaded.outcome {
        Ok(snapshot) => snapshot,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

/// A configuration with these limits: TLS and plain, two workers.
pub(crate) fn snapshot(limits: Limits) -> Snapshot {
    let mut snapshot = load(folder());
    snapshot.limits = limits;
    snapshot.listen = vec![listen("127.0.0.1:0", true), listen("127.0.0.1:0", false)];
    snapshot
}

/// What workers share, without a worker.
pub(crate) fn shared() -> Arc<Shared> {
    Arc::new(Shared::new(Live::new(Arc::new(snapshot(limits())))).unwrap())
}

/// A server on loopback, plain and TLS.
struct Serving {
    server: Server,
    shared: Arc<Shared>,
    tls: SocketAddr,
    plain: SocketAddr,
}

impl Serving {
    async fn start(limits: Limits) -> Self {
        let server = Server::start(snapshot(limits), &make_upstream())
            .await
            .unwrap();
        let shared = Arc::clone(server.shared());
        let addresses = shared.health.listening();
        let find = |tls| addresses.iter().find(|(_, t)| *t == tls).unwrap().0;
        Self {
            tls: find(true),
            plain: find(false),
            server,
            shared,
        }
    }

    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.plain).await.unwrap()
    }

    async fn tls(&self, protocol: &str) -> TlsStream<TcpStream> {
        let certificate = self.shared.live.snapshot().certificate.clone().unwrap();
        let leaf = certificate.key.cert[0].clone();
        self.tls_trusting(&leaf, protocol).await.unwrap()
    }

    async fn tls_trusting(
        &self,
        leaf: &CertificateDer<'static>,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(leaf.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(self.tls).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
    }

    fn closed_by(&self, limit: ConnectionLimit) -> u64 {
        let workers = self.shared.metrics.all().iter();
        workers.map(|w| w.connections_closed().of(limit)).sum()
    }
}

fn make_upstream() -> MakeUpstream {
    Arc::new(|shared| {
        Upstream::new(
            &shared.live,
            #[cfg(feature = "embedded")]
            None,
        )
    })
}

/// Sends a whole request and reads a whole answer; the status line.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

/// Reads one answer's head and body; the head.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head
}

/// Nothing here takes so long; a test that waits for what never comes fails.
const HANGS: Duration = Duration::from_secs(60);

/// Waits for a state.
async fn until(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.unwrap();
}

/// Whether the other side has closed, in order or by a reset.
async fn closes(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(HANGS, stream.read_to_end(&mut rest)).await;
    match ended.unwrap() {
        Ok(_) => true,
        Err(error) => {
            error.kind() == std::io::ErrorKind::ConnectionReset
                || error.kind() == std::io::ErrorKind::UnexpectedEof
        }
    }
}

const GET: &str = "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A request that stays under way until its last byte is sent.
const SLOW: &str = "POST /connect/token HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\na";

#[tokio::test]
async fn both_protocols_are_served_plain_and_encrypted() {
    let serving = Serving::start(limits()).await;
    let mut plain = serving.plain().await;
    for _ in 0..3 {
        let head = ask(&mut plain, GET).await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
    }
    let mut tls = serving.tls("http/1.1").await;
    for _ in 0..3 {
        let head = ask(&mut tls, GET).await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
    }
    assert_eq!(ask_http2(serving.plain().await).await, 404);
    assert_eq!(ask_http2(serving.tls("h2").await).await, 404);
}

/// A client's side of an HTTP/2 connection.
async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let (send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    send
}

async fn ask_http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> u16 {
    let mut send = http2(stream).await;
    let request = http::Request::get("http://localhost/none")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = send.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    response.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_one_request() {
    let serving = Serving::start(limits()).await;
    let mut plain = serving.plain().await;
    plain.set_nodelay(true).unwrap();
    for byte in "PUT /none HTTP/1.1\r\nHost: localhost\r\n\r\n".bytes() {
        plain.write_all(&[byte]).await.unwrap();
    }
    let head = answer(&mut plain).await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_closed() {
    let serving = Serving::start(Limits {
        handshake: Duration::from_millis(20),
        ..limits()
    })
    .await;
    let mut tcp = TcpStream::connect(serving.tls).await.unwrap();
    tcp.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    assert!(closes(&mut tcp).await);
    until(|| serving.closed_by(ConnectionLimit::Handshake) == 1).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_closed() {
    let serving = Serving::start(Limits {
        header: Duration::from_millis(20),
        ..limits()
    })
    .await;
    for begun in ["", "G", "GET /none HTTP/1.1\r\nHost: loc", "PRI * HT"] {
        let mut plain = serving.plain().await;
        plain.write_all(begun.as_bytes()).await.unwrap();
        assert!(closes(&mut plain).await, "{begun:?}");
    }
    // The second head of a connection has its deadline too.
    let mut tls = serving.tls("http/1.1").await;
    ask(&mut tls, GET).await;
    tls.write_all(b"GET /no").await.unwrap();
    assert!(closes(&mut tls).await);
    until(|| serving.closed_by(ConnectionLimit::Header) == 5).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let serving = Serving::start(Limits {
        idle: Duration::from_millis(20),
        ..limits()
    })
    .await;
    let mut plain = serving.plain().await;
    ask(&mut plain, GET).await;
    assert!(closes(&mut plain).await);
    until(|| serving.closed_by(ConnectionLimit::Idle) == 1).await;
}

#[tokio::test]
async fn a_request_under_way_outlasts_the_idle_deadline() {
    let serving = Serving::start(Limits {
        idle: Duration::from_millis(10),
        header: Duration::from_millis(10),
        ..limits()
    })
    .await;
    let mut slow = serving.plain().await;
    slow.write_all(SLOW.as_bytes()).await.unwrap();
    // A second connection's idle deadline passes meanwhile: a state to wait for, not a time.
    for _ in 0..3 {
        let mut other = serving.plain().await;
        assert!(closes(&mut other).await);
    }
    let head = ask(&mut slow, "b").await;
    assert!(head.starts_with("http/1.1 4"), "{head}");
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_431() {
    let serving = Serving::start(Limits {
        header_bytes: 1024,
        header_count: 10,
        ..limits()
    })
    .await;
    let many = "X: y\r\n".repeat(20);
    let long = format!("X: {}\r\n", "y".repeat(2000));
    for fields in [many, long] {
        let mut plain = serving.plain().await;
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        let head = ask(&mut plain, &request).await;
        assert!(head.starts_with("http/1.1 431"), "{head}");
    }
}

#[tokio::test]
async fn http2_heads_have_the_same_bounds() {
    let serving = Serving::start(Limits {
        header_bytes: 2048,
        header_count: 10,
        ..limits()
    })
    .await;
    let many: Vec<_> = (0..20)
        .map(|n| (format!("x-{n}"), "y".to_owned()))
        .collect();
    let long = vec![("x".to_owned(), "y".repeat(4000))];
    for fields in [many, long] {
        let mut request = http::Request::get("https://localhost/none");
        for (name, value) in &fields {
            request = request.header(name, value);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let mut send = http2(serving.tls("h2").await).await;
        let response = send.send_request(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 431);
    }
}

#[tokio::test]
async fn a_connection_beyond_its_limit_is_shed_at_once() {
    let serving = Serving::start(Limits {
        connections_per_address: 2,
        ..limits()
    })
    .await;
    let mut first = serving.plain().await;
    let mut second = serving.plain().await;
    ask(&mut first, GET).await;
    ask(&mut second, GET).await;
    let mut third = serving.plain().await;
    assert!(closes(&mut third).await);
    until(|| serving.closed_by(ConnectionLimit::ConnectionsPerAddress) == 1).await;
    // Whoever has a seat keeps it.
    ask(&mut first, GET).await;
}

#[tokio::test]
async fn a_certificate_put_in_force_serves_the_next_handshake() {
    let serving = Serving::start(limits()).await;
    let other = tempfile::tempdir().unwrap();
    let certificate = Certificate::load(&CertificateSource::Development, other.path()).unwrap();
    let leaf = certificate.key.cert[0].clone();
    assert!(serving.tls_trusting(&leaf, "http/1.1").await.is_err());
    let mut before = serving.tls("http/1.1").await;
    let mut next = snapshot(limits());
    next.certificate = Some(Arc::new(certificate));
    serving.shared.live.swap(Arc::new(next));
    assert!(serving.tls_trusting(&leaf, "http/1.1").await.is_ok());
    ask(&mut before, GET).await;
}

#[tokio::test]
async fn plain_http_at_a_tls_port_is_told_so() {
    let serving = Serving::start(limits()).await;
    let mut tcp = TcpStream::connect(serving.tls).await.unwrap();
    let head = ask(&mut tcp, GET).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_refuses_what_is_new() {
    let serving = Serving::start(limits()).await;
    let mut slow = serving.tls("http/1.1").await;
    slow.write_all(SLOW.as_bytes()).await.unwrap();
    let mut idle = serving.plain().await;
    ask(&mut idle, GET).await;
    let (mut send, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(serving.tls("h2").await),
    )
    .await
    .unwrap();
    let http2 = tokio::spawn(connection);
    let request = http::Request::get("https://localhost/none");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    send.send_request(request).await.unwrap();
    until(|| serving.shared.metrics.in_flight() > 0).await;
    let plain = serving.plain;
    let drained = tokio::spawn(serving.server.drain(Duration::from_secs(60)));
    assert!(closes(&mut idle).await);
    // GOAWAY with nothing under way ends the connection in order.
    assert!(http2.await.unwrap().is_ok());
    while TcpStream::connect(plain).await.is_ok() {}
    let head = ask(&mut slow, "b").await;
    assert!(head.starts_with("http/1.1 4"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert!(closes(&mut slow).await);
    drained.await.unwrap();
}

#[tokio::test]
async fn a_drain_ends_at_its_timeout() {
    let serving = Serving::start(limits()).await;
    let mut slow = serving.plain().await;
    slow.write_all(SLOW.as_bytes()).await.unwrap();
    until(|| serving.shared.metrics.in_flight() > 0).await;
    let shared = Arc::clone(&serving.shared);
    serving.server.drain(Duration::from_millis(10)).await;
    assert!(closes(&mut slow).await);
    let cut: u64 = shared
        .metrics
        .all()
        .iter()
        .map(|w| w.connections_closed().of(ConnectionLimit::Drain))
        .sum();
    assert_eq!(cut, 1);
}

#[tokio::test]
async fn a_changed_url_listens_anew_before_the_old_address_drains() {
    let mut serving = Serving::start(limits()).await;
    let mut old = serving.plain().await;
    ask(&mut old, GET).await;
    let mut next = snapshot(limits());
    next.listen = vec![listen("127.0.0.1:0", true), listen("127.0.0.2:0", false)];
    serving.server.apply(next).await.unwrap();
    let addresses = serving.shared.health.listening();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&(serving.tls, true)), "{addresses:?}");
    let (new, _) = addresses.iter().find(|(_, tls)| !tls).unwrap();
    let mut fresh = TcpStream::connect(new).await.unwrap();
    ask(&mut fresh, GET).await;
    assert!(closes(&mut old).await);
    while TcpStream::connect(serving.plain).await.is_ok() {}
}

#[tokio::test]
async fn many_connections_spread_over_the_workers() {
    let serving = Serving::start(limits()).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut one = serving.plain().await;
        ask(&mut one, GET).await;
        held.push(one);
    }
    let open: Vec<_> = serving
        .shared
        .metrics
        .all()
        .iter()
        .map(|worker| worker.plain().open)
        .collect();
    assert_eq!(open.iter().sum::<i64>(), 20);
    assert!(open.iter().all(|n| *n >= 8), "{open:?}");
}

#[tokio::test]
async fn a_parked_connection_serves_on() {
    let serving = Serving::start(limits()).await;
    let mut tls = serving.tls("http/1.1").await;
    let mut plain = serving.plain().await;
    for _ in 0..3 {
        ask(&mut tls, GET).await;
        ask(&mut plain, GET).await;
        until(|| {
            let workers = serving.shared.metrics.all().iter();
            workers.map(|worker| worker.plain().parked).sum::<i64>() == 2
        })
        .await;
    }
}
