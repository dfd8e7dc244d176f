//! The secrets of one client: `ClientSecret`, or `ClientSecrets` with an end for each.

use std::time::SystemTime;

use settings::{Fault, Mark, Object, Reading, Severity, Text};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::SAMPLE_SECRET;
use crate::keys::Secret;

/// Hashed secrets of one client: two while one replaces the other, and some more.
const HASHED_MAX: usize = 4;

/// The secrets, and where the sample one is used.
pub(super) fn secrets(object: &Object<'_>, reading: &mut Reading) -> (Vec<Secret>, Option<Mark>) {
    let errors_before = reading.faults.count(Severity::Error);
    let one = object.text(reading, "ClientSecret");
    let several = object.objects(reading, "ClientSecrets");
    let mut sample = None;
    let mut secrets = Vec::new();
    let mut note_sample = |text: &Text| {
        if text.value == SAMPLE_SECRET {
            sample = Some(text.mark);
        }
    };
    if let Some(text) = &one {
        note_sample(text);
        secrets.push(Secret::new(&text.value));
    }
    let now = SystemTime::now();
    let mut over = 0;
    for object in &several {
        let value = object.text(reading, "Value");
        let hash = object.text(reading, "Hash");
        let not_after = object.text(reading, "NotAfter");
        let until = not_after.as_ref().and_then(|text| time_of(text, reading));
        value.as_ref().into_iter().for_each(&mut note_sample);
        let Some(secret) = secret(object, value.as_ref(), hash.as_ref(), reading) else {
            continue;
        };
        over += usize::from(until.is_some_and(|until| until < now));
        secrets.push(match until {
            Some(until) => secret.until(until),
            None => secret,
        });
    }
    if secrets
        .iter()
        .filter(|secret| secret.hash().is_some())
        .count()
        > HASHED_MAX
    {
        let mark = object.value_mark("ClientSecrets").unwrap_or(object.mark());
        reading.faults.push(
            Fault::error(
                mark,
                format!("a client has more than {HASHED_MAX} hashed secrets"),
            )
            .label("a wrong guess costs as many slow hashes"),
        );
    }
    if let (Some(one), Some(several)) = (&one, object.key_mark("ClientSecrets")) {
        reading.faults.push(
            Fault::error(
                several,
                "a client has both `ClientSecret` and `ClientSecrets`",
            )
            .label("both")
            .also(one.mark, "and this one")
            .help("move the one secret into the list"),
        );
    }
    let faultless = reading.faults.count(Severity::Error) == errors_before;
    if faultless && over > 0 && over == secrets.len() {
        let message = "every secret of a client is past its `NotAfter`";
        let mark = object.value_mark("ClientSecrets").unwrap_or(object.mark());
        reading
            .faults
            .push(Fault::warning(mark, message).label("nobody can authenticate by one"));
    }
    (secrets, sample)
}

/// One of several: a text, or the hash of one.
fn secret(
    object: &Object<'_>,
    value: Option<&Text>,
    hash: Option<&Text>,
    reading: &mut Reading,
) -> Option<Secret> {
    match (value, hash) {
        (Some(value), None) => Some(Secret::new(&value.value)),
        (None, Some(hash)) => match Secret::hashed(&hash.value) {
            Ok(secret) => Some(secret),
            Err(fault) => {
                reading.faults.push(
                    Fault::error(hash.mark, format!("a `Hash` is of no use: {fault}"))
                        .label("this hash")
                        .help("`sidecar hash-secret` makes one"),
                );
                None
            }
        },
        (Some(value), Some(hash)) => {
            reading.faults.push(
                Fault::error(hash.mark, "a secret has both `Value` and `Hash`")
                    .label("both")
                    .also(value.mark, "and this one")
                    .help("keep the `Hash`"),
            );
            None
        }
        (None, None) => {
            // One that is there but faulty was reported by itself.
            if object
                .key_mark("Value")
                .or(object.key_mark("Hash"))
                .is_none()
            {
                let fault = Fault::error(object.mark(), "a secret has no `Value` and no `Hash`");
                reading.faults.push(fault.label("in this object"));
            }
            None
        }
    }
}

fn time_of(text: &Text, reading: &mut Reading) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(&text.value, &Rfc3339).ok();
    if time.is_none() {
        reading.faults.push(
            Fault::error(text.mark, "`NotAfter` must be an RFC 3339 time")
                .label(format!("found {}", text.shown()))
                .help("such as `2031-01-31T12:00:00Z`"),
        );
    }
    time.map(SystemTime::from)
}
