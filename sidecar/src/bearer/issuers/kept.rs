//! The last good key set of an issuer, kept under `DataFolder` so that a restart while the issuer
//! is down goes on. Public data only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest;

use super::Plan;
use crate::config::Way;
use crate::keys::{DOCUMENT_BYTES_MAX, make_folder, write_over};

/// An outage is over by then; what is older says little about the keys of now.
const KEPT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The file for one issuer whose keys come from one place.
pub(super) fn file(folder: &Path, plan: &Plan) -> PathBuf {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(plan.issuer.as_bytes());
    let places: &[_] = match &plan.way {
        Way::Discovery(_) => &[],
        Way::Uri(source) => std::slice::from_ref(source),
    };
    for place in places {
        context.update(b"\0");
        context.update(place.target().as_bytes());
        context.update(place.origin().as_bytes());
    }
    let name = URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..18]);
    folder.join("issuers").join(format!("{name}.json"))
}

/// The document and when it was written; `None` when there is none that is of use.
pub(super) fn read(file: &Path, now: SystemTime) -> Option<(Bytes, SystemTime)> {
    let about = fs::metadata(file).ok()?;
    let written = about.modified().ok()?;
    let age = now.duration_since(written).unwrap_or_default();
    let small = usize::try_from(about.len()).is_ok_and(|size| size <= DOCUMENT_BYTES_MAX);
    if age > KEPT_MAX || !small {
        return None;
    }
    let document = fs::read(file).ok()?;
    Some((document.into(), written))
}

/// Writes it whole or not at all.
pub(super) fn write(file: &Path, document: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        make_folder(folder).map_err(io::Error::other)?;
    }
    write_over(file, document)
}
