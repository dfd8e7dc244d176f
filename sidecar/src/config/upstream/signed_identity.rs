//! `Upstream.SignedIdentity`: who calls, in a JWT of the sidecar's own.

use std::sync::Arc;
use std::time::Duration;

use settings::{Either, Fault, Object, Reading};

/// What the upstream is told of who calls, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIdentity {
    /// `aud`: the upstream.
    pub audience: Arc<str>,
    /// Whole seconds, at most five minutes.
    pub lifetime: Duration,
    /// The bare headers are sent as well.
    pub bare_headers: bool,
}

impl SignedIdentity {
    /// `upstream` is the object that may hold `SignedIdentity`; `None`: off.
    pub(super) fn read(upstream: &Object<'_>, reading: &mut Reading) -> Option<Self> {
        let object = match upstream.either(reading, "SignedIdentity")? {
            Either::Object(object) => object,
            Either::Text(_) | Either::List(_) => return None,
        };
        let audience = object.text(reading, "Audience");
        if object.key_mark("Audience").is_none() {
            let what = "`Upstream.SignedIdentity` has no `Audience`";
            let fault = Fault::error(object.mark(), what).label("in this object");
            let help = "the upstream's name for itself, such as `engine`; it must look for it";
            reading.faults.push(fault.help(help));
        }
        let audience = audience.filter(|text| {
            let fit = !text.value.is_empty() && !text.value.chars().any(char::is_control);
            if !fit {
                let what = "`Upstream.SignedIdentity.Audience` is empty or holds a control \
                            character";
                let fault = Fault::error(text.mark, what);
                reading.faults.push(fault.label("not an audience"));
            }
            fit
        });
        Some(Self {
            lifetime: object.duration(reading, "Lifetime").value,
            bare_headers: object.bool(reading, "BareHeaders").value,
            audience: audience?.value.into(),
        })
    }
}
