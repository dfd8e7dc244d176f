//! The token side: discovery, JWKS and `POST /connect/token`.
//!
//! Rules: RFC 6749 §2.3, §4.4, §5; RFC 8414; OIDC Discovery 1.0.

/// Secrets that have authenticated under the configuration in force, and failures by client and
/// address.
pub struct SecretMemory {}
