//! Resource indicators of a token request.
//!
//! In: every `resource` of the form, the one that is known. Out: nothing, or why not. Rules: RFC
//! 8707 §2: each is an absolute URI without a fragment; the parameter may be repeated. A token has
//! its client's audience in any case, so that what is asked for can only be confirmed.

use std::borrow::Cow;

use crate::refusal::Reason;

/// Every one of `asked` is `known`.
pub(super) fn check(asked: &[Cow<'_, str>], known: &str) -> Result<(), Reason> {
    for one in asked {
        if one == known {
            continue;
        }
        return Err(if is_absolute_uri(one) {
            Reason::ResourceUnknown
        } else {
            Reason::ResourceMalformed
        });
    }
    Ok(())
}

/// RFC 3986 §4.3, as far as it takes to say what is wrong with a value that is not known anyway.
fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    // RFC 3986 §3.1.
    let mut letters = scheme.bytes();
    let first = letters.next();
    first.is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_an_absolute_uri_without_a_fragment_and_known() {
        const KNOWN: &str = "https://sidecar.example/workflowapi";
        for (asked, want) in [
            (&[][..], Ok(())),
            (&[KNOWN], Ok(())),
            (&[KNOWN, KNOWN], Ok(())),
            (&["https://other.example/api"], Err(Reason::ResourceUnknown)),
            (
                &[KNOWN, "https://other.example/api"],
                Err(Reason::ResourceUnknown),
            ),
            (&["urn:example:api"], Err(Reason::ResourceUnknown)),
            (
                &["https://sidecar.example/WorkflowApi"],
                Err(Reason::ResourceUnknown),
            ),
            (
                &["https://sidecar.example/workflowapi/"],
                Err(Reason::ResourceUnknown),
            ),
            (
                &["https://sidecar.example/workflowapi?x"],
                Err(Reason::ResourceUnknown),
            ),
            (
                &["https://sidecar.example/workflowapi#x"],
                Err(Reason::ResourceMalformed),
            ),
            (
                &["https://sidecar.example/workflowapi#"],
                Err(Reason::ResourceMalformed),
            ),
            (&["/workflowapi"], Err(Reason::ResourceMalformed)),
            (
                &["//sidecar.example/workflowapi"],
                Err(Reason::ResourceMalformed),
            ),
            (&["WorkflowApi"], Err(Reason::ResourceMalformed)),
            (&["1https:x"], Err(Reason::ResourceMalformed)),
            (&["https:"], Err(Reason::ResourceMalformed)),
            (&["https://a b"], Err(Reason::ResourceMalformed)),
            (&["https://ä.example/"], Err(Reason::ResourceMalformed)),
        ] {
            let asked: Vec<_> = asked.iter().map(|one| Cow::Borrowed(*one)).collect();
            assert_eq!(check(&asked, KNOWN), want, "{asked:?}");
        }
    }
}
