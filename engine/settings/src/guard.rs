//! Looks at the text before the parser does, and refuses what the parser would take or trip over.
//!
//! In: the text of a file. Out: the places of its comments, or the first [`Broken`].
//! Rules: RFC 8259 §7 (no control character in a string), a bound on nesting.
//! Elsewhere: the grammar (crate `jsonc-parser`, whose own bound of 512 is deeper than any stack
//! frame budget of ours and which lets a string run over line ends, so that a forgotten quote
//! would be reported lines later).

use std::ops::Range;

/// Containers within containers; our deepest key is at 6.
const DEPTH_MAX: usize = 32;

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) at: Range<usize>,
    pub(crate) what: &'static str,
    pub(crate) help: Option<&'static str>,
}

/// Walks over `text` once. Gives the spans of all comments.
pub(crate) fn check(text: &str) -> Result<Vec<Range<usize>>, Broken> {
    let bytes = text.as_bytes();
    let mut comments = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let end = find(bytes, at, |rest| {
                    rest.starts_with(b"\n") || rest.starts_with(b"\r")
                })
                .unwrap_or(bytes.len());
                comments.push(at..end);
                at = end;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let Some(end) = find(bytes, at + 2, |rest| rest.starts_with(b"*/")) else {
                    return Err(Broken {
                        at: at..at + 2,
                        what: "this comment is never closed",
                        help: Some("end it with `*/`"),
                    });
                };
                comments.push(at..end + 2);
                at = end + 2;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Broken {
                        at: at..at + 1,
                        what: "nested too deep",
                        help: Some("no key is deeper than 32 levels"),
                    });
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ => at += 1,
        }
    }
    Ok(comments)
}

/// The index after the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> Result<usize, Broken> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if bytes.get(at + 1).is_some_and(|&next| next >= 0x20) => at += 2,
            Some(b'\n' | b'\r') | None => {
                return Err(Broken {
                    at: start..start + 1,
                    what: "this string has no closing quote on its line",
                    help: Some("a line end inside a string is written `\\n`"),
                });
            }
            Some(..0x20) => {
                return Err(Broken {
                    at: at..at + 1,
                    what: "a control character inside a string",
                    help: Some("write it as an escape, such as `\\t`"),
                });
            }
            Some(_) => at += 1,
        }
    }
}

fn find(bytes: &[u8], from: usize, holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
    (from..bytes.len()).find(|&at| bytes.get(at..).is_some_and(&holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_would_let_pass_is_refused() {
        let deep = "[".repeat(33);
        for (text, want) in [
            ("{\"a\": \"b\n\"}", Some("no closing quote")),
            ("{\"a\": \"b", Some("no closing quote")),
            ("{\"a\": \"b\\", Some("no closing quote")),
            ("{\"a\": \"\u{1}\"}", Some("control character")),
            ("{\"a\": \"\\\u{1}\"}", Some("control character")),
            ("/* {", Some("never closed")),
            (deep.as_str(), Some("too deep")),
            ("{\"a\\\"b\": \"//\" } // [[", None),
            ("]]]]", None), // the parser's to refuse
        ] {
            let got = check(text).err().map(|broken| broken.what);
            assert_eq!(
                got.is_some(),
                want.is_some_and(|part| got.unwrap_or_default().contains(part)),
                "{text:?} {got:?}"
            );
        }
    }

    #[test]
    fn comments_are_found_outside_strings_only() {
        let text = "// a\n{ \"x\": \"/* no */\", /* b */ }";
        let found: Vec<_> = check(text)
            .unwrap()
            .into_iter()
            .map(|at| &text[at])
            .collect();
        assert_eq!(found, ["// a", "/* b */"]);
    }
}
