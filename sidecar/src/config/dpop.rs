//! `Dpop`: how proofs of possession are judged.
//!
//! Rules: RFC 9449. Elsewhere: the judgement itself (`bearer::proof`).

use ring::hmac;
use settings::url::Url;
use settings::{Fault, Object, Reading, Text};

use crate::keys::Algorithm;

/// How proofs are judged, and when one is needed.
#[derive(Clone, Debug)]
pub struct Dpop {
    /// Every token has to be bound to a key; bearer tokens are refused.
    pub required: bool,
    /// Where a proof needs a nonce of ours.
    pub nonce: NonceDemand,
    /// Half a nonce's life, in seconds; at least 1.
    pub nonce_slice: u64,
    /// The same for all replicas; `None`: each has its own, of its start.
    pub nonce_key: Option<hmac::Key>,
    /// How far from now a proof may have been made, in seconds.
    pub proof_lifetime: u64,
    /// What a proof may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Under which clients reach us besides that of `AuthorityUrl`: scheme, host and port.
    pub origins: Vec<Box<str>>,
}

/// Where a proof needs a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceDemand {
    /// Nowhere.
    Never,
    /// At the token endpoint.
    Token,
    /// At the token endpoint and on every forwarded route.
    Always,
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            required: false,
            nonce: NonceDemand::Never,
            nonce_slice: 150,
            nonce_key: None,
            proof_lifetime: 60,
            algorithms: vec![
                Algorithm::ES256,
                Algorithm::ES384,
                Algorithm::EdDSA,
                Algorithm::PS256,
                Algorithm::RS256,
            ],
            origins: Vec::new(),
        }
    }
}

/// Of `NonceKey`, in bytes.
const KEY_MIN: usize = 32;

impl Dpop {
    /// `root` is the whole file.
    pub(super) fn read(root: &Object<'_>, reading: &mut Reading) -> Self {
        let object = root.object(reading, "Dpop");
        let algorithms = object.texts(reading, "Algorithms").unwrap_or_default();
        let origins = object.texts(reading, "Origins").unwrap_or_default();
        let key = object.text(reading, "NonceKey");
        Self {
            required: object.bool(reading, "Required").value,
            nonce: match object.choice(reading, "Nonce").map(|nonce| nonce.value) {
                Some("token") => NonceDemand::Token,
                Some("always") => NonceDemand::Always,
                Some(_) | None => NonceDemand::Never,
            },
            nonce_slice: (object.duration(reading, "NonceLifetime").value.as_secs() / 2).max(1),
            nonce_key: key.and_then(|key| nonce_key(&key, reading)),
            proof_lifetime: object.duration(reading, "ProofLifetime").value.as_secs(),
            algorithms: self::algorithms(&object, &algorithms, reading),
            origins: origins
                .iter()
                .filter_map(|origin| self::origin(origin, reading))
                .collect(),
        }
    }

    /// The names of what a proof may be signed with, as metadata and challenges have them.
    pub(crate) fn algorithm_names(&self) -> Vec<&'static str> {
        let mut names = Vec::with_capacity(self.algorithms.len() + 1);
        for algorithm in &self.algorithms {
            names.push(algorithm.name());
            if *algorithm == Algorithm::EdDSA {
                names.push("Ed25519");
            }
        }
        names
    }
}

fn nonce_key(key: &Text, reading: &mut Reading) -> Option<hmac::Key> {
    if key.value.len() < KEY_MIN {
        reading.faults.push(
            Fault::error(key.mark, "`Dpop.NonceKey` is too short")
                .label(format!("{} bytes; {KEY_MIN} are needed", key.value.len()))
                .help("such as the output of `openssl rand -hex 32`"),
        );
        return None;
    }
    Some(hmac::Key::new(hmac::HMAC_SHA256, key.value.as_bytes()))
}

fn algorithms(object: &Object<'_>, names: &[Text], reading: &mut Reading) -> Vec<Algorithm> {
    let mut algorithms = Vec::with_capacity(names.len());
    for name in names {
        match Algorithm::named(&name.value) {
            Some(one) if algorithms.contains(&one) => {}
            Some(one) => algorithms.push(one),
            None => reading.faults.push(
                Fault::error(name.mark, format!("{} is not an algorithm", name.shown()))
                    .label("not served")
                    .help(format!(
                        "one of {}",
                        Algorithm::ALL.map(Algorithm::name).join(", ")
                    )),
            ),
        }
    }
    if names.is_empty() {
        let mark = object.value_mark("Algorithms").unwrap_or(object.mark());
        reading.faults.push(
            Fault::error(mark, "`Dpop.Algorithms` is empty")
                .label("no proof could ever be good")
                .help("leave it out for the usual ones"),
        );
    }
    algorithms
}

/// In lower case, without a default port.
fn origin(text: &Text, reading: &mut Reading) -> Option<Box<str>> {
    let of = |url: Url<'_>| {
        let (scheme, port) = match () {
            () if url.is("https") => ("https", 443),
            () if url.is("http") => ("http", 80),
            () => return None,
        };
        let bare = matches!(url.path, "" | "/") && !url.host.is_unspecified();
        bare.then(|| format!("{scheme}://{}", url.authority(port)).to_ascii_lowercase())
    };
    let origin = Url::parse(&text.value).ok().and_then(of);
    if origin.is_none() {
        reading.faults.push(
            Fault::error(text.mark, format!("{} is not an origin", text.shown()))
                .label("not an origin")
                .help("scheme, host and port, such as `https://sidecar.namespace.svc:8077`"),
        );
    }
    origin.map(Into::into)
}
