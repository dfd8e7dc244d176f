//! Who is measured: each a process of its own, all before the same upstream.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::keys::Keys;
use crate::program::{Program, free_address};
use crate::sidecar::{self, Sidecar};
use crate::{Result, haproxy, serve, tokens};

/// The issuer of the run's tokens, whoever signs them. Nobody resolves it.
const ISSUER: &str = "https://bench.example/";

/// Starts of the sidecar whose median is its time to ready.
const STARTS: usize = 5;

/// A running server.
pub struct Peer {
    /// In the report.
    pub name: &'static str,
    /// What the load drives.
    pub program: Program,
    /// What the load asks it for.
    pub path: &'static str,
}

/// Everyone who could be started, and what they share.
pub struct Peers {
    /// In the order in which they are driven.
    pub peers: Vec<Peer>,
    /// Sent with every request.
    pub token: String,
    /// From exec to `/readyz` 200, the median of a few starts; not the first one.
    pub ready: Option<Duration>,
    /// Who is missing, and why.
    pub skipped: Vec<String>,
    _upstream: Program,
}

impl Peers {
    /// Builds and starts them. A peer that cannot be had is left out loudly; the bare hyper ones
    /// can always be had.
    ///
    /// # Errors
    /// A bare hyper program does not start.
    pub fn start(keys: &Keys) -> Result<Self> {
        let upstream = own("upstream", &[])?;
        let behind = upstream.address;
        let tls = keys.tls();
        let mut peers = vec![
            Peer {
                name: "hyper TLS server",
                program: own("tls-server", &[tls.display().to_string()])?,
                path: sidecar::PATH,
            },
            Peer {
                name: "hyper TLS proxy, no auth",
                program: own(
                    "tls-proxy",
                    &[tls.display().to_string(), behind.to_string()],
                )?,
                path: sidecar::PATH,
            },
        ];
        let mut skipped = Vec::new();
        let mut token = None;
        let mut ready = None;
        match ours(keys, behind) {
            Ok(started) => {
                peers.extend(started.peers);
                token = Some(started.token);
                ready = Some(started.ready);
            }
            Err(cause) => skipped.push(format!("sidecar: {cause}")),
        }
        match haproxy::version() {
            None => skipped.push("HAProxy is not installed: apt-get install haproxy".to_owned()),
            Some(_) => match haproxy::start(keys, behind, ISSUER) {
                Ok(program) => peers.push(Peer {
                    name: "HAProxy, jwt_verify",
                    program,
                    path: sidecar::PATH,
                }),
                Err(cause) => skipped.push(format!("HAProxy: {cause}")),
            },
        }
        let token = match token {
            Some(token) => token,
            None => tokens::mint(&keys.signing(), ISSUER)?,
        };
        Ok(Self {
            peers,
            token,
            ready,
            skipped,
            _upstream: upstream,
        })
    }
}

/// The sidecar in both its shapes.
struct Ours {
    peers: Vec<Peer>,
    token: String,
    ready: Duration,
}

fn ours(keys: &Keys, upstream: SocketAddr) -> Result<Ours> {
    let binary: PathBuf = sidecar::build()?;
    let remote = Sidecar::new(&binary, keys, ISSUER, Some(upstream))?;
    // The first start makes what the later ones find.
    let (program, _) = remote.start()?;
    drop(program);
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let (program, ready) = remote.start()?;
        drop(program);
        times.push(ready);
    }
    times.sort();
    let ready = times[times.len() / 2];

    let (program, _) = remote.start()?;
    let token = remote.token(keys)?;
    let mut peers = vec![Peer {
        name: "sidecar, remote upstream",
        program,
        path: sidecar::PATH,
    }];
    let embedded = Sidecar::new(&binary, keys, ISSUER, None)?;
    let (program, _) = embedded.start()?;
    peers.push(Peer {
        name: "sidecar, embedded engine",
        program,
        path: sidecar::PATH,
    });
    Ok(Ours {
        peers,
        token,
        ready,
    })
}

/// One of the bare hyper programs: this very executable with another job.
///
/// # Errors
/// It does not start.
pub fn own(job: &str, rest: &[String]) -> Result<Program> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg(job).arg(address.to_string());
    command.args(rest);
    Program::start(command, address)
}

/// Does such a job; returns only when it fails.
///
/// # Errors
/// The arguments name no job, or it cannot be done.
pub fn serve(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["upstream", address] => serve::upstream(address.parse()?),
        ["tls-server", address, tls] => serve::tls_server(address.parse()?, tls.as_ref()),
        ["tls-proxy", address, tls, upstream] => {
            serve::tls_proxy(address.parse()?, tls.as_ref(), upstream.parse()?)
        }
        _ => Err(format!("no such job: {words:?}").into()),
    }
}
