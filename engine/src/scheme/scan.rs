//! What is checked before the XML parser may see a file: encoding, size, depth, definitions.
//!
//! The parser has no bound of its own on attributes or namespaces of an element, and compares
//! each with each, so a few megabytes could keep a core busy for minutes; here they are bounded.

use super::Problem;

/// The largest scheme, in bytes.
pub const BYTES_MAX: usize = 4 << 20;

/// The deepest nesting of elements. Schemes need seven.
pub const DEPTH_MAX: usize = 128;

/// The most attributes of one element. Transitions have some twenty.
pub const ATTRIBUTES_MAX: usize = 128;

/// The most namespace declarations of a scheme, which needs none; each is copied to every
/// declaring element inside.
const NAMESPACES_MAX: usize = 32;

/// UTF-8 text of a file; else what is readable of it, where the fault is, and which.
pub(super) fn decode(source: &[u8]) -> Result<&str, (&str, usize, Problem)> {
    if source.starts_with(&[0xFF, 0xFE]) || source.starts_with(&[0xFE, 0xFF]) {
        let encoding = "UTF-16".into();
        return Err(("", 0, Problem::Encoding { encoding }));
    }
    if source.len() > BYTES_MAX {
        return Err((
            "",
            0,
            Problem::TooLarge {
                bytes: source.len(),
            },
        ));
    }
    std::str::from_utf8(source).map_err(|error| {
        let valid = &source[..error.valid_up_to()];
        let readable = std::str::from_utf8(valid).unwrap_or_default();
        (readable, readable.len(), Problem::NotUtf8)
    })
}

/// Finds what the parser must not see. Malformed markup is left to it.
pub(super) fn scan(text: &str) -> Result<(), (usize, Problem)> {
    if text.len() > BYTES_MAX {
        return Err((0, Problem::TooLarge { bytes: text.len() }));
    }
    if let Some((offset, encoding)) = declared_encoding(text) {
        // ASCII is UTF-8 with nothing in it.
        if !["utf-8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str()) {
            let encoding = encoding.into();
            return Err((offset, Problem::Encoding { encoding }));
        }
    }
    let (mut depth, mut namespaces, mut at) = (0_usize, 0_usize, 0_usize);
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start..];
        let end = if rest.starts_with("<!--") {
            rest.find("-->")
        } else if rest.starts_with("<![CDATA[") {
            rest.find("]]>")
        } else if rest.starts_with("<?") {
            rest.find("?>")
        } else if rest.starts_with("<!") {
            // No other markup begins so; without definitions there are no entities to expand.
            return Err((start, Problem::Definition));
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
            rest.find('>')
        } else {
            let tag = Tag::scan(rest);
            namespaces += tag.namespaces;
            if tag.attributes > ATTRIBUTES_MAX {
                return Err((start, Problem::TooManyAttributes));
            }
            if namespaces > NAMESPACES_MAX {
                return Err((start, Problem::TooManyNamespaces));
            }
            if !tag.is_empty {
                depth += 1;
            }
            if depth > DEPTH_MAX {
                return Err((start, Problem::TooDeep));
            }
            tag.end
        };
        match end {
            Some(end) => at = start + end,
            None => break,
        }
        // `at` is on an ASCII character of the end; the next `<` cannot be before it.
    }
    Ok(())
}

/// A start tag, as far as it matters here.
struct Tag {
    attributes: usize,
    namespaces: usize,
    is_empty: bool,
    end: Option<usize>,
}

impl Tag {
    fn scan(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut tag = Self {
            attributes: 0,
            namespaces: 0,
            is_empty: false,
            end: None,
        };
        let mut quote = None;
        let mut name_start = 0;
        for (at, &byte) in bytes.iter().enumerate().skip(1) {
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => {
                    tag.attributes += 1;
                    tag.namespaces += usize::from(bytes[name_start..].starts_with(b"xmlns"));
                }
                (None, b'>') => {
                    tag.is_empty = bytes[at - 1] == b'/';
                    tag.end = Some(at);
                    break;
                }
                // Malformed: the parser will say so, and reads no further either.
                (None, b'<') => break,
                (None, byte) if byte.is_ascii_whitespace() => name_start = at + 1,
                (Some(_) | None, _) => {}
            }
        }
        tag
    }
}

/// The encoding that the XML declaration names, and where.
fn declared_encoding(text: &str) -> Option<(usize, &str)> {
    let declaration = text.strip_prefix('\u{feff}').unwrap_or(text);
    let declaration = declaration.strip_prefix("<?xml")?;
    let declaration = &declaration[..declaration.find("?>")?];
    let value = declaration.split_once("encoding")?.1.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let encoding = &value[1..];
    let encoding = &encoding[..encoding.find(quote)?];
    let offset = encoding.as_ptr() as usize - text.as_ptr() as usize;
    Some((offset, encoding))
}
