//! What a fuzz target drives: key sets of somebody else's.

use super::{Algorithm, PublicKeys};

/// A key set is read, or refused; what is in it verifies nothing that nobody signed.
pub fn key_set(data: &[u8]) {
    let Ok(keys) = PublicKeys::parse(data, &Algorithm::ALL) else {
        return;
    };
    drop(keys);
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    use crate::bearer::fuzz::seeds;

    for seed in seeds("jwks") {
        key_set(&seed);
    }
}
