//! A careful HTTP client for what the sidecar itself asks of others: key sets, tokens.
//!
//! In: a `Source` (an absolute URL, and where to connect when that is not where the name leads),
//! limits. Out: a `Fetched` answer whatever its status, or why there is none. An answer comes
//! whole within its deadline and its size, or not at all; redirects are answers like others and
//! are not followed.
//! Rules: plain `http://` to loopback only; RFC 9111 §4.2.1 and §4.2.3 (how long an answer is
//! fresh); RFC 6125 (the certificate is of the public name, wherever the connection goes).
//! Elsewhere: what is in the answer; when to ask again.
//!
//! One connection for each question: questions are minutes apart, and a connection that is not
//! kept cannot be stale. Futures are boxed inside: a caller's own stays small.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, DATE, ETAG, EXPIRES, HOST,
    IF_NONE_MATCH, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use settings::url::is_loopback;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) use crate::upstream::source::{FetchFrom, Source, SourceFault};

/// For one of several addresses of a name, so that a dead one leaves time for the others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Head of an answer; issuers' are below 4 KiB.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Where systems keep the certificates that everyone trusts.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The certificate authorities that this system trusts: `SSL_CERT_FILE`, else the first bundle of
/// the usual places. None where there is none. Reads a file: not for a thread that serves.
pub fn system_roots() -> RootCertStore {
    let named = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let usual = || SYSTEM_BUNDLES.iter().map(Path::new).find(|p| p.exists());
    let path = named.as_deref().map(Path::new).or_else(usual);
    let mut roots = RootCertStore::empty();
    let certificates = path.and_then(|path| CertificateDer::pem_file_iter(path).ok());
    // A bundle may hold what no one can use; the others are trusted all the same.
    roots.add_parsable_certificates(certificates.into_iter().flatten().flatten());
    roots
}

/// Asks others. Clones share what is trusted.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Arc<ClientConfig>,
}

/// What an answer may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For everything, from the look-up of the name to the last byte.
    pub(crate) deadline: Duration,
    pub(crate) body_bytes_max: usize,
}

/// An answer, complete.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// How long it is fresh, by its own word; zero where it is not to be kept.
    pub(crate) max_age: Option<Duration>,
    pub(crate) etag: Option<HeaderValue>,
}

/// Why there is no answer. Names who was asked, and never what was sent or came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("cannot look up {origin}")]
    Lookup { origin: Arc<str>, source: io::Error },
    #[error("cannot connect to {origin}")]
    Connect { origin: Arc<str>, source: io::Error },
    #[error("no TLS with {origin}")]
    Tls { origin: Arc<str>, source: io::Error },
    #[error("no answer from {origin}")]
    Http {
        origin: Arc<str>,
        source: hyper::Error,
    },
    #[error("the answer of {origin} is larger than {max} bytes")]
    TooLarge { origin: Arc<str>, max: usize },
    #[error("no whole answer from {origin} within {} s", .after.as_secs_f32())]
    Late { origin: Arc<str>, after: Duration },
}

impl Client {
    /// Trusts what the system trusts, and `extra` authorities. Reads files: not for a thread that
    /// serves.
    ///
    /// # Errors
    /// When one of `extra` is not a certificate.
    pub(crate) fn new(extra: &[CertificateDer<'static>]) -> Result<Self, rustls::Error> {
        let mut roots = system_roots();
        for certificate in extra {
            roots.add(certificate.clone())?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: Arc::new(config),
        })
    }

    /// GET. With the `ETag` of an answer that is still held, the status may be 304 and the body
    /// empty.
    pub(crate) async fn get(
        &self,
        source: &Source,
        limits: Limits,
        held: Option<&HeaderValue>,
    ) -> Result<Fetched, FetchError> {
        let mut request = source.request(Method::GET, Bytes::new());
        if let Some(etag) = held {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        Box::pin(self.ask(source, request, limits)).await
    }

    /// POST of a form that is encoded already.
    pub(crate) async fn post_form(
        &self,
        source: &Source,
        form: String,
        authorization: Option<HeaderValue>,
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        let mut request = source.request(Method::POST, form.into());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(mut authorization) = authorization {
            authorization.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        Box::pin(self.ask(source, request, limits)).await
    }

    async fn ask(
        &self,
        source: &Source,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        let asked = async {
            let tcp = source.connect().await?;
            if !source.tls {
                return exchange(source, tcp, request, limits).await;
            }
            let origin = || Arc::clone(source.origin());
            let tls_error = |source| FetchError::Tls {
                origin: origin(),
                source,
            };
            let name = ServerName::try_from(source.host.to_string())
                .map_err(|error| tls_error(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            let stream = connector.connect(name, tcp).await.map_err(tls_error)?;
            exchange(source, stream, request, limits).await
        };
        match timeout(limits.deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Late {
                origin: Arc::clone(source.origin()),
                after: limits.deadline,
            }),
        }
    }
}

impl Source {
    fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.target.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, */*;q=0.1"),
        );
        headers.insert(USER_AGENT, HeaderValue::from_static("sidecar"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        request
    }

    /// To the first address that answers.
    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let place = &self.connect;
        let addresses = lookup_host((&*place.host, place.port)).await;
        let addresses = addresses.map_err(|source| FetchError::Lookup {
            origin: Arc::clone(self.origin()),
            source,
        })?;
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            // What is called localhost and is elsewhere is not spoken to in clear.
            if !self.tls && !is_loopback(address.ip()) {
                continue;
            }
            match connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(FetchError::Connect {
            origin: Arc::clone(self.origin()),
            source: failed,
        })
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn exchange(
    source: &Source,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    limits: Limits,
) -> Result<Fetched, FetchError> {
    let http_error = |error| FetchError::Http {
        origin: Arc::clone(source.origin()),
        source: error,
    };
    let (mut send, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(http_error)?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = send.send_request(request).await.map_err(http_error)?;
        let (head, mut incoming) = response.into_parts();
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(http_error)?.into_data() else {
                continue;
            };
            if body.len() + data.len() > limits.body_bytes_max {
                return Err(FetchError::TooLarge {
                    origin: Arc::clone(source.origin()),
                    max: limits.body_bytes_max,
                });
            }
            body.extend_from_slice(&data);
        }
        Ok(Fetched {
            status: head.status,
            body: body.freeze(),
            max_age: max_age(&head.headers, OffsetDateTime::now_utc()),
            etag: head.headers.get(ETAG).cloned(),
        })
    });
    let mut open = true;
    loop {
        // Both are polled on in the next round; neither is dropped before it is done.
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            // What it has read before its end is still to be collected; its failure shows there.
            _ = &mut connection, if open => open = false,
        }
    }
}

/// How long the answer is fresh: `max-age` less `Age`, else `Expires` less `Date`.
fn max_age(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut life = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            // RFC 9111 §5.2.2.4–5: not without asking again.
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") && life.is_none() {
                // RFC 9111 §4.2.1: an invalid one is stale already.
                let seconds = argument.trim().trim_matches('"').parse().unwrap_or(0);
                life = Some(Duration::from_secs(seconds));
            }
        }
    }
    if let Some(life) = life {
        let age = text(&AGE)
            .and_then(|age| age.trim().parse().ok())
            .unwrap_or(0);
        return Some(life.saturating_sub(Duration::from_secs(age)));
    }
    let time = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    // RFC 9111 §5.3: what is no date is in the past.
    let Some(expires) = time(text(&EXPIRES)?) else {
        return Some(Duration::ZERO);
    };
    let date = text(&DATE).and_then(time).unwrap_or(now);
    Some((expires - date).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_is_fresh_as_long_as_it_says() {
        let now = OffsetDateTime::UNIX_EPOCH;
        for (fields, want) in [
            ("", None),
            ("cache-control: public, max-age=600", Some(600)),
            ("cache-control: Max-Age=600\nage: 100", Some(500)),
            ("cache-control: max-age=60\nage: 100", Some(0)),
            ("cache-control: max-age=x", Some(0)),
            ("cache-control: max-age=600, no-store", Some(0)),
            (
                "cache-control: public\nexpires: Thu, 01 Jan 1970 00:10:00 GMT",
                Some(600),
            ),
            (
                "date: Thu, 01 Jan 1970 00:09:00 GMT\nexpires: Thu, 01 Jan 1970 00:10:00 GMT",
                Some(60),
            ),
            ("expires: 0", Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields.lines().filter_map(|line| line.split_once(": ")) {
                let name = HeaderName::try_from(name).unwrap();
                headers.append(name, HeaderValue::try_from(value).unwrap());
            }
            assert_eq!(
                max_age(&headers, now),
                want.map(Duration::from_secs),
                "{fields}"
            );
        }
    }

    /// Answers every connection with `answer`, then holds it open for as long as told to.
    async fn server(answer: &'static str, hold: bool) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /keys HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            if hold {
                std::future::pending::<()>().await;
            }
        });
        Source::parse(&url, None).unwrap()
    }

    async fn get(
        answer: &'static str,
        hold: bool,
        deadline: Duration,
    ) -> Result<Fetched, FetchError> {
        let limits = Limits {
            deadline,
            body_bytes_max: 8,
        };
        let client = Client::new(&[]).unwrap();
        client.get(&server(answer, hold).await, limits, None).await
    }

    #[tokio::test]
    async fn an_answer_is_whole_or_none() {
        const LONG: Duration = Duration::from_secs(60);
        let good = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 2\r\n\r\n{}";
        let fetched = get(good, true, LONG).await.unwrap();
        assert_eq!(
            (fetched.status.as_u16(), &fetched.body[..]),
            (200, &b"{}"[..])
        );
        assert_eq!(fetched.etag.unwrap(), "\"a\"");
        // The end of the connection is the end of this body.
        let closing = get("HTTP/1.1 200 OK\r\n\r\n{}", false, LONG).await.unwrap();
        assert_eq!(&closing.body[..], b"{}");
        let moved = "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(get(moved, true, LONG).await.unwrap().status.as_u16(), 302);
        let large = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789";
        assert!(matches!(
            get(large, true, LONG).await,
            Err(FetchError::TooLarge { .. })
        ));
        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234";
        assert!(matches!(
            get(cut, false, LONG).await,
            Err(FetchError::Http { .. })
        ));
        let slow = get(cut, true, Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(FetchError::Late { .. })));
    }
}
