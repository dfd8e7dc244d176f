//! Holds the names of a tree against the table.
//!
//! In: the tree after `--set`. Out: unknown names with the nearest known one, keys of later
//! versions that ask for something, and one note on all keys that mean nothing here.
//! Rules: unknown is a warning at the top and in the other product's objects, a fault in ours.
//! Elsewhere: duplicates (`tree`), values (`object`).

use crate::faults::{Fault, Faults, Mark, Severity, quoted};
use crate::keys::{REFERENCE, ROOT};
use crate::table::{Key, Keys, Kind, Owner, Program, Support, nearest};
use crate::tree::{Data, Member, Node};

/// Labels of one note; a file full of foreign keys still draws a screenful.
const IGNORED_DRAWN_MAX: usize = 8;

/// Checks every name that concerns `program`.
pub(crate) fn check(root: &Node, program: Program, faults: &mut Faults) {
    let mut walk = Walk {
        program,
        faults,
        ignored: Vec::new(),
    };
    if let Data::Object(members) = &root.data {
        walk.object(members, &ROOT, "");
    }
    walk.report_ignored();
}

/// Whether an object at a place of `kind` is `{"File": …}` or `{"Env": …}`.
pub(crate) fn is_reference(kind: &Kind, members: &[Member]) -> bool {
    kind.is_scalar()
        && (kind.keys().is_none()
            || (!members.is_empty()
                && members
                    .iter()
                    .all(|member| REFERENCE.find(&member.name).is_some())))
}

struct Walk<'f, 't> {
    program: Program,
    faults: &'f mut Faults,
    ignored: Vec<(Mark, &'t str)>,
}

impl<'t> Walk<'_, 't> {
    fn object(&mut self, members: &'t [Member], keys: &'static Keys, path: &str) {
        for member in members {
            match keys.find(&member.name) {
                None => self.unknown(member, keys, path),
                Some(key) => self.known(member, key, path),
            }
        }
    }

    fn known(&mut self, member: &'t Member, key: &'static Key, path: &str) {
        let concerned = match (key.program, self.program) {
            (Program::Both, _) | (_, Program::Both) => true,
            (of_key, asking) => of_key == asking,
        };
        if !concerned {
            return;
        }
        match key.support {
            Support::Now => {
                let path = join(path, key.name);
                self.value(&member.value, &key.kind, &path);
            }
            Support::Later if asks_for_nothing(&member.value.data) => {}
            Support::Later => {
                let path = join(path, key.name);
                self.faults.push(
                    Fault::error(
                        member.mark,
                        format!("`{path}` is not supported by this version"),
                    )
                    .label("not supported yet")
                    .help("it is not ignored, for it would change how requests are judged or forwarded: \
                     remove it"),
                );
            }
            Support::Ignored => self.ignored.push((member.mark, &member.name)),
        }
    }

    fn value(&mut self, node: &'t Node, kind: &Kind, path: &str) {
        match &node.data {
            Data::Object(members) if is_reference(kind, members) => {
                self.object(members, &REFERENCE, path);
            }
            Data::Object(members) => {
                if let Some(keys) = kind.keys() {
                    self.object(members, keys, path);
                } else if let Some(kind) = kind.value() {
                    for member in members {
                        self.value(&member.value, kind, &join(path, &member.name));
                    }
                }
            }
            Data::List(items) => {
                if let Some(item) = kind.item() {
                    for (index, node) in items.iter().enumerate() {
                        self.value(node, item, &format!("{path}[{index}]"));
                    }
                }
            }
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) => {}
        }
    }

    fn unknown(&mut self, member: &Member, keys: &'static Keys, path: &str) {
        let name = quoted(&member.name);
        let message = if path.is_empty() {
            format!("unknown key {name}")
        } else {
            format!("unknown key {name} in `{path}`")
        };
        let fault = match keys.owner {
            Owner::Ours => Fault::error(member.mark, message),
            Owner::Theirs => Fault::warning(member.mark, message),
        };
        let ignored = fault.severity() == Severity::Warning;
        let fault = fault.label(if ignored {
            "not known, ignored"
        } else {
            "not known"
        });
        let suggestion = (!self.faults.is_full())
            .then(|| suggestion(&member.name, keys))
            .flatten();
        let fault = match suggestion {
            Some(text) => fault.help(text),
            None => fault,
        };
        self.faults.push(fault);
    }

    fn report_ignored(self) {
        let Some((first, _)) = self.ignored.first() else {
            return;
        };
        let names: Vec<_> = self.ignored.iter().map(|(_, name)| quoted(name)).collect();
        let names = names.join(", ");
        let label = "ignored";
        let mut fault = Fault::note(*first, format!("of no meaning here: {names}")).label(label);
        for (mark, _) in self.ignored.iter().skip(1).take(IGNORED_DRAWN_MAX - 1) {
            fault = fault.also(*mark, label);
        }
        self.faults.push(fault);
    }
}

/// The nearest name here, else where the very name belongs.
fn suggestion(name: &str, keys: &'static Keys) -> Option<String> {
    if let Some(place) = place_of(name, &ROOT, "") {
        return Some(match keys.nearest(name) {
            Some(near) => format!("did you mean `{near}`? `{place}` is another key"),
            None => format!("it belongs at `{place}`"),
        });
    }
    if let Some(near) = keys.nearest(name) {
        return Some(format!("did you mean `{near}`?"));
    }
    let everywhere = all_names(&ROOT);
    let near = nearest(name, everywhere.into_iter())?;
    let place = place_of(near, &ROOT, "")?;
    Some(format!("did you mean `{place}`?"))
}

/// The path of the first key of that name.
fn place_of(name: &str, keys: &'static Keys, path: &str) -> Option<String> {
    if let Some(key) = keys.find(name) {
        return Some(join(path, key.name));
    }
    keys.keys.iter().find_map(|key| {
        let path = join(path, key.name);
        if let Some(keys) = key.kind.keys() {
            return place_of(name, keys, &path);
        }
        let keys = key.kind.item()?.keys()?;
        place_of(name, keys, &format!("{path}[]"))
    })
}

fn all_names(keys: &'static Keys) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in keys.keys {
        names.push(key.name);
        let inner = key.kind.keys().or_else(|| key.kind.item()?.keys());
        if let Some(inner) = inner {
            names.extend(all_names(inner));
        }
    }
    names
}

/// Null, false and empty containers are what a key says that is not there.
fn asks_for_nothing(data: &Data) -> bool {
    match data {
        Data::Null | Data::Bool(false) => true,
        Data::List(items) => items.is_empty(),
        Data::Object(members) => members.is_empty(),
        Data::Bool(true) | Data::Number(_) | Data::Text(_) => false,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
