//! What a client authenticates by besides secrets: its keys, its certificate, another's word.
//!
//! In: the client's object. Out: [`Means`], or faults. Rules: OIDC Core §9 and RFC 7523 §2.2
//! (`FederatedCredentials`), RFC 8705 §2.1–2.2 (`TlsSubject`, `TlsThumbprints`).
//! Elsewhere: whether a request proves them (`oauth`).

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use settings::{Either, Fault, Object, Reading, Text};

use super::AuthMethod;
use super::keys::{self, ClientKeys};
use crate::keys::{DistinguishedName, Identity};

/// What a client authenticates by besides secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// Public keys, for `private_key_jwt`.
    pub(crate) keys: Option<Arc<ClientKeys>>,
    /// Name in a certificate that an authority vouches for, for `tls_client_auth`.
    pub(crate) tls_subject: Option<TlsSubject>,
    /// Certificates or keys that are the client's own, for `self_signed_tls_client_auth`.
    pub(crate) own_certificates: Vec<OwnCertificate>,
    /// Whose tokens count as its own assertions.
    pub(crate) federated: Vec<FederatedCredential>,
}

/// Another issuer's word that counts for a client: RFC 7523 §2.2 with an issuer other than it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FederatedCredential {
    /// `iss`; one of `Issuers`.
    pub(crate) issuer: Arc<str>,
    /// `sub`.
    pub(crate) subject: Box<str>,
    /// One of `aud`.
    pub(crate) audience: Box<str>,
}

/// RFC 8705 §2.1.2: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsSubject {
    Name(DistinguishedName),
    Dns(Box<str>),
    Uri(Box<str>),
    Email(Box<str>),
    Address(IpAddr),
}

impl TlsSubject {
    /// Whether the certificate names it.
    pub(crate) fn is_in(&self, certificate: &Identity) -> bool {
        match self {
            Self::Name(name) => certificate.subject.as_ref() == Some(name),
            // RFC 4343: the only one without case.
            Self::Dns(name) => {
                let mut names = certificate.dns.iter();
                names.any(|found| found.eq_ignore_ascii_case(name))
            }
            Self::Uri(uri) => certificate.uris.contains(uri),
            Self::Email(email) => certificate.emails.contains(email),
            Self::Address(address) => certificate.addresses.contains(address),
        }
    }
}

/// A certificate that a client registered as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCertificate {
    /// SHA-256 of the whole certificate.
    Thumbprint([u8; 32]),
    /// SHA-256 of its key: a renewed certificate is the same one.
    Key([u8; 32]),
}

impl Means {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let (keys, mut own_certificates) = keys::read(object, reading).unzip();
        let thumbprints = object.texts(reading, "TlsThumbprints").unwrap_or_default();
        let thumbprints = thumbprints
            .iter()
            .filter_map(|text| thumbprint(text, reading));
        let mut own: Vec<_> = thumbprints.map(OwnCertificate::Thumbprint).collect();
        own.append(own_certificates.get_or_insert_default());
        Self {
            keys,
            tls_subject: tls_subject(object, reading),
            own_certificates: own,
            federated: federated(object, reading),
        }
    }

    pub(super) fn has(&self, method: AuthMethod) -> bool {
        match method {
            AuthMethod::Basic | AuthMethod::Post => false,
            AuthMethod::Federated => !self.federated.is_empty(),
            AuthMethod::PrivateKeyJwt => self.keys.is_some(),
            AuthMethod::Tls => self.tls_subject.is_some(),
            AuthMethod::SelfSignedTls => !self.own_certificates.is_empty(),
        }
    }
}

/// SHA-256 in hexadecimal, as tools print it with colons or without, or in base64url.
fn thumbprint(text: &Text, reading: &mut Reading) -> Option<[u8; 32]> {
    let plain: String = text.value.chars().filter(|c| *c != ':').collect();
    let from_hex = || -> Option<Vec<u8>> {
        let pairs = plain.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.collect()
    };
    let bytes = if plain.len() == 64 {
        from_hex()
    } else {
        URL_SAFE_NO_PAD.decode(&text.value).ok()
    };
    let found = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    if found.is_none() {
        reading.faults.push(
            Fault::error(text.mark, "this is not the SHA-256 of a certificate")
                .label(format!("found {}", text.shown()))
                .help("64 hexadecimal digits, as of `openssl x509 -fingerprint -sha256`"),
        );
    }
    found
}

/// A distinguished name, or an object with one kind of alternative name.
fn tls_subject(object: &Object<'_>, reading: &mut Reading) -> Option<TlsSubject> {
    let object = match object.either(reading, "TlsSubject")? {
        Either::Text(text) => {
            return match DistinguishedName::parse(&text.value) {
                Ok(name) => Some(TlsSubject::Name(name)),
                Err(fault) => {
                    let message = format!("`TlsSubject` is a distinguished name {fault}");
                    reading.faults.push(
                        Fault::error(text.mark, message)
                            .label("of no use")
                            .help("as of `openssl x509 -subject -nameopt RFC2253`"),
                    );
                    None
                }
            };
        }
        Either::Object(object) => object,
        Either::List(_) => return None,
    };
    let text = |reading: &mut Reading, name| object.text(reading, name);
    let own = |text: Text| -> Box<str> { text.value.into() };
    let dns = text(reading, "Dns").map(own).map(TlsSubject::Dns);
    let uri = text(reading, "Uri").map(own).map(TlsSubject::Uri);
    let email = text(reading, "Email").map(own).map(TlsSubject::Email);
    let address = text(reading, "Ip").and_then(|text| {
        let address = text.value.parse().ok().map(TlsSubject::Address);
        if address.is_none() {
            reading.faults.push(
                Fault::error(text.mark, "`TlsSubject.Ip` is not an IP address")
                    .label(format!("found {}", text.shown())),
            );
        }
        address
    });
    let mut named = [dns, uri, email, address].into_iter().flatten();
    let (first, more) = (named.next(), named.next().is_some());
    if (first.is_none() || more) && !reading.faults.has_errors() {
        reading.faults.push(
            Fault::error(object.mark(), "`TlsSubject` must have exactly one name")
                .label(if more { "several" } else { "none" })
                .help("a distinguished name as a string, or one of `Dns`, `Uri`, `Email`, `Ip`"),
        );
    }
    first
}

/// `FederatedCredentials`: each with all three of its members.
fn federated(object: &Object<'_>, reading: &mut Reading) -> Vec<FederatedCredential> {
    let objects = object.objects(reading, "FederatedCredentials");
    let mut found = Vec::with_capacity(objects.len());
    for object in objects {
        let [issuer, subject, audience] =
            ["Issuer", "Subject", "Audience"].map(|key| required(&object, key, reading));
        if let (Some(issuer), Some(subject), Some(audience)) = (issuer, subject, audience) {
            found.push(FederatedCredential {
                issuer: issuer.into(),
                subject: subject.into(),
                audience: audience.into(),
            });
        }
    }
    found
}

fn required(object: &Object<'_>, key: &str, reading: &mut Reading) -> Option<String> {
    let text = object.text(reading, key);
    if text.is_none() && object.key_mark(key).is_none() {
        let message = format!("a federated credential has no `{key}`");
        let fault = Fault::error(object.mark(), message).label("in this object");
        reading
            .faults
            .push(fault.help("the token must have exactly this `iss`, `sub` and `aud`"));
    }
    text.map(|text| text.value)
}

#[cfg(test)]
impl Means {
    /// Those keys, which are good ones.
    pub(crate) fn of_jwks(json: &str) -> Self {
        Self {
            keys: Some(Arc::new(ClientKeys::of_jwks(json))),
            ..Self::default()
        }
    }
}
