//! A TLS certificate as client authentication: `tls_client_auth`, `self_signed_tls_client_auth`.
//!
//! In: what the client proved to hold in the handshake, the client that the form names. Out: by
//! which method it is that client, if it is. Rules: RFC 8705 §2.1 (a name that an authority vouches
//! for), §2.2 (a certificate or key that the client registered; nobody needs to vouch for it).
//! Elsewhere: the handshake and who vouches (`listener`).

use crate::config::{AuthMethod, Client, OwnCertificate};
use crate::keys::Identity;
use crate::listener::ClientCertificate;

/// The method by which `certificate` is that of `client`. `vouched`: whether an authority vouches
/// for it, asked only where that matters.
pub(super) fn method(
    certificate: &ClientCertificate,
    client: &Client,
    vouched: impl FnOnce() -> bool,
    unix_time: u64,
) -> Option<AuthMethod> {
    let identity = Identity::read(&certificate.der)?;
    // The handshake may be long ago.
    if !identity.is_valid(unix_time) {
        return None;
    }
    let means = &client.means;
    let own = |own: &OwnCertificate| match own {
        OwnCertificate::Thumbprint(thumbprint) => *thumbprint == certificate.thumbprint,
        OwnCertificate::Key(key) => *key == identity.key,
    };
    let subject = means.tls_subject.as_ref();
    let named = subject.is_some_and(|name| name.is_in(&identity));
    let offered = |method| client.offers(method);
    if named && offered(AuthMethod::Tls) && vouched() {
        Some(AuthMethod::Tls)
    } else if means.own_certificates.iter().any(own) && offered(AuthMethod::SelfSignedTls) {
        Some(AuthMethod::SelfSignedTls)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::bearer::fixture;
    use crate::config::TlsSubject;
    use crate::keys::DistinguishedName;

    const NOW: u64 = 1_800_000_000;

    fn certificate(key: &KeyPair, serial: u64) -> ClientCertificate {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.serial_number = Some(serial.into());
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "a");
        let der = params.self_signed(key).unwrap().der().clone();
        ClientCertificate::new(&[der]).unwrap()
    }

    #[test]
    fn a_certificate_is_the_clients_by_a_vouched_name_or_by_a_registered_key() {
        let pair = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (key, other) = (pair(), pair());
        let one = certificate(&key, 1);
        let (renewed, foreign) = (certificate(&key, 2), certificate(&other, 1));
        let spki = Identity::read(&one.der).unwrap().key;
        let name = || TlsSubject::Name(DistinguishedName::parse("CN=a").unwrap());
        let trusted = certificate(&other, 3);
        let (tls, own) = (Some(AuthMethod::Tls), Some(AuthMethod::SelfSignedTls));
        let thumbprint = vec![OwnCertificate::Thumbprint(one.thumbprint)];
        let cases = [
            (None, vec![], [None, None, None, None]),
            (Some(name()), vec![], [None, None, None, tls]),
            (
                Some(TlsSubject::Dns("A.example".into())),
                vec![],
                [None, None, None, tls],
            ),
            (
                Some(TlsSubject::Dns("b.example".into())),
                vec![],
                [None, None, None, None],
            ),
            (None, thumbprint, [own, None, None, None]),
            (
                None,
                vec![OwnCertificate::Key(spki)],
                [own, own, None, None],
            ),
            (
                Some(name()),
                vec![OwnCertificate::Key(spki)],
                [own, own, None, tls],
            ),
        ];
        for (tls_subject, own_certificates, want) in cases {
            let mut client = fixture::client("a", &["*"]);
            client.means.tls_subject = tls_subject;
            client.means.own_certificates = own_certificates;
            let presented = [&one, &renewed, &foreign, &trusted];
            let method = |one: &ClientCertificate, client: &Client, now| {
                method(one, client, || one.thumbprint == trusted.thumbprint, now)
            };
            let found = presented.map(|one| method(one, &client, NOW));
            assert_eq!(found, want, "{:?}", client.means);
            assert_eq!(method(&trusted, &client, 1), None, "not valid then");
            client.method = Some(AuthMethod::Basic);
            assert_eq!(presented.map(|one| method(one, &client, NOW)), [None; 4]);
        }
    }
}
