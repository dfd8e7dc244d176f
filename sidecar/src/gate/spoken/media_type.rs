//! A media type, or any other header value of its form, read strictly.
//!
//! In: a value. Out: [`Valued`], or `None` where two readers could differ. Rules: RFC 9110 §8.3.1
//! and §5.6.6; no backslash, no control, no parameter twice.

/// A word and its parameters: `multipart/form-data; boundary=x`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Valued<'v> {
    /// As written.
    pub(super) word: &'v str,
    /// Names as written, values without quotes.
    parameters: Vec<(&'v str, &'v str)>,
}

impl<'v> Valued<'v> {
    pub(super) fn read(value: &'v str) -> Option<Self> {
        let end = value.find(';').unwrap_or(value.len());
        let word = value[..end].trim_matches(BLANK);
        if word.is_empty() || !word.bytes().all(|byte| is_token(byte) || byte == b'/') {
            return None;
        }
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        let mut rest = value[end..].trim_matches(BLANK);
        while let Some(after) = rest.strip_prefix(';') {
            let (name, after) = after.trim_start_matches(BLANK).split_once('=')?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            let (value, after) = value_of(after)?;
            if parameters
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                return None;
            }
            parameters.push((name, value));
            rest = after.trim_start_matches(BLANK);
        }
        rest.is_empty().then_some(Self { word, parameters })
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word.eq_ignore_ascii_case(word)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&'v str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// Whether every parameter is one of these.
    pub(super) fn has_only(&self, names: &[&str]) -> bool {
        self.parameters
            .iter()
            .all(|(known, _)| names.iter().any(|name| name.eq_ignore_ascii_case(known)))
    }

    /// UTF-8, or a part of it; said or not.
    pub(super) fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| {
            ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(charset))
        })
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// A token or a quoted string, and what follows it.
fn value_of(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('"') {
        let (value, after) = inner.split_once('"')?;
        let plain = !value.contains('\\') && !value.chars().any(char::is_control);
        return plain.then_some((value, after));
    }
    let end = text
        .bytes()
        .position(|byte| !is_token(byte))
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_reading_or_none() {
        for (value, want) in [
            ("application/json", Some(("application/json", None))),
            (
                " text/plain ; charset=utf-8 ",
                Some(("text/plain", Some("utf-8"))),
            ),
            ("a/b;charset=\"utf-8\";x=y", Some(("a/b", Some("utf-8")))),
            ("a/b;CHARSET=\"a;b\"", Some(("a/b", Some("a;b")))),
            ("a/b;", None),
            ("a/b;charset", None),
            ("a/b;charset=", None),
            ("a/b;charset =x", None),
            ("a/b;charset= x", None),
            ("a/b;charset=x;Charset=y", None),
            ("a/b;charset=\"x\\\"\"", None),
            ("a/b;charset=\"x", None),
            ("a/b;charset=x y", None),
            ("a/b, c/d", None),
            ("a b", None),
            ("", None),
        ] {
            let found = Valued::read(value);
            let found = found
                .as_ref()
                .map(|one| (one.word, one.parameter("charset")));
            assert_eq!(found, want, "{value}");
        }
    }
}
