//! An engine's stand-in that keeps every byte it was sent and answers as the test says.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::client::Duplex;
use crate::material::Material;
use crate::raw::{field, find};
use crate::wait::within;

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: String,
    /// What has come of the body; chunks are joined.
    pub body: String,
    /// Whether all of it has.
    pub complete: bool,
}

impl Seen {
    /// Method and target.
    pub fn line(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.trim_end_matches(" HTTP/1.1")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    /// Every value of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1);
        let fields = fields.filter_map(|line| line.split_once(':'));
        let values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.trim()).collect()
    }
}

/// What to do with a request.
pub enum Reply {
    /// 200 with this JSON.
    Json(&'static str),
    /// These bytes, whatever they are.
    Raw(String),
    /// These bytes, then the connection is closed.
    Last(String),
    /// The pieces as they come, until the sender is gone.
    Pieces(mpsc::UnboundedReceiver<String>),
    /// Nothing, with the connection open.
    Silence,
    /// Nothing, with the connection closed.
    Close,
}

type Behaviour = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A running recorder; dropping it closes its port and every connection.
pub struct Recorder {
    /// `http://127.0.0.1:port` or `unix:/path`.
    pub url: String,
    seen: watch::Receiver<Vec<Seen>>,
    serving: JoinHandle<()>,
}

/// The answer of an engine that has nothing to say.
pub const SUCCESS: &str = r#"{"success":true}"#;

impl Recorder {
    /// Answers everything with success.
    pub async fn start() -> Self {
        Self::with(|_| Reply::Json(SUCCESS)).await
    }

    /// Answers as `behaviour` says, once a request has come whole.
    pub async fn with(behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", behaviour).await
    }

    /// The same at a certain address.
    pub async fn at(
        address: &str,
        behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        Self::serve(url, Arc::new(behaviour), Listener::Tcp(listener))
    }

    /// The same over TLS, with the certificate of `material`.
    pub async fn tls(
        material: &Material,
        behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let key = PrivateKeyDer::try_from(material.key_der.clone()).expect("a key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![material.trust()], key)
            .expect("a certificate with its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        Self::serve(url, Arc::new(behaviour), Listener::Tls(listener, acceptor))
    }

    /// The same on a Unix socket.
    pub fn unix(path: &Path, behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let url = format!("unix:{}", path.display());
        Self::serve(url, Arc::new(behaviour), Listener::Unix(listener))
    }

    fn serve(url: String, behaviour: Behaviour, listener: Listener) -> Self {
        let (record, seen) = watch::channel(Vec::new());
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for connection in 0.. {
                let stream = listener.accept().await;
                let exchange = Exchange {
                    connection,
                    stream,
                    pending: Vec::new(),
                    record: record.clone(),
                };
                connections.spawn(exchange.run(Arc::clone(&behaviour)));
            }
        });
        Self { url, seen, serving }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        let bare = self.url.trim_start_matches("http://");
        bare.trim_start_matches("https://")
    }

    /// Everything that arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// The only request that arrived.
    #[track_caller]
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen.into_iter().next().expect("one")
    }

    /// Waits until the record satisfies `is`.
    pub async fn until(&self, what: &str, is: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut seen = self.seen.clone();
        let waited = within(what, seen.wait_for(|seen| is(seen)));
        waited.await.expect("the recorder runs").clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    Tls(TcpListener, TlsAcceptor),
}

impl Listener {
    async fn accept(&self) -> Box<dyn Duplex> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await.expect("a connection");
                let _ = stream.set_nodelay(true);
                Box::new(stream)
            }
            Self::Tls(listener, acceptor) => loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                // Who does not trust the certificate leaves here.
                if let Ok(stream) = acceptor.accept(stream).await {
                    return Box::new(stream);
                }
            },
            Self::Unix(listener) => Box::new(listener.accept().await.expect("a connection").0),
        }
    }
}

struct Exchange {
    connection: usize,
    stream: Box<dyn Duplex>,
    pending: Vec<u8>,
    record: watch::Sender<Vec<Seen>>,
}

impl Exchange {
    async fn run(mut self, behaviour: Behaviour) {
        while let Some(seen) = self.request().await {
            let written = match behaviour(&seen) {
                Reply::Json(body) => self.write(&json(body)).await,
                Reply::Raw(bytes) => self.write(&bytes).await,
                Reply::Last(bytes) => {
                    self.write(&bytes).await;
                    false
                }
                Reply::Pieces(mut pieces) => {
                    let mut open = true;
                    while let (true, Some(piece)) = (open, pieces.recv().await) {
                        open = self.write(&piece).await;
                    }
                    open
                }
                Reply::Silence => {
                    // Until the other side gives up.
                    while self.fill().await {}
                    false
                }
                Reply::Close => false,
            };
            if !written {
                break;
            }
        }
        let _ = self.stream.shutdown().await;
    }

    /// Reads one request whole; its record grows as it comes.
    async fn request(&mut self) -> Option<Seen> {
        let end = loop {
            match find(&self.pending, b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let head = self.pending.drain(..end).collect::<Vec<_>>();
        let mut seen = Seen {
            connection: self.connection,
            head: String::from_utf8_lossy(&head).into_owned(),
            ..Seen::default()
        };
        let index = self.note_new(&seen);
        if field(&seen.head, "expect").is_some() {
            self.write("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        if field(&seen.head, "transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await? {
                seen.body.push_str(&String::from_utf8_lossy(&chunk));
                self.note(index, &seen);
            }
        } else if let Some(length) = field(&seen.head, "content-length") {
            let mut left = length.parse::<usize>().ok()?;
            while left > 0 {
                if self.pending.is_empty() && !self.fill().await {
                    return None;
                }
                let take = left.min(self.pending.len());
                let part = self.pending.drain(..take).collect::<Vec<_>>();
                left -= take;
                seen.body.push_str(&String::from_utf8_lossy(&part));
                self.note(index, &seen);
            }
        }
        seen.complete = true;
        self.note(index, &seen);
        Some(seen)
    }

    /// The next chunk; the outer `None` is an end in the middle, the inner one the last chunk.
    #[allow(clippy::option_option, reason = "told apart above")]
    async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let end = loop {
            match find(&self.pending, b"\r\n") {
                Some(end) => break end,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let line = self.pending.drain(..end + 2).collect::<Vec<_>>();
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        while self.pending.len() < size + 2 {
            if !self.fill().await {
                return None;
            }
        }
        let chunk = self.pending.drain(..size).collect();
        self.pending.drain(..2);
        Some((size > 0).then_some(chunk))
    }

    fn note_new(&self, seen: &Seen) -> usize {
        let mut index = 0;
        self.record.send_modify(|record| {
            index = record.len();
            record.push(seen.clone());
        });
        index
    }

    fn note(&self, index: usize, seen: &Seen) {
        self.record
            .send_modify(|record| record[index] = seen.clone());
    }

    async fn write(&mut self, bytes: &str) -> bool {
        let written = self.stream.write_all(bytes.as_bytes()).await;
        written.is_ok() && self.stream.flush().await.is_ok()
    }

    async fn fill(&mut self) -> bool {
        self.pending.reserve(16 * 1024);
        matches!(self.stream.read_buf(&mut self.pending).await, Ok(1..))
    }
}

/// A whole answer with a JSON body.
pub fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
