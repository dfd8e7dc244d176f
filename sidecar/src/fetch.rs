//! A careful HTTP client for what the sidecar itself asks of others: key sets, tokens.
//!
//! In: a [`Source`] (an absolute URL, and where to connect when that is not where the name leads),
//! limits. Out: a [`Fetched`] answer whatever its status, or why there is none. An answer comes
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
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use settings::url::{Host, Url, is_loopback};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

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

/// An absolute URL, and where to connect for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    tls: bool,
    host: Box<str>,
    /// As in a `Host` field.
    authority: HeaderValue,
    target: PathAndQuery,
    connect: Place,
    /// For messages: scheme, host, port, and where else the connection goes.
    origin: Arc<str>,
}

/// A host and a port to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Without brackets.
    host: Box<str>,
    port: u16,
    loopback: bool,
}

/// Another place than the public name's to connect to: `host:port`, or with `http://` where a
/// loopback address is to be spoken to in clear, or with `https://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchFrom {
    place: Place,
    tls: Option<bool>,
}

/// Why a text is not a URL to fetch from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SourceFault {
    #[error(transparent)]
    Url(#[from] settings::url::Fault),
    #[error("the scheme must be `https`")]
    Scheme,
    #[error("plain `http://` is for loopback only")]
    Plain,
    #[error("`*` is no host")]
    Any,
    #[error("a fragment has no place here")]
    Fragment,
    #[error("its path or query has characters that a URL does not have")]
    Target,
    #[error("a path has no place here")]
    Path,
}

impl Source {
    /// `https://host[:port][/path][?query]`, or `http://` to loopback.
    pub(crate) fn parse(url: &str, from: Option<&FetchFrom>) -> Result<Self, SourceFault> {
        if url.contains('#') {
            return Err(SourceFault::Fragment);
        }
        let (bare, query) = match url.split_once('?') {
            Some((bare, query)) => (bare, Some(query)),
            None => (url, None),
        };
        let parsed = Url::parse(bare)?;
        let named_tls = is_tls(&parsed)?;
        let default_port = if named_tls { 443 } else { 80 };
        let own = place(&parsed, default_port)?;
        let host = own.host.clone();
        let tls = from.and_then(|from| from.tls).unwrap_or(named_tls);
        let connect = from.map_or(own, |from| {
            let mut place = from.place.clone();
            if place.port == 0 {
                place.port = parsed.port.unwrap_or(default_port);
            }
            place
        });
        if !tls && !connect.loopback {
            return Err(SourceFault::Plain);
        }
        let target = match (parsed.path, query) {
            ("", None) => "/".to_owned(),
            (path, None) => path.to_owned(),
            ("", Some(query)) => format!("/?{query}"),
            (path, Some(query)) => format!("{path}?{query}"),
        };
        let authority = parsed.authority(default_port);
        let scheme = if named_tls { "https" } else { "http" };
        let origin = match from {
            Some(from) => format!("{scheme}://{authority} at {}", from.place.shown()),
            None => format!("{scheme}://{authority}"),
        };
        Ok(Self {
            tls,
            host,
            authority: HeaderValue::try_from(authority).map_err(|_| SourceFault::Target)?,
            target: target.parse().map_err(|_| SourceFault::Target)?,
            connect,
            origin: origin.into(),
        })
    }

    /// For messages: scheme, host and port, never path or query.
    pub(crate) fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.target.as_str()
    }

    /// Whether both are of one scheme, host and port, wherever connections go.
    pub(crate) fn same_origin(&self, url: &str) -> bool {
        let bare = url.split(['?', '#']).next().unwrap_or_default();
        let (Ok(parsed), Some(mine)) = (Url::parse(bare), self.scheme_and_authority()) else {
            return false;
        };
        let default_port = if parsed.is("https") { 443 } else { 80 };
        let theirs = format!(
            "{}://{}",
            parsed.scheme.to_ascii_lowercase(),
            parsed.authority(default_port)
        );
        theirs == mine
    }

    fn scheme_and_authority(&self) -> Option<&str> {
        self.origin.split(' ').next()
    }
}

impl FetchFrom {
    /// `host`, `host:port`, `https://host:port`, or `http://` with a loopback address.
    pub(crate) fn parse(text: &str) -> Result<Self, SourceFault> {
        let with_scheme = text.contains("://");
        let url = if with_scheme {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let parsed = Url::parse(&url)?;
        if !matches!(parsed.path, "" | "/") {
            return Err(SourceFault::Path);
        }
        let tls = is_tls(&parsed)?;
        // Without a port the public URL's counts, unless the scheme names one.
        let default_port = match (with_scheme, tls) {
            (false, _) => 0,
            (true, true) => 443,
            (true, false) => 80,
        };
        let place = place(&parsed, default_port)?;
        if !tls && !place.loopback {
            return Err(SourceFault::Plain);
        }
        Ok(Self {
            place,
            tls: with_scheme.then_some(tls),
        })
    }
}

impl Place {
    fn shown(&self) -> String {
        match (self.host.contains(':'), self.port) {
            (true, 0) => format!("[{}]", self.host),
            (true, port) => format!("[{}]:{port}", self.host),
            (false, 0) => self.host.to_string(),
            (false, port) => format!("{}:{port}", self.host),
        }
    }
}

fn is_tls(url: &Url<'_>) -> Result<bool, SourceFault> {
    match () {
        () if url.is("https") => Ok(true),
        () if url.is("http") => Ok(false),
        () => Err(SourceFault::Scheme),
    }
}

fn place(url: &Url<'_>, default_port: u16) -> Result<Place, SourceFault> {
    let (host, loopback) = match url.host {
        Host::Any => return Err(SourceFault::Any),
        Host::Localhost => ("localhost".to_owned(), true),
        Host::Address(address) => (address.to_string(), is_loopback(address)),
        Host::Name(_) => (url.host.to_string(), false),
    };
    Ok(Place {
        host: host.into(),
        port: url.port.unwrap_or(default_port),
        loopback,
    })
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
            let origin = || Arc::clone(&source.origin);
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
                origin: Arc::clone(&source.origin),
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
            origin: Arc::clone(&self.origin),
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
            origin: Arc::clone(&self.origin),
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
        origin: Arc::clone(&source.origin),
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
                    origin: Arc::clone(&source.origin),
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
    fn plain_http_goes_to_loopback_only() {
        for (url, from, want) in [
            (
                "https://id.example/keys?p=1",
                None,
                Ok("https://id.example"),
            ),
            ("https://ID.example:443", None, Ok("https://id.example")),
            (
                "http://127.0.0.1:8080/jwks",
                None,
                Ok("http://127.0.0.1:8080"),
            ),
            ("http://[::1]/jwks", None, Ok("http://[::1]")),
            ("http://localhost", None, Ok("http://localhost")),
            ("http://id.example/jwks", None, Err(SourceFault::Plain)),
            ("ftp://id.example", None, Err(SourceFault::Scheme)),
            ("https://*/", None, Err(SourceFault::Any)),
            ("https://id.example/#a", None, Err(SourceFault::Fragment)),
            ("https://id.example/a b", None, Err(SourceFault::Target)),
            (
                "https://u:p@id.example",
                None,
                Err(SourceFault::Url(settings::url::Fault::UserInfo)),
            ),
            // Where the connection goes is what counts.
            (
                "http://id.example/",
                Some("127.0.0.1:80"),
                Ok("http://id.example at 127.0.0.1:80"),
            ),
            (
                "https://id.example/",
                Some("http://[::1]:80"),
                Ok("https://id.example at [::1]:80"),
            ),
            (
                "https://id.example/",
                Some("keys.internal"),
                Ok("https://id.example at keys.internal"),
            ),
            (
                "http://127.0.0.1/",
                Some("10.0.0.1:80"),
                Err(SourceFault::Plain),
            ),
        ] {
            let from = from.map(|from| FetchFrom::parse(from).unwrap());
            let got = Source::parse(url, from.as_ref()).map(|source| source.origin.to_string());
            assert_eq!(
                got.as_deref(),
                want.as_ref().map(|text| *text),
                "{url} {from:?}"
            );
        }
        for (text, want) in [
            ("http://10.0.0.1", SourceFault::Plain),
            ("10.0.0.1/keys", SourceFault::Path),
            ("ftp://10.0.0.1", SourceFault::Scheme),
        ] {
            assert_eq!(FetchFrom::parse(text), Err(want), "{text}");
        }
    }

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
