//! A multipart form of a bound caller.
//!
//! In: the bytes and the boundary. Out: its parts in order, or `None` where two readers could
//! differ. Rules: RFC 7578 and RFC 2046 §5.1, without what is optional there: no preamble, no
//! epilogue, no folding, no line ends but CRLF, and the boundary nowhere else.

use super::media_type::Valued;

/// A field of the form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'b> {
    pub(super) name: &'b str,
    /// It is a file, which some servers keep apart from the fields.
    pub(super) is_file: bool,
    /// It may be taken for text in UTF-8.
    pub(super) is_text: bool,
    pub(super) content: &'b [u8],
}

/// RFC 2046 §5.1.1 `boundary`, without the blanks that it allows inside.
pub(super) fn is_boundary(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(fits)
}

/// Every part.
pub(super) fn parts<'b>(body: &'b [u8], boundary: &str) -> Option<Vec<Part<'b>>> {
    let dashed = format!("--{boundary}");
    let dashed = dashed.as_bytes();
    let mut rest = body.strip_prefix(dashed)?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return matches!(end, b"" | b"\r\n").then_some(parts);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let next = find(part, dashed)?;
        // The line end before the boundary is the boundary's.
        let whole = part[..next].strip_suffix(b"\r\n")?;
        parts.push(Part::read(whole)?);
        rest = &part[next + dashed.len()..];
    }
}

impl<'b> Part<'b> {
    fn read(part: &'b [u8]) -> Option<Self> {
        let end = find(part, b"\r\n\r\n")?;
        let header = std::str::from_utf8(&part[..end]).ok()?;
        let mut disposition = None;
        let mut media_type = None;
        for line in header.split("\r\n") {
            let (name, value) = line.split_once(':')?;
            if value.chars().any(|one| one.is_control() && one != '\t') {
                return None;
            }
            let slot = if name.eq_ignore_ascii_case("content-disposition") {
                &mut disposition
            } else if name.eq_ignore_ascii_case("content-type") {
                &mut media_type
            } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
                // RFC 7578 §4.7: not used any more. These three change nothing.
                let value = value.trim_matches([' ', '\t']);
                let known = ["7bit", "8bit", "binary"];
                if !known.iter().any(|one| one.eq_ignore_ascii_case(value)) {
                    return None;
                }
                continue;
            } else {
                return None;
            };
            if slot.replace(Valued::read(value)?).is_some() {
                return None;
            }
        }
        let disposition = disposition?;
        if !disposition.is("form-data") || !disposition.has_only(&["name", "filename", "filename*"])
        {
            return None;
        }
        let file = ["filename", "filename*"].map(|name| disposition.parameter(name));
        let is_text = match &media_type {
            None => true,
            Some(media_type) => {
                let several = media_type.word.get(..10);
                if several.is_some_and(|start| start.eq_ignore_ascii_case("multipart/")) {
                    return None;
                }
                media_type.is("text/plain") && media_type.is_utf8()
            }
        };
        Some(Self {
            name: disposition.parameter("name")?,
            is_file: file.iter().any(Option::is_some),
            is_text,
            content: &part[end + 4..],
        })
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        let parts = parts(body.as_bytes(), "b")?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some(
            parts
                .iter()
                .map(|part| (part.name.to_owned(), text(part.content)))
                .collect(),
        )
    }

    #[test]
    fn a_form_has_one_reading_or_none() {
        let field = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
        let good = Some(vec![("a".to_owned(), "1".to_owned())]);
        for (body, want) in [
            (format!("{field}--b--\r\n"), good.clone()),
            (format!("{field}--b--"), good.clone()),
            (
                "--b\r\ncontent-disposition: form-data;name=a\r\n\r\n1\r\n--b--\r\n".to_owned(),
                good.clone(),
            ),
            ("--b--\r\n".to_owned(), Some(Vec::new())),
            (format!("x\r\n{field}--b--\r\n"), None),
            (format!("\r\n{field}--b--\r\n"), None),
            (format!("{field}--b--\r\nx"), None),
            (field.to_owned(), None),
            (format!("{field}--b"), None),
            (format!("{field}--b \r\n"), None),
            (format!("{field}--bb--\r\n"), None),
            (field.replace("\r\n", "\n") + "--b--\n", None),
            (field.replace('1', "1\n--b") + "--b--", None),
            (field.replace("name=", "name*=") + "--b--", None),
            (field.replace("form-data", "attachment") + "--b--", None),
            (field.replace("\"a\"", "\"a\\\"\"") + "--b--", None),
            (field.replace("\"a\"", "\"a\"; name=\"c\"") + "--b--", None),
            (field.replace("; name", ";\r\n name") + "--b--", None),
            (
                field.replace("Content-D", "X: y\r\nContent-D") + "--b--",
                None,
            ),
            (
                field.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n")
                    + "--b--",
                None,
            ),
            (
                field.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: binary\r\n\r\n")
                    + "--b--",
                good,
            ),
            (
                field.replace(
                    "\r\n\r\n",
                    "\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n",
                ) + "--b--",
                None,
            ),
            (
                field.replace(
                    "Content-D",
                    "Content-Disposition: form-data; name=c\r\nContent-D",
                ) + "--b--",
                None,
            ),
            (String::new(), None),
        ] {
            assert_eq!(read(&body), want, "{body:?}");
        }
    }

    #[test]
    fn files_and_other_types_are_told() {
        let body = b"--b\r\nContent-Disposition: form-data; name=a; filename=\"f\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"c\"\r\nContent-Type: text/plain; charset=utf-16\
            \r\n\r\nx\r\n--b--\r\n";
        let parts = parts(body, "b").unwrap();
        let told: Vec<_> = parts
            .iter()
            .map(|part| (part.is_file, part.is_text))
            .collect();
        assert_eq!(told, [(true, false), (false, false)]);
    }

    #[test]
    fn boundaries_are_of_plain_characters() {
        for (text, want) in [
            ("----WebKitFormBoundary7MA4YWxkTrZu0gW", true),
            ("a b", false),
            ("", false),
            ("a\"", false),
        ] {
            assert_eq!(is_boundary(text), want, "{text}");
        }
        assert!(!is_boundary(&"a".repeat(71)));
    }
}
