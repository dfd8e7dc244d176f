//! Who asks for a token: exactly one method of client authentication.
//!
//! In: the header, the form. Out: an id and a secret, as presented; nothing is compared here.
//! Rules: RFC 6749 §2.3 and §2.3.1, RFC 7617. Basic beside the same `client_id` in the form is one
//! method; Basic beside a secret or an assertion is two.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::form::{Form, decode};
use crate::refusal::Reason;

/// What a client presented. No `Debug`: the secret is in it.
pub(super) struct Credentials<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) secret: Cow<'a, str>,
}

/// Finds the credentials of a token request.
pub(super) fn credentials<'a>(
    headers: &HeaderMap,
    form: &'a Form<'a>,
) -> Result<Credentials<'a>, Reason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = values.next();
    if values.next().is_some() {
        return Err(Reason::ClientMethodsSeveral);
    }
    let asserted = form.client_assertion.is_some() || form.client_assertion_type.is_some();
    let methods = [header.is_some(), form.client_secret.is_some(), asserted];
    if methods.into_iter().filter(|used| *used).count() > 1 {
        return Err(Reason::ClientMethodsSeveral);
    }
    if let Some(header) = header {
        let found = basic(header.as_bytes()).ok_or(Reason::ClientCredentialsMalformed)?;
        return match &form.client_id {
            Some(id) if *id != found.id => Err(Reason::ClientMethodsSeveral),
            Some(_) | None => Ok(found),
        };
    }
    match (&form.client_id, &form.client_secret) {
        (Some(id), Some(secret)) => Ok(Credentials {
            id: Cow::Borrowed(id),
            secret: Cow::Borrowed(secret),
        }),
        // An assertion alone is a method, but not one that is on.
        (Some(_) | None, _) => Err(Reason::ClientCredentialsMissing),
    }
}

/// RFC 7617 §2 with the halves form-encoded (RFC 6749 §2.3.1).
pub(super) fn basic(value: &[u8]) -> Option<Credentials<'static>> {
    let (scheme, rest) = value.split_at_checked(5)?;
    let encoded = rest.trim_ascii_start();
    if !scheme.eq_ignore_ascii_case(b"Basic") || encoded.len() == rest.len() {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some(Credentials {
        id: Cow::Owned(decode(id)?.into_owned()),
        secret: Cow::Owned(decode(secret)?.into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn found(headers: &[String], form: &str) -> Result<(String, String), Reason> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let form = Form::parse(form.as_bytes()).unwrap();
        credentials(&map, &form).map(|found| (found.id.into_owned(), found.secret.into_owned()))
    }

    fn basic_of(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn one_method_of_client_authentication() {
        let good = basic_of("id:secret");
        for (headers, form, want) in [
            (vec![good.clone()], "", Ok(("id", "secret"))),
            (
                vec![good.replace("Basic", "bASIC")],
                "",
                Ok(("id", "secret")),
            ),
            (vec![good.clone()], "client_id=id", Ok(("id", "secret"))),
            (vec![good.clone()], "client_secret=", Ok(("id", "secret"))),
            (
                vec![],
                "client_id=id&client_secret=secret",
                Ok(("id", "secret")),
            ),
            (vec![basic_of("a+b%3A:c%2Bd:e")], "", Ok(("a b:", "c+d:e"))),
            (vec![basic_of("id:")], "", Ok(("id", ""))),
            (
                vec![good.clone()],
                "client_id=other",
                Err(Reason::ClientMethodsSeveral),
            ),
            (
                vec![good.clone()],
                "client_secret=secret",
                Err(Reason::ClientMethodsSeveral),
            ),
            (
                vec![good.clone()],
                "client_assertion=x",
                Err(Reason::ClientMethodsSeveral),
            ),
            (
                vec![good.clone(), good.clone()],
                "",
                Err(Reason::ClientMethodsSeveral),
            ),
            (
                vec![],
                "client_secret=s&client_assertion=x",
                Err(Reason::ClientMethodsSeveral),
            ),
            (vec![], "", Err(Reason::ClientCredentialsMissing)),
            (
                vec![],
                "client_id=id",
                Err(Reason::ClientCredentialsMissing),
            ),
            (
                vec![],
                "client_secret=secret",
                Err(Reason::ClientCredentialsMissing),
            ),
            (
                vec![],
                "client_id=id&client_assertion=x",
                Err(Reason::ClientCredentialsMissing),
            ),
            (
                vec!["Bearer abc".to_owned()],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec!["Basic".to_owned()],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec!["Basic !!!".to_owned()],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec![basic_of("nocolon")],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec![basic_of("id:%zz")],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec![basic_of("id:%ff")],
                "",
                Err(Reason::ClientCredentialsMalformed),
            ),
        ] {
            let want = want.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
            assert_eq!(found(&headers, form), want, "{headers:?} {form}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = basic(&value);
            let _ = basic(&[b"Basic ".as_slice(), &value].concat());
        }

        #[test]
        fn encoded_halves_come_out_as_they_went_in(id in "\\PC{1,20}", secret in "\\PC{0,20}") {
            let form = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let value = basic_of(&format!("{}:{}", form(&id), form(&secret)));
            let found = basic(value.as_bytes()).unwrap();
            prop_assert_eq!((&*found.id, &*found.secret), (&*id, &*secret));
        }
    }
}
