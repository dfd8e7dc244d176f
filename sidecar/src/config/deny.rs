//! `Deny`: tokens that are refused though nothing is wrong with them, here or in a watched file.
//!
//! The file is how replicas share a list: a `ConfigMap` or a volume that all of them see. It is read
//! with the configuration, and a content that is no list refuses the whole reload, so the last good
//! list stays in force.

use std::path::Path;

use settings::{Fault, Mark, Object, Reading};

use crate::bearer::{Denial, Denials, instant};

/// Bytes of the file: some 100,000 entries.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Every entry, of the configuration and of the file that it names.
pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Denials {
    let mut entries = Vec::new();
    for object in object.objects(reading, "Entries") {
        let entry = entry(&object, reading);
        push(
            entry,
            object.mark(),
            "in this object",
            &mut entries,
            reading,
        );
    }
    if let Some(file) = object.text(reading, "File") {
        let path = reading.absolute(&file.value);
        reading.watch(&path);
        match of_file(&path) {
            Ok(listed) => {
                for (number, entry) in (1..).zip(listed) {
                    let place = format!("entry {number} of the file");
                    push(entry, file.mark, &place, &mut entries, reading);
                }
            }
            Err(what) => {
                let message = format!("the deny list `{}` cannot be read", path.display());
                reading
                    .faults
                    .push(Fault::error(file.mark, message).label(what));
            }
        }
    }
    Denials::new(entries)
}

fn push(entry: Denial, mark: Mark, place: &str, entries: &mut Vec<Denial>, reading: &mut Reading) {
    if entry.names_something() {
        entries.push(entry);
        return;
    }
    // After a faulty value nothing may be left to name.
    if !reading.faults.has_errors() {
        reading.faults.push(
            Fault::error(mark, "an entry of the deny list that names nothing")
                .label(place)
                .help(
                    "it would refuse everybody; name `Token`, `Client`, `Subject`, `Key`, \
                     `Issuer` or `IssuedBefore`",
                ),
        );
    }
}

fn entry(object: &Object<'_>, reading: &mut Reading) -> Denial {
    let mut text =
        |key: &str| -> Option<Box<str>> { object.text(reading, key).map(|text| text.value.into()) };
    let (token, client, subject) = (text("Token"), text("Client"), text("Subject"));
    let (key, issuer) = (text("Key"), text("Issuer"));
    Denial {
        token,
        client,
        subject,
        key,
        issuer,
        issued_before: time(object, "IssuedBefore", reading),
        until: time(object, "Until", reading),
    }
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

/// A JSON array of entries; an empty file is an empty list.
fn of_file(path: &Path) -> Result<Vec<Denial>, String> {
    let length = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if length > FILE_BYTES_MAX {
        return Err("it is larger than 16 MiB".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        // What serde says beside the place may quote the file.
        format!(
            "no list of entries: line {}, column {}",
            error.line(),
            error.column()
        )
    })
}
