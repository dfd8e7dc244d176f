//! A small HTTP client for the commands that ask a running sidecar.
//!
//! In: a URL, what to trust. Out: an answer, or why there is none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use settings::url::{Host, Url};
use sidecar::fetch::system_roots;
use sidecar::keys::Material;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::Token;
use crate::local::{Certificate, Local};
use crate::trust;

/// For the whole of one question.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Answers are short texts.
const ANSWER_MAX: usize = 1 << 20;

/// Why there is no answer that is of use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{0}` is not an http:// or https:// URL")]
    Url(String),
    #[error(
        "the configuration lets the system choose the port: name the real one with `--url https://localhost:PORT`"
    )]
    AnyPort,
    #[error("the configuration registers no client with a secret")]
    NoClient,
    #[error("the configuration registers no client `{0}` with a secret")]
    UnknownClient(String),
    #[error("cannot read certificates to trust from `{path}`")]
    Trust {
        path: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot reach {url}")]
    Reach { url: String, source: io::Error },
    #[error("no answer from {url} within {} s", PATIENCE.as_secs())]
    Late { url: String },
    #[error("no usable answer from {url}")]
    Http {
        url: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{url} answered {status}: {told}")]
    Refused {
        url: String,
        status: StatusCode,
        told: String,
    },
}

/// A token of the local configuration's client, and nothing else.
pub(crate) fn token(local: &Local, arguments: &Token) -> Result<String, Error> {
    let base = arguments.url.as_deref().unwrap_or(&local.base);
    if arguments.url.is_none() && local.base.contains(":0") {
        let any_port = Url::parse(&local.base).is_ok_and(|url| url.port == Some(0));
        if any_port {
            return Err(Error::AnyPort);
        }
    }
    let client = match &arguments.client {
        None => local.clients.first().ok_or(Error::NoClient)?,
        Some(id) => local
            .clients
            .iter()
            .find(|client| client.id == *id)
            .ok_or_else(|| Error::UnknownClient(id.clone()))?,
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &client.id)
        .append_pair("client_secret", &client.secret);
    if let Some(scope) = &arguments.scope {
        form.append_pair("scope", scope);
    }
    let url = format!("{}/connect/token", base.trim_end_matches('/'));
    let trust = Trust {
        own: &local.certificate,
        authorities: arguments.cacert.as_deref(),
    };
    let (status, body) = ask(&url, Some(form.finish()), Some(&trust))?;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(serde_json::Value::as_str);
    match text("access_token") {
        Some(token) if status == StatusCode::OK => Ok(token.to_owned()),
        _ => {
            let told = match (text("error"), text("error_description")) {
                (Some(error), Some(description)) => format!("{error} ({description})"),
                (Some(error), None) => error.to_owned(),
                (None, _) => "no access token".to_owned(),
            };
            Err(Error::Refused { url, status, told })
        }
    }
}

/// What a probe says when it is good.
pub(crate) fn probe(url: &str) -> Result<String, Error> {
    let (status, body) = ask(url, None, None)?;
    let told = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() {
        Ok(told)
    } else {
        Err(Error::Refused {
            url: url.to_owned(),
            status,
            told: told.trim_end().to_owned(),
        })
    }
}

/// Which certificates are trusted.
struct Trust<'a> {
    /// The local server's own, whatever it is called.
    own: &'a Certificate,
    /// Instead of the system's.
    authorities: Option<&'a Path>,
}

impl Trust<'_> {
    fn config(&self) -> Result<rustls::ClientConfig, Error> {
        let own = Material::read(&self.own.file, None, self.own.password.as_deref());
        // Without the file the system's certificates may do.
        let own = own.ok().and_then(|own| own.chain.into_iter().next());
        let roots = match self.authorities {
            None => system_roots(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
                let certificates: Vec<_> = read.map_err(|source| Error::Trust {
                    path: path.to_owned(),
                    source,
                })?;
                roots.add_parsable_certificates(certificates);
                roots
            }
        };
        Ok(trust::client_config(own, roots)?)
    }
}

/// GET, or POST of a form.
fn ask(
    url: &str,
    form: Option<String>,
    trust: Option<&Trust<'_>>,
) -> Result<(StatusCode, Bytes), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Reach {
            url: url.to_owned(),
            source,
        })?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, ask_once(url, form, trust)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Late {
                url: url.to_owned(),
            }),
        }
    })
}

async fn ask_once(
    url: &str,
    form: Option<String>,
    trust: Option<&Trust<'_>>,
) -> Result<(StatusCode, Bytes), Error> {
    let not_a_url = || Error::Url(url.to_owned());
    let parsed = Url::parse(url).map_err(|_| not_a_url())?;
    let tls = parsed.is("https");
    if !tls && !parsed.is("http") {
        return Err(not_a_url());
    }
    let default_port = if tls { 443 } else { 80 };
    let host = parsed.host.to_string();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let port = parsed.port.unwrap_or(default_port);
    let tcp = TcpStream::connect((bare, port)).await;
    let reach = |source| Error::Reach {
        url: url.to_owned(),
        source,
    };
    let tcp = tcp.map_err(reach)?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = parsed.path.parse().map_err(|_| not_a_url())?;
    let authority = parsed.authority(default_port);
    let authority = authority.parse().map_err(|_| not_a_url())?;
    request.headers_mut().insert(HOST, authority);
    if let Some(form) = form {
        let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::new(form.into());
    }
    let answered = match trust.filter(|_| tls) {
        Some(trust) => {
            let name = match parsed.host {
                Host::Address(address) => ServerName::IpAddress(address.into()),
                _ => ServerName::try_from(bare.to_owned()).map_err(|_| not_a_url())?,
            };
            let connector = TlsConnector::from(Arc::new(trust.config()?));
            let stream = connector.connect(name, tcp).await.map_err(reach)?;
            exchange(stream, request).await
        }
        None if tls => return Err(not_a_url()),
        None => exchange(tcp, request).await,
    };
    answered.map_err(|source| Error::Http {
        url: url.to_owned(),
        source,
    })
}

pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the runtime, right after the answer.
    tokio::spawn(connection);
    let response = send.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MAX);
    Ok((status, body.collect().await?.to_bytes()))
}
