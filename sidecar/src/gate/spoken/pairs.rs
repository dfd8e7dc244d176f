//! Pairs of a query or of a form, of a bound caller.
//!
//! In: text. Out: nothing, or the refusal. Rules: the URL standard's
//! `application/x-www-form-urlencoded`, decoded once and strictly.

use super::json;
use super::judge::{Given, Judge, Place};
use super::names::Named;
use crate::oauth::form_decoded;
use crate::refusal::{Reason, Refusal};

/// Every pair of `text`.
pub(super) fn all(judge: &mut Judge<'_>, place: Place, text: &str) -> Result<(), Refusal> {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (form_decoded(name), form_decoded(value)) else {
            return Err(Reason::BoundBodyAmbiguous.into());
        };
        one(judge, place, &name, &value)?;
        // Servers of an old habit end a pair at `;` too.
        for hidden in pair.split(';').skip(1) {
            let hidden = hidden.split_once('=').map_or(hidden, |(name, _)| name);
            if judge.read(&form_decoded(hidden).unwrap_or_default()) != Named::Other {
                return Err(Refusal::new(Reason::BoundParameterAmbiguous).with_detail("after `;`"));
            }
        }
    }
    Ok(())
}

/// A name and a value, wherever they come from.
pub(super) fn one(
    judge: &mut Judge<'_>,
    place: Place,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    // HTML: a field of this name says in which encoding the others are.
    if place == Place::Body && name.eq_ignore_ascii_case("_charset_") {
        return Err(Reason::BoundBodyAmbiguous.into());
    }
    judge.member(place, name, Given::Text(value))?;
    json::text(judge, name, value)
}
