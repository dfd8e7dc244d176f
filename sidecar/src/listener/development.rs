//! The certificate for the first minute: self-signed, for this machine only, made once.

use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};

use super::CertificateError;
use crate::keys::{self, Material};

/// Chain and key in one file, so that a client can be pointed at it whole.
const FILE: &str = "dev-cert.pem";

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Browsers refuse certificates with a longer life.
const LIFETIME: Duration = Duration::days(397);

/// A new one is made when less than this is left.
const RENEW_BEFORE: Duration = Duration::days(30);

/// Clocks of containers on one machine differ a little.
const BACKDATED: Duration = Duration::hours(1);

/// The development certificate of `data_folder` and its file.
///
/// A file that cannot be read is an error, not a reason to replace it: clients may have been told
/// to trust it.
pub(super) fn load_or_make(data_folder: &Path) -> Result<(Material, PathBuf), CertificateError> {
    let file = data_folder.join(FILE);
    let now = OffsetDateTime::now_utc();
    if file.exists() {
        let material = Material::read(&file, None, None)?;
        let expires = material
            .chain
            .first()
            .and_then(|leaf| keys::not_after(leaf));
        if expires.is_some_and(|expires| expires - now > RENEW_BEFORE) {
            return Ok((material, file));
        }
    }
    let pem = make(now)?;
    keys::make_folder(data_folder)?;
    keys::write_over(&file, pem.as_bytes()).map_err(|source| keys::Error::Write {
        path: file.clone(),
        source,
    })?;
    // What another process wrote at the same moment is as good; both serve what the file holds.
    Ok((Material::read(&file, None, None)?, file))
}

fn make(now: OffsetDateTime) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::new(NAMES.map(str::to_owned))?;
    parameters.not_before = now - BACKDATED;
    parameters.not_after = now + LIFETIME;
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let name = &mut parameters.distinguished_name;
    name.remove(DnType::CommonName);
    name.push(DnType::CommonName, "localhost (development)");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = parameters.self_signed(&key)?;
    Ok(certificate.pem() + &key.serialize_pem())
}
