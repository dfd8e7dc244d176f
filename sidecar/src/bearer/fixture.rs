//! A snapshot and tokens for tests: one key and one record of clients for the whole test process.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Epoch, Judging, Revocations};
use crate::admin::Metrics;
use crate::config::{
    Access, AccessLog, AdminUrl, Authority, BoundTokens, Client, ClientCertificates, Clients,
    CorsOrigins, Dpop, Drain, Endpoint, Issuers, Limits, LogSettings, Means, Rate, RouteSettings,
    SigningSource, Snapshot, TokenServer, UpstreamSettings,
};
use crate::keys::{Algorithm, KeyRing, Material, Secret};
use crate::policy::Operations;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const BASE: &str = "https://sidecar.example";
pub(crate) const ISSUER: &str = "https://sidecar.example/";

struct Keys {
    ring: Arc<KeyRing>,
    signer: KeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let material = Material::read(&folder.path().join("signing-key.pem"), None, None).unwrap();
    let signer = KeyPair::from_pkcs8(material.key.secret_der()).unwrap();
    Keys {
        ring: Arc::new(ring),
        signer,
    }
});

/// A ring with a key of its own.
pub(crate) fn ring(folder: &std::path::Path) -> KeyRing {
    let hour = Duration::from_secs(3600);
    let source = SigningSource::Generated {
        algorithm: Algorithm::RS256,
    };
    KeyRing::load(&source, folder, None, hour).unwrap()
}

pub(crate) fn client(id: &str, operations: &[&str]) -> Client {
    Client {
        id: id.into(),
        secrets: vec![Secret::new("secret")],
        means: Means::default(),
        method: None,
        client_credentials: true,
        scopes: vec!["WorkflowApi".into(), "Other".into()],
        operations: Operations::parse(operations).unwrap(),
        audience: "WorkflowApi".into(),
        token_lifetime: Duration::from_secs(3600),
        mandate: None,
        bound_tokens: BoundTokens::AsOffered,
        introspect: false,
        rate: None,
    }
}

pub(crate) fn clients(clients: impl IntoIterator<Item = Client>) -> Clients {
    clients.into_iter().collect()
}

/// Clients `all` (`*` and `manage`) and `reader` (`read`), the route `/workflowapi`, and `/public`.
pub(crate) fn snapshot() -> Snapshot {
    let registered = [client("all", &["*", "manage"]), client("reader", &["read"])];
    let route = |prefix: &str, access| RouteSettings::below(prefix, access).unwrap();
    Snapshot {
        generation: 1,
        listen: Vec::new(),
        path_base: "".into(),
        authority: Authority {
            issuer: ISSUER.into(),
            base: BASE.into(),
        },
        certificate: None,
        client_certificates: ClientCertificates::default(),
        dpop: Dpop::default(),
        token_server: Some(TokenServer {
            keys: Arc::clone(&KEYS.ring),
            rotation: None,
            makes: None,
            clients: clients(registered),
            assertion_lifetime: Duration::from_secs(3600),
        }),
        issuers: Issuers::default(),
        routes: vec![
            route("/workflowapi", Access::Scopes(vec!["WorkflowApi".into()])),
            route("/public", Access::Public),
        ],
        policy: crate::config::PolicySettings::default(),
        hooks: crate::policy::Hooks::default(),
        upstream: UpstreamSettings {
            endpoint: Endpoint::Embedded,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(15),
            preserve_host: false,
            forward_token: false,
            signed_identity: None,
        },
        upstream_token: None,
        #[cfg(feature = "embedded")]
        engine: None,
        console: false,
        block_user_api: false,
        strict_http_status: false,
        limits: limits(),
        cors_origins: CorsOrigins::None,
        detailed_refusals: true,
        log: LogSettings {
            format: None,
            level: tracing::Level::INFO,
            access: AccessLog::Refusals,
        },
        drain: Drain {
            delay: Duration::ZERO,
            timeout: Duration::from_secs(25),
        },
        admin_url: AdminUrl {
            addresses: Vec::new(),
        },
        ready_requires_upstream: false,
        trusted_proxies: crate::config::TrustedProxies::default(),
        forward_auth: None,
        deny: crate::config::Deny {
            limit: 1000,
            ..crate::config::Deny::default()
        },
        data_folder: PathBuf::from("data"),
        workers: 1,
        prepared: crate::gate::Prepared::default(),
    }
}

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits {
        handshake: second * 10,
        header: second * 30,
        form_body: second * 60,
        body_rate: 1024,
        body_rate_grace: second * 60,
        idle: second * 75,
        header_bytes: 32 * 1024,
        header_count: 100,
        body: 16 * 1024 * 1024,
        rule_body: 1024 * 1024,
        token: 8 * 1024,
        connections: 8192,
        connections_per_address: 6000,
        http2_streams: 128,
        secret_failures: Rate {
            per_second: 10,
            burst: 50,
        },
        bearer_failures: Rate {
            per_second: 500,
            burst: 2000,
        },
        token_requests: None,
        requests: None,
    }
}

static EPOCH: LazyLock<Epoch> = LazyLock::new(Epoch::default);
static REVOCATIONS: LazyLock<Revocations> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    Revocations::load(folder.path(), Arc::default(), NOW).unwrap()
});
static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(1));

/// Nothing changes but the snapshot.
pub(crate) fn judging(snapshot: &Snapshot, now: u64) -> Judging<'_> {
    Judging::of(snapshot, &EPOCH, &REVOCATIONS, &METRICS, now)
}

pub(crate) fn kid() -> &'static str {
    KEYS.ring.active_kid(NOW)
}

pub(crate) fn good_header() -> Value {
    json!({"alg": "RS256", "typ": "at+jwt", "kid": kid()})
}

pub(crate) fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "all", "client_id": "all", "aud": "WorkflowApi",
        "jti": "1", "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "scope": "WorkflowApi",
    })
}

/// The value with `changes` in place of its members; a null removes one.
#[expect(
    clippy::needless_pass_by_value,
    reason = "so that tests can write `json!` in place"
)]
pub(crate) fn with(mut value: Value, changes: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap().clone() {
        if change.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, change);
        }
    }
    value
}

/// Who calls with [`token`].
pub(crate) fn principal(snapshot: &Snapshot) -> Arc<super::Principal> {
    let validated = super::validate(token().as_bytes(), &judging(snapshot, NOW));
    validated.ok().unwrap().principal
}

/// A token that is good at [`NOW`].
pub(crate) fn token() -> String {
    signed(&good_header().to_string(), &good_claims().to_string())
}

/// A token of `claims` with the good header.
pub(crate) fn token_of(claims: &Value) -> String {
    signed(&good_header().to_string(), &claims.to_string())
}

/// Any header and claims, signed well.
pub(crate) fn signed(header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = URL_SAFE_NO_PAD.encode(signature(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Modulus and exponent of the key that signs, as its JWK has them.
pub(crate) fn public_key() -> (String, String) {
    let set: Value = serde_json::from_slice(&KEYS.ring.jwks(NOW).body).unwrap();
    let member = |name: &str| set["keys"][0][name].as_str().unwrap().to_owned();
    (member("n"), member("e"))
}

pub(crate) fn signature(message: &[u8]) -> Vec<u8> {
    let signer = &KEYS.signer;
    let mut signature = vec![0; signer.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    signer
        .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
        .unwrap();
    signature
}
