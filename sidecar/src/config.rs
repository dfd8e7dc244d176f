//! The configuration in force: a file becomes a [`Snapshot`], or diagnostics.
//!
//! In: bytes of `config.json`, what the builder registered. Out: an immutable, validated
//! [`Snapshot`], swapped whole; or every fault at once, each with its place.
//! Rules: `docs/configuration.md`, one table of keys (`config::table`).
//! Elsewhere: reading JSON with comments and positions (crate `settings`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::keys::{KeyRing, Secret};
use crate::listener::Certificate;

/// Everything that a request is judged by, validated, immutable. A request takes it once and
/// lives and dies with it.
pub struct Snapshot {
    /// Counts up with every swap; the first is 1.
    pub generation: u64,
    pub listen: Vec<ListenUrl>,
    /// Prefix before every path: empty, or `/` and segments without a trailing slash.
    pub path_base: Box<str>,
    /// Our own issuer and public base URL.
    pub authority: Authority,
    /// For TLS listeners; `None` when every listener is plain.
    pub certificate: Option<Arc<Certificate>>,
    /// `None` with `DisableOpenIddictServer`.
    pub token_server: Option<TokenServer>,
    pub routes: Vec<RouteSettings>,
    pub upstream: UpstreamSettings,
    pub block_user_api: bool,
    pub strict_http_status: bool,
    pub limits: Limits,
    pub cors_origins: CorsOrigins,
    pub detailed_refusals: bool,
    pub log: LogSettings,
    pub drain: Drain,
    pub admin_url: AdminUrl,
    pub ready_requires_upstream: bool,
    pub data_folder: PathBuf,
    /// Runtimes; by default the cores granted.
    pub workers: usize,
    /// What the gate makes of all this, once.
    pub prepared: crate::gate::Prepared,
}

/// Where to listen, from `Url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenUrl {
    /// As written, for messages.
    pub url: Box<str>,
    /// `localhost` gives 127.0.0.1 and [::1].
    pub addresses: Vec<SocketAddr>,
    pub tls: bool,
}

/// Our issuer: one spelling is published, the other accepted (oauth reference §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// As published and as `iss`: a bare origin has its trailing slash.
    pub issuer: Arc<str>,
    /// Without a trailing slash, to append paths to (`PathBase` included).
    pub base: Arc<str>,
}

/// The token side.
pub struct TokenServer {
    pub keys: Arc<KeyRing>,
    pub clients: Clients,
}

/// Where the key that signs tokens comes from. Equal sources with unchanged files give the same key.
#[derive(Clone, PartialEq, Eq)]
pub enum SigningSource {
    /// PEM or PKCS#12, paths already absolute or relative to the working folder.
    Files {
        certificate_file: PathBuf,
        key_file: Option<PathBuf>,
        password: Option<Box<str>>,
    },
    /// Made on first run and kept under `DataFolder`.
    Generated,
}

/// Where a TLS listener's certificate comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM or PKCS#12, paths already absolute or relative to the working folder.
    Files {
        certificate_file: PathBuf,
        key_file: Option<PathBuf>,
        password: Option<Box<str>>,
    },
    /// Made on first run and kept under `DataFolder`, for localhost only.
    Development,
}

/// Files are shown, the password is not.
fn debug_files(
    f: &mut std::fmt::Formatter<'_>,
    certificate_file: &Path,
    key_file: Option<&Path>,
    password: Option<&str>,
) -> std::fmt::Result {
    f.debug_struct("Files")
        .field("certificate_file", &certificate_file)
        .field("key_file", &key_file)
        .field("password", &password.map(|_| "…"))
        .finish()
}

impl std::fmt::Debug for SigningSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files {
                certificate_file,
                key_file,
                password,
            } => debug_files(
                f,
                certificate_file,
                key_file.as_deref(),
                password.as_deref(),
            ),
            Self::Generated => f.write_str("Generated"),
        }
    }
}

impl std::fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files {
                certificate_file,
                key_file,
                password,
            } => debug_files(
                f,
                certificate_file,
                key_file.as_deref(),
                password.as_deref(),
            ),
            Self::Development => f.write_str("Development"),
        }
    }
}

/// Registered clients by id. Code wins over the file for the same id.
#[derive(Default)]
pub struct Clients {
    pub(crate) by_id: std::collections::HashMap<Arc<str>, Arc<Client>, foldhash::fast::RandomState>,
}

impl Clients {
    /// The client of that id, compared exactly.
    pub fn find(&self, id: &str) -> Option<&Arc<Client>> {
        self.by_id.get(id)
    }
}

/// A registered client. Equality of two means: tokens and checks of one are good for the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    pub id: Arc<str>,
    /// Any of them authenticates.
    pub secrets: Vec<Secret>,
    pub scopes: Vec<Arc<str>>,
    pub operations: crate::policy::Operations,
    pub audience: Arc<str>,
    /// 1 s to 24 h.
    pub token_lifetime: Duration,
}

/// A prefix that is forwarded, and what it takes to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// `/` and segments, lower case, no trailing slash.
    pub prefix: Box<str>,
    /// Empty: every method.
    pub methods: Vec<http::Method>,
    pub access: Access,
    /// The Workflow API, whose operations are judged one by one.
    pub workflow_api: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// All of them.
    Scopes(Vec<Arc<str>>),
}

/// Where admitted requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    pub endpoint: Endpoint,
    pub connect_timeout: Duration,
    /// To the head of the response; streams are exempt after it.
    pub response_timeout: Duration,
    /// An idle pooled connection is closed after this.
    pub idle_timeout: Duration,
    /// `Host` as the client sent it instead of the upstream's authority.
    pub preserve_host: bool,
    pub forward_token: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The engine linked into this process.
    Embedded,
    /// `http://host:port`.
    Http { authority: http::uri::Authority },
    /// `unix:/path`.
    Unix { path: PathBuf },
}

/// Every bound at the edge; sizes in bytes. Defaults: configuration reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub handshake: Duration,
    pub header: Duration,
    pub form_body: Duration,
    /// Least bytes a second of a request body, after `body_rate_grace`.
    pub body_rate: u64,
    pub body_rate_grace: Duration,
    pub idle: Duration,
    pub header_bytes: usize,
    pub header_count: usize,
    pub body: u64,
    pub rule_body: u64,
    pub token: usize,
    pub connections: usize,
    pub connections_per_address: usize,
    pub http2_streams: u32,
    pub secret_failures: Rate,
    pub bearer_failures: Rate,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    None,
    Any,
    /// Compared exactly.
    Listed(Vec<Box<str>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long to go on accepting after `/readyz` turned false.
    pub delay: Duration,
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `None`: human on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    pub level: tracing::Level,
    pub access: AccessLog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Off,
    Refusals,
    All,
}

/// Where probes and metrics are served, plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUrl {
    pub addresses: Vec<SocketAddr>,
}

/// The snapshot in force, swapped whole.
pub struct Live {
    current: ArcSwap<Snapshot>,
}

impl Live {
    /// Starts with `first`.
    pub fn new(first: Arc<Snapshot>) -> Self {
        Self {
            current: ArcSwap::new(first),
        }
    }

    /// The snapshot in force now. Take it once for each request.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }
}
