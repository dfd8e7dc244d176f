//! What a request is judged by.

use std::path::PathBuf;
use std::sync::Arc;

use super::{
    AdminUrl, Authority, ClientCertificates, Clients, CorsOrigins, Deny, Dpop, Drain, Issuers,
    Limits, ListenUrl, LogSettings, PolicySettings, RouteSettings, TrustedProxies,
    UpstreamSettings,
};
use crate::keys::{Algorithm, KeyRing, Rotation};
use crate::listener::Certificate;
use crate::policy::Hooks;

/// Everything that a request is judged by, validated, immutable. A request takes it once and
/// lives and dies with it.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Snapshot {
    /// Counts up with every swap; the first is 1.
    pub generation: u64,
    /// Where to listen. At least one.
    pub listen: Vec<ListenUrl>,
    /// Prefix before every path: empty, or `/` and segments without a trailing slash.
    pub path_base: Box<str>,
    /// Our own issuer and public base URL.
    pub authority: Authority,
    /// For TLS listeners; `None` when every listener is plain.
    pub certificate: Option<Arc<Certificate>>,
    /// Whether clients are asked for certificates, and who vouches for them.
    pub client_certificates: ClientCertificates,
    /// How proofs of possession are judged.
    pub dpop: Dpop,
    /// `None` with `DisableOpenIddictServer`.
    pub token_server: Option<TokenServer>,
    /// Who is trusted besides.
    pub issuers: Issuers,
    /// What is forwarded; the longest prefix counts.
    pub routes: Vec<RouteSettings>,
    /// Rules that are no client's and no route's.
    pub policy: PolicySettings,
    /// Rules in code.
    pub hooks: Hooks,
    /// Where it is forwarded to.
    pub upstream: UpstreamSettings,
    /// The token that the sidecar shows there instead of the client's.
    pub upstream_token: Option<Arc<crate::upstream::TokenStore>>,
    /// Settings of the engine in this process, when the upstream is that one.
    #[cfg(feature = "embedded")]
    pub engine: Option<Arc<engine::config::EngineSettings>>,
    /// Operations on users are switched off.
    pub block_user_api: bool,
    /// Failures have a 4xx or 5xx status where the Workflow API has 200.
    pub strict_http_status: bool,
    /// Every bound at the edge.
    pub limits: Limits,
    /// Who may say for whom it forwards.
    pub trusted_proxies: TrustedProxies,
    /// Listed proxies may ask what the gate says.
    pub forward_auth: Option<super::ForwardAuth>,
    /// Browser pages that may call.
    pub cors_origins: CorsOrigins,
    /// Clients are told the fine reason of a refusal.
    pub detailed_refusals: bool,
    /// The API-reference page.
    pub console: bool,
    /// What is logged, and how.
    pub log: LogSettings,
    /// How the program ends.
    pub drain: Drain,
    /// Probes and metrics.
    pub admin_url: AdminUrl,
    /// `/readyz` follows the engine.
    pub ready_requires_upstream: bool,
    /// Tokens that are refused though nothing is wrong with them.
    pub deny: Deny,
    /// Keys and the development certificate.
    pub data_folder: PathBuf,
    /// Runtimes; by default the cores granted.
    pub workers: usize,
    /// What the gate makes of all this, once.
    pub prepared: crate::gate::Prepared,
}

/// The token side.
pub struct TokenServer {
    /// Keys that sign and verify.
    pub keys: Arc<KeyRing>,
    /// How the keys of the data folder are replaced.
    pub(crate) rotation: Option<Rotation>,
    /// Of keys that are made here; `None`: keys come from files.
    pub(crate) makes: Option<Algorithm>,
    /// Who may ask for tokens.
    pub clients: Clients,
    /// How long a client assertion may live.
    pub assertion_lifetime: std::time::Duration,
}

impl Snapshot {
    /// Whether every listener is on loopback.
    pub fn is_loopback(&self) -> bool {
        self.listen.iter().all(ListenUrl::is_loopback)
    }
}
