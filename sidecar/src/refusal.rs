//! A refusal is a value; one place turns it into a response.
//!
//! In: a [`Refusal`], whoever made it. Out: the API's envelope (RFC 6750 §3 challenge included), or
//! the token endpoint's error form (RFC 6749 §5.2). Nothing of the request is echoed: every text a
//! client sees is a constant of ours. The log's detail stays in the log.
//! Elsewhere: who decides (`gate`, `bearer`, `policy`, `oauth`, `upstream`).

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

pub use crate::advice::Surface;
pub use crate::reason::{ErrorName, Reason};

use crate::bearer::Scheme;
use crate::body::ResponseBody;
use crate::reason::Challenge;

pub(crate) static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A refusal on its way to the client.
#[derive(Debug)]
pub struct Refusal {
    /// The stable code behind status, texts, log and metric.
    pub reason: Reason,
    /// For the log; never a secret, a token or a part of one.
    pub detail: Option<Box<str>>,
    extra: Extra,
    /// In which the token was presented.
    scheme: Scheme,
}

/// What one kind of refusal says besides.
#[derive(Debug, Default)]
enum Extra {
    #[default]
    Nothing,
    RetryAfter(u32),
    Scope(Box<str>),
    Allow(Box<str>),
    Nonce(Box<str>),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            extra: Extra::Nothing,
            scheme: Scheme::Bearer,
        }
    }
}

impl Refusal {
    /// Without detail.
    pub fn new(reason: Reason) -> Self {
        reason.into()
    }

    /// With a line for the log, which the client never sees.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Box<str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// `Retry-After` in seconds; at least 1.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            extra: Extra::RetryAfter(seconds.max(1)),
            ..self
        }
    }

    /// In which the token was presented.
    #[must_use]
    pub(crate) fn in_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// `DPoP-Nonce`: what the next proof has to have.
    #[must_use]
    pub(crate) fn with_nonce(self, nonce: impl Into<Box<str>>) -> Self {
        Self {
            extra: Extra::Nonce(nonce.into()),
            ..self
        }
    }

    /// The scopes that it would take, space-separated.
    #[must_use]
    pub(crate) fn needs_scope(self, scope: impl Into<Box<str>>) -> Self {
        Self {
            extra: Extra::Scope(scope.into()),
            ..self
        }
    }

    /// The methods that are served, as `Allow` has them.
    #[must_use]
    pub(crate) fn allows(self, methods: impl Into<Box<str>>) -> Self {
        Self {
            extra: Extra::Allow(methods.into()),
            ..self
        }
    }

    /// `Retry-After`, `Allow`, and for what a later attempt may pass a wait.
    fn headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A refusal is about this request at this time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let wait = match &self.extra {
            Extra::RetryAfter(seconds) => Some(*seconds),
            Extra::Nothing | Extra::Scope(_) | Extra::Allow(_) | Extra::Nonce(_) => {
                self.reason.wait()
            }
        };
        if let Some(seconds) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Extra::Allow(methods) = &self.extra
            && let Ok(value) = HeaderValue::try_from(&**methods)
        {
            headers.insert(ALLOW, value);
        }
        if let Extra::Nonce(nonce) = &self.extra
            && let Ok(value) = HeaderValue::try_from(&**nonce)
        {
            headers.insert(&DPOP_NONCE, value);
        }
    }
}

/// What a snapshot adds to every refusal: made once for each snapshot.
#[derive(Debug)]
pub(crate) struct Manner {
    realm: Box<str>,
    resource_metadata: Box<str>,
    /// `DetailedRefusals`.
    detailed: bool,
    /// What proofs may be signed with, separated by spaces.
    dpop_algorithms: Box<str>,
    /// Bearer tokens are not served.
    dpop_only: bool,
}

impl Manner {
    pub(crate) fn new(realm: &str, resource_metadata: &str, detailed: bool) -> Self {
        Self {
            realm: quoted(realm),
            resource_metadata: quoted(resource_metadata),
            detailed,
            dpop_algorithms: quoted(""),
            dpop_only: false,
        }
    }

    /// What proofs may be signed with; whether every token needs one.
    #[must_use]
    pub(crate) fn with_dpop(self, algorithms: &[&str], only: bool) -> Self {
        Self {
            dpop_algorithms: quoted(&algorithms.join(" ")),
            dpop_only: only,
            ..self
        }
    }

    fn text(&self, reason: Reason) -> &'static str {
        if self.detailed {
            reason.detailed_text()
        } else {
            reason.text()
        }
    }

    /// One challenge for each scheme that is served; the one in which the token was presented comes
    /// first, and it alone says what was wrong (RFC 9110 §11.6.1, RFC 9449 §7.2).
    fn challenge(&self, refusal: &Refusal, headers: &mut HeaderMap) {
        let used = if self.dpop_only {
            Scheme::Dpop
        } else {
            refusal.scheme
        };
        let other = match used {
            Scheme::Bearer => Some(Scheme::Dpop),
            Scheme::Dpop => (!self.dpop_only).then_some(Scheme::Bearer),
        };
        let reason = refusal.reason;
        let error = match reason.challenge() {
            Challenge::None => return,
            // RFC 6750 §3: no error code where no credentials were given.
            Challenge::Plain => String::new(),
            Challenge::Error(error) => format!(
                r#", error="{error}", error_description="{}""#,
                self.text(reason)
            ),
        };
        let scope = match &refusal.extra {
            Extra::Scope(scope) => format!(", scope={}", quoted(scope)),
            _ => String::new(),
        };
        for (scheme, said) in [(Some(used), &*error), (other, "")] {
            let Some(scheme) = scheme else { continue };
            let (name, algorithms) = match scheme {
                Scheme::Bearer => ("Bearer", String::new()),
                // RFC 9449 §7.1.
                Scheme::Dpop => ("DPoP", format!(", algs={}", self.dpop_algorithms)),
            };
            let (realm, metadata) = (&self.realm, &self.resource_metadata);
            // RFC 9728 §5.1: where a client learns how to get a token.
            let value = format!(
                "{name} realm={realm}{said}{algorithms}{scope}, resource_metadata={metadata}"
            );
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        }
    }
}

/// The API's envelope: `{"success":false,"error":…,"message":…,"requestId":…}`.
pub(crate) fn envelope(
    refusal: &Refusal,
    manner: &Manner,
    request_id: &HeaderValue,
) -> Response<ResponseBody> {
    let reason = refusal.reason;
    let mut json = String::with_capacity(192);
    json.push_str(r#"{"success":false,"error":""#);
    json.push_str(reason.name().as_str());
    json.push_str(r#"","message":""#);
    // Constants without quotes or controls, which a test holds them to.
    json.push_str(manner.text(reason));
    if manner.detailed {
        json.push_str(r#"","code":""#);
        json.push_str(reason.code());
    }
    // Ours: hexadecimal.
    json.push_str(r#"","requestId":""#);
    json.push_str(request_id.to_str().unwrap_or_default());
    json.push_str(r#""}"#);
    let mut response = response(reason, json);
    refusal.headers(response.headers_mut());
    manner.challenge(refusal, response.headers_mut());
    response
}

/// The token endpoint's form: `{"error":…,"error_description":…}` (RFC 6749 §5.2).
pub(crate) fn oauth_error(refusal: &Refusal, manner: &Manner) -> Response<ResponseBody> {
    let reason = refusal.reason;
    let error = reason.oauth_error();
    let text = manner.text(reason);
    let json = format!(r#"{{"error":"{error}","error_description":"{text}"}}"#);
    let mut response = response(reason, json);
    *response.status_mut() = reason.oauth_status();
    refusal.headers(response.headers_mut());
    let headers = response.headers_mut();
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    // RFC 9110 §15.5.2: a 401 always names a scheme; RFC 6749 §5.2 wants the one that was tried,
    // and Basic is the only one of ours that is a scheme.
    if reason.oauth_status() == http::StatusCode::UNAUTHORIZED {
        let challenge = format!(r#"Basic realm={}, charset="UTF-8""#, manner.realm);
        if let Ok(value) = HeaderValue::try_from(challenge) {
            headers.insert(WWW_AUTHENTICATE, value);
        }
    }
    response
}

fn response(reason: Reason, json: String) -> Response<ResponseBody> {
    let length = json.len();
    let mut response = Response::new(ResponseBody::Full(Bytes::from(json)));
    *response.status_mut() = reason.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// RFC 9110 §5.6.4 `quoted-string`; what cannot stand in one is left out.
fn quoted(text: &str) -> Box<str> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            ' '..='~' => quoted.push(character),
            _ => {}
        }
    }
    quoted.push('"');
    quoted.into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn manner(detailed: bool) -> Manner {
        Manner::new("https://a.example", "https://a.example/m", detailed)
    }

    fn json(body: ResponseBody) -> serde_json::Value {
        let ResponseBody::Full(bytes) = body else {
            panic!("a refusal has its body whole");
        };
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn every_reason_renders_in_both_forms() {
        let id = HeaderValue::from_static("0123");
        for reason in Reason::ALL.iter().copied() {
            for detailed in [false, true] {
                let manner = manner(detailed);
                let response = envelope(&reason.into(), &manner, &id);
                assert!(response.status().as_u16() >= 400, "{reason:?}");
                let challenged = response.headers().contains_key(WWW_AUTHENTICATE);
                assert_eq!(
                    challenged,
                    !matches!(reason.challenge(), Challenge::None),
                    "{reason:?}"
                );
                let body = json(response.into_body());
                assert_eq!(body["success"], false);
                assert_eq!(body["error"], reason.name().as_str());
                assert_eq!(body["requestId"], "0123");
                assert_eq!(body.get("code").is_some(), detailed, "{reason:?}");

                let response = oauth_error(&reason.into(), &manner);
                assert_eq!(response.headers()[PRAGMA], "no-cache");
                assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
                let body = json(response.into_body());
                assert_eq!(body["error"], reason.oauth_error());
            }
        }
    }

    #[test]
    fn challenges_follow_rfc_6750() {
        let id = HeaderValue::from_static("0");
        let head = r#"Bearer realm="https://a.example""#;
        let tail = r#", resource_metadata="https://a.example/m""#;
        for (refusal, status, want) in [
            (Refusal::new(Reason::CredentialsMissing), 401, String::new()),
            (
                Refusal::new(Reason::TokenExpired),
                401,
                r#", error="invalid_token", error_description="the access token is not valid""#
                    .to_owned(),
            ),
            (
                Refusal::new(Reason::ScopeInsufficient).needs_scope("WorkflowApi \"x\""),
                403,
                r#", error="insufficient_scope", error_description="the access token lacks a scope that this needs", scope="WorkflowApi \"x\"""#
                    .to_owned(),
            ),
        ] {
            let response = envelope(&refusal, &manner(false), &id);
            assert_eq!(response.status(), status);
            let value = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert_eq!(value, format!("{head}{want}{tail}"));
        }
    }

    #[test]
    fn the_scheme_that_was_used_says_what_was_wrong() {
        let id = HeaderValue::from_static("0");
        let both = manner(false).with_dpop(&["ES256", "PS256"], false);
        let only = manner(false).with_dpop(&["ES256"], true);
        let of = |refusal: Refusal, manner: &Manner| {
            let response = envelope(&refusal, manner, &id);
            let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let parts = values.map(|value| {
                let value = value.to_str().unwrap();
                assert!(value.ends_with(r#"resource_metadata="https://a.example/m""#));
                let scheme = value.split(' ').next().unwrap().to_owned();
                let error = value.split(r#"error=""#).nth(1);
                let error = error.map_or("", |rest| rest.split('"').next().unwrap());
                let algs = value.split(r#"algs=""#).nth(1);
                let algs = algs.map_or("", |rest| rest.split('"').next().unwrap());
                format!("{scheme} {error} {algs}")
            });
            parts.collect::<Vec<_>>()
        };
        let wrong = || Refusal::new(Reason::TokenExpired);
        let missing = || Refusal::new(Reason::CredentialsMissing);
        let nonce = || Refusal::new(Reason::ProofNonceNeeded).with_nonce("n");
        // RFC 9449 §7.1 and §7.2.
        assert_eq!(of(missing(), &both), ["Bearer  ", "DPoP  ES256 PS256"]);
        assert_eq!(
            of(wrong(), &both),
            ["Bearer invalid_token ", "DPoP  ES256 PS256"]
        );
        let used = wrong().in_scheme(Scheme::Dpop);
        assert_eq!(
            of(used, &both),
            ["DPoP invalid_token ES256 PS256", "Bearer  "]
        );
        let used = nonce().in_scheme(Scheme::Dpop);
        assert_eq!(
            of(used, &both),
            ["DPoP use_dpop_nonce ES256 PS256", "Bearer  "]
        );
        assert_eq!(of(missing(), &only), ["DPoP  ES256"]);
        assert_eq!(of(wrong(), &only), ["DPoP invalid_token ES256"]);
        let response = envelope(&nonce(), &both, &id);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[&DPOP_NONCE]),
            (401, &HeaderValue::from_static("n"))
        );
        let response = oauth_error(&nonce(), &both);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[&DPOP_NONCE]),
            (400, &HeaderValue::from_static("n"))
        );
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    }

    #[test]
    fn oauth_401_always_names_basic() {
        for reason in Reason::ALL.iter().copied() {
            let response = oauth_error(&reason.into(), &manner(false));
            let challenge = response.headers().get(WWW_AUTHENTICATE);
            if response.status() == 401 {
                assert!(
                    challenge
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .starts_with("Basic realm=")
                );
            } else {
                assert!(challenge.is_none());
            }
        }
    }

    #[test]
    fn a_wait_is_told_where_a_later_attempt_may_pass() {
        let id = HeaderValue::from_static("0");
        for (refusal, want) in [
            (Refusal::new(Reason::UpstreamUnavailable), Some("1")),
            (Refusal::new(Reason::Draining), Some("1")),
            (
                Refusal::new(Reason::BearerFailuresSpent).retry_after(0),
                Some("1"),
            ),
            (
                Refusal::new(Reason::BearerFailuresSpent).retry_after(7),
                Some("7"),
            ),
            (Refusal::new(Reason::TokenExpired), None),
        ] {
            let response = envelope(&refusal, &manner(false), &id);
            let value = response.headers().get(RETRY_AFTER);
            assert_eq!(value.map(|v| v.to_str().unwrap()), want, "{refusal:?}");
        }
        let refusal = Refusal::new(Reason::MethodNotAllowed).allows("POST");
        assert_eq!(
            envelope(&refusal, &manner(false), &id).headers()[ALLOW],
            "POST"
        );
    }

    #[tokio::test]
    async fn a_body_is_what_its_length_says() {
        let response = oauth_error(&Reason::ScopeUnknown.into(), &manner(true));
        let length = response.headers()[CONTENT_LENGTH]
            .to_str()
            .unwrap()
            .to_owned();
        let ResponseBody::Full(bytes) = response.into_body() else {
            panic!("a refusal has its body whole");
        };
        let bytes = http_body_util::Full::new(bytes)
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(bytes.len().to_string(), length);
    }
}
