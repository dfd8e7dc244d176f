//! An access token of ours: RFC 9068 claims, signed by the active key.

use std::time::Duration;

use serde::Serialize;

use crate::bearer::Binding;
use crate::config::Client;
use crate::keys::{self, KeyRing};

/// RFC 9068 §2.2.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    /// §2.2: without a resource owner the subject is the client.
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    jti: uuid::Uuid,
    iat: u64,
    nbf: u64,
    exp: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    /// RFC 7800: what whoever presents it has to prove.
    #[serde(skip_serializing_if = "Binding::is_empty")]
    cnf: &'a Binding,
}

/// A token for `client` with `scope`, bound to `binding`, from `now` (seconds since the epoch) on.
pub(super) fn mint(
    keys: &KeyRing,
    issuer: &str,
    client: &Client,
    scope: &str,
    binding: &Binding,
    now: u64,
) -> Result<String, keys::Error> {
    let claims = Claims {
        iss: issuer,
        sub: &client.id,
        aud: &client.audience,
        client_id: &client.id,
        jti: uuid::Uuid::new_v4(),
        iat: now,
        nbf: now,
        exp: now + whole_seconds(client.token_lifetime),
        scope,
        cnf: binding,
    };
    let json = serde_json::to_vec(&claims).expect("claims of strings and numbers are JSON");
    keys.sign(&json, now)
}

/// At least one: a token that is over when it is issued helps nobody.
pub(super) fn whole_seconds(lifetime: Duration) -> u64 {
    lifetime.as_secs().max(1)
}
