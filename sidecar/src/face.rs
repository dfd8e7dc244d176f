//! The first face: where it listens, how to call it.
//!
//! In: a running sidecar. Out: a few lines on standard output for whoever started it, and one
//! event in the log for whoever reads that.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use settings::url::Url;
use sidecar::Running;
use sidecar::config::{Endpoint, ListenUrl, Snapshot, Source};

use crate::local::callable;

/// What the command line said, to be said again in the command that is shown.
pub(crate) struct Given {
    config: Option<PathBuf>,
    set: Vec<String>,
}

impl Given {
    pub(crate) fn new(source: &Source) -> Self {
        Self {
            config: source
                .file
                .clone()
                .filter(|file| *file != crate::default_config()),
            set: source.overrides.clone(),
        }
    }
}

/// Shows where `running` listens and how to call it.
pub(crate) fn show(running: &Running, given: &Given) {
    let snapshot = running.snapshot();
    let urls = listening(running, &snapshot);
    let admin: Vec<_> = running
        .admin_addresses()
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let Some((called, any_port)) = called(running, &snapshot) else {
        return;
    };
    let certificate = certificate(&snapshot);
    let engine = engine(running, &snapshot);
    let curl = curl(&called, any_port, &snapshot, given);
    let text = text(&urls, &admin, certificate.as_deref(), &engine, &curl);
    // Nobody reads it: the log has it too.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    tracing::info!(
        url = called,
        urls = urls.join(" "),
        admin = admin.first(),
        certificate,
        engine,
        "try" = curl,
        "listening"
    );
}

fn text(
    urls: &[String],
    admin: &[String],
    certificate: Option<&str>,
    engine: &str,
    curl: &str,
) -> String {
    let mut text = format!("sidecar {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:12}{value}");
    };
    line("listens on", &urls.join(" "));
    if let Some(certificate) = certificate {
        line("certificate", certificate);
    }
    line(
        "admin",
        &format!("{} (/livez, /readyz, /metrics)", admin.join(" ")),
    );
    line("engine", engine);
    let _ = writeln!(text, "  try\n\n{curl}\n");
    text
}

/// Every URL as configured, with its real port.
fn listening(running: &Running, snapshot: &Snapshot) -> Vec<String> {
    let urls = snapshot.listen.iter().filter_map(|listen| {
        let url = Url::parse(&listen.url).ok()?;
        let port = real_port(running, listen).or(url.port);
        let shown = Url { port, ..url };
        let default_port = if listen.tls { 443 } else { 80 };
        let scheme = url.scheme.to_ascii_lowercase();
        Some(format!("{scheme}://{}", shown.authority(default_port)))
    });
    urls.collect()
}

/// The URL to call from this machine, and whether its port was the system's choice.
fn called(running: &Running, snapshot: &Snapshot) -> Option<(String, bool)> {
    let listen = snapshot.listen.iter().find(|listen| listen.tls);
    let listen = listen.or_else(|| snapshot.listen.first())?;
    let url = Url::parse(&listen.url).ok()?;
    let any_port = url.port == Some(0);
    let port = real_port(running, listen).or(url.port);
    Some((callable(&url, port), any_port))
}

fn real_port(running: &Running, listen: &ListenUrl) -> Option<u16> {
    let addresses = running.addresses();
    let own = addresses.iter().find(|bound| {
        let same = |wished: &&std::net::SocketAddr| {
            wished.ip() == bound.ip() && (wished.port() == 0 || wished.port() == bound.port())
        };
        listen.addresses.iter().any(|wished| same(&wished))
    });
    own.map(std::net::SocketAddr::port)
}

fn certificate(snapshot: &Snapshot) -> Option<String> {
    let certificate = snapshot.certificate.as_ref()?;
    let file = shown_path(&certificate.file);
    Some(if certificate.development {
        format!("{file} (development: self-signed, for this machine only)")
    } else {
        file
    })
}

fn engine(running: &Running, snapshot: &Snapshot) -> String {
    match &snapshot.upstream.endpoint {
        Endpoint::Embedded => embedded(running),
        Endpoint::Http { authority } => format!("http://{authority}"),
        Endpoint::Unix { path } => format!("unix:{}", path.display()),
    }
}

#[cfg(feature = "embedded")]
fn embedded(running: &Running) -> String {
    let schemes = running.engine().map_or(0, |engine| engine.state().schemes);
    let noun = if schemes == 1 { "scheme" } else { "schemes" };
    format!("embedded, {schemes} {noun}, memory only: what it holds ends with this process")
}

#[cfg(not(feature = "embedded"))]
fn embedded(_running: &Running) -> String {
    "none: built without the feature `embedded`".to_owned()
}

/// A command that works when pasted into a shell in this folder. It holds no secret.
fn curl(called: &str, any_port: bool, snapshot: &Snapshot, given: &Given) -> String {
    let mut token = vec![program(), "token".to_owned()];
    if let Some(config) = &given.config {
        token.extend(["--config".to_owned(), quoted(config.as_os_str())]);
    }
    for pair in given.set.iter().filter(|pair| !holds_secret(pair)) {
        token.extend(["--set".to_owned(), quoted(OsStr::new(pair))]);
    }
    if any_port {
        let base = format!("{called}{}", snapshot.path_base);
        token.extend(["--url".to_owned(), quoted(OsStr::new(&base))]);
    }
    let mut curl = "curl ".to_owned();
    let development = snapshot.certificate.as_ref().filter(|c| c.development);
    if let Some(certificate) = development.filter(|_| called.starts_with("https:")) {
        let file = shown_path(&certificate.file);
        let _ = write!(curl, "--cacert {} ", quoted(OsStr::new(&file)));
    }
    let _ = write!(
        curl,
        "-H \"Authorization: Bearer $({})\" {called}{}/workflowapi/getschemelist",
        token.join(" "),
        snapshot.path_base
    );
    curl
}

/// A secret given by `--set` is not shown again: the command then needs it added by hand.
fn holds_secret(pair: &str) -> bool {
    let key = pair.split('=').next().unwrap_or_default();
    let key = key.to_ascii_lowercase();
    key.contains("secret") || key.contains("password") || key.contains("clientcredentials")
}

/// This program, as short as it can be written from here.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("sidecar"));
    let shown = shown_path(&path);
    // A bare name would be looked up in PATH.
    if shown.contains('/') {
        quoted(shown.as_ref())
    } else {
        quoted(format!("./{shown}").as_ref())
    }
}

/// Relative to the working folder where it lies below it.
fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let shown = below.unwrap_or_else(|| path.to_owned());
    shown
        .strip_prefix(".")
        .unwrap_or(&shown)
        .display()
        .to_string()
}

/// As one word of a shell's command.
fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_anything_special_is_quoted() {
        for (word, want) in [
            ("data/dev-cert.pem", "data/dev-cert.pem"),
            ("my folder/a", "'my folder/a'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), want);
        }
    }

    #[test]
    fn secrets_of_the_command_line_are_not_shown_again() {
        for (pair, secret) in [
            ("Url=https://localhost:0", false),
            ("CertificatePassword=x", true),
            ("OpenIddictServerSettings.ClientCredentials=[]", true),
        ] {
            assert_eq!(holds_secret(pair), secret, "{pair}");
        }
    }
}
