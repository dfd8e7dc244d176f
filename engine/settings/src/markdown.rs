//! The table as Markdown, for the documentation.

use std::fmt::Write;

use crate::keys::ROOT;
use crate::table::{Change, Keys, Kind, Owner, Support};

/// Before the generated part of a document.
pub const REGION_BEGIN: &str = "<!-- keys: begin (generated from the table of keys) -->";
/// After the generated part of a document.
pub const REGION_END: &str = "<!-- keys: end -->";

/// Every key that this version knows, one row each.
pub fn markdown() -> String {
    let mut rows =
        String::from("| key | default | change | meaning |\n| --- | --- | --- | --- |\n");
    let mut later = Vec::new();
    let mut ignored = Vec::new();
    table(&ROOT, "", &mut rows, &mut later, &mut ignored);
    let _ = write!(
        rows,
        "\nKnown, and refused until a later version does what they say: {}.\n\n\
         Keys of the other product that mean nothing here and are reported once: {}.\n",
        later.join(", "),
        ignored.join(", ")
    );
    rows
}

/// `document` with its generated part made anew; `None` when it has no such part.
pub fn replace_region(document: &str) -> Option<String> {
    let start = document.find(REGION_BEGIN)? + REGION_BEGIN.len();
    let end = start + document.get(start..)?.find(REGION_END)?;
    Some(format!(
        "{}\n{}{}",
        document.get(..start)?,
        markdown(),
        document.get(end..)?
    ))
}

fn table(
    keys: &Keys,
    path: &str,
    rows: &mut String,
    later: &mut Vec<String>,
    ignored: &mut Vec<String>,
) {
    for key in keys.keys {
        let name = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        match key.support {
            Support::Now => {}
            Support::Later => {
                later.push(format!("`{name}`"));
                continue;
            }
            Support::Ignored => {
                ignored.push(format!("`{name}`"));
                continue;
            }
        }
        let owner = match key.owner {
            Owner::Theirs => " ●",
            Owner::Ours => "",
        };
        let change = match key.change {
            Change::Live => "live",
            Change::Restart => "restart",
        };
        let (inner, suffix) = match (key.kind.keys(), key.kind.item().and_then(Kind::keys)) {
            (Some(inner), _) => (Some(inner), ""),
            (None, Some(inner)) => (Some(inner), "[]"),
            (None, None) => (None, ""),
        };
        let default = match key.default {
            Some(default) => format!("`{default}`"),
            None => String::new(),
        };
        let doc = key.doc.replace('|', "\\|");
        let _ = writeln!(
            rows,
            "| `{name}{suffix}`{owner} | {default} | {change} | {doc} |"
        );
        if let Some(inner) = inner {
            table(inner, &format!("{name}{suffix}"), rows, later, ignored);
        }
    }
}
