//! Which keys sign tokens: `CertificateFile`, or a list of `SigningKeys` with the instants from
//! which each signs, or keys that are made and replaced under `DataFolder`.

use std::time::Duration;

use settings::{Fault, Mark, Object, Reading, Severity};

use super::SigningSource;
use super::key_files::KeyFiles;
use crate::bearer::instant;
use crate::clock::unix_time;
use crate::keys::{Algorithm, MARKER, Rotation};

/// The keys that sign, not yet loaded.
#[derive(Clone)]
pub(super) struct SigningDraft {
    pub(super) source: SigningSource,
    pub(super) rotation: Option<Rotation>,
    /// Where faults in the files are shown, and the key's name.
    pub(super) files: Vec<(Mark, String)>,
}

/// How long a new key is published before it signs, at least: twice what key sets are cached.
const AHEAD_MIN: Duration = Duration::from_secs(600);

impl SigningDraft {
    /// `object` is `OpenIddictServerSettings`.
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let one = KeyFiles::read(object, reading);
        let mut files = Vec::new();
        let mut listed = Vec::new();
        if let Some(one) = one {
            one.watch(reading);
            files.push((one.mark, one.name.clone()));
            listed.push(one.signing(0));
        }
        for object in object.objects(reading, "SigningKeys") {
            let not_before = object.text(reading, "NotBefore");
            let from = not_before.as_ref().map_or(Some(0), |text| {
                let seconds = instant::parse(&text.value);
                if seconds.is_none() {
                    reading.faults.push(
                        Fault::error(text.mark, "`NotBefore` must be an RFC 3339 time")
                            .label(format!("found {}", text.shown()))
                            .help("such as `2031-01-31T12:00:00Z`"),
                    );
                }
                seconds
            });
            let Some(key) = KeyFiles::read(&object, reading) else {
                if object.key_mark("CertificateFile").is_none() {
                    let fault =
                        Fault::error(object.mark(), "a signing key has no `CertificateFile`");
                    reading.faults.push(fault.label("in this object"));
                }
                continue;
            };
            key.watch(reading);
            files.push((key.mark, key.name.clone()));
            if let Some(from) = from {
                if listed
                    .iter()
                    .any(|other: &super::SigningFile| other.not_before == from)
                {
                    reading.faults.push(
                        Fault::error(key.mark, "two signing keys begin at the same instant")
                            .label("the second one")
                            .help("give each a `NotBefore` of its own"),
                    );
                }
                listed.push(key.signing(from));
            }
        }
        let now = unix_time();
        let faultless = reading.faults.count(Severity::Error) == 0;
        if faultless && !listed.is_empty() && listed.iter().all(|key| key.not_before > now) {
            let mark = object.value_mark("SigningKeys").unwrap_or(object.mark());
            reading.faults.push(
                Fault::error(mark, "no key signs yet: every `NotBefore` lies ahead")
                    .label("tokens need one that has begun"),
            );
        }
        let algorithm = match object
            .choice(reading, "SigningAlgorithm")
            .map(|one| one.value)
        {
            Some("ES256") => Algorithm::ES256,
            Some("EdDSA") => Algorithm::EdDSA,
            Some(_) | None => Algorithm::RS256,
        };
        let period = object.optional_duration(reading, "KeyRotation");
        if let Some(period) = &period
            && !listed.is_empty()
        {
            reading.faults.push(
                Fault::error(
                    period.mark,
                    "`KeyRotation` replaces keys under `DataFolder` only",
                )
                .label("this sidecar signs with keys from files")
                .help("add the next one to `SigningKeys` with a `NotBefore`"),
            );
        }
        let rotation = period.map(|period| Rotation {
            period: period.value,
            algorithm,
            ahead: (period.value / 10).max(AHEAD_MIN.min(period.value / 2)),
        });
        let source = if listed.is_empty() {
            SigningSource::Generated { algorithm }
        } else {
            SigningSource::Files(listed)
        };
        Self {
            source,
            rotation,
            files,
        }
    }

    /// Whether the keys are made here.
    pub(super) fn is_generated(&self) -> bool {
        matches!(self.source, SigningSource::Generated { .. })
    }

    /// Has new keys of the data folder noticed.
    pub(super) fn watch(&self, data_folder: &std::path::Path, reading: &mut Reading) {
        if self.is_generated() {
            reading.watch(&data_folder.join(MARKER));
        }
    }
}
