//! UUIDs in the forms that .NET prints.

use uuid::Uuid;

/// Reads a UUID in one of the .NET forms `D` (hyphens), `N` (none), `B` (braces) and
/// `P` (parentheses), of any case; `None` for everything else.
pub fn parse_guid(text: &str) -> Option<Uuid> {
    let bare = match text.as_bytes() {
        [b'{', .., b'}'] | [b'(', .., b')'] => {
            // .NET puts brackets only around the hyphenated form.
            let inner = &text[1..text.len() - 1];
            (inner.len() == 36).then_some(inner)?
        }
        _ => text,
    };
    // The crate also knows URNs and its own braces; only the two bare lengths get through here.
    matches!(bare.len(), 32 | 36)
        .then(|| Uuid::try_parse(bare).ok())
        .flatten()
}
