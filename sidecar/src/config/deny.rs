//! `Deny`: tokens that are refused though nothing is wrong with them, here or in a watched file.
//!
//! In: the object. Out: [`Deny`]. At the start, and where the configuration names another file, a
//! file that is no list is a fault; from then on it is kept up to date by itself (`bearer::deny`),
//! so that a broken file holds up no reload, nor a broken configuration the file.

use std::path::PathBuf;
use std::sync::Arc;

use settings::{Fault, Mark, Object, Reading, Severity};

use super::Snapshot;
use crate::bearer::{Denial, Denials, DenyFile, Principal, instant};

/// What the configuration denies.
#[derive(Debug, Default)]
pub struct Deny {
    /// Its own entries.
    pub entries: Denials,
    /// The watched file, if there is one.
    pub file: Option<Arc<DenyFile>>,
    /// Entries that are kept beside these: revoked tokens, and those of an administrator.
    pub limit: usize,
}

impl Deny {
    /// Whether a token of `principal` is refused at `now`, in seconds.
    pub(crate) fn cover(&self, principal: &Principal, now: u64) -> bool {
        let in_file = |file: &Arc<DenyFile>| file.cover(principal, now);
        self.entries.cover(principal, now) || self.file.as_ref().is_some_and(in_file)
    }
}

/// As it stands in the file.
pub(super) struct DenyDraft {
    entries: Denials,
    file: Option<(PathBuf, Mark)>,
    limit: usize,
}

impl DenyDraft {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let mut entries = Vec::new();
        for object in object.objects(reading, "Entries") {
            entries.extend(entry(&object, reading));
        }
        let file = object.text(reading, "File");
        Self {
            entries: Denials::new(entries),
            file: file.map(|file| (reading.absolute(&file.value), file.mark)),
            limit: object.integer(reading, "Limit").value,
        }
    }

    /// Reads the file, unless `previous` has it already.
    pub(super) fn load(self, previous: Option<&Snapshot>, reading: &mut Reading) -> Deny {
        let file = self.file.and_then(|(path, mark)| {
            let known = previous.and_then(|previous| previous.deny.file.as_ref());
            if let Some(known) = known.filter(|known| known.path() == path) {
                return Some(Arc::clone(known));
            }
            check(&path, mark, reading).map(Arc::new)
        });
        Deny {
            entries: self.entries,
            file,
            limit: self.limit,
        }
    }

    /// Reads the file for its faults.
    pub(super) fn check(&self, reading: &mut Reading) {
        if let Some((path, mark)) = &self.file {
            let _ = check(path, *mark, reading);
        }
    }
}

fn check(path: &std::path::Path, mark: Mark, reading: &mut Reading) -> Option<DenyFile> {
    match DenyFile::open(path) {
        Ok(file) => Some(file),
        Err(fault) => {
            let message = format!("`{}` is no deny list", path.display());
            let what = super::source::chain(&fault);
            reading.faults.push(Fault::error(mark, message).label(what));
            None
        }
    }
}

fn entry(object: &Object<'_>, reading: &mut Reading) -> Option<Denial> {
    let faults = reading.faults.count(Severity::Error);
    let mut text =
        |key: &str| -> Option<Box<str>> { object.text(reading, key).map(|text| text.value.into()) };
    let (token, client, subject) = (text("Token"), text("Client"), text("Subject"));
    let (key, issuer) = (text("Key"), text("Issuer"));
    let entry = Denial {
        token,
        client,
        subject,
        key,
        issuer,
        issued_before: time(object, "IssuedBefore", reading),
        until: time(object, "Until", reading),
    };
    if entry.names_something() {
        return Some(entry);
    }
    // After a faulty value nothing may be left to name.
    if reading.faults.count(Severity::Error) == faults {
        reading.faults.push(
            Fault::error(
                object.mark(),
                "an entry of the deny list that names nothing",
            )
            .label("in this object")
            .help(
                "it would refuse everybody; name `Token`, `Client`, `Subject`, `Key`, `Issuer` or \
                 `IssuedBefore`",
            ),
        );
    }
    None
}

fn time(object: &Object<'_>, key: &str, reading: &mut Reading) -> Option<u64> {
    let text = object.text(reading, key)?;
    let seconds = instant::parse(&text.value);
    if seconds.is_none() {
        reading.faults.push(
            Fault::error(text.mark, format!("`{key}` must be an RFC 3339 time"))
                .label(format!("found {}", text.shown()))
                .help("such as `2031-01-31T12:00:00Z`"),
        );
    }
    seconds
}
