//! From a name to its operation: one hash of at most 16 bytes, one comparison.

use crate::{OPERATIONS, Operation};

/// Slots in the table; a power of two well above the number of names, so that most names stand
/// in their own slot.
const SLOTS: usize = 256;

/// A slot that no name took.
const FREE: Slot = Slot {
    operation: u8::MAX,
    name: u8::MAX,
};

/// `name` is 0 for the name itself, else 1 + the alias's place.
#[derive(Clone, Copy)]
struct Slot {
    operation: u8,
    name: u8,
}

static TABLE: [Slot; SLOTS] = build();

/// The operation of that name or alias, without ASCII case.
pub fn find(name: &str) -> Option<&'static Operation> {
    let bytes = name.as_bytes();
    let mut slot = hash(bytes);
    loop {
        let entry = &TABLE[slot];
        if entry.operation == u8::MAX {
            return None;
        }
        let operation = &OPERATIONS[usize::from(entry.operation)];
        if name_of(operation, entry.name)
            .as_bytes()
            .eq_ignore_ascii_case(bytes)
        {
            return Some(operation);
        }
        slot = (slot + 1) % SLOTS;
    }
}

const fn name_of(operation: &'static Operation, name: u8) -> &'static str {
    match name {
        0 => operation.name,
        alias => operation.aliases[alias as usize - 1],
    }
}

/// Mixes the length, the first eight and the last eight bytes, letters in lower case. Other
/// bytes may fold together; the comparison that follows is exact.
const fn hash(name: &[u8]) -> usize {
    let first = word(name, 0);
    let last = word(name, name.len().saturating_sub(8));
    let mixed =
        (first ^ last.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize
}

/// Up to eight bytes from `at`, in lower case.
const fn word(name: &[u8], at: usize) -> u64 {
    let mut word = 0u64;
    let mut i = at;
    while i < name.len() && i < at + 8 {
        word = word << 8 | (name[i] | 0x20) as u64;
        i += 1;
    }
    word
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "fewer operations than 255, and fewer aliases; a test looks up every one"
)]
const fn build() -> [Slot; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut operation = 0;
    while operation < OPERATIONS.len() {
        let mut name = 0;
        while name <= OPERATIONS[operation].aliases.len() {
            let mut slot = hash(name_of(&OPERATIONS[operation], name as u8).as_bytes());
            while table[slot].operation != u8::MAX {
                slot = (slot + 1) % SLOTS;
            }
            table[slot] = Slot {
                operation: operation as u8,
                name: name as u8,
            };
            name += 1;
        }
        operation += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Group, Id};

    fn names() -> impl Iterator<Item = (&'static str, &'static Operation)> {
        OPERATIONS.iter().flat_map(|operation| {
            std::iter::once(operation.name)
                .chain(operation.aliases.iter().copied())
                .map(move |name| (name, operation))
        })
    }

    #[test]
    fn every_name_and_alias_is_found_in_any_case() {
        for (name, operation) in names() {
            assert_eq!(name, name.to_ascii_lowercase());
            for spelling in [name.to_owned(), name.to_ascii_uppercase()] {
                assert_eq!(
                    find(&spelling).map(|o| o.id),
                    Some(operation.id),
                    "{spelling}"
                );
            }
        }
        assert!(find("").is_none());
        assert!(find("createinstances").is_none());
        assert!(find("createinstanc\u{e9}").is_none());
    }

    #[test]
    fn names_are_unique_and_indices_dense() {
        let mut seen = std::collections::HashSet::new();
        for (name, _) in names() {
            assert!(seen.insert(name), "{name} stands twice");
        }
        assert_eq!(OPERATIONS.len(), Id::ALL.len());
        for (place, operation) in OPERATIONS.iter().enumerate() {
            assert_eq!(operation.index(), place, "{}", operation.name);
            assert_eq!(operation.id, Id::ALL[place], "{}", operation.name);
            assert_eq!(operation.id.operation().name, operation.name);
        }
    }

    #[test]
    fn most_names_stand_in_their_own_slot() {
        let displaced = names()
            .filter(|(name, operation)| {
                usize::from(TABLE[hash(name.as_bytes())].operation) != operation.index()
            })
            .count();
        assert!(displaced <= 6, "{displaced} names are displaced");
    }

    #[test]
    fn groups_follow_the_first_word_of_the_name() {
        for operation in &OPERATIONS {
            let read = ["get", "inbox", "outbox", "isexist", "find"]
                .iter()
                .any(|prefix| operation.name.starts_with(prefix))
                && operation.name != "inboxrecalc";
            if read {
                assert_eq!(operation.group, Group::Read, "{}", operation.name);
            }
            // What only looks is safe to repeat, and what is safe to repeat only looks.
            if operation.group == Group::Read {
                assert!(operation.read_only, "{}", operation.name);
            }
        }
    }

    #[test]
    fn the_table_is_consistent() {
        for operation in &OPERATIONS {
            let name = operation.name;
            assert!(operation.doc.ends_with('.'), "{name}");
            if let Some(id) = operation.path_id {
                assert!(operation.parameter(id).is_some(), "{name}: {id}");
            }
            if operation.read_only {
                assert!(!operation.process_parameters, "{name}");
            }
            for (place, parameter) in operation.parameters.iter().enumerate() {
                assert_eq!(
                    operation
                        .parameter(&parameter.name.to_ascii_uppercase())
                        .map(|(at, _)| at),
                    Some(place),
                    "{name}: {}",
                    parameter.name
                );
                assert!(parameter.doc.ends_with('.'), "{name}: {}", parameter.name);
            }
            for error in operation.errors {
                assert!(error.is_domain(), "{name}: {error}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_found_has_that_name(name in "[a-zA-Z@`\\[]{0,24}") {
            let want = names().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, o)| o.id);
            prop_assert_eq!(find(&name).map(|o| o.id), want);
        }

        #[test]
        fn any_text_ends_the_search(name in "\\PC{0,40}") {
            if let Some(found) = find(&name) {
                prop_assert!(names().any(|(known, o)| o.id == found.id && known.eq_ignore_ascii_case(&name)));
            }
        }
    }
}
