//! What a fuzz target drives: the first bytes from a proxy.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that something does not hold"
)]

use super::proxy_header::{Scan, scan};

/// What is whole stays what it is whatever follows, and is not known before it is whole.
pub fn first_bytes(data: &[u8]) {
    let Scan::Whole { length, source } = scan(data) else {
        return;
    };
    let header = data.get(..length).expect("it is no longer than what came");
    assert_eq!(scan(header), Scan::Whole { length, source });
    for cut in 0..length {
        assert_eq!(scan(&header[..cut]), Scan::More);
    }
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    use crate::bearer::fuzz::seeds;

    for seed in seeds("proxy_header") {
        first_bytes(&seed);
    }
}
