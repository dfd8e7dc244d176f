//! HAProxy as the peer that does the same work: TLS, HTTP/2, a JWT's signature, issuer, audience
//! and expiry on every request, one thread, kept-alive upstream connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::keys::Keys;
use crate::program::{Program, free_address};
use crate::tokens::AUDIENCE;
use crate::{Result, sidecar};

/// Its version, or `None` where it is not installed.
#[must_use]
pub fn version() -> Option<String> {
    let output = Command::new("haproxy")
        .arg("-v")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_ascii_whitespace().nth(2)?;
    Some(version.to_owned())
}

/// Starts it before `upstream`, for tokens of `issuer`.
///
/// # Errors
/// It does not take the configuration, or does not listen.
pub fn start(keys: &Keys, upstream: SocketAddr, issuer: &str) -> Result<Program> {
    let address = free_address()?;
    let file = write(keys, address, upstream, issuer)?;
    let mut command = Command::new("haproxy");
    // In the foreground and without a master: the process started is the one that works.
    command.arg("-db").arg("-q").arg("-f").arg(file);
    Program::start(command, address)
}

fn write(keys: &Keys, address: SocketAddr, upstream: SocketAddr, issuer: &str) -> Result<PathBuf> {
    let (certificate, public) = (keys.tls(), keys.signing_public());
    let (certificate, public) = (certificate.display(), public.display());
    let path = sidecar::PATH_PREFIX;
    let config = format!(
        r#"global
    nbthread 1
    maxconn 8192
    tune.ssl.cachesize 20000
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 60s
    timeout http-request 30s
    option http-keep-alive
    http-reuse always
frontend edge
    bind {address} ssl crt {certificate} alpn h2,http/1.1
    http-request deny deny_status 404 unless {{ path_beg {path} }}
    http-request deny deny_status 401 unless {{ req.hdr(authorization) -m found }}
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
    http-request deny deny_status 401 unless {{ var(txn.aud) -m str {AUDIENCE} }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{public}") -m int 1 }}
    http-request del-header authorization
    http-request set-header x-forwarded-proto https
    default_backend engine
backend engine
    server engine {upstream}
"#
    );
    let file = keys.folder().join("haproxy.cfg");
    std::fs::write(&file, config)?;
    Ok(file)
}
