//! The form of a token request: read within bounds, decoded strictly.
//!
//! In: a head, a body. Out: [`Form`], or a refusal. Rules: RFC 6749 §3.2 and appendix B; the
//! reference §3. The query is never read. An empty parameter is as good as absent.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Duration, timeout};

use crate::refusal::{Reason, Refusal};

/// A token request has a few hundred bytes; an assertion may add some thousands.
const BYTES_MAX: usize = 64 * 1024;

/// Reads a form's body whole.
pub(super) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    deadline: Duration,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
{
    check_type(headers)?;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    if announced.is_some_and(|length| {
        length
            .parse()
            .is_ok_and(|length: u64| length > BYTES_MAX as u64)
    }) || body.size_hint().lower() > BYTES_MAX as u64
    {
        return Err(Reason::FormTooLarge.into());
    }
    timeout(deadline, collect(body))
        .await
        .unwrap_or(Err(Reason::FormTooSlow))
        .map_err(Refusal::new)
}

async fn collect<B: Body<Data = Bytes>>(body: B) -> Result<Bytes, Reason> {
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Reason::BodyBroken)?.into_data() else {
            continue;
        };
        if whole.len() + data.remaining() > BYTES_MAX {
            return Err(Reason::FormTooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// `application/x-www-form-urlencoded`, in UTF-8, not compressed.
fn check_type(headers: &HeaderMap) -> Result<(), Reason> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return Err(Reason::FormMediaTypeWrong);
    };
    let value = value.to_str().map_err(|_| Reason::FormMediaTypeWrong)?;
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    let form = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if form && utf8 && plain {
        Ok(())
    } else {
        Err(Reason::FormMediaTypeWrong)
    }
}

/// The parameters that a token request may have; others are ignored (RFC 6749 §3.2).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form<'a> {
    pub(super) grant_type: Option<Cow<'a, str>>,
    pub(super) client_id: Option<Cow<'a, str>>,
    pub(super) client_secret: Option<Cow<'a, str>>,
    pub(super) client_assertion: Option<Cow<'a, str>>,
    pub(super) client_assertion_type: Option<Cow<'a, str>>,
    pub(super) scope: Option<Cow<'a, str>>,
    /// RFC 8707 §2 lets this one be repeated.
    /// Of introspection and revocation.
    pub(super) token: Option<Cow<'a, str>>,
    pub(super) resource: Vec<Cow<'a, str>>,
}

impl<'a> Form<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Reason> {
        // All else is percent-encoded: RFC 6749 appendix B.
        let body = std::str::from_utf8(body).map_err(|_| Reason::FormMalformed)?;
        let mut form = Self::default();
        let mut others: Vec<Cow<'a, str>> = Vec::new();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or(Reason::FormMalformed)?;
            let value = decode(value).ok_or(Reason::FormMalformed)?;
            if value.is_empty() {
                continue;
            }
            let slot = match &*name {
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                "client_assertion" => &mut form.client_assertion,
                "client_assertion_type" => &mut form.client_assertion_type,
                "scope" => &mut form.scope,
                "token" => &mut form.token,
                "resource" => {
                    form.resource.push(value);
                    continue;
                }
                _ => {
                    // The bound keeps the search for repetitions short.
                    if others.len() == 64 {
                        return Err(Reason::FormMalformed);
                    }
                    if others.contains(&name) {
                        return Err(Reason::FormParameterRepeated);
                    }
                    others.push(name);
                    continue;
                }
            };
            if slot.replace(value).is_some() {
                return Err(Reason::FormParameterRepeated);
            }
        }
        Ok(form)
    }
}

/// `application/x-www-form-urlencoded` decoding: `+` is a space, every percent sign starts two
/// hexadecimal digits, the bytes are UTF-8. `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_stand_once_and_empty_ones_not_at_all() {
        for (body, want) in [
            ("grant_type=a", Ok(Some("a"))),
            ("grant_type=", Ok(None)),
            ("grant_type", Ok(None)),
            ("", Ok(None)),
            ("&&grant_type=a&", Ok(Some("a"))),
            ("grant_type=&grant_type=a", Ok(Some("a"))),
            (
                "grant%5Ftype=client+credentials%21",
                Ok(Some("client credentials!")),
            ),
            ("GRANT_TYPE=a", Ok(None)),
            (
                "grant_type=a&grant_type=a",
                Err(Reason::FormParameterRepeated),
            ),
            ("x=1&x=2", Err(Reason::FormParameterRepeated)),
            ("grant_type=%", Err(Reason::FormMalformed)),
            ("grant_type=%4", Err(Reason::FormMalformed)),
            ("grant_type=%zz", Err(Reason::FormMalformed)),
            ("grant_type=%ff", Err(Reason::FormMalformed)),
            ("x=%c0%af", Err(Reason::FormMalformed)),
        ] {
            let form = Form::parse(body.as_bytes());
            let found = form.map(|form| form.grant_type.map(Cow::into_owned));
            assert_eq!(found, want.map(|text| text.map(str::to_owned)), "{body}");
        }
        assert_eq!(Form::parse(b"a=\xff"), Err(Reason::FormMalformed));
        let form = Form::parse(b"resource=a&resource=b").unwrap();
        assert_eq!(form.resource, ["a", "b"]);
    }

    #[test]
    fn only_a_plain_utf8_form_is_read() {
        for (content_type, good) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", true),
            ("application/x-www-form-urlencoded;charset=\"utf-8\"", true),
            (
                "application/x-www-form-urlencoded; charset=iso-8859-1",
                false,
            ),
            ("application/json", false),
            ("multipart/form-data; boundary=x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(check_type(&headers).is_ok(), good, "{content_type}");
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert!(check_type(&headers).is_err(), "two of them");
        }
        assert!(check_type(&HeaderMap::new()).is_err());
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(check_type(&headers).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Form::parse(&body);
        }

        #[test]
        fn decoding_undoes_encoding(text in "\\PC{0,40}") {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(decode(&encoded), Some(Cow::Owned(text)));
        }
    }
}
