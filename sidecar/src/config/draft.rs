//! Every value of a file, validated by itself, before the keys are loaded.
//!
//! In: the root object. Out: a [`Draft`], complete also after faults, so that the checks that
//! follow find theirs in the same run.

use std::path::PathBuf;

use settings::{Mark, Object, Reading};

use super::client_certificates::ClientCertificatesDraft;
use super::clients::Registered;
use super::deny::DenyDraft;
use super::issuers::{self, IssuerDraft};
use super::key_files::KeyFiles;
use super::signing::SigningDraft;
use super::upstream::CredentialsDraft;
use super::{
    AdminUrl, Authority, ClientCredential, CorsOrigins, Dpop, Drain, ForwardAuth, Issuer, Limits,
    ListenUrl, LogSettings, PolicySettings, RouteSettings, TrustedProxies, UpstreamSettings,
    routes, urls,
};

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
/// A [`Snapshot`](super::Snapshot) without its keys, with the places that checks point at.
pub(super) struct Draft {
    pub(super) listen: Vec<ListenUrl>,
    pub(super) listen_mark: Mark,
    pub(super) allow_plain_http: bool,
    pub(super) path_base: Box<str>,
    pub(super) authority: Authority,
    pub(super) certificate: Option<KeyFiles>,
    pub(super) client_certificates: ClientCertificatesDraft,
    pub(super) dpop: Dpop,
    /// `None` with `DisableOpenIddictServer`.
    pub(super) token_server: Option<TokenServerDraft>,
    pub(super) disabled_mark: Mark,
    pub(super) issuers: Vec<IssuerDraft>,
    /// There are more, with faults.
    pub(super) issuers_faulty: bool,
    pub(super) routes: Vec<RouteSettings>,
    pub(super) policy: PolicySettings,
    pub(super) policy_mark: Mark,
    pub(super) upstream: UpstreamSettings,
    pub(super) upstream_mark: Mark,
    pub(super) upstream_credentials: Option<CredentialsDraft>,
    #[cfg(feature = "embedded")]
    pub(super) engine: Option<engine::config::EngineSettings>,
    #[cfg(feature = "embedded")]
    pub(super) engine_mark: Mark,
    pub(super) block_user_api: bool,
    pub(super) strict_http_status: bool,
    pub(super) limits: Limits,
    pub(super) cors_origins: CorsOrigins,
    pub(super) detailed_refusals: bool,
    pub(super) console: bool,
    pub(super) log: LogSettings,
    pub(super) drain: Drain,
    pub(super) admin_url: AdminUrl,
    pub(super) admin_mark: Mark,
    pub(super) ready_requires_upstream: bool,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) forward_auth: Option<ForwardAuth>,
    pub(super) deny: DenyDraft,
    pub(super) data_folder: PathBuf,
    pub(super) data_folder_mark: Mark,
    /// `None`: the cores granted.
    pub(super) workers: Option<usize>,
    pub(super) workers_mark: Mark,
}

/// The token side without its keys.
pub(super) struct TokenServerDraft {
    pub(super) signing: SigningDraft,
    pub(super) registered: Registered,
    /// The object, for what is missing in it.
    pub(super) mark: Mark,
}

impl Draft {
    pub(super) fn read(
        root: &Object<'_>,
        in_code: &[ClientCredential],
        issuers_in_code: &[Issuer],
        reading: &mut Reading,
    ) -> Self {
        let at = |key: &str| root.value_mark(key).unwrap_or_else(|| root.mark());
        let listen = root
            .text(reading, "Url")
            .map(|text| urls::listen(&text, reading))
            .unwrap_or_default();
        let loopback = listen.iter().all(ListenUrl::is_loopback);
        let path_base = root.text(reading, "PathBase");
        let path_base = urls::path_base(path_base.as_ref(), reading);
        let authority = urls::authority(root, &listen, &path_base, reading);
        let (upstream, upstream_mark, upstream_credentials) = UpstreamSettings::read(root, reading);
        let trusted_proxies = TrustedProxies::read(root, reading);
        let workflow_api = root.object(reading, "WorkflowApi");
        let policy = PolicySettings::read(&root.object(reading, "Policy"), reading);
        let forward_auth = ForwardAuth::read(root, &trusted_proxies, policy.shadow, reading);
        let admin = root.object(reading, "Admin");
        let data_folder = root.text(reading, "DataFolder");
        let data_folder = data_folder.map_or("data".to_owned(), |text| text.value);
        let workers = root.optional_integer(reading, "Workers");
        let (issuers, issuers_faulty) = issuers::read(root, issuers_in_code, reading);
        Self {
            listen_mark: at("Url"),
            allow_plain_http: root.bool(reading, "AllowPlainHttp").value,
            path_base,
            authority,
            certificate: KeyFiles::read(root, reading),
            client_certificates: ClientCertificatesDraft::read(root, reading),
            dpop: Dpop::read(root, reading),
            token_server: TokenServerDraft::read(root, in_code, reading),
            disabled_mark: at("DisableOpenIddictServer"),
            issuers,
            issuers_faulty,
            routes: routes::read(root, policy.shadow, reading),
            policy,
            policy_mark: at("Policy"),
            #[cfg(feature = "embedded")]
            engine: (upstream.endpoint == super::Endpoint::Embedded)
                .then(|| engine::config::EngineSettings::read(root, reading)),
            #[cfg(feature = "embedded")]
            engine_mark: at("Engine"),
            upstream,
            upstream_mark,
            upstream_credentials,
            block_user_api: workflow_api.bool(reading, "BlockUserApi").value,
            strict_http_status: workflow_api.bool(reading, "StrictHttpStatus").value,
            limits: Limits::read(&root.object(reading, "Limits"), reading),
            cors_origins: CorsOrigins::read(&root.object(reading, "DefaultCorsSettings"), reading),
            detailed_refusals: root.bool(reading, "DetailedRefusals").value,
            console: root
                .optional_bool(reading, "Console")
                .map_or(loopback, |console| console.value),
            log: LogSettings::read(&root.object(reading, "Log"), reading),
            drain: Drain::read(&root.object(reading, "Drain"), loopback, reading),
            admin_mark: admin.value_mark("Url").unwrap_or_else(|| admin.mark()),
            admin_url: urls::admin(&admin, reading),
            ready_requires_upstream: root
                .object(reading, "Ready")
                .bool(reading, "RequireUpstream")
                .value,
            forward_auth,
            trusted_proxies,
            deny: DenyDraft::read(&root.object(reading, "Deny"), reading),
            data_folder: reading.absolute(&data_folder),
            data_folder_mark: at("DataFolder"),
            workers: workers.map(|workers| workers.value),
            workers_mark: at("Workers"),
            listen,
        }
    }
}

impl TokenServerDraft {
    /// Read also when it is disabled: its faults are faults.
    fn read(
        root: &Object<'_>,
        in_code: &[ClientCredential],
        reading: &mut Reading,
    ) -> Option<Self> {
        let object = root.object(reading, "OpenIddictServerSettings");
        let draft = Self {
            signing: SigningDraft::read(&object, reading),
            registered: Registered::read(&object, in_code, reading),
            mark: object.mark(),
        };
        let disabled = root.bool(reading, "DisableOpenIddictServer").value;
        (!disabled).then_some(draft)
    }
}
