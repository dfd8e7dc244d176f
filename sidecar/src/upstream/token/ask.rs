//! One question for a token: RFC 6749 §4.4 as a client, and what may come back.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};

use super::{SecretIn, TokenPlan};
use crate::bearer::json::{Object, Value};
use crate::fetch::{Client, FetchError, Limits};

/// Servers answer within a second; who takes longer is down.
const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(10),
    body_bytes_max: 64 << 10,
};

/// Longer ones do not fit the heads that servers read.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Of a token whose server does not say how long it is good (RFC 6749 §5.1 recommends it). One that
/// ends sooner is refused by the upstream, and another is asked for.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// However long a server says.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// RFC 6749 §5.2 and RFC 8707 §2: what a server may call its refusal. Anything else that it says is
/// not told on.
const CODES: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "temporarily_unavailable",
];

/// A token.
#[derive(Debug)]
pub(super) struct Granted {
    /// `Bearer …`.
    pub(super) value: HeaderValue,
    pub(super) life: Duration,
}

/// Why there is none. Holds nothing that was sent or came back but a code that is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{origin} answered {status} with `{code}`")]
    Refused {
        origin: Arc<str>,
        status: StatusCode,
        code: &'static str,
    },
    #[error("{origin} answered {status}")]
    Status {
        origin: Arc<str>,
        status: StatusCode,
    },
    #[error("the answer of {origin} is no JSON object")]
    Json { origin: Arc<str> },
    #[error("the answer of {origin} has no `access_token` that fits a header")]
    NoToken { origin: Arc<str> },
    #[error("the token of {origin} is not of the type `Bearer`")]
    OtherType { origin: Arc<str> },
    #[error("the token of {origin} is over already, or does not say how long it is good")]
    Lifetime { origin: Arc<str> },
}

impl Fault {
    /// The fault and its causes on one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

pub(super) async fn token(plan: &TokenPlan, client: &Client) -> Result<Granted, Fault> {
    let (form, authorization) = question(plan);
    let answer = client
        .post_form(&plan.token_url, form, authorization, LIMITS)
        .await?;
    read(plan.token_url.origin(), answer.status, &answer.body)
}

/// The form, and the `Authorization` that goes with it.
fn question(plan: &TokenPlan) -> (String, Option<HeaderValue>) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [
        ("scope", &plan.scope),
        ("audience", &plan.audience),
        ("resource", &plan.resource),
    ] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let authorization = match plan.secret_in {
        SecretIn::Form => {
            form.append_pair("client_id", &plan.client_id);
            form.append_pair("client_secret", &plan.client_secret);
            None
        }
        SecretIn::Header => Some(basic(&plan.client_id, &plan.client_secret)),
    };
    (form.finish(), authorization)
}

/// RFC 6749 §2.3.1: both halves are form-encoded first.
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| {
        let bytes = form_urlencoded::byte_serialize(text.as_bytes());
        bytes.collect::<String>()
    };
    let pair = format!("{}:{}", encoded(id), encoded(secret));
    let text = format!("Basic {}", STANDARD.encode(pair));
    HeaderValue::try_from(text).expect("base64 is a header value")
}

fn read(origin: &Arc<str>, status: StatusCode, body: &[u8]) -> Result<Granted, Fault> {
    let origin = || Arc::clone(origin);
    let object = Object::parse(body);
    if status != StatusCode::OK {
        let code = object.as_ref().and_then(|object| object.find("error"));
        let known = CODES
            .into_iter()
            .find(|known| matches!(code, Some(Value::String(code)) if code == known));
        return Err(match known {
            Some(code) => Fault::Refused {
                origin: origin(),
                status,
                code,
            },
            None => Fault::Status {
                origin: origin(),
                status,
            },
        });
    }
    let object = object.ok_or_else(|| Fault::Json { origin: origin() })?;
    // §7.1: a type that is not understood must not be used.
    match object.find("token_type") {
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("Bearer") => {}
        _ => return Err(Fault::OtherType { origin: origin() }),
    }
    let token = match object.find("access_token") {
        Some(Value::String(token)) if is_token68(token) => token,
        _ => return Err(Fault::NoToken { origin: origin() }),
    };
    let life = match object.find("expires_in") {
        None | Some(Value::Null) => Some(LIFE),
        Some(Value::Integer(seconds)) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Some(Value::Float(seconds)) => Duration::try_from_secs_f64(*seconds).ok(),
        // Some servers write the number as a string.
        Some(Value::String(seconds)) => seconds.parse().ok().map(Duration::from_secs),
        Some(_) => None,
    };
    let life = life.filter(|life| !life.is_zero());
    let life = life.ok_or_else(|| Fault::Lifetime { origin: origin() })?;
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| Fault::NoToken { origin: origin() })?;
    value.set_sensitive(true);
    Ok(Granted {
        value,
        life: life.min(LIFE_MAX),
    })
}

/// RFC 6750 §2.1.
fn is_token68(token: &str) -> bool {
    let bare = token.trim_end_matches('=');
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !bare.is_empty() && token.len() <= TOKEN_BYTES_MAX && bare.bytes().all(fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Source;

    fn plan(secret_in: SecretIn) -> TokenPlan {
        TokenPlan {
            token_url: Source::parse("https://id.example/token", None).unwrap(),
            client_id: "side car".into(),
            client_secret: "a+b:c%&ü".into(),
            secret_in,
            scope: Some("one two".into()),
            audience: None,
            resource: Some("https://engine.example/a?b".into()),
            authorities: Vec::new(),
        }
    }

    #[test]
    fn rfc6749_2_3_1_the_secret_is_form_encoded_in_either_place() {
        let (form, authorization) = question(&plan(SecretIn::Form));
        assert_eq!(authorization, None);
        assert_eq!(
            form,
            "grant_type=client_credentials&scope=one+two\
             &resource=https%3A%2F%2Fengine.example%2Fa%3Fb\
             &client_id=side+car&client_secret=a%2Bb%3Ac%25%26%C3%BC"
        );
        let (form, authorization) = question(&plan(SecretIn::Header));
        assert!(!form.contains("client_id") && !form.contains("secret"));
        let value = authorization.unwrap();
        let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let pair = STANDARD.decode(pair).unwrap();
        assert_eq!(pair, b"side+car:a%2Bb%3Ac%25%26%C3%BC");
    }

    #[test]
    fn rfc6749_5_1_what_is_a_token_and_how_long_it_is_good() {
        let origin: Arc<str> = "https://id.example".into();
        let ask = |body: &str| {
            let granted = read(&origin, StatusCode::OK, body.as_bytes());
            granted.map(|one| (one.value.to_str().unwrap().to_owned(), one.life.as_secs()))
        };
        for (body, want) in [
            (
                r#"{"access_token":"a.b-c~1+/=","token_type":"bearer","expires_in":3600}"#,
                Some(("Bearer a.b-c~1+/=", 3600)),
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer"}"#,
                Some(("Bearer a", 300)),
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":"60"}"#,
                Some(("Bearer a", 60)),
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":1e30}"#,
                None,
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":999999999}"#,
                Some(("Bearer a", 86400)),
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":0}"#,
                None,
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
                None,
            ),
            (r#"{"access_token":"a","token_type":"DPoP"}"#, None),
            (r#"{"access_token":"a"}"#, None),
            (r#"{"access_token":"","token_type":"Bearer"}"#, None),
            (r#"{"access_token":"a b","token_type":"Bearer"}"#, None),
            (
                r#"{"access_token":"a\r\nX: y","token_type":"Bearer"}"#,
                None,
            ),
            (
                r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
                None,
            ),
            ("[]", None),
            ("", None),
        ] {
            let got = ask(body).ok();
            let got = got.as_ref().map(|(value, life)| (value.as_str(), *life));
            assert_eq!(got, want, "{body}");
        }
    }

    #[test]
    fn rfc6749_5_2_a_refusal_is_told_by_its_code_if_it_is_a_known_one() {
        let origin: Arc<str> = "https://id.example".into();
        for (status, body, want) in [
            (
                StatusCode::UNAUTHORIZED,
                r#"{"error":"invalid_client","error_description":"s3cret"}"#,
                "https://id.example answered 401 Unauthorized with `invalid_client`",
            ),
            (
                StatusCode::BAD_REQUEST,
                r#"{"error":"s3cret"}"#,
                "https://id.example answered 400 Bad Request",
            ),
            (
                StatusCode::FOUND,
                "s3cret",
                "https://id.example answered 302 Found",
            ),
        ] {
            let fault = read(&origin, status, body.as_bytes()).unwrap_err();
            assert_eq!(fault.chain(), want);
        }
    }
}
