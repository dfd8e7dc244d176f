//! Turns an `Authorization` value into a [`Principal`].
//!
//! Rules: RFC 6750 §2.1 (form), RFC 7515 §5.2 (signature), RFC 9068 §4 (claims), RFC 8725.
//! Elsewhere: what the caller may do (`policy`); where keys come from (`keys`).

use std::sync::Arc;

use crate::config::Client;

/// Who calls, by a token that was fully validated.
#[derive(Debug)]
pub struct Principal {
    pub client: Arc<Client>,
    pub subject: Arc<str>,
    /// Of the token, as far as the client still has them.
    pub scopes: Vec<Arc<str>>,
    /// Header values for the engine, made once: client, subject, scopes.
    pub(crate) identity: [http::HeaderValue; 3],
}

/// The verified-token cache.
pub struct Cache {}
