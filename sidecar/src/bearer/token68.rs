//! The one `Authorization` header to the token in it.
//!
//! Rules: RFC 6750 §2.1, RFC 9110 §11.2 (`token68`), §11.4 (the scheme has no case).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::refusal::Reason;

/// How a token is presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750: whoever has it.
    #[default]
    Bearer,
    /// RFC 9449 §7.1: with the proof of a key.
    Dpop,
}

/// A token in the scheme that it was presented in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presented<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a [u8],
}

/// The token of the request, not yet looked at: only found and measured.
///
/// Absent or another scheme: no credentials that are ours. Two headers, or none of the form
/// `Bearer 1*SP token68` or `DPoP 1*SP token68`: malformed.
pub(crate) fn find(headers: &HeaderMap, longest: usize) -> Result<Presented<'_>, Reason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Reason::CredentialsMissing);
    };
    if values.next().is_some() {
        return Err(Reason::CredentialsSeveral);
    }
    token(value.as_bytes(), longest)
}

/// The token in one header value. Its characters are checked by [`check`], which a token that is
/// known already has passed before.
fn token(value: &[u8], longest: usize) -> Result<Presented<'_>, Reason> {
    let end = value
        .iter()
        .position(|byte| !is_tchar(*byte))
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if scheme.is_empty() {
        return Err(Reason::CredentialsMalformed);
    }
    let scheme = if scheme.eq_ignore_ascii_case(b"Bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case(b"DPoP") {
        Scheme::Dpop
    } else {
        // `Bearer,x` and the like: the scheme is ours, so it is malformed. Anything else has a
        // scheme of its own, of whatever form.
        return Err(Reason::SchemeUnsupported);
    };
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    if spaces == 0 || token.is_empty() {
        return Err(Reason::CredentialsMalformed);
    }
    if token.len() > longest {
        return Err(Reason::TokenTooLong);
    }
    Ok(Presented { scheme, token })
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(super) fn check(token: &[u8]) -> Result<&str, Reason> {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    let good = !body.is_empty()
        && body
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte));
    match std::str::from_utf8(token) {
        Ok(text) if good => Ok(text),
        Ok(_) | Err(_) => Err(Reason::CredentialsMalformed),
    }
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn judged(value: &[u8]) -> Result<&str, Reason> {
        check(token(value, 32)?.token)
    }

    #[test]
    fn bearer_value_is_one_token68_after_spaces() {
        for (value, want) in [
            ("bearer abc.def.ghi", Ok("abc.def.ghi")),
            ("BEARER abc.def.ghi", Ok("abc.def.ghi")),
            ("Bearer   abc.def.ghi", Ok("abc.def.ghi")),
            ("Bearer a-._~+/b==", Ok("a-._~+/b==")),
            ("Basic abc", Err(Reason::SchemeUnsupported)),
            ("DPoP abc", Ok("abc")),
            ("dpop  abc", Ok("abc")),
            ("DPoP", Err(Reason::CredentialsMalformed)),
            ("DPoP abc def", Err(Reason::CredentialsMalformed)),
            ("Bearerabc", Err(Reason::SchemeUnsupported)),
            ("Bearer", Err(Reason::CredentialsMalformed)),
            ("Bearer ", Err(Reason::CredentialsMalformed)),
            ("Bearer\tabc", Err(Reason::CredentialsMalformed)),
            ("Bearer,abc", Err(Reason::CredentialsMalformed)),
            ("Bearer abc def", Err(Reason::CredentialsMalformed)),
            ("Bearer abc, Bearer def", Err(Reason::CredentialsMalformed)),
            ("Bearer abc ", Err(Reason::CredentialsMalformed)),
            ("Bearer a=b", Err(Reason::CredentialsMalformed)),
            ("Bearer ==", Err(Reason::CredentialsMalformed)),
            ("Bearer \"abc\"", Err(Reason::CredentialsMalformed)),
            ("Bearer äbc", Err(Reason::CredentialsMalformed)),
            ("", Err(Reason::CredentialsMalformed)),
            (" Bearer abc", Err(Reason::CredentialsMalformed)),
            (
                "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Err(Reason::TokenTooLong),
            ),
        ] {
            assert_eq!(judged(value.as_bytes()), want, "{value:?}");
        }
    }

    #[test]
    fn exactly_one_header_is_taken() {
        let mut headers = HeaderMap::new();
        assert_eq!(find(&headers, 9), Err(Reason::CredentialsMissing));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        let found = find(&headers, 9).map(|found| (found.scheme, found.token));
        assert_eq!(found, Ok((Scheme::Bearer, &b"a"[..])));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert_eq!(find(&headers, 9), Err(Reason::CredentialsSeveral));
    }

    proptest! {
        #[test]
        fn any_value_is_judged(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(token) = judged(&value) {
                prop_assert!(value.ends_with(token.as_bytes()));
            }
        }
    }
}
