//! What must never stand in any program's output: every secret and token that the tests use.
//!
//! Each is registered when it is made; [`crate::process`] looks for all of them in whatever a
//! program wrote.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Registers a client secret or a password.
pub fn register(secret: &str) {
    // Shorter ones would be found by chance.
    if secret.len() >= 8 {
        KNOWN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(secret.to_owned());
    }
}

/// Registers a token; its claims and its signature are as secret as the whole.
pub fn register_token(token: &str) {
    register(token);
    token.split('.').skip(1).for_each(register);
}

/// A new client secret, registered.
pub fn new_secret() -> String {
    let secret = format!("s3cret-{}", uuid::Uuid::new_v4().simple());
    register(&secret);
    secret
}

/// The registered secret that stands in `text`, if any.
pub fn found_in(text: &str) -> Option<String> {
    KNOWN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .find(|secret| text.contains(secret.as_str()))
        .cloned()
}
