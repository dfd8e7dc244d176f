//! `POST /connect/introspect`: what a token is worth (RFC 7662).
//!
//! In: an authenticated client, a token. Out: its claims, if it is good now and the client may know,
//! else `{"active":false}` and nothing more (§2.2). A client may know its own tokens, or all with
//! `Introspect`.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body::Body;
use serde_json::{Value, json};

use super::authenticate::Asking;
use super::form::Form;
use super::token::{Exchange, json as answer};
use crate::bearer::{self, Judging, Origin, Principal};
use crate::body::ResponseBody;
use crate::refusal::{Reason, Refusal};

impl Exchange<'_> {
    /// Answers an introspection request.
    pub(crate) async fn introspect<B>(
        &self,
        head: &Parts,
        body: B,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let body = self.posted(head, body).await?;
        let form = Form::parse(&body)?;
        let (client, _) = self.asking.authenticate(&head.headers, &form).await?;
        let token = form.token.as_deref().ok_or(Reason::TokenMissing)?;
        // What is too long for the gate is good for nothing.
        let known = Some(token.as_bytes())
            .filter(|token| token.len() <= self.asking.snapshot.limits.token)
            .and_then(|token| self.principal(token))
            .filter(|principal| client.introspect || is_own(principal, &client.id));
        let told = match known {
            Some(principal) => active(token, &principal),
            None => json!({ "active": false }),
        };
        Ok(answer(told.to_string().into_bytes()))
    }

    /// Whose token it is, by itself: a signature is paid for once, here or at the gate.
    fn principal(&self, token: &[u8]) -> Option<Arc<Principal>> {
        let Asking {
            shared,
            snapshot,
            unix_time,
            ..
        } = self.asking;
        let judging = Judging::new(shared, snapshot, unix_time);
        bearer::recognise(token, &shared.tokens, &judging).ok()
    }
}

/// Whether it is a token of ours to that client: another issuer's client may have the same id.
fn is_own(principal: &Principal, client: &str) -> bool {
    match &principal.origin {
        Origin::Registered(registered) => *registered.id == *client,
        Origin::External(_) => false,
    }
}

/// §2.2, and RFC 9449 §6.2 and RFC 8705 §3.2 for what the token is bound to.
fn active(token: &str, principal: &Principal) -> Value {
    let mut told = json!({
        "active": true,
        "scope": principal.scopes.join(" "),
        "client_id": &*principal.client_id,
        "sub": &*principal.subject,
        "iss": &*principal.token.issuer,
        "exp": principal.token.expires,
        "token_type": "Bearer",
    });
    // Validated a moment ago, so its claims are believed.
    for (name, value) in bearer::claims_of(token, &["aud", "iat", "nbf", "jti", "cnf"]) {
        told[name] = value;
    }
    if told["cnf"].get("jkt").is_some() {
        told["token_type"] = "DPoP".into();
    }
    told
}
