//! The keys that are made when none is configured, and kept in the data folder.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, Error, Material};

/// The first one.
const FILE: &str = "signing-key.pem";

/// Every key of the folder with the instant (seconds) from which it signs, which its name tells; the
/// first one is made when there is none. Of two processes that make one at the same time, one wins
/// and both use its key.
pub(super) fn load_or_make(
    data_folder: &Path,
    algorithm: Algorithm,
) -> Result<Vec<(u64, Material, PathBuf)>, Error> {
    let mut files = files(data_folder);
    if files.is_empty() {
        let path = data_folder.join(FILE);
        make(&path, algorithm)?;
        files.push((0, path));
    }
    let mut keys = Vec::with_capacity(files.len());
    for (from, path) in files {
        if let Ok(found) = fs::metadata(&path)
            && found.permissions().mode() & 0o077 != 0
        {
            tracing::warn!(
                path = %path.display(),
                "the signing key can be read by others; its mode should be 0600"
            );
        }
        keys.push((from, Material::read(&path, None, None)?, path));
    }
    Ok(keys)
}

/// The keys of the folder, the earliest first.
pub(super) fn files(data_folder: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(folder) = fs::read_dir(data_folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = folder
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((begins(path.file_name()?.to_str()?)?, path))
        })
        .collect();
    files.sort();
    files
}

/// The instant in a name: `signing-key.pem` has always signed, `signing-key-<seconds>.pem` does
/// from then on.
fn begins(name: &str) -> Option<u64> {
    let rest = name.strip_prefix("signing-key")?.strip_suffix(".pem")?;
    match rest.strip_prefix('-') {
        Some(from) => from.parse().ok(),
        None => rest.is_empty().then_some(0),
    }
}

/// Makes the key that signs from `from` on; one that another process made is left alone.
pub(super) fn make_from(
    data_folder: &Path,
    from: u64,
    algorithm: Algorithm,
) -> Result<PathBuf, Error> {
    let path = data_folder.join(format!("signing-key-{from}.pem"));
    make(&path, algorithm)?;
    Ok(path)
}

fn make(path: &Path, algorithm: Algorithm) -> Result<(), Error> {
    let failed = |_| Error::Generate;
    let pem = match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            pem("PRIVATE KEY", pair.to_pkcs8v1().map_err(failed)?.as_ref())
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            pem("PRIVATE KEY", pair.to_pkcs8().map_err(failed)?.as_ref())
        }
        _ => {
            let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let der = pair.as_der().map_err(failed)?;
            pem("PRIVATE KEY", der.as_ref())
        }
    };
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    match write_new(path, pem.as_bytes()) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The data folder with mode 0700, if it is not there yet.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::Write {
            path: folder.to_owned(),
            source,
        })
}

/// Writes a file that must not exist yet: whole or not at all, mode 0600.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, content)?;
    // A link, unlike a rename, never replaces the key that another process has just made.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    linked?;
    sync_folder(path)
}

/// Replaces a file, whole or not at all, mode 0600.
pub(crate) fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, content)?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

fn write_temporary(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let temporary = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(temporary)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// RFC 7468 §2: lines of 64 characters between the labels.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}
