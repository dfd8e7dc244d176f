//! `--set Key.Path=value`: the command line's word on one key.
//!
//! In: the argument and the tree. Out: the tree with the value at that path, or a fault that
//! draws the argument.
//! Rules: names without case, list items by number (`Routes[0]` or `Routes.0`); the value is JSON
//! when it reads as such, else a string. A path that the table does not know is a fault.

use std::ops::Range;

use crate::faults::{Drawn, Fault, Faults, Mark, quoted};
use crate::guard;
use crate::keys::ROOT;
use crate::mask;
use crate::table::Kind;
use crate::tree::{self, Data, Member, Node};

/// How arguments are named where files have their name.
const SOURCE_NAME: &str = "--set";

/// Applies one argument.
pub(crate) fn apply(argument: &str, root: &mut Node, faults: &mut Faults) {
    let source = faults.reserve(SOURCE_NAME);
    let Some(split) = argument.find('=') else {
        let mark = Mark::new(source, 0..argument.len());
        faults.set_masked(
            source,
            &mask::masked_whole(argument, usize::MAX),
            Drawn::Lines,
        );
        faults.push(
            Fault::error(mark, "`--set` without a value")
                .label("no `=` here")
                .help("write it as `--set Key.Path=value`"),
        );
        return;
    };
    let value_at = split + 1..argument.len();
    let path = segments(argument.get(..split).unwrap_or_default());
    let Some((kind, public)) = look_up(argument, source, &path, faults) else {
        let masked = hide(argument, &value_at);
        faults.set_masked(source, &masked, Drawn::Lines);
        return;
    };
    let value = parse(argument, source, value_at, kind, faults);
    let masked = mask::masked(argument, &[], &value, kind, public);
    faults.set_masked(source, &masked, Drawn::Lines);
    insert(root, &path, argument, source, value, faults);
}

/// The path's parts with their places.
fn segments(path: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, c) in path.char_indices() {
        if matches!(c, '.' | '[' | ']') {
            // `]` ends a number; what follows it begins after the next point.
            if index > start || c == '.' && !path.get(..index).is_some_and(|p| p.ends_with(']')) {
                parts.push(start..index);
            }
            start = index + 1;
        }
    }
    if start < path.len() || path.is_empty() || path.ends_with('.') {
        parts.push(start..path.len());
    }
    parts
}

/// The kind at the end of the path, and whether its strings are public.
fn look_up(
    argument: &str,
    source: usize,
    path: &[Range<usize>],
    faults: &mut Faults,
) -> Option<(&'static Kind, bool)> {
    static TOP: Kind = Kind::Object(&ROOT);
    let mut kind = &TOP;
    let mut public = false;
    for part in path {
        let name = argument.get(part.clone()).unwrap_or_default();
        let keys = kind.keys();
        if let Some(key) = keys.and_then(|keys| keys.find(name)) {
            kind = &key.kind;
            public = key.public;
            continue;
        }
        let is_index = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(item) = kind.item().filter(|_| is_index) {
            kind = item;
            continue;
        }
        let fault = Fault::error(
            Mark::new(source, part.clone()),
            format!("`--set` names an unknown key {}", quoted(name)),
        )
        .label("not known");
        faults.push(match keys.and_then(|keys| keys.nearest(name)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None if kind.item().is_some() => {
                fault.help("a list item is named by its number, from 0")
            }
            None => fault,
        });
        return None;
    }
    Some((kind, public))
}

fn parse(
    argument: &str,
    source: usize,
    at: Range<usize>,
    kind: &Kind,
    faults: &mut Faults,
) -> Node {
    let text = argument.get(at.clone()).unwrap_or_default();
    // An id of digits is still an id.
    let takes_text_only = matches!(kind, Kind::Text) && !text.starts_with(['"', '{']);
    if !takes_text_only
        && guard::check(text).is_ok()
        && let Ok(Some(node)) = tree::parse(text, source, at.start, faults)
    {
        return node;
    }
    Node {
        mark: Mark::new(source, at),
        data: Data::Text(text.into()),
    }
}

/// Puts `value` at `path`, making objects and lists on the way.
fn insert(
    root: &mut Node,
    path: &[Range<usize>],
    argument: &str,
    source: usize,
    value: Node,
    faults: &mut Faults,
) {
    let mut node = root;
    for part in path {
        let name = argument.get(part.clone()).unwrap_or_default();
        let mark = Mark::new(source, part.clone());
        let index = name.parse::<usize>().ok();
        if let Data::Null = node.data {
            node.data = match index {
                Some(_) => Data::List(Vec::new()),
                None => Data::Object(Vec::new()),
            };
            node.mark = mark;
        }
        let empty = Node {
            mark,
            data: Data::Null,
        };
        let found = node.data.kind();
        node = match &mut node.data {
            Data::Object(members) => {
                let place = members
                    .iter()
                    .position(|member| member.name.eq_ignore_ascii_case(name));
                let place = place.unwrap_or_else(|| {
                    members.push(Member {
                        name: name.into(),
                        mark,
                        value: empty,
                    });
                    members.len() - 1
                });
                let Some(member) = members.get_mut(place) else {
                    return;
                };
                &mut member.value
            }
            Data::List(items) => {
                let length = items.len();
                if index == Some(length) {
                    items.push(empty);
                }
                let Some(item) = index.and_then(|index| items.get_mut(index)) else {
                    let message =
                        format!("`--set` names item {} of a list of {length}", quoted(name));
                    faults.push(Fault::error(mark, message).label("no such item"));
                    return;
                };
                item
            }
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) => {
                let message = format!("`--set` looks for {} inside {found}", quoted(name));
                faults.push(
                    Fault::error(mark, message)
                        .label("not an object in the file")
                        .help("set the whole value, as JSON"),
                );
                return;
            }
        };
    }
    *node = value;
}

/// All of the value, when it is not known what it is.
fn hide(argument: &str, value_at: &Range<usize>) -> String {
    let head = argument.get(..value_at.start).unwrap_or_default();
    let tail = argument.get(value_at.clone()).unwrap_or_default();
    format!(
        "{}{}",
        crate::faults::printable(head),
        mask::masked_whole(tail, usize::MAX)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_take_points_and_brackets() {
        for (path, want) in [
            ("Url", vec!["Url"]),
            ("A.B", vec!["A", "B"]),
            ("A[0].B", vec!["A", "0", "B"]),
            ("A.0.B", vec!["A", "0", "B"]),
            ("A[0]", vec!["A", "0"]),
            ("", vec![""]),
            ("A.", vec!["A", ""]),
            (".A", vec!["", "A"]),
            ("A..B", vec!["A", "", "B"]),
        ] {
            let got: Vec<_> = segments(path).into_iter().map(|at| &path[at]).collect();
            assert_eq!(got, want, "{path:?}");
        }
    }
}
