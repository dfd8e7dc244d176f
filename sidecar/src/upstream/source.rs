//! Where something is fetched from: an absolute URL, and the place to connect to for it.
//!
//! In: text of the configuration, or of an issuer's metadata. Out: a [`Source`], or why it is none.
//! Rules: plain `http://` to loopback only, whatever the public name is; a fragment or a password
//! has no place in it.
//! Elsewhere: the fetching (`fetch`).

use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;
use settings::url::{Host, Url, is_loopback};

/// An absolute URL, and where to connect for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Whether TLS is spoken, wherever the connection goes.
    pub(crate) tls: bool,
    /// The public name, for the certificate; without brackets.
    pub(crate) host: Box<str>,
    /// As in a `Host` field.
    pub(crate) authority: HeaderValue,
    pub(crate) target: PathAndQuery,
    pub(crate) connect: Place,
    /// For messages: scheme, host, port, and where else the connection goes.
    origin: Arc<str>,
}

/// A host and a port to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Without brackets.
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
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

#[cfg(test)]
mod tests {
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
}
