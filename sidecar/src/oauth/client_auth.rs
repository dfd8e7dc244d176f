//! Who asks: exactly one method of client authentication, as presented.
//!
//! In: the header, the form, whether the connection has a certificate. Out: an [`Offered`]; nothing
//! is compared here. Rules: RFC 6749 §2.3 and §2.3.1, RFC 7617, RFC 7521 §4.2, RFC 8705 §2. Basic
//! beside the same `client_id` in the form is one method; Basic beside a secret or an assertion is
//! two. A TLS certificate is a method only where nothing else is presented: many connections have
//! one for other reasons.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::form::{Form, decode};
use crate::refusal::Reason;

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client presented. No `Debug`: the secret is in it.
pub(super) enum Offered<'a> {
    /// `client_secret_basic` or `client_secret_post`.
    Secret(Credentials<'a>),
    /// A JWT that says who the client is.
    Assertion {
        client_id: Option<&'a str>,
        assertion: &'a str,
    },
    /// The certificate of the connection.
    Certificate { client_id: &'a str },
}

/// An id and a secret, in the one or two ways in which they can be read.
pub(super) struct Credentials<'a> {
    /// In the header.
    pub(super) basic: bool,
    pub(super) first: Pair<'a>,
    /// Basic as it stands, where form-decoding changes it: many clients encode nothing.
    pub(super) raw: Option<Pair<'a>>,
    /// `first` is as it stands too, for it cannot be decoded.
    pub(super) first_is_raw: bool,
}

/// An id and a secret.
#[derive(PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) secret: Cow<'a, str>,
}

/// Finds what a request authenticates its client by.
pub(super) fn offered<'a>(
    headers: &HeaderMap,
    form: &'a Form<'a>,
    certificate: bool,
) -> Result<Offered<'a>, Reason> {
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
    let client_id = form.client_id.as_deref();
    if let Some(header) = header {
        let found = basic(header.as_bytes()).ok_or(Reason::ClientCredentialsMalformed)?;
        return of_client(found, client_id).map(Offered::Secret);
    }
    if asserted {
        return match (
            &form.client_assertion,
            form.client_assertion_type.as_deref(),
        ) {
            (Some(assertion), Some(JWT_BEARER)) => Ok(Offered::Assertion {
                client_id,
                assertion,
            }),
            _ => Err(Reason::ClientCredentialsMalformed),
        };
    }
    match (client_id, &form.client_secret) {
        (Some(id), Some(secret)) => Ok(Offered::Secret(Credentials {
            basic: false,
            first: Pair {
                id: Cow::Borrowed(id),
                secret: Cow::Borrowed(secret),
            },
            raw: None,
            first_is_raw: false,
        })),
        // RFC 8705 §2: the id tells which client's certificate it should be.
        (Some(client_id), None) if certificate => Ok(Offered::Certificate { client_id }),
        (Some(_) | None, _) => Err(Reason::ClientCredentialsMissing),
    }
}

/// What of Basic is about the client that the form names too, when it does.
fn of_client<'a>(
    mut found: Credentials<'a>,
    client_id: Option<&str>,
) -> Result<Credentials<'a>, Reason> {
    let Some(named) = client_id else {
        return Ok(found);
    };
    found.raw = found.raw.filter(|raw| raw.id == named);
    if found.first.id == named {
        return Ok(found);
    }
    match found.raw.take() {
        Some(raw) => Ok(Credentials {
            first: raw,
            first_is_raw: true,
            ..found
        }),
        None => Err(Reason::ClientMethodsSeveral),
    }
}

/// RFC 7617 §2 with the halves form-encoded (RFC 6749 §2.3.1), or as they stand.
pub(super) fn basic(value: &[u8]) -> Option<Credentials<'static>> {
    let (scheme, rest) = value.split_at_checked(5)?;
    let encoded = rest.trim_ascii_start();
    if !scheme.eq_ignore_ascii_case(b"Basic") || encoded.len() == rest.len() {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let owned = |text: &str| Cow::Owned(text.to_owned());
    let raw = Pair {
        id: owned(id),
        secret: owned(secret),
    };
    let decoded = decode(id).zip(decode(secret)).map(|(id, secret)| Pair {
        id: owned(&id),
        secret: owned(&secret),
    });
    Some(match decoded {
        Some(first) => Credentials {
            basic: true,
            raw: (first != raw).then_some(raw),
            first,
            first_is_raw: false,
        },
        None => Credentials {
            basic: true,
            first: raw,
            raw: None,
            first_is_raw: true,
        },
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
        Ok(match offered(&map, &form, false)? {
            Offered::Secret(Credentials { first, .. }) => {
                (first.id.into_owned(), first.secret.into_owned())
            }
            Offered::Assertion {
                client_id,
                assertion,
            } => (
                client_id.unwrap_or_default().to_owned(),
                format!("JWT {assertion}"),
            ),
            Offered::Certificate { client_id } => (client_id.to_owned(), "TLS".to_owned()),
        })
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
                Err(Reason::ClientCredentialsMalformed),
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
            // What cannot be decoded is taken as it stands.
            (vec![basic_of("id:%zz")], "", Ok(("id", "%zz"))),
            (vec![basic_of("id:%ff")], "", Ok(("id", "%ff"))),
            (
                vec![],
                &format!("client_assertion=x&client_assertion_type={JWT_BEARER}"),
                Ok(("", "JWT x")),
            ),
            (
                vec![],
                "client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
                Err(Reason::ClientCredentialsMalformed),
            ),
            (
                vec![],
                &format!("client_assertion_type={JWT_BEARER}"),
                Err(Reason::ClientCredentialsMalformed),
            ),
        ] {
            let want = want.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
            assert_eq!(found(&headers, form), want, "{headers:?} {form}");
        }
    }

    #[test]
    fn basic_is_decoded_first_and_taken_raw_where_that_differs() {
        for (pair, named, want) in [
            ("id:secret", None, Ok((("id", "secret"), None, false))),
            (
                "id:a+b",
                None,
                Ok((("id", "a b"), Some(("id", "a+b")), false)),
            ),
            (
                "a%62:c",
                None,
                Ok((("ab", "c"), Some(("a%62", "c")), false)),
            ),
            ("id:100%", None, Ok((("id", "100%"), None, true))),
            // The form's id chooses the reading.
            ("a%62:c", Some("ab"), Ok((("ab", "c"), None, false))),
            ("a%62:c", Some("a%62"), Ok((("a%62", "c"), None, true))),
            ("a%62:c", Some("b"), Err(Reason::ClientMethodsSeveral)),
        ] {
            let found = basic(basic_of(pair).as_bytes()).unwrap();
            let found = of_client(found, named);
            let found = found.map(|found| {
                let pair = |pair: &'_ Pair<'_>| (pair.id.to_string(), pair.secret.to_string());
                (
                    pair(&found.first),
                    found.raw.as_ref().map(pair),
                    found.first_is_raw,
                )
            });
            let owned = |(id, secret): (&str, &str)| (id.to_owned(), secret.to_owned());
            let want = want.map(|(first, raw, is_raw)| (owned(first), raw.map(owned), is_raw));
            assert_eq!(found, want, "{pair} {named:?}");
        }
    }

    #[test]
    fn a_certificate_is_a_method_only_where_nothing_else_is_presented() {
        let headers = HeaderMap::new();
        for (form, certificate, want) in [
            ("client_id=id", true, true),
            ("client_id=id", false, false),
            ("client_id=id&client_secret=s", true, false),
            ("", true, false),
        ] {
            let parsed = Form::parse(form.as_bytes()).unwrap();
            let found = offered(&headers, &parsed, certificate);
            let found = matches!(found, Ok(Offered::Certificate { client_id: "id" }));
            assert_eq!(found, want, "{form}");
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
            prop_assert_eq!((&*found.first.id, &*found.first.secret), (&*id, &*secret));
        }
    }
}
