//! `ClientCertificates`, `Dpop` and `BoundTokens`.

use super::*;
use crate::keys::Algorithm;

fn with(more: &str) -> Folder {
    Folder::new(&format!("{BASE}{CLIENT}{more}"))
}

#[test]
fn clients_are_asked_for_a_certificate_when_there_is_a_use_for_it() {
    let one =
        r#"{ "ClientId": "one", "ClientSecret": "secret-of-one", "BoundTokens": "certificate" }"#;
    let bound = format!(
        r#""DisableOpenIddictServer": false, "OpenIddictServerSettings": {{ "ClientCredentials": [{one}] }},"#
    );
    for (client, more, want) in [
        (CLIENT, "", false),
        (CLIENT, r#""ClientCertificates": {}"#, false),
        (CLIENT, r#""ClientCertificates": { "Ask": "always" }"#, true),
        (CLIENT, r#""ClientCertificates": { "Ask": "never" }"#, false),
        (
            CLIENT,
            r#""ClientCertificates": { "Authorities": "ca.pem" }"#,
            true,
        ),
        (
            CLIENT,
            r#""ClientCertificates": { "Authorities": "ca.pem", "Ask": "never" }"#,
            false,
        ),
        (&bound, "", true),
        (&bound, r#""ClientCertificates": { "Ask": "auto" }"#, true),
        (&bound, r#""ClientCertificates": { "Ask": "never" }"#, false),
    ] {
        let folder = Folder::new(&format!("{BASE}{client}{more}"));
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let snapshot = folder.snapshot();
        assert_eq!(snapshot.client_certificates.asked, want, "{client} {more}");
    }
}

#[test]
fn authorities_are_watched() {
    let folder = with(r#""ClientCertificates": { "Authorities": "ca.pem" }"#);
    let watched = folder.load().watched;
    let paths: Vec<_> = watched.iter().map(|one| one.path.clone()).collect();
    assert!(paths.contains(&folder.path().join("ca.pem")), "{paths:?}");
}

#[test]
fn broken_settings_of_bound_tokens_say_why() {
    for (more, want) in [
        (
            r#""ClientCertificates": { "Authorities": "none.pem" }"#,
            "`ClientCertificates.Authorities`: cannot read `/none.pem`",
        ),
        (
            r#""ClientCertificates": { "RevocationLists": "lists.pem" }"#,
            "this needs `ClientCertificates.Authorities` beside it",
        ),
        (
            r#""ClientCertificates": { "Ask": "maybe" }"#,
            "`ClientCertificates.Ask`",
        ),
        (r#""Dpop": { "Nonce": "maybe" }"#, "`Dpop.Nonce`"),
        (
            r#""Dpop": { "NonceKey": "too short" }"#,
            "`Dpop.NonceKey` is too short",
        ),
        (
            r#""Dpop": { "Algorithms": ["HS256"] }"#,
            "is not an algorithm",
        ),
        (
            r#""Dpop": { "Algorithms": ["none"] }"#,
            "is not an algorithm",
        ),
        (
            r#""Dpop": { "Algorithms": [] }"#,
            "`Dpop.Algorithms` is empty",
        ),
        (
            r#""Dpop": { "Origins": ["sidecar.svc"] }"#,
            "is not an origin",
        ),
        (
            r#""Dpop": { "Origins": ["https://sidecar.svc/path"] }"#,
            "is not an origin",
        ),
        (
            r#""Dpop": { "Origins": ["https://*"] }"#,
            "is not an origin",
        ),
        (
            r#""Dpop": { "ProofLifetime": "1h" }"#,
            "`Dpop.ProofLifetime`",
        ),
        (r#""Dpop": { "NonceLifetime": 1 }"#, "`Dpop.NonceLifetime`"),
        (r#""Dpop": { "Nonces": "always" }"#, "Nonces"),
    ] {
        let faults = with(more).faults();
        assert!(faults.contains(want), "{more}\n{faults}");
        assert!(
            !faults.contains("too short\""),
            "a secret is masked: {faults}"
        );
    }
}

#[test]
fn settings_of_proofs_are_read() {
    let dpop = with("").snapshot().dpop;
    assert!(!dpop.required && dpop.nonce_key.is_none());
    assert_eq!(dpop.nonce, NonceDemand::Never);
    assert_eq!((dpop.nonce_slice, dpop.proof_lifetime), (150, 60));
    assert_eq!(dpop.algorithms, Dpop::default().algorithms);
    let dpop = with(
        r#""Dpop": { "Required": true, "Nonce": "token", "NonceLifetime": "2s", "ProofLifetime": 5,
            "NonceKey": "0123456789abcdef0123456789abcdef", "Algorithms": ["ES256", "Ed25519", "EdDSA"],
            "Origins": ["HTTPS://Sidecar.svc:443", "http://127.0.0.1:8077/"] }"#,
    )
    .snapshot()
    .dpop;
    assert!(dpop.required && dpop.nonce_key.is_some());
    assert_eq!(dpop.nonce, NonceDemand::Token);
    assert_eq!((dpop.nonce_slice, dpop.proof_lifetime), (1, 5));
    assert_eq!(dpop.algorithms, [Algorithm::ES256, Algorithm::EdDSA]);
    assert_eq!(dpop.algorithm_names(), ["ES256", "EdDSA", "Ed25519"]);
    let origins: Vec<_> = dpop.origins.iter().map(|one| &**one).collect();
    assert_eq!(origins, ["https://sidecar.svc", "http://127.0.0.1:8077"]);
}

#[test]
fn what_nobody_is_asked_for_is_a_warning() {
    let bound = r#""DisableOpenIddictServer": false, "OpenIddictServerSettings": { "ClientCredentials": [
        { "ClientId": "one", "ClientSecret": "secret-of-one", "BoundTokens": "certificate" }] },"#;
    for (more, want) in [
        (
            r#""ClientCertificates": { "Ask": "never" }"#,
            "are not asked for them",
        ),
        ("", "clients send a certificate over TLS only"),
    ] {
        let loaded = Folder::new(&format!("{BASE}{bound}{more}")).load();
        assert!(loaded.outcome.is_ok());
        let drawn = loaded.warnings.render(false);
        assert!(drawn.contains(want), "{drawn}");
    }
}
