use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use time::OffsetDateTime;

use super::*;
use crate::config::{ClientCertificates, Live};
use crate::listener::tests::{limits, snapshot};
use crate::listener::{Authorities, server_config};

/// A certificate that a client may send, and its key.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Own {
    fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters().self_signed(&key).unwrap();
        Self::of(certificate.der(), &key)
    }

    fn of(certificate: &CertificateDer<'static>, key: &KeyPair) -> Self {
        Self {
            chain: vec![certificate.clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut own = parameters();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        own.distinguished_name.push(DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(own, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Own {
        let key = KeyPair::generate().unwrap();
        let mut leaf = parameters();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut leaf);
        Own::of(leaf.signed_by(&key, &self.0).unwrap().der(), &key)
    }

    fn loaded(&self) -> Arc<Authorities> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, self.0.pem()).unwrap();
        Arc::new(Authorities::load(&path, None).unwrap())
    }
}

fn parameters() -> CertificateParams {
    CertificateParams::new(["client.example".to_owned()]).unwrap()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// What workers share, with clients' certificates treated like this.
fn shared(asked: bool, authorities: Option<Arc<Authorities>>) -> Arc<Shared> {
    let mut first = snapshot(limits());
    first.client_certificates = ClientCertificates { asked, authorities };
    Arc::new(Shared::new(Live::new(Arc::new(first))).unwrap())
}

fn reload(shared: &Shared, asked: bool, authorities: Option<Arc<Authorities>>) {
    let mut next = snapshot(limits());
    next.generation = shared.live.snapshot().generation + 1;
    next.client_certificates = ClientCertificates { asked, authorities };
    shared.live.swap(Arc::new(next));
}

fn client(
    shared: &Shared,
    version: &'static SupportedProtocolVersion,
    own: Option<Own>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = shared.live.snapshot().certificate.clone().unwrap();
    roots.add(certificate.key.cert[0].clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        Some(own) => builder.with_client_auth_cert(own.chain, own.key).unwrap(),
        None => builder.with_no_client_auth(),
    })
}

/// One handshake in memory, to the end: also the tickets have arrived.
fn handshake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> Result<(Option<ClientCertificate>, HandshakeKind), Error> {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    loop {
        let mut moved = 0;
        let mut bytes = Vec::new();
        while client.wants_write() {
            moved += client.write_tls(&mut bytes).unwrap();
        }
        let mut left = &bytes[..];
        while !left.is_empty() {
            server.read_tls(&mut left).unwrap();
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            moved += server.write_tls(&mut bytes).unwrap();
        }
        let mut left: &mut dyn io::Read = &mut &bytes[..];
        while client.read_tls(&mut left).unwrap() > 0 {
            client.process_new_packets()?;
        }
        if moved == 0 {
            break;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    let certificate = server.peer_certificates().and_then(ClientCertificate::new);
    Ok((certificate, server.handshake_kind().unwrap()))
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn a_certificate_is_asked_for_only_when_there_is_a_use_and_never_required() {
    for version in VERSIONS {
        for (asked, has, want) in [
            (true, true, true),
            (true, false, false),
            (false, true, false),
        ] {
            let shared = shared(asked, None);
            let server = server_config(Arc::clone(&shared)).unwrap();
            let client = client(&shared, version, has.then(Own::self_signed));
            let (found, _) = handshake(&server, &client).unwrap();
            assert_eq!(found.is_some(), want, "{asked} {has}");
        }
    }
}

#[test]
fn only_who_chains_to_an_authority_for_this_use_at_this_time_is_trusted() {
    let authority = Authority::new();
    let other = Authority::new();
    let shared = shared(true, Some(authority.loaded()));
    let server = server_config(Arc::clone(&shared)).unwrap();
    let day = time::Duration::days(1);
    let today = OffsetDateTime::now_utc();
    for (what, own, want) in [
        ("good", authority.issue(|_| ()), true),
        ("self-signed", Own::self_signed(), false),
        ("unknown authority", other.issue(|_| ()), false),
        (
            "for servers",
            authority.issue(|leaf| {
                leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            false,
        ),
        (
            "expired",
            authority.issue(|leaf| leaf.not_after = today - day),
            false,
        ),
        (
            "not yet valid",
            authority.issue(|leaf| leaf.not_before = today + day),
            false,
        ),
        (
            "an authority itself",
            authority.issue(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            false,
        ),
    ] {
        let sent = own.chain[0].clone();
        for version in VERSIONS {
            let own = Own {
                chain: own.chain.clone(),
                key: own.key.clone_key(),
            };
            let client = client(&shared, version, Some(own));
            let (found, _) = handshake(&server, &client).unwrap();
            let found = found.unwrap();
            assert_eq!(found.der, sent);
            let snapshot = shared.live.snapshot();
            for _ in 0..2 {
                assert_eq!(found.is_trusted(&snapshot, now()), want, "{what}");
            }
        }
    }
}

#[test]
fn a_resumed_connection_has_the_certificate_that_was_proved() {
    let authority = Authority::new();
    for version in VERSIONS {
        let shared = shared(true, Some(authority.loaded()));
        let server = server_config(Arc::clone(&shared)).unwrap();
        let own = authority.issue(|_| ());
        let sent = own.chain[0].clone();
        let client = client(&shared, version, Some(own));
        let (_, kind) = handshake(&server, &client).unwrap();
        assert_eq!(kind, HandshakeKind::Full);
        let (found, kind) = handshake(&server, &client).unwrap();
        assert_eq!(kind, HandshakeKind::Resumed, "{version:?}");
        let found = found.unwrap();
        assert_eq!(found.der, sent);
        assert!(found.is_trusted(&shared.live.snapshot(), now()));
    }
}

#[test]
fn neither_connection_nor_ticket_outlives_the_authority() {
    let authority = Authority::new();
    for version in VERSIONS {
        let shared = shared(true, Some(authority.loaded()));
        let server = server_config(Arc::clone(&shared)).unwrap();
        let client = client(&shared, version, Some(authority.issue(|_| ())));
        let (old, _) = handshake(&server, &client).unwrap();
        let old = old.unwrap();
        assert!(old.is_trusted(&shared.live.snapshot(), now()));

        reload(&shared, true, Some(Authority::new().loaded()));
        assert!(!old.is_trusted(&shared.live.snapshot(), now()));
        let (resumed, kind) = handshake(&server, &client).unwrap();
        assert_eq!(kind, HandshakeKind::Resumed);
        assert!(!resumed.unwrap().is_trusted(&shared.live.snapshot(), now()));

        reload(&shared, true, Some(authority.loaded()));
        assert!(old.is_trusted(&shared.live.snapshot(), now()));
        reload(&shared, true, None);
        assert!(!old.is_trusted(&shared.live.snapshot(), now()));
    }
}

#[test]
fn trust_ends_with_the_certificate_also_on_an_old_connection() {
    let authority = Authority::new();
    let shared = shared(true, Some(authority.loaded()));
    let server = server_config(Arc::clone(&shared)).unwrap();
    let tomorrow = OffsetDateTime::now_utc() + time::Duration::days(1);
    let own = authority.issue(|leaf| leaf.not_after = tomorrow);
    let client = client(&shared, &rustls::version::TLS13, Some(own));
    let (found, _) = handshake(&server, &client).unwrap();
    let found = found.unwrap();
    let snapshot = shared.live.snapshot();
    assert!(found.is_trusted(&snapshot, now()));
    let later = now() + Duration::from_secs(2 * 86_400).as_secs();
    assert!(!found.is_trusted(&snapshot, later));
    assert!(found.is_trusted(&snapshot, now()));
}

#[test]
fn a_chain_is_bounded() {
    let shared = shared(true, None);
    let server = server_config(Arc::clone(&shared)).unwrap();
    for version in VERSIONS {
        let mut own = Own::self_signed();
        while own.chain.len() <= CHAIN_MAX {
            own.chain.push(own.chain[0].clone());
        }
        let client = client(&shared, version, Some(own));
        assert!(handshake(&server, &client).is_err());
    }
}

#[test]
fn a_file_without_an_authority_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let error = Authorities::load(&path, None).unwrap_err();
    assert!(matches!(
        error,
        crate::listener::AuthoritiesError::Read { .. }
    ));
    for content in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&path, content).unwrap();
        let error = Authorities::load(&path, None).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}

#[test]
fn what_a_revocation_list_names_or_does_not_cover_is_not_trusted() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let [ca, list] = ["ca.pem", "lists.pem"].map(|name| folder.path().join(name));
    std::fs::write(&ca, authority.0.pem()).unwrap();
    let serial = rcgen::SerialNumber::from(7_u64);
    let own = authority.issue(|leaf| leaf.serial_number = Some(serial.clone()));
    let day = time::Duration::days(1);
    let today = OffsetDateTime::now_utc();
    let write = |issuer: &Authority, revoked: Option<u64>, next_update| {
        let revoked = revoked.map(|serial| RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: today - day,
            reason_code: None,
            invalidity_date: None,
        });
        let parameters = CertificateRevocationListParams {
            this_update: today - day * 2,
            next_update,
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = parameters.signed_by(&issuer.0).unwrap().pem().unwrap();
        std::fs::write(&list, pem).unwrap();
        Arc::new(Authorities::load(&ca, Some(&list)).unwrap())
    };
    let chain = own.chain.clone();
    let judged = |authorities: Arc<Authorities>, now| {
        let certificate = ClientCertificate::new(&chain).unwrap();
        let shared = shared(true, Some(authorities));
        let snapshot = shared.live.snapshot();
        let verdict = certificate.is_trusted(&snapshot, now);
        assert_eq!(certificate.is_trusted(&snapshot, now), verdict);
        verdict
    };
    assert!(judged(write(&authority, None, today + day), now()));
    assert!(judged(write(&authority, Some(8), today + day), now()));
    assert!(!judged(write(&authority, Some(7), today + day), now()));
    // Over, or another's.
    assert!(!judged(write(&authority, None, today - day), now()));
    let other = Authority::new();
    assert!(!judged(write(&other, None, today + day), now()));

    // A list that comes to its end while the connection is open.
    let shared = shared(true, Some(write(&authority, None, today + day)));
    let snapshot = shared.live.snapshot();
    let certificate = ClientCertificate::new(&chain).unwrap();
    assert!(certificate.is_trusted(&snapshot, now()));
    assert!(!certificate.is_trusted(&snapshot, now() + 2 * 86_400));

    for content in ["", "no PEM"] {
        std::fs::write(&list, content).unwrap();
        let error = Authorities::load(&ca, Some(&list)).unwrap_err();
        assert_eq!(error.path(), list);
    }
}
