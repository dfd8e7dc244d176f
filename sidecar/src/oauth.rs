//! The token side: discovery, JWKS and `POST /connect/token`.
//!
//! In: canonical heads, a form. Out: public documents; access tokens; or a refusal, which is
//! rendered in OAuth's own error form. Rules: RFC 6749 §2.3, §4.4, §5; RFC 8414; OIDC Discovery
//! 1.0; RFC 8707; RFC 9068; RFC 9728.
//! Elsewhere: keys and their set (`keys`); who may use a token, and for what (`bearer`, `policy`).

mod assertion;
mod authenticate;
mod binder;
mod certificate;
mod client_auth;
mod discovery;
mod federated;
mod form;
mod introspection;
mod last_used;
mod memory;
mod mint;
mod resource;
mod revocation;
mod slow;
mod token;
mod used;

pub use last_used::LastUsed;
pub use memory::SecretMemory;
pub use used::UsedAssertions;

pub(crate) use authenticate::Asking;
pub(crate) use discovery::{Published, document};
pub(crate) use form::decode as form_decoded;
pub(crate) use token::{Exchange, outcome};

#[cfg(any(test, fuzzing))]
pub mod fuzz;
