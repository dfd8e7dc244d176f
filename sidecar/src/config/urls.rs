//! Where to listen, and who we are to clients: `Url`, `PathBase`, `AuthorityUrl`, `Admin.Url`.
//!
//! Rules: OAuth reference §1: one spelling of the issuer is published, a bare origin with its
//! slash; it comes from the configuration, never from a request.

use std::net::SocketAddr;
use std::sync::Arc;

use settings::url::{Host, Url, is_loopback};
use settings::{Fault, Object, Reading, Severity, Text};

/// Where to listen, from `Url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenUrl {
    /// As written, for messages.
    pub url: Box<str>,
    /// `localhost` gives 127.0.0.1 and `[::1]`, `*` gives 0.0.0.0 and `[::]`.
    pub addresses: Vec<SocketAddr>,
    /// `https://`.
    pub tls: bool,
}

impl ListenUrl {
    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.addresses
            .iter()
            .all(|address| is_loopback(address.ip()))
    }
}

/// Our issuer: one spelling is published, the other accepted (oauth reference §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// As published and as `iss`: a bare origin has its trailing slash.
    pub issuer: Arc<str>,
    /// Without a trailing slash, to append paths to (`PathBase` included).
    pub base: Arc<str>,
}

/// Where probes and metrics are served, plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUrl {
    /// At least one.
    pub addresses: Vec<SocketAddr>,
}

/// `Url`: at least one, unless a fault was found.
pub(super) fn listen(text: &Text, reading: &mut Reading) -> Vec<ListenUrl> {
    let errors_before = reading.faults.count(Severity::Error);
    let mut urls: Vec<ListenUrl> = Vec::new();
    for part in text.value.split(';').map(str::trim) {
        if part.is_empty() {
            continue;
        }
        match listen_one(part) {
            Ok(url) => {
                let twice = |address| urls.iter().any(|other| other.addresses.contains(address));
                if url.addresses.iter().any(twice) {
                    reading.faults.push(
                        Fault::error(text.mark, "`Url` names the same address twice")
                            .label("each address once"),
                    );
                }
                urls.push(url);
            }
            Err((what, help)) => reading.faults.push(
                Fault::error(text.mark, format!("`Url` cannot be listened on: {what}"))
                    .label(format!("found {}", text.shown()))
                    .help(help),
            ),
        }
    }
    if urls.is_empty() && reading.faults.count(Severity::Error) == errors_before {
        reading.faults.push(
            Fault::error(text.mark, "`Url` names no address")
                .label(format!("found {}", text.shown())),
        );
    }
    urls
}

fn listen_one(written: &str) -> Result<ListenUrl, (String, String)> {
    const FORM: &str = "such as `https://localhost:8077`, `https://*:443` or `http://127.0.0.1:80`";
    let url = Url::parse(written).map_err(|fault| (fault.to_string(), FORM.to_owned()))?;
    let tls = url.is("https");
    if !tls && !url.is("http") {
        let what = "the scheme must be `https` or `http`".to_owned();
        return Err((what, FORM.to_owned()));
    }
    if !matches!(url.path, "" | "/") {
        let what = "it has a path".to_owned();
        return Err((what, "a path before every path is `PathBase`".to_owned()));
    }
    let port = url.port.unwrap_or(if tls { 443 } else { 80 });
    let Some(addresses) = url.host.addresses(port) else {
        let what = "the host must be `localhost`, `*` or an address".to_owned();
        let help = "a public name belongs in `AuthorityUrl`; listen on `*` or on an address";
        return Err((what, help.to_owned()));
    };
    Ok(ListenUrl {
        url: written.into(),
        addresses,
        tls,
    })
}

/// `PathBase`: empty, or `/` and segments.
pub(super) fn path_base(text: Option<&Text>, reading: &mut Reading) -> Box<str> {
    let Some(text) = text else {
        return "".into();
    };
    let path = text.value.trim_end_matches('/');
    if path.is_empty() {
        return "".into();
    }
    if let Err(what) = plain_path(path) {
        reading.faults.push(
            Fault::error(text.mark, format!("`PathBase` {what}"))
                .label(format!("found {}", text.shown()))
                .help("write it as `/segment` or `/segment/segment`"),
        );
        return "".into();
    }
    path.into()
}

/// Slash and segment, again and again, of characters that need no encoding.
pub(super) fn plain_path(path: &str) -> Result<(), &'static str> {
    let Some(inner) = path.strip_prefix('/') else {
        return Err("must begin with `/`");
    };
    for segment in inner.split('/') {
        if segment.is_empty() {
            return Err("has an empty segment");
        }
        if matches!(segment, "." | "..") {
            return Err("has a dot segment");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !segment.bytes().all(plain) {
            return Err("has characters other than letters, digits and `-._~`");
        }
    }
    Ok(())
}

/// From `AuthorityUrl`, else from where we listen. Clients need to know it before any request.
pub(super) fn authority(
    root: &Object<'_>,
    listen: &[ListenUrl],
    path_base: &str,
    reading: &mut Reading,
) -> Authority {
    if let Some(text) = root.text(reading, "AuthorityUrl") {
        return match public_url(&text.value) {
            Ok(url) => named_authority(&url, path_base),
            Err(what) => {
                reading.faults.push(
                    Fault::error(text.mark, format!("`AuthorityUrl` {what}"))
                        .label(format!("found {}", text.shown()))
                        .help("write it as `https://host`, `https://host:port` or with a path"),
                );
                named_authority("https://localhost", path_base)
            }
        };
    }
    let of = listen.iter().find(|url| url.tls).or(listen.first());
    let Some(url) = of.and_then(|of| Url::parse(&of.url).ok()) else {
        return named_authority("https://localhost", path_base);
    };
    let tls = url.is("https");
    let (scheme, default_port) = if tls { ("https", 443) } else { ("http", 80) };
    let host = if url.host.is_unspecified() {
        let mark = root.value_mark("Url").unwrap_or_else(|| root.mark());
        let named = Url {
            host: Host::Localhost,
            ..url
        };
        let named = named.authority(default_port);
        reading.faults.push(
            Fault::warning(mark, "the issuer of tokens is not known")
                .label(format!("`{scheme}://{named}/` is assumed"))
                .help("say in `AuthorityUrl` under which URL clients reach this server"),
        );
        named
    } else {
        url.authority(default_port)
    };
    let url = format!("{scheme}://{host}{path_base}");
    named_authority(&url, path_base)
}

/// `url` without a trailing slash and without a default port, in lower case up to the path.
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|fault| format!("is not a public URL: {fault}"))?;
    let (scheme, default_port) = match () {
        () if url.is("https") => ("https", 443),
        () if url.is("http") => ("http", 80),
        () => return Err("must be `https://` or `http://`".to_owned()),
    };
    if url.host.is_unspecified() {
        return Err("must name the host that clients call".to_owned());
    }
    let path = url.path.trim_end_matches('/');
    if !path.is_empty() {
        plain_path(path).map_err(|what| format!("{what} in its path"))?;
    }
    Ok(format!("{scheme}://{}{path}", url.authority(default_port)))
}

/// `url` is without a trailing slash.
fn named_authority(url: &str, path_base: &str) -> Authority {
    let after_scheme = url.find("://").map_or(0, |index| index + 3);
    let is_origin = !url.get(after_scheme..).unwrap_or_default().contains('/');
    let base = if url.ends_with(path_base) {
        url.to_owned()
    } else {
        format!("{url}{path_base}")
    };
    let issuer = if is_origin {
        format!("{url}/")
    } else {
        url.to_owned()
    };
    Authority {
        issuer: issuer.into(),
        base: base.into(),
    }
}

/// `Admin.Url`: plain HTTP.
pub(super) fn admin(object: &Object<'_>, reading: &mut Reading) -> AdminUrl {
    let none = AdminUrl {
        addresses: Vec::new(),
    };
    let Some(text) = object.text(reading, "Url") else {
        return none;
    };
    let what = match listen_one(&text.value) {
        Ok(found) if found.tls => "is plain `http://`: keep it on loopback or in the pod's network",
        Ok(found) => {
            return AdminUrl {
                addresses: found.addresses,
            };
        }
        Err(_) => "must be `http://` with `localhost`, `*` or an address",
    };
    reading.faults.push(
        Fault::error(text.mark, format!("`Admin.Url` {what}"))
            .label(format!("found {}", text.shown()))
            .help("such as `http://127.0.0.1:8079`"),
    );
    none
}
