use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, SigningKey};

use super::*;
use crate::config::{SigningFile, SigningSource};

const HOUR: Duration = Duration::from_secs(3600);
const NOW: u64 = 1_800_000_000;

/// Test vectors of project Wycheproof, where a folder with fixtures lies beside the project.
pub(crate) fn wycheproof(name: &str) -> Option<serde_json::Value> {
    let file = Path::new("fixtures/wycheproof").join(name);
    let text = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(Iterator::flatten)
        .find_map(|entry| fs::read(entry.path().join(&file)).ok());
    if text.is_none() {
        eprintln!("skipped: {name} is not here");
    }
    serde_json::from_slice(&text?).ok()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

fn rsa_pem() -> String {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    pem("PRIVATE KEY", pair.as_der().unwrap().as_ref())
}

fn certificate(key: &impl SigningKey) -> String {
    CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(key)
        .unwrap()
        .pem()
}

fn rsa_with_certificate() -> (String, String) {
    let key = rsa_pem();
    let pair = rcgen::KeyPair::from_pem(&key).unwrap();
    (key, certificate(&pair))
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

fn files(certificate_file: PathBuf) -> SigningSource {
    SigningSource::Files(vec![file_from(certificate_file, 0)])
}

fn file_from(certificate_file: PathBuf, not_before: u64) -> SigningFile {
    SigningFile {
        certificate_file,
        key_file: None,
        password: None,
        not_before,
    }
}

fn generated() -> SigningSource {
    SigningSource::Generated {
        algorithm: Algorithm::RS256,
    }
}

fn load(source: &SigningSource, folder: &Path, previous: Option<&KeyRing>, now: u64) -> KeyRing {
    KeyRing::load_at(source, folder, previous, HOUR, now).unwrap()
}

fn published(ring: &KeyRing, now: u64) -> Vec<String> {
    let set: serde_json::Value = serde_json::from_slice(&ring.jwks(now).body).unwrap();
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_key_is_made_once_and_kept_for_the_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/data");
    let first = load(&generated(), &data, None, NOW);
    let second = load(&generated(), &data, None, NOW);
    assert_eq!(first.active_kid(NOW), second.active_kid(NOW));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("signing-key.pem")), 0o600);
    first.sign(b"{}", NOW).unwrap();
    assert_eq!(mode(&data.join("signing-keys.json")), 0o600);
    assert_eq!(
        fs::read_dir(&data).unwrap().count(),
        2,
        "no temporary file is left"
    );
}

#[test]
fn files_are_told_apart_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = rsa_with_certificate();
    let pkcs8 = STANDARD
        .decode(
            key.lines()
                .filter(|line| !line.starts_with('-'))
                .collect::<String>(),
        )
        .unwrap();
    let chain = rustls_pki_types::CertificateDer::from(
        STANDARD
            .decode(
                certificate
                    .lines()
                    .filter(|line| !line.starts_with('-'))
                    .collect::<String>(),
            )
            .unwrap(),
    );
    let both = file(folder.path(), "both.txt", format!("{key}{certificate}"));
    let alone = file(folder.path(), "certificate", &certificate);
    let key_alone = file(folder.path(), "key", &key);
    let der_key = file(folder.path(), "key.bin", &pkcs8);
    let der_certificate = file(folder.path(), "certificate.bin", &chain);
    for (certificate_file, key_file) in [
        (&both, None),
        (&both, Some(&both)),
        (&alone, Some(&key_alone)),
        (&der_certificate, Some(&der_key)),
        (&alone, Some(&both)),
    ] {
        let material =
            Material::read(certificate_file, key_file.map(PathBuf::as_path), None).unwrap();
        assert_eq!(
            material.chain,
            std::slice::from_ref(&chain),
            "{certificate_file:?} {key_file:?}"
        );
    }
    assert!(
        Material::read(&key_alone, None, None)
            .unwrap()
            .chain
            .is_empty()
    );
}

#[test]
fn pkcs1_pkcs8_and_sec1_are_read_as_openssl_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        std::process::Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !openssl("genrsa -traditional -out pkcs1.pem 2048") {
        eprintln!("skipped: no openssl");
        return;
    }
    assert!(openssl(
        "pkcs8 -topk8 -nocrypt -in pkcs1.pem -out pkcs8.pem"
    ));
    assert!(openssl(
        "ecparam -name prime256v1 -genkey -noout -out sec1.pem"
    ));
    assert!(openssl(
        "pkcs8 -topk8 -in pkcs1.pem -passout pass:x -out encrypted.pem"
    ));
    assert!(openssl(
        "req -x509 -key pkcs1.pem -subj /CN=signing -days 30 -out certificate.pem"
    ));
    assert!(openssl("genrsa -out short.pem 1024"));
    for password in ["open sesame", "", "пароль"] {
        let mut command = std::process::Command::new("openssl");
        command.args([
            "pkcs12",
            "-export",
            "-inkey",
            "pkcs1.pem",
            "-in",
            "certificate.pem",
        ]);
        command.args([
            "-out",
            "signing.pfx",
            "-passout",
            &format!("pass:{password}"),
        ]);
        assert!(
            command
                .current_dir(folder.path())
                .status()
                .unwrap()
                .success()
        );
        let path = folder.path().join("signing.pfx");
        let material = Material::read(&path, None, Some(password)).unwrap();
        assert_eq!(material.chain.len(), 1);
        let fault = Material::read(&path, None, Some("wrong")).unwrap_err();
        assert!(
            matches!(fault, Error::WrongPassword { given: true, .. }),
            "{fault}"
        );
    }
    let path = |name: &str| folder.path().join(name);
    for name in ["pkcs1.pem", "pkcs8.pem", "sec1.pem"] {
        Material::read(&path(name), None, None).unwrap();
    }
    let one = load(&files(path("pkcs1.pem")), folder.path(), None, NOW);
    let eight = load(&files(path("pkcs8.pem")), folder.path(), None, NOW);
    assert_eq!(one.active_kid(NOW), eight.active_kid(NOW));
    let sec1 = load(&files(path("sec1.pem")), folder.path(), None, NOW);
    assert_eq!(sec1.algorithms(), [Algorithm::ES256]);

    for (name, want) in [
        ("encrypted.pem", "is encrypted PEM"),
        ("short.pem", "has 1024 bits; at least 2048 are needed"),
    ] {
        let fault = KeyRing::load(&files(path(name)), folder.path(), None, HOUR).unwrap_err();
        assert!(fault.to_string().contains(want), "{name}: {fault}");
        assert!(fault.to_string().contains(name), "{name}: {fault}");
    }
}

#[test]
fn a_fault_says_which_file_and_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (key, certificate) = rsa_with_certificate();
    let (other, _) = rsa_with_certificate();
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let lone = file(folder, "lone.crt", &certificate);
    let key_file = file(folder, "key.pem", &key);
    let other_file = file(folder, "other.pem", &other);
    let two = file(folder, "two.pem", format!("{key}{other}"));
    let p384 = file(folder, "p384.pem", p384.serialize_pem());
    let text = file(folder, "notes.txt", "not a key");
    let broken = file(
        folder,
        "broken.pem",
        "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n",
    );
    let damaged = file(
        folder,
        "damaged.pem",
        pem("PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x00]),
    );
    let bad = file(
        folder,
        "bad.pem",
        format!("{key}{}", pem("CERTIFICATE", b"nonsense")),
    );
    let missing = folder.join("missing.pem");
    for (certificate_file, key_file, want) in [
        (&missing, None, "cannot read key file"),
        (&text, None, "neither PEM nor PKCS#12 nor DER"),
        (&broken, None, "cannot be read"),
        (&damaged, None, "cannot be used"),
        (&bad, None, "certificate 1"),
        (&lone, None, "no private key in"),
        (&lone, None, "found 1 certificate"),
        (&two, None, "2 private keys in"),
        (
            &lone,
            Some(&lone.with_file_name("./lone.crt")),
            "no private key",
        ),
        (
            &lone,
            Some(&other_file),
            "does not belong to the private key",
        ),
        (&key_file, Some(&other_file), "no certificate in"),
        (&p384, None, "another curve"),
    ] {
        let source = SigningSource::Files(vec![SigningFile {
            key_file: key_file.cloned(),
            ..file_from(certificate_file.clone(), 0)
        }]);
        let fault = KeyRing::load(&source, folder, None, HOUR)
            .unwrap_err()
            .to_string();
        assert!(fault.contains(want), "{fault} lacks {want}");
        let name = certificate_file.file_name().unwrap().to_str().unwrap();
        assert!(fault.contains(name), "{fault} lacks {name}");
    }
    let second = file(folder, "second.crt", &certificate);
    let fault = Material::read(&lone, Some(&second), None).unwrap_err();
    assert!(matches!(fault, Error::CertificateAsKey { .. }), "{fault}");
}

#[test]
fn kid_is_the_thumbprint_or_the_certificates_sha1_with_the_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = rsa_with_certificate();
    let bare = load(
        &files(file(folder.path(), "bare", &key)),
        folder.path(),
        None,
        NOW,
    );
    // A SHA-256 in base64url.
    assert_eq!(bare.active_kid(NOW).len(), 43);
    let both = files(file(folder.path(), "both", format!("{key}{certificate}")));
    let ring = load(&both, folder.path(), None, NOW);
    let kid = ring.active_kid(NOW);
    assert_eq!(kid.len(), 45);
    assert!(kid.ends_with("RS256"));
    assert!(
        kid[..40]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
    );

    let token = ring.sign(b"{}", NOW).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.kid.as_deref(), Some(kid));
    let x5t = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header.x5t.unwrap())
        .unwrap();
    let hex: Vec<_> = x5t.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(format!("{}RS256", hex.concat()), kid);
}

#[test]
fn thumbprint_is_that_of_rfc_7638() {
    // RFC 7638 §3.1.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(n)
        .unwrap();
    let key = jwks::jwk(jwks::rsa(&modulus, &[1, 0, 1]), Algorithm::RS256, &[]);
    assert_eq!(
        key.common.key_id.unwrap(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn key_set_has_no_private_member() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = rsa_with_certificate();
    let source = files(file(folder.path(), "both", format!("{key}{certificate}")));
    let ring = load(&source, folder.path(), None, NOW);
    ring.sign(b"{}", NOW).unwrap();
    let record = fs::read(folder.path().join("signing-keys.json")).unwrap();
    let set: serde_json::Value = serde_json::from_slice(&ring.jwks(NOW).body).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    for key in [&set["keys"][0], &record["active"]] {
        let mut members: Vec<_> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        assert_eq!(
            members,
            ["alg", "e", "kid", "kty", "n", "use", "x5c", "x5t"]
        );
    }
}

#[test]
fn replaced_key_stays_for_the_longest_lifetime() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "key", rsa_pem());
    let source = files(path.clone());
    let first = load(&source, folder.path(), None, NOW);
    let token = first.sign(b"{}", NOW).unwrap();
    fs::write(&path, rsa_pem()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap();

    let reloaded = load(&source, folder.path(), Some(&first), NOW + 10);
    let restarted = load(&source, folder.path(), None, NOW + 10);
    for ring in [&reloaded, &restarted] {
        assert_eq!(
            published(ring, NOW + 11),
            [ring.active_kid(NOW), first.active_kid(NOW)]
        );
        let key = ring.find(first.active_kid(NOW), NOW + 11).unwrap();
        assert!(key.verifying().verify(signed.as_bytes(), &signature));
        assert!(
            !ring
                .find(ring.active_kid(NOW), NOW)
                .unwrap()
                .verifying()
                .verify(signed.as_bytes(), &signature)
        );
        let end = NOW + 10 + 3600;
        assert!(ring.find(first.active_kid(NOW), end - 1).is_some());
        assert!(ring.find(first.active_kid(NOW), end).is_none());
        assert_eq!(
            published(ring, end),
            [ring.active_kid(NOW)],
            "it leaves the set without a reload"
        );
    }
    // Recorded with the first signature; a later run knows the end, and does not move it.
    reloaded.sign(b"{}", NOW).unwrap();
    let later = load(&source, folder.path(), None, NOW + 2000);
    assert!(later.find(first.active_kid(NOW), NOW + 10 + 3599).is_some());
    assert!(later.find(first.active_kid(NOW), NOW + 10 + 3600).is_none());
}

#[test]
fn a_ring_that_never_signed_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "key", rsa_pem());
    let source = files(path.clone());
    let first = load(&source, folder.path(), None, NOW);
    first.sign(b"{}", NOW).unwrap();
    let before = fs::read(folder.path().join("signing-keys.json")).unwrap();
    fs::write(&path, rsa_pem()).unwrap();
    drop(load(&source, folder.path(), Some(&first), NOW + 10));
    assert_eq!(
        fs::read(folder.path().join("signing-keys.json")).unwrap(),
        before
    );
}

#[test]
fn lowering_the_lifetime_does_not_shorten_what_was_issued() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "key", rsa_pem());
    let source = files(path.clone());
    let day = KeyRing::load_at(&source, folder.path(), None, HOUR * 24, NOW).unwrap();
    let hour = KeyRing::load_at(&source, folder.path(), Some(&day), HOUR, NOW).unwrap();
    fs::write(&path, rsa_pem()).unwrap();
    let next = KeyRing::load_at(&source, folder.path(), Some(&hour), HOUR, NOW).unwrap();
    assert!(next.find(day.active_kid(NOW), NOW + 23 * 3600).is_some());
}

#[test]
fn retired_keys_are_bounded_and_an_unreadable_record_stops_nothing() {
    let mut history = retired::History::default();
    for number in 0..40_u64 {
        let mut key = jwks::jwk(jwks::rsa(&[1], &[3]), Algorithm::RS256, &[]);
        key.common.key_id = Some(number.to_string());
        history.retire(key, NOW + number * 100_000);
    }
    history.prune("7", NOW);
    assert_eq!(history.retired.len(), retired::RETIRED_MAX);
    assert!(
        history
            .retired
            .iter()
            .all(|one| one.until <= NOW + retired::LIFETIME_MAX)
    );

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("signing-keys.json"), "{ torn").unwrap();
    load(
        &files(file(folder.path(), "key", rsa_pem())),
        folder.path(),
        None,
        NOW,
    );
}

#[test]
fn secret_matches_itself_until_its_end_and_is_not_shown() {
    let now = SystemTime::now();
    let secret = Secret::new("correct horse");
    assert!(secret.matches("correct horse", now));
    assert!(!secret.matches("correct horsf", now));
    assert!(!secret.matches("", now));
    assert_eq!(secret, Secret::new("correct horse"));
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    let ending = secret.until(now);
    assert!(ending.matches("correct horse", now));
    assert!(!ending.matches("correct horse", now + Duration::from_secs(1)));
    assert!(Presented::new("x").among(&[], now).is_none());
}

#[test]
fn published_key_verifies_with_wycheproof() {
    let Some(vectors) = wycheproof("rsa_signature_2048_sha256_test.json") else {
        return;
    };
    let hex = |text: &serde_json::Value| -> Vec<u8> {
        let text = text.as_str().unwrap();
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    for group in vectors["testGroups"].as_array().unwrap() {
        let modulus = hex(&group["publicKey"]["modulus"]);
        let exponent = hex(&group["publicKey"]["publicExponent"]);
        let jwk = jwks::jwk(
            jwks::rsa(der::unsigned(&modulus), der::unsigned(&exponent)),
            Algorithm::RS256,
            &[],
        );
        let key = VerifyingKey::parse(&jwk, Algorithm::RS256).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let good = key.verify(&hex(&test["msg"]), &hex(&test["sig"]));
            match test["result"].as_str().unwrap() {
                "valid" => assert!(good, "{test}"),
                "invalid" => assert!(!good, "{test}"),
                _ => {}
            }
        }
    }
}

fn key_pem(algorithm: Algorithm) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = generated::make_from(folder.path(), 1, algorithm).unwrap();
    fs::read_to_string(path).unwrap()
}

fn verifies(ring: &KeyRing, token: &str, now: u64) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap();
    let header = signed.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    ring.find(header["kid"].as_str().unwrap(), now)
        .is_some_and(|key| {
            key.verifying().algorithm().name() == header["alg"]
                && key.verifying().verify(signed.as_bytes(), &signature)
        })
}

#[test]
fn the_kind_of_the_key_is_the_algorithm_rfc_7518_and_8037() {
    for (algorithm, kty) in [
        (Algorithm::RS256, "RSA"),
        (Algorithm::ES256, "EC"),
        (Algorithm::EdDSA, "OKP"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "key", key_pem(algorithm));
        let from_file = load(&files(path), folder.path(), None, NOW);
        let data = folder.path().join("data");
        let made = load(&SigningSource::Generated { algorithm }, &data, None, NOW);
        for ring in [from_file, made] {
            assert_eq!(ring.algorithms(), [algorithm]);
            let set: serde_json::Value = serde_json::from_slice(&ring.jwks(NOW).body).unwrap();
            let key = &set["keys"][0];
            assert_eq!(
                (&key["kty"], &key["alg"]),
                (&kty.into(), &algorithm.name().into())
            );
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert!(key.get(private).is_none(), "{private}");
            }
            let jwk = serde_json::from_value(key.clone()).unwrap();
            let thumbprint = thumbprint(&jwk).unwrap();
            let kid = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(thumbprint);
            assert_eq!(key["kid"], kid, "RFC 7638");
            for token in [
                ring.sign(b"{}", NOW).unwrap(),
                ring.sign_as("x+jwt", b"{}", NOW).unwrap(),
            ] {
                assert!(verifies(&ring, &token, NOW));
                let mut other = token.into_bytes();
                *other.last_mut().unwrap() = if other.ends_with(b"A") { b"Q" } else { b"A" }[0];
                assert!(!verifies(&ring, &String::from_utf8(other).unwrap(), NOW));
            }
        }
    }
}

#[test]
fn keys_go_from_next_to_active_to_retired_to_gone_by_the_clock_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] =
        ["old", "new"].map(|name| file(folder.path(), name, key_pem(Algorithm::ES256)));
    let begins = NOW + 1000;
    let source = SigningSource::Files(vec![file_from(new, begins), file_from(old, 0)]);
    let ring = load(&source, folder.path(), None, NOW);
    let (first, second) = (
        ring.active_kid(NOW).to_owned(),
        ring.active_kid(begins).to_owned(),
    );
    assert_ne!(first, second);
    let hour = HOUR.as_secs();
    for (at, active, set) in [
        (NOW, &first, vec![&first, &second]),
        (begins - 1, &first, vec![&first, &second]),
        (begins, &second, vec![&second, &first]),
        (begins + hour - 1, &second, vec![&second, &first]),
        (begins + hour, &second, vec![&second]),
    ] {
        assert_eq!(ring.active_kid(at), active, "{at}");
        assert_eq!(published(&ring, at).iter().collect::<Vec<_>>(), set, "{at}");
        let token = ring.sign(b"{}", at).unwrap();
        assert!(verifies(&ring, &token, at));
        // A replica that was started at that very moment agrees.
        let replica_folder = tempfile::tempdir().unwrap();
        let replica = load(&source, replica_folder.path(), None, at);
        assert_eq!(replica.active_kid(at), active);
        assert_eq!(
            published(&replica, at).iter().collect::<Vec<_>>(),
            set,
            "{at}"
        );
        assert!(verifies(&replica, &token, at));
    }
    assert!(matches!(ring.states(NOW)[1].2, State::Next(at) if at == begins));
    assert!(matches!(ring.states(begins)[1].2, State::Active(at) if at == begins));
    assert!(matches!(ring.states(begins)[0].2, State::Retired(at) if at == begins + hour));
}

#[test]
fn rotation_publishes_a_key_before_it_signs_and_makes_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let source = SigningSource::Generated {
        algorithm: Algorithm::ES256,
    };
    let first = load(&source, data, None, NOW);
    let began = fs::metadata(data.join("signing-key.pem"))
        .unwrap()
        .modified()
        .unwrap();
    let began = began
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let rotation = Rotation {
        period: HOUR * 24,
        algorithm: Algorithm::EdDSA,
        ahead: HOUR,
    };
    let day = 24 * 3600;
    assert!(
        !rotation.tend(data, began + day - 3601).unwrap(),
        "too early"
    );
    assert!(rotation.tend(data, began + day - 3600).unwrap());
    assert!(
        !rotation.tend(data, began + day - 3600).unwrap(),
        "once is enough"
    );
    let ring = load(&source, data, Some(&first), began + day - 3600);
    assert_eq!(ring.active_kid(began + day - 1), first.active_kid(NOW));
    assert_ne!(ring.active_kid(began + day), first.active_kid(NOW));
    assert_eq!(ring.algorithms(), [Algorithm::ES256, Algorithm::EdDSA]);
    // The private key goes when no token of it can live any more; its public half has gone before.
    let second_day = began + 2 * day + 3600;
    assert!(rotation.tend(data, second_day).unwrap());
    assert!(!data.join("signing-key.pem").exists());
    load(&source, data, Some(&ring), second_day);
}
