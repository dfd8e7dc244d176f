use std::os::unix::fs::PermissionsExt;

use super::*;

fn load(folder: &Path) -> Certificate {
    Certificate::load(&CertificateSource::Development, folder).unwrap()
}

#[test]
fn a_development_certificate_is_made_once_and_for_its_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let first = load(&folder);
    assert!(first.development);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&first.file), 0o600);
    let second = load(&folder);
    assert_eq!(first.key.cert, second.key.cert);
    let days = (first.expires.unwrap() - OffsetDateTime::now_utc()).whole_days();
    assert!((395..=397).contains(&days), "{days}");
}

#[test]
fn a_development_certificate_about_to_expire_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let first = load(folder.path());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.not_after = OffsetDateTime::now_utc() + time::Duration::days(3);
    let old = parameters.self_signed(&key).unwrap();
    std::fs::write(&first.file, old.pem() + &key.serialize_pem()).unwrap();
    let second = load(folder.path());
    assert_ne!(&second.key.cert[0], old.der());
    assert!(second.warning(OffsetDateTime::now_utc()).is_none());
}

#[test]
fn an_expired_certificate_loads_with_a_warning_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    for (left, want) in [(-1, "expired on"), (3, "expires in"), (100, "")] {
        // Half a day more, so that whole days are counted the same a moment later.
        let left = time::Duration::days(left) + time::Duration::hours(12);
        let left = if want == "expired on" {
            -left.abs()
        } else {
            left
        };
        parameters.not_after = OffsetDateTime::now_utc() + left;
        let file = folder.path().join("tls.pem");
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
        let source = CertificateSource::Files {
            certificate_file: file,
            key_file: None,
            password: None,
        };
        let certificate = Certificate::load(&source, folder.path()).unwrap();
        let warning = certificate
            .warning(OffsetDateTime::now_utc())
            .unwrap_or_default();
        assert!(warning.contains(want), "{warning}");
        assert_eq!(warning.is_empty(), want.is_empty());
        assert!(want.is_empty() || warning.contains("tls.pem"), "{warning}");
    }
}

#[test]
fn a_bare_key_is_no_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&file, key.serialize_pem()).unwrap();
    let source = CertificateSource::Files {
        certificate_file: file,
        key_file: None,
        password: None,
    };
    let error = Certificate::load(&source, folder.path()).unwrap_err();
    assert!(error.to_string().contains("key.pem"), "{error}");
}

#[test]
fn a_damaged_development_certificate_is_reported_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = load(folder.path()).file;
    std::fs::write(&file, "nothing").unwrap();
    let error = Certificate::load(&CertificateSource::Development, folder.path()).unwrap_err();
    assert!(error.to_string().contains("dev-cert.pem"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"nothing");
}
