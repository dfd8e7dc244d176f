//! The operations that a client may call, from `Operations` of the configuration.

use workflow_api::{Group, OPERATIONS, Operation};

/// A set of operations: a bit for each entry of the table, and one for all that is not in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operations {
    known: u64,
    /// `*` was named: operations outside the table pass too.
    unknown: bool,
}

const _: () = assert!(OPERATIONS.len() <= 64, "the set is one word");

/// A name that is neither an operation, nor a group, nor `*`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no operation and no group")]
pub struct UnknownOperation {
    /// Which of the given names.
    pub index: usize,
    /// As written.
    pub name: Box<str>,
    /// A known name that looks like it.
    pub nearest: Option<&'static str>,
}

impl Operations {
    /// No operation at all.
    pub const NONE: Self = Self {
        known: 0,
        unknown: false,
    };

    /// From names of operations (aliases too), the groups `read`, `run` and `manage`, and `*`,
    /// all without case. `*` is `read`, `run`, and whatever the table does not know; `manage` must
    /// be named.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownOperation> {
        let mut set = Self::NONE;
        for (index, name) in names.iter().enumerate() {
            let name = name.as_ref();
            if name == "*" {
                set.unknown = true;
                set.known |= group(Group::Read) | group(Group::Run);
            } else if let Some(found) = Group::find(name) {
                set.known |= group(found);
            } else if let Some(operation) = workflow_api::find(name) {
                set.known |= bit(operation);
            } else {
                return Err(UnknownOperation {
                    index,
                    name: name.into(),
                    nearest: nearest(name),
                });
            }
        }
        Ok(set)
    }

    /// Whether the set has `operation`; `None` is one that the table does not know.
    pub fn allow(self, operation: Option<&'static Operation>) -> bool {
        match operation {
            Some(operation) => self.known & bit(operation) != 0,
            None => self.unknown,
        }
    }

    /// Whether some operation is in both.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.known & other.known != 0 || (self.unknown && other.unknown)
    }

    /// Whether nothing is allowed.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = OPERATIONS.iter().filter(|one| self.known & bit(one) != 0);
        f.debug_set()
            .entries(known.map(|one| one.name))
            .entries(self.unknown.then_some("*"))
            .finish()
    }
}

fn bit(operation: &Operation) -> u64 {
    1 << operation.index()
}

fn group(group: Group) -> u64 {
    OPERATIONS
        .iter()
        .filter(|operation| operation.group == group)
        .fold(0, |set, operation| set | bit(operation))
}

/// The known name that is most like `name`, when one is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    OPERATIONS
        .iter()
        .flat_map(|operation| std::iter::once(&operation.name).chain(operation.aliases))
        .copied()
        .chain(Group::ALL.map(Group::name))
        .map(|known| (strsim::jaro_winkler(known, &name), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}
