//! Our own program: built in release by cargo and found through its messages, never by a path that
//! may be stale.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::Result;
use crate::keys::Keys;
use crate::load::{Target, http1_connection, request};
use crate::program::{Program, free_address};

/// Where the API is.
pub const PATH_PREFIX: &str = "/workflowapi";

/// A read that every engine answers: what the load asks.
pub const PATH: &str = "/workflowapi/getschemelist";

/// The one client, and its secret.
pub const CLIENT_ID: &str = "bench";
/// Of one run.
pub const CLIENT_SECRET: &str = "a secret of one run";

/// Builds it in release.
///
/// # Errors
/// It does not build; cargo has said why.
pub fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo tells the bench of its own package would make build scripts that look at the same
    // names run again, and all that depends on them be built once more.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args([
            "build",
            "--release",
            "--package",
            "sidecar",
            "--bin",
            "sidecar",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("cargo could not build the sidecar".into());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "sidecar")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo named no executable for the sidecar".into())
}

/// One configuration of it, in a folder of its own.
pub struct Sidecar {
    binary: PathBuf,
    config: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    set: Vec<String>,
}

impl Sidecar {
    /// Writes the configuration: one worker, before `upstream` or with the engine in it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(
        binary: &Path,
        keys: &Keys,
        issuer: &str,
        upstream: Option<SocketAddr>,
    ) -> Result<Self> {
        let name = if upstream.is_some() {
            "remote"
        } else {
            "embedded"
        };
        let folder = keys.folder().join(name);
        std::fs::create_dir_all(&folder)?;
        let schemes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemes");
        let (listen, admin) = (free_address()?, free_address()?);
        let upstream = upstream.map_or_else(|| "embedded".to_owned(), |at| format!("http://{at}"));
        let config = serde_json::json!({
            "Url": format!("https://{listen}"),
            "AuthorityUrl": issuer,
            "CertificateFile": keys.tls(),
            "DisableOpenIddictServer": false,
            "OpenIddictServerSettings": {
                "CertificateFile": keys.signing(),
                "ClientCredentials": [{ "ClientId": CLIENT_ID, "ClientSecret": CLIENT_SECRET }],
            },
            "Upstream": upstream,
            "Admin": { "Url": format!("http://{admin}") },
            "DataFolder": "data",
            "Workers": 1,
            "Log": { "Level": "warn" },
            "Engine": { "Store": "memory", "Schemes": schemes },
        });
        let file = folder.join("config.json");
        std::fs::write(&file, config.to_string())?;
        Ok(Self {
            binary: binary.to_owned(),
            config: file,
            listen,
            admin,
            set: Vec::new(),
        })
    }

    /// Sets one key over the file's value: `Key.Path=value`.
    #[must_use]
    pub fn set(mut self, pair: impl Into<String>) -> Self {
        self.set.push(pair.into());
        self
    }

    /// Runs it until the value is dropped; also tells the time from exec to `/readyz` 200.
    ///
    /// # Errors
    /// It does not start or does not become ready.
    pub fn start(&self) -> Result<(Program, Duration)> {
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(&self.config);
        for pair in &self.set {
            command.arg("--set").arg(pair);
        }
        let start = Instant::now();
        let mut program = Program::start(command, self.admin)?;
        program.wait_for(is_ready)?;
        let ready = start.elapsed();
        program.address = self.listen;
        Ok((program, ready))
    }

    /// A counter of the running sidecar, by its name and labels.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn metric(&self, name: &str) -> Result<u64> {
        use std::io::{Read, Write};

        let mut stream = TcpStream::connect(self.admin)?;
        let host = self.admin;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.ok_or_else(|| format!("no {name}"))?.parse()?)
    }

    /// A token of the running sidecar's own, by client credentials.
    ///
    /// # Errors
    /// It issues none.
    pub fn token(&self, keys: &Keys) -> Result<String> {
        token(self.listen, keys)
    }
}

/// The form by which the one client asks for a token.
#[must_use]
pub fn token_form() -> Bytes {
    let secret = CLIENT_SECRET.replace(' ', "+");
    Bytes::from(format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={secret}"
    ))
}

/// A token of the sidecar that listens on `address`.
///
/// # Errors
/// It issues none.
pub fn token(address: SocketAddr, keys: &Keys) -> Result<String> {
    let target = Target {
        address,
        tls: keys.client(b"http/1.1")?,
        path: "/connect/token".to_owned(),
        token: String::new(),
        form: Some(token_form()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut sender = http1_connection(&target).await?;
        let response = sender.send_request(request(&target, false)?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body)?;
        let token = answer["access_token"].as_str();
        token
            .map(str::to_owned)
            .ok_or_else(|| format!("no token: {status} {answer}").into())
    })
}

fn is_ready(admin: SocketAddr) -> bool {
    use std::io::{Read, Write};

    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
