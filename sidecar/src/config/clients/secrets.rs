//! The secrets of one client: `ClientSecret`, or `ClientSecrets` with an end for each.

use std::time::SystemTime;

use settings::{Fault, Mark, Object, Reading, Severity, Text};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::SAMPLE_SECRET;
use crate::keys::Secret;

/// The secrets, and where the sample one is used.
pub(super) fn secrets(object: &Object<'_>, reading: &mut Reading) -> (Vec<Secret>, Option<Mark>) {
    let errors_before = reading.faults.count(Severity::Error);
    let one = object.text(reading, "ClientSecret");
    let several = object.objects(reading, "ClientSecrets");
    let mut sample = None;
    let mut secrets = Vec::new();
    let mut add = |text: &Text, until: Option<SystemTime>| {
        if text.value == SAMPLE_SECRET {
            sample = Some(text.mark);
        }
        let secret = Secret::new(&text.value);
        secrets.push(match until {
            Some(until) => secret.until(until),
            None => secret,
        });
    };
    if let Some(text) = &one {
        add(text, None);
    }
    let now = SystemTime::now();
    let mut over = 0;
    for secret in &several {
        let value = secret.text(reading, "Value");
        let not_after = secret.text(reading, "NotAfter");
        let until = not_after.as_ref().and_then(|text| time_of(text, reading));
        let Some(value) = value else {
            let asks_otherwise = secret.key_mark("Value").or(secret.key_mark("Hash"));
            if asks_otherwise.is_none() {
                let fault = Fault::error(secret.mark(), "a secret has no `Value`");
                reading.faults.push(fault.label("in this object"));
            }
            continue;
        };
        if until.is_some_and(|until| until < now) {
            over += 1;
        }
        add(&value, until);
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
    if faultless && secrets.is_empty() {
        let message = "a client has no secret, so nobody can authenticate as it";
        reading.faults.push(
            Fault::error(object.mark(), message)
                .label("in this object")
                .help("give it a `ClientSecret`, or `ClientSecrets`"),
        );
    } else if faultless && over == secrets.len() {
        let message = "every secret of a client is past its `NotAfter`";
        let mark = object.value_mark("ClientSecrets").unwrap_or(object.mark());
        reading
            .faults
            .push(Fault::warning(mark, message).label("nobody can authenticate as it"));
    }
    (secrets, sample)
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
