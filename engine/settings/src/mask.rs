//! Takes the values out of a text before anything of it is kept for drawing.
//!
//! In: a text with its tree and the table. Out: a text of the same length in which every string
//! and number is `*`, but those of public keys; comments are blank, for a commented-out secret
//! is one too.
//! Rules: what cannot be judged (a text that does not parse) is masked whole; so is a long
//! string where only a number or a word may stand, which is more likely a secret gone astray.

use std::ops::Range;

use crate::faults::steers;
use crate::keys::REFERENCE;
use crate::table::Kind;
use crate::tree::{Data, Node};

/// Bytes up to which a string is shown that stands where a number or a word may stand.
const BRIEF_BYTES_MAX: usize = 16;

/// Masks one source whose tree is `root`, a value of `kind`.
pub(crate) fn masked(
    text: &str,
    comments: &[Range<usize>],
    root: &Node,
    kind: &Kind,
    public: bool,
) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for comment in comments {
        // The two slashes or the slash and star stay, so that the line is still seen as a comment.
        blank(&mut bytes, comment.start + 2..comment.end);
    }
    value(&mut bytes, root, Some(kind), public);
    // Masks are whole ASCII runs over whole characters, so this never replaces anything.
    let masked = String::from_utf8_lossy(&bytes);
    still(&masked)
}

/// Every character but white space is `*`; the one at `at` stays when it is punctuation.
pub(crate) fn masked_whole(text: &str, at: usize) -> String {
    let mut masked = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        let shown = matches!(c, '\n' | ' ')
            || (index == at && matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"' | '\''));
        if shown {
            masked.push(c);
        } else {
            let mask = if c.is_whitespace() { " " } else { "*" };
            masked.push_str(&mask.repeat(c.len_utf8()));
        }
    }
    masked
}

/// Whether a public string may be shown where a value of `kind` is wanted.
pub(crate) fn fits(text: &str, kind: &Kind) -> bool {
    !kind.is_brief() || text.len() <= BRIEF_BYTES_MAX
}

/// The part of a public string that may be shown: no password or query of a URL.
pub(crate) fn presentable(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    conceal(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn value(bytes: &mut [u8], node: &Node, kind: Option<&Kind>, public: bool) {
    match &node.data {
        Data::Null | Data::Bool(_) => {}
        Data::Number(_) => {
            if !public {
                star(bytes, node.mark.range());
            }
        }
        Data::Text(text) => {
            let mut inner = node.mark.range();
            if bytes.get(inner.start) == Some(&b'"') && inner.len() >= 2 {
                inner = inner.start + 1..inner.end - 1;
            }
            if public && kind.is_none_or(|kind| fits(text, kind)) {
                if let Some(part) = bytes.get_mut(inner) {
                    conceal(part);
                }
            } else {
                star(bytes, inner);
            }
        }
        Data::List(items) => {
            let item = kind.and_then(Kind::item);
            for node in items {
                value(bytes, node, item, public);
            }
        }
        Data::Object(members) => {
            if let Some(item) = kind.and_then(Kind::value) {
                for member in members {
                    value(bytes, &member.value, Some(item), public);
                }
                return;
            }
            let keys = kind.and_then(Kind::keys);
            let scalar = kind.is_some_and(Kind::is_scalar);
            for member in members {
                let key = keys
                    .and_then(|keys| keys.find(&member.name))
                    .or_else(|| scalar.then(|| REFERENCE.find(&member.name)).flatten());
                value(
                    bytes,
                    &member.value,
                    key.map(|key| &key.kind),
                    key.is_some_and(|key| key.public),
                );
            }
        }
    }
}

fn star(bytes: &mut [u8], at: Range<usize>) {
    if let Some(part) = bytes.get_mut(at) {
        part.fill(b'*');
    }
}

fn blank(bytes: &mut [u8], at: Range<usize>) {
    for byte in bytes.get_mut(at).unwrap_or_default() {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// Stars what stands before the last `@` and after the first `?` or `#`.
fn conceal(text: &mut [u8]) {
    if let Some(end) = text.iter().rposition(|&byte| byte == b'@') {
        let start = text
            .windows(3)
            .position(|part| part == b"://")
            .map_or(0, |index| index + 3);
        star(text, start.min(end)..end);
    }
    if let Some(start) = text.iter().position(|byte| matches!(byte, b'?' | b'#')) {
        let end = text.len();
        star(text, start + 1..end);
    }
}

/// Of the same length, without what steers a terminal.
fn still(text: &str) -> String {
    let mut still = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => still.push(c),
            // A tab would be drawn wider than the byte it is.
            '\t' | '\r' => still.push(' '),
            c if steers(c) => still.push_str(&"?".repeat(c.len_utf8())),
            c => still.push(c),
        }
    }
    still
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_and_query_of_a_public_url_are_masked() {
        for (text, want) in [
            ("https://a.example/x", "https://a.example/x"),
            ("http://u:p@h:1/", "http://***@h:1/"),
            ("u:p@ss@h", "******@h"),
            ("http://h/?key=1", "http://h/?*****"),
        ] {
            assert_eq!(presentable(text), want);
        }
    }

    #[test]
    fn a_long_string_does_not_fit_where_a_number_or_a_word_may_stand() {
        let secret = "e3e3506c-1a2e-4e35";
        assert!(fits("5 moons", &Kind::Rate));
        assert!(fits(secret, &Kind::Text));
        assert!(!fits(secret, &Kind::Bool));
        assert!(!fits(secret, &Kind::Choice(&["human", "json"])));
    }

    #[test]
    fn of_a_broken_text_one_punctuation_mark_stays() {
        assert_eq!(masked_whole("{ \"ä\": x,\n}", 9), "* ***** *,\n*");
        assert_eq!(masked_whole("a:b", 1), "*:*");
    }
}
