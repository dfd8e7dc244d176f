//! For whom callers may speak: `BindIdentity` and `BindTenant` of a client, an issuer or a subject.
//!
//! In: an object that has the two keys. Out: a [`Mandate`], or faults. A list is short for
//! `{ "Values": … }`.

use std::sync::Arc;

use settings::{Either, Fault, Mark, Object, Reading, Text};

use super::ClaimPath;
use crate::policy::{Absent, Mandate, Pattern, Terms};

/// Whose tokens the claims are of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Claims {
    /// Ours: there are few, and it is known which.
    Own,
    /// Somebody else's, who may send any.
    Any,
}

/// The claims of our own tokens that say who one is.
const OWN_CLAIMS: [&str; 2] = ["sub", "client_id"];

/// Both keys of `object`; `None` where neither is there.
pub(super) fn read(
    object: &Object<'_>,
    claims: Claims,
    reading: &mut Reading,
) -> Option<Arc<Mandate>> {
    let identity = terms(object, "BindIdentity", claims, reading);
    let tenant = terms(object, "BindTenant", claims, reading);
    Mandate::new(identity, tenant)
}

fn terms(object: &Object<'_>, key: &str, claims: Claims, reading: &mut Reading) -> Option<Terms> {
    // Faulty terms allow nothing; the file is not taken anyway.
    let mut terms = Terms::values([""; 0]).ok()?;
    let mark = object.value_mark(key)?;
    match object.either(reading, key)? {
        Either::List(texts) => terms.values = patterns(&texts, reading),
        Either::Object(inner) => read_object(&mut terms, &inner, claims, reading),
        Either::Text(text) => {
            reading.faults.push(
                Fault::error(
                    text.mark,
                    format!("`{}` must be a list or an object", object.name(key)),
                )
                .label(format!("found {}", text.shown()))
                .help("one value is a list too, of one string"),
            );
            return Some(terms);
        }
    }
    judge(&terms, key, mark, reading);
    Some(terms)
}

fn read_object(terms: &mut Terms, inner: &Object<'_>, claims: Claims, reading: &mut Reading) {
    let values = inner.texts(reading, "Values").unwrap_or_default();
    terms.values = patterns(&values, reading);
    if let Some(claim) = inner.text(reading, "Claim") {
        if claims == Claims::Own && !OWN_CLAIMS.contains(&&*claim.value) {
            reading.faults.push(
                Fault::error(
                    claim.mark,
                    "tokens of this server have no such claim to speak for",
                )
                .label(format!("found {}", claim.shown()))
                .help("they have `sub` and `client_id`, both the id of the client"),
            );
        }
        match ClaimPath::parse(&claim.value) {
            Ok(path) => terms.claim = Some(path),
            Err(fault) => reading.faults.push(
                Fault::error(claim.mark, format!("no path to a claim: {fault}"))
                    .label(format!("found {}", claim.shown())),
            ),
        }
    }
    terms.absent = match inner.choice(reading, "Absent").map(|word| word.value) {
        Some("fill") => Absent::Fill,
        Some("allow") => Absent::Allow,
        Some(_) | None => Absent::Refuse,
    };
    // `BindTenant` has no such key.
    if inner.key_mark("Impersonate").is_some() {
        let whom = inner.texts(reading, "Impersonate").unwrap_or_default();
        terms.impersonate = Some(patterns(&whom, reading));
    }
}

/// What the parts mean together.
fn judge(terms: &Terms, key: &str, mark: Mark, reading: &mut Reading) {
    if terms.values.is_empty() && terms.claim.is_none() {
        reading.faults.push(
            Fault::error(mark, format!("`{key}` names nobody to speak for"))
                .label("neither a value nor a claim")
                .help(format!("leave `{key}` out where nothing is to be bound")),
        );
    } else if terms.absent == Absent::Fill && !terms.can_fill() {
        reading.faults.push(
            Fault::error(mark, format!("`{key}` says `fill`, but not with what"))
                .label("neither a claim nor exactly one value")
                .help("name a `Claim`, or one value without `*`"),
        );
    }
}

fn patterns(texts: &[Text], reading: &mut Reading) -> Vec<Pattern> {
    let mut patterns = Vec::with_capacity(texts.len());
    for text in texts {
        match Pattern::parse(&text.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(fault) => reading.faults.push(
                Fault::error(text.mark, fault.to_string()).label(format!("found {}", text.shown())),
            ),
        }
    }
    patterns
}
