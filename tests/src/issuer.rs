//! An issuer of its own, over TLS: metadata, a key set, tokens; and every way of being broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::forge::{encode, with};
use crate::material::Material;
use crate::recorder::{Recorder, Reply, Seen};
use crate::secrets;

/// Where the key set is.
pub const KEYS: &str = "/keys";
/// `OpenID` Connect's place for metadata, of the issuer's path.
pub const OIDC: &str = "/realm/.well-known/openid-configuration";
/// RFC 8414's.
pub const RFC8414: &str = "/.well-known/oauth-authorization-server/realm";

/// A running issuer.
pub struct Issuer {
    /// Its name, and where it is.
    pub name: String,
    /// `host:port` that it listens on.
    pub address: String,
    /// Its TLS certificate, PEM.
    pub certificate: String,
    recorder: Recorder,
    state: Arc<Mutex<State>>,
}

/// What it answers; each may be changed while it runs.
pub struct State {
    /// Whether it answers at all.
    pub up: bool,
    /// What the key set is; `None`: silence.
    pub keys: Option<String>,
    /// `max-age` of the key set.
    pub max_age: u32,
    pub metadata: Value,
    /// Where the metadata is.
    pub place: &'static str,
}

impl Issuer {
    /// On a port of its own, called `localhost`.
    pub async fn start() -> Self {
        Self::named("localhost").await
    }

    /// On a port of its own, called by another name.
    pub async fn named(host: &str) -> Self {
        let material = Material::tls_for("issuer", &[host]);
        let state = Arc::new(Mutex::new(State {
            up: true,
            keys: Some(set(&[])),
            max_age: 600,
            metadata: Value::Null,
            place: OIDC,
        }));
        let answering = Arc::clone(&state);
        let recorder = Recorder::tls(&material, move |seen| {
            let state = answering.lock().unwrap_or_else(PoisonError::into_inner);
            state.answer(seen)
        })
        .await;
        let address = recorder.address().to_owned();
        let (_, port) = address.rsplit_once(':').expect("a port");
        let origin = format!("https://{host}:{port}");
        let name = format!("{origin}/realm");
        let issuer = Self {
            name: name.clone(),
            address,
            certificate: material.certificate,
            recorder,
            state,
        };
        issuer.state().metadata = json!({ "issuer": name, "jwks_uri": format!("{origin}{KEYS}") });
        issuer
    }

    /// What it answers, to look at or to change. Not to be held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes these keys.
    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.state().keys = Some(set(&keys));
    }

    /// What it was asked for.
    pub fn asked(&self, path: &str) -> Vec<Seen> {
        let line = format!("GET {path}");
        let seen = self.recorder.seen();
        seen.into_iter()
            .filter(|seen| seen.line() == line)
            .collect()
    }

    /// Waits until it was asked for `path` so often.
    pub async fn asked_often(&self, path: &str, times: usize) {
        let line = format!("GET {path}");
        let what = format!("{times} requests for {path}");
        let often = |seen: &[Seen]| {
            let asked = seen.iter().filter(|one| one.complete && one.line() == line);
            asked.count() >= times
        };
        self.recorder.until(&what, often).await;
    }

    /// A configuration that trusts it, found by discovery.
    pub fn trusted(&self) -> Value {
        json!({ "Issuer": self.name, "Audience": "WorkflowApi", "Authorities": "issuer.pem" })
    }

    /// Claims of a good token.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.name, "sub": "user", "azp": "app", "aud": "WorkflowApi",
            "iat": now, "exp": now + 600, "scope": "WorkflowApi",
        })
    }

    /// A good token.
    pub fn token(&self, key: &SigningKey) -> String {
        key.token(&json!({}), &self.claims())
    }
}

impl State {
    fn answer(&self, seen: &Seen) -> Reply {
        if !self.up {
            return Reply::Close;
        }
        let path = seen.line().trim_start_matches("GET ");
        let cached = format!("Cache-Control: max-age={}\r\n", self.max_age);
        match (path, &self.keys) {
            (KEYS, Some(keys)) => Reply::Raw(answer("200 OK", &cached, keys)),
            (KEYS, None) => Reply::Silence,
            _ if path == self.place => Reply::Raw(answer("200 OK", "", &self.metadata.to_string())),
            _ => Reply::Raw(answer("404 Not Found", "", "nothing here")),
        }
    }
}

fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\n\r\n{body}")
}

/// A key set of these keys.
pub fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}

/// A key that signs under `EdDSA`.
pub struct SigningKey {
    pub kid: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    pub fn new(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Ed25519KeyPair::generate().expect("a key"),
        }
    }

    /// The public half.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(self.pair.public_key()),
        })
    }

    /// A token of these claims; `header` changes what the header is otherwise.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let token = self.sign(header, claims);
        secrets::register_token(&token);
        token
    }

    /// The same for thousands of tokens: none is looked for in what programs write, which would
    /// take longer than all else.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let usual = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid });
        let header = encode(&with(&usual, header).to_string());
        let signed = format!("{header}.{}", encode(&claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
