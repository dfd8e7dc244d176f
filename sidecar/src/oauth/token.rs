//! `POST /connect/token`: the client credentials grant.
//!
//! method ─▶ form ─▶ grant type ─▶ client ─▶ resource ─▶ scope ─▶ binding ─▶ token. Every answer, good or bad,
//! is kept out of caches (RFC 6749 §5.1).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use serde::Serialize;

use super::authenticate::Asking;
use super::binder::Binder;
use super::form::{self, Form};
use super::mint::{mint, whole_seconds};
use super::resource;
use crate::admin::TokenOutcome;
use crate::body::ResponseBody;
use crate::config::{AuthMethod, Client};
use crate::refusal::{DPOP_NONCE, Reason, Refusal};

/// What a token request is judged by.
pub(crate) struct Exchange<'a> {
    pub(crate) asking: Asking<'a>,
    /// The one `resource` that is known.
    pub(crate) resource: &'a str,
    /// As the client sent it.
    pub(crate) path: &'a str,
}

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

impl Exchange<'_> {
    pub(crate) async fn answer<B>(
        &self,
        head: &Parts,
        body: B,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let body = self.posted(head, body).await?;
        let form = Form::parse(&body)?;
        self.grant(head, &form).await
    }

    /// The body of a request that has to be a form.
    pub(super) async fn posted<B>(&self, head: &Parts, body: B) -> Result<Bytes, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        if head.method != Method::POST {
            return Err(Refusal::new(Reason::MethodNotAllowed).allows("POST"));
        }
        let deadline = self.asking.snapshot.limits.form_body;
        form::read(&head.headers, body, deadline).await
    }

    async fn grant(
        &self,
        head: &Parts,
        form: &Form<'_>,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let Asking {
            snapshot,
            unix_time,
            ..
        } = self.asking;
        let server = snapshot.token_server.as_ref();
        let server = server.ok_or(Reason::RouteUnknown)?;
        match form.grant_type.as_deref() {
            None => return Err(Reason::GrantTypeMissing.into()),
            Some("client_credentials") => {}
            Some(_) => return Err(Reason::GrantTypeUnsupported.into()),
        }
        let (client, method) = self.asking.authenticate(&head.headers, form).await?;
        if !client.client_credentials {
            return Err(Reason::GrantNotAllowed.into());
        }
        let (issuer, limits) = (&snapshot.authority.issuer, &snapshot.limits);
        // After it has proved who it is: nobody can use up another's.
        let rates = &self.asking.shared.rates;
        rates.token(&client, issuer, limits, self.asking.arrived)?;
        resource::check(&form.resource, self.resource)?;
        let scope = scope(form.scope.as_deref(), &client)?;
        // Last: a request that is refused uses no proof up.
        let bound = Binder {
            snapshot,
            proofs: &self.asking.shared.proofs,
            certificate: self.asking.certificate,
            path: self.path,
            now: unix_time,
        };
        let by_certificate = matches!(method, AuthMethod::Tls | AuthMethod::SelfSignedTls);
        let (binding, next_nonce) = bound.binding(head, &client, by_certificate)?;
        let token = mint(&server.keys, issuer, &client, &scope, &binding, unix_time)
            .map_err(|fault| Refusal::new(Reason::SigningFailed).with_detail(fault.to_string()))?;
        let mut response = response(&Granted {
            access_token: &token,
            // RFC 9449 §5; a token bound to a certificate stays `Bearer` (RFC 8705 §3).
            token_type: if binding.key.is_some() {
                "DPoP"
            } else {
                "Bearer"
            },
            expires_in: whole_seconds(client.token_lifetime),
            scope: &scope,
        });
        if let Some(nonce) = next_nonce.and_then(|nonce| HeaderValue::try_from(&*nonce).ok()) {
            response.headers_mut().insert(&DPOP_NONCE, nonce);
        }
        Ok(response)
    }
}

/// What is granted: what was asked for, each once, if the client may have all of it; all that the
/// client may have when nothing was asked for.
fn scope(asked: Option<&str>, client: &Client) -> Result<String, Reason> {
    let Some(asked) = asked else {
        return Ok(client.scopes.join(" "));
    };
    let mut granted: Vec<&str> = Vec::new();
    for one in asked.split(' ').filter(|one| !one.is_empty()) {
        if !client.scopes.iter().any(|known| **known == *one) {
            return Err(Reason::ScopeUnknown);
        }
        if !granted.contains(&one) {
            granted.push(one);
        }
    }
    if granted.is_empty() {
        return Err(Reason::ScopeUnknown);
    }
    Ok(granted.join(" "))
}

fn response(granted: &Granted<'_>) -> Response<ResponseBody> {
    json(serde_json::to_vec(granted).expect("strings and a number are JSON"))
}

/// A JSON answer that no cache may keep.
pub(super) fn json(body: Vec<u8>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(Bytes::from(body)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// How an answer counts.
pub(crate) fn outcome(answer: &Result<Response<ResponseBody>, Refusal>) -> TokenOutcome {
    let reason = match answer {
        Ok(_) => return TokenOutcome::Issued,
        Err(refusal) => refusal.reason,
    };
    match reason {
        Reason::GrantTypeUnsupported => TokenOutcome::UnsupportedGrantType,
        Reason::GrantNotAllowed => TokenOutcome::UnauthorizedClient,
        Reason::ScopeUnknown => TokenOutcome::InvalidScope,
        Reason::ResourceUnknown | Reason::ResourceMalformed => TokenOutcome::InvalidTarget,
        Reason::SecretFailuresSpent | Reason::TokenRateExceeded | Reason::AssertionsTooMany => {
            TokenOutcome::TooManyFailures
        }
        other if other.status() == StatusCode::UNAUTHORIZED => TokenOutcome::InvalidClient,
        Reason::FormTooLarge => TokenOutcome::BodyTooLarge,
        Reason::MethodNotAllowed => TokenOutcome::MethodNotAllowed,
        other if other.status().is_server_error() => TokenOutcome::ServerError,
        _ => TokenOutcome::InvalidRequest,
    }
}

#[cfg(test)]
mod tests;
