//! The key that is made when none is configured, once, and kept in the data folder.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Material};

const FILE: &str = "signing-key.pem";

/// The kept key, made first when there is none. Of two processes that make one at the same time,
/// one wins and both use its key.
pub(super) fn load_or_make(data_folder: &Path) -> Result<(Material, std::path::PathBuf), Error> {
    let path = data_folder.join(FILE);
    if !path.exists() {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Generate)?;
        let der = pair.as_der().map_err(|_| Error::Generate)?;
        let pem = pem("PRIVATE KEY", der.as_ref());
        make_folder(data_folder)?;
        match write_new(&path, pem.as_bytes()) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::Write { path, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    if let Ok(found) = fs::metadata(&path)
        && found.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(
            path = %path.display(),
            "the signing key can be read by others; its mode should be 0600"
        );
    }
    Ok((Material::read(&path, None, None)?, path))
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

fn write_temporary(path: &Path, content: &[u8]) -> io::Result<std::path::PathBuf> {
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
