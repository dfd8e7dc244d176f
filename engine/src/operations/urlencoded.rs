//! Pairs of a query or of a form body, decoded strictly.
//!
//! In: the text after `?`, or the bytes of an `application/x-www-form-urlencoded` body. Out: its
//! pairs in order, borrowed where nothing was encoded. A broken escape or one that is no UTF-8 is
//! an error, where most decoders guess: what a policy in front has read must be what we read.

use std::borrow::Cow;

use super::refusal::Unreadable;

/// The pairs, in order; empty ones (`a=1&&b=2`) are skipped.
pub(super) fn pairs(
    text: &str,
) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Unreadable>> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name, true)?, decode(value, true)?))
    })
}

/// A segment of a path, where `+` is itself.
pub(super) fn segment(text: &str) -> Result<Cow<'_, str>, Unreadable> {
    decode(text, false)
}

fn decode(text: &str, plus_is_space: bool) -> Result<Cow<'_, str>, Unreadable> {
    let bytes = text.as_bytes();
    let Some(first) = bytes
        .iter()
        .position(|&byte| byte == b'%' || (plus_is_space && byte == b'+'))
    else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' if plus_is_space => decoded.push(b' '),
            b'%' => {
                let ([high, low], after) = after
                    .split_first_chunk::<2>()
                    .ok_or(Unreadable::PercentEncoding)?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                    return Err(Unreadable::PercentEncoding);
                };
                // Two hexadecimal digits fit in a byte.
                decoded
                    .push(u8::try_from(high * 16 + low).map_err(|_| Unreadable::PercentEncoding)?);
                rest = after;
            }
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Unreadable::Utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Result<Vec<(String, String)>, Unreadable> {
        pairs(text)
            .map(|pair| pair.map(|(name, value)| (name.into_owned(), value.into_owned())))
            .collect()
    }

    #[test]
    fn pairs_are_decoded_strictly() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, want) in [
            ("", Ok(vec![])),
            ("&&", Ok(vec![])),
            ("a=1&b=2", Ok(vec![pair("a", "1"), pair("b", "2")])),
            ("a", Ok(vec![pair("a", "")])),
            ("a==", Ok(vec![pair("a", "=")])),
            ("a=b+c%2Bd", Ok(vec![pair("a", "b c+d")])),
            ("%C3%A4=%c3%a4", Ok(vec![pair("ä", "ä")])),
            ("a=%", Err(Unreadable::PercentEncoding)),
            ("a=%4", Err(Unreadable::PercentEncoding)),
            ("a=%4g", Err(Unreadable::PercentEncoding)),
            ("a=%+1", Err(Unreadable::PercentEncoding)),
            ("a=%ff", Err(Unreadable::Utf8)),
            ("a=%c3", Err(Unreadable::Utf8)),
        ] {
            assert_eq!(all(text), want, "{text:?}");
        }
        assert_eq!(segment("a+b%20c").as_deref(), Ok("a+b c"));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(given in proptest::collection::vec((".{1,8}", ".{0,8}"), 0..6)) {
            let text = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(given.iter())
                .finish();
            prop_assert_eq!(all(&text), Ok(given));
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "[a-f0-9%+=&\\PC]{0,40}") {
            let _ = all(&text);
            let _ = segment(&text);
        }
    }
}
