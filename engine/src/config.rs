//! The engine's settings, validated.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that the engine reads from `config.json`.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where the Workflow API is served.
    pub listen: Listen,
    /// Where probes and metrics are served.
    pub admin: Vec<SocketAddr>,
    /// The folder of scheme files.
    pub schemes: PathBuf,
    /// Bounds.
    pub limits: Limits,
    /// Runtimes.
    pub workers: usize,
    /// Domain failures are answered with 4xx.
    pub strict_http_status: bool,
    /// The user operations are switched off.
    pub block_user_api: bool,
    /// An operation without a tenant only reaches instances without one.
    pub assert_tenant: bool,
    /// How long a drain may take.
    pub drain_timeout: Duration,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Loopback addresses.
    Tcp(Vec<SocketAddr>),
    /// A socket file.
    Unix(PathBuf),
}

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: u64,
}

impl EngineSettings {
    /// What the engine's processes need of them.
    pub(crate) fn terms(&self) -> crate::processes::Terms {
        crate::processes::Terms {
            assert_absent_tenant: self.assert_tenant,
            ..Default::default()
        }
    }
}
