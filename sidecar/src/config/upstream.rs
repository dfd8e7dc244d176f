//! Where admitted requests go: `Upstream`, a string or an object.

mod credentials;
mod signed_identity;

use std::path::PathBuf;
use std::time::Duration;

use settings::url::{Host, Url, is_loopback};
use settings::{Either, Fault, Mark, Object, Reading, Text};

pub(super) use credentials::CredentialsDraft;
pub use signed_identity::SignedIdentity;

use super::ListenUrl;

/// For "what would be right".
const FORM: &str = "such as `embedded`, `http://host:port` or `unix:/path`";

/// Where admitted requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// To whom.
    pub endpoint: Endpoint,
    /// To a connection.
    pub connect_timeout: Duration,
    /// To the head of the response; streams are exempt after it.
    pub response_timeout: Duration,
    /// An idle pooled connection is closed after this.
    pub idle_timeout: Duration,
    /// `Host` as the client sent it instead of the upstream's authority.
    pub preserve_host: bool,
    /// The bearer token is sent on.
    pub forward_token: bool,
    /// Who calls, signed; `None`: bare headers only.
    pub signed_identity: Option<SignedIdentity>,
}

/// To whom admitted requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The engine linked into this process.
    Embedded,
    /// `http://host:port`.
    Http {
        /// Host and port, as written.
        authority: http::uri::Authority,
    },
    /// `unix:/path`.
    Unix {
        /// The socket.
        path: PathBuf,
    },
}

impl UpstreamSettings {
    /// With the place of the endpoint, for later checks.
    pub(super) fn read(
        root: &Object<'_>,
        reading: &mut Reading,
    ) -> (Self, Mark, Option<CredentialsDraft>) {
        let either = root.either(reading, "Upstream");
        // A string is an object that says nothing else.
        let (text, object) = match either {
            Some(Either::Object(object)) => (only_endpoint(&object, reading), object),
            Some(Either::Text(text)) => (Some(text), root.object_defaults("Upstream")),
            Some(Either::List(_)) | None => (None, root.object_defaults("Upstream")),
        };
        let mark = text.as_ref().map_or_else(|| root.mark(), |text| text.mark);
        let endpoint = text.and_then(|text| endpoint(&text, reading));
        let upstream = Self {
            endpoint: endpoint.unwrap_or(Endpoint::Embedded),
            connect_timeout: object.duration(reading, "ConnectTimeout").value,
            response_timeout: object.duration(reading, "ResponseTimeout").value,
            idle_timeout: object.duration(reading, "IdleTimeout").value,
            preserve_host: object.bool(reading, "PreserveHost").value,
            forward_token: object.bool(reading, "ForwardToken").value,
            signed_identity: SignedIdentity::read(&object, reading),
        };
        let credentials = CredentialsDraft::read(&object, reading);
        (upstream, mark, credentials)
    }
}

fn only_endpoint(object: &Object<'_>, reading: &mut Reading) -> Option<Text> {
    let mut texts = object.texts(reading, "Endpoints")?;
    if texts.len() == 1 {
        return texts.pop();
    }
    let mark = object
        .value_mark("Endpoints")
        .unwrap_or_else(|| object.mark());
    reading.faults.push(
        Fault::error(mark, "`Upstream.Endpoints` must hold exactly one endpoint")
            .label(format!("found {}", texts.len()))
            .help("balancing over several is not supported by this version"),
    );
    None
}

fn endpoint(text: &Text, reading: &mut Reading) -> Option<Endpoint> {
    let value = text.value.as_str();
    let (what, help) = if value.eq_ignore_ascii_case("embedded") {
        return embedded(text, reading);
    } else if let Some(path) = strip_scheme(value, "unix:") {
        // `unix:///run/x` and `unix:/run/x` are both in use.
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() {
            return Some(Endpoint::Unix {
                path: reading.absolute(path),
            });
        }
        ("names no socket", "such as `unix:/run/engine.sock`")
    } else {
        match Url::parse(value) {
            Ok(url) if url.is("https") || url.is("h2c") => (
                "has a scheme that is not supported by this version",
                "use `http://host:port` or `unix:/path`",
            ),
            Ok(url) if !url.is("http") => ("has an unknown scheme", FORM),
            Ok(url) if !matches!(url.path, "" | "/") => {
                ("has a path; paths are forwarded as they are", FORM)
            }
            Ok(url) if url.host.is_unspecified() => ("must name a host", FORM),
            Ok(url) => match url.authority(80).parse() {
                Ok(authority) => return Some(Endpoint::Http { authority }),
                Err(_) => ("has no valid host", FORM),
            },
            Err(_) => ("is not an endpoint", FORM),
        }
    };

    reading.faults.push(
        Fault::error(text.mark, format!("`Upstream` {what}"))
            .label(format!("found {}", text.shown()))
            .help(help),
    );
    None
}

#[cfg(feature = "embedded")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature it is a fault"
)]
fn embedded(_text: &Text, _reading: &mut Reading) -> Option<Endpoint> {
    Some(Endpoint::Embedded)
}

#[cfg(not(feature = "embedded"))]
fn embedded(text: &Text, reading: &mut Reading) -> Option<Endpoint> {
    reading.faults.push(
        Fault::error(text.mark, "this build has no embedded engine")
            .label(format!("found {}", text.shown()))
            .help("name an engine: `http://host:port` or `unix:/path`"),
    );
    None
}

fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let head = text.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme)
        .then(|| text.get(scheme.len()..))?
}

impl Endpoint {
    /// Whether a request sent there would come back to one of `listen`.
    pub(super) fn is_one_of(&self, listen: &[ListenUrl]) -> bool {
        let Self::Http { authority } = self else {
            return false;
        };
        let url = format!("http://{authority}");
        let Ok(url) = Url::parse(&url) else {
            return false;
        };
        let Some(ours) = url.host.addresses(url.port.unwrap_or(80)) else {
            return false;
        };
        let reaches = |to: &std::net::SocketAddr| {
            listen.iter().flat_map(|url| &url.addresses).any(|at| {
                let every = at.ip().is_unspecified() && is_loopback(to.ip());
                at.port() == to.port() && (at.ip() == to.ip() || every)
            })
        };
        match url.host {
            // Either family may be tried first.
            Host::Localhost | Host::Address(_) => ours.iter().any(reaches),
            Host::Any | Host::Name(_) => false,
        }
    }
}
