use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::bearer::fixture;
use crate::config::Rate;
use crate::gate::rig::{Answer, Rig, now};
use crate::keys::Secret;

const GOOD: &str = "grant_type=client_credentials&client_id=all&client_secret=secret";

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn is_kept_out_of_caches(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
}

#[tokio::test]
async fn token_has_the_claims_of_rfc_9068_and_opens_the_api() {
    let rig = Rig::start(|_| ()).await;
    let before = now();
    let answer = rig.form("", GOOD).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    is_kept_out_of_caches(&answer);
    let granted = answer.json();
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["expires_in"], 3600);
    assert_eq!(granted["scope"], "WorkflowApi Other");
    let token = granted["access_token"].as_str().unwrap();
    let (header, claims) = (part(token, 0), part(token, 1));
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["kid"], fixture::kid());
    assert_eq!(claims["iss"], fixture::ISSUER);
    assert_eq!(claims["sub"], "all");
    assert_eq!(claims["client_id"], "all");
    assert_eq!(claims["aud"], "WorkflowApi");
    assert_eq!(claims["scope"], "WorkflowApi Other");
    let issued = claims["iat"].as_u64().unwrap();
    assert!((before..=now()).contains(&issued));
    assert_eq!(claims["nbf"], issued);
    assert_eq!(claims["exp"], issued + 3600);
    let jti: uuid::Uuid = claims["jti"].as_str().unwrap().parse().unwrap();
    assert_eq!(jti.get_version_num(), 4);

    let fields = format!("Authorization: Bearer {token}\r\n");
    let answer = rig.ask("GET /workflowapi/getschemelist", &fields).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn errors_have_the_codes_and_statuses_of_rfc_6749() {
    let rig = Rig::start(|_| ()).await;
    let grant = "grant_type=client_credentials";
    for (fields, body, status, error) in [
        ("", "", 400, "invalid_request"),
        (
            "",
            "grant_type=&client_id=all&client_secret=secret",
            400,
            "invalid_request",
        ),
        (
            "",
            &format!("{GOOD}&grant_type=client_credentials"),
            400,
            "invalid_request",
        ),
        ("", &format!("{GOOD}&client_id=all"), 400, "invalid_request"),
        ("", &format!("{GOOD}&x=%zz"), 400, "invalid_request"),
        (
            "",
            "grant_type=password&username=a",
            400,
            "unsupported_grant_type",
        ),
        (
            "",
            "grant_type=CLIENT_CREDENTIALS",
            400,
            "unsupported_grant_type",
        ),
        ("", grant, 401, "invalid_client"),
        ("", &format!("{grant}&client_id=all"), 401, "invalid_client"),
        (
            "",
            &format!("{grant}&client_id=all&client_secret=wrong"),
            401,
            "invalid_client",
        ),
        (
            "",
            &format!("{grant}&client_id=nobody&client_secret=secret"),
            401,
            "invalid_client",
        ),
        (
            "",
            &format!("{grant}&client_id=ALL&client_secret=secret"),
            401,
            "invalid_client",
        ),
        (&basic("all:wrong"), grant, 401, "invalid_client"),
        (&basic("all"), grant, 401, "invalid_client"),
        ("Authorization: Bearer x\r\n", grant, 401, "invalid_client"),
        (&basic("all:secret"), GOOD, 400, "invalid_request"),
        (
            &basic("all:secret"),
            &format!("{grant}&client_id=x"),
            400,
            "invalid_request",
        ),
        ("", &format!("{GOOD}&scope=Unknown"), 400, "invalid_scope"),
        (
            "",
            &format!("{GOOD}&scope=WorkflowApi+Unknown"),
            400,
            "invalid_scope",
        ),
        (
            "",
            &format!("{GOOD}&scope=workflowapi"),
            400,
            "invalid_scope",
        ),
        (
            "",
            &format!("{GOOD}&resource=https://evil.example"),
            400,
            "invalid_target",
        ),
    ] {
        let answer = rig.form(fields, body).await;
        let found = answer.json();
        assert_eq!(
            (answer.status, &found["error"]),
            (status, &error.into()),
            "{fields}{body}"
        );
        assert!(found["error_description"].is_string());
        is_kept_out_of_caches(&answer);
        let challenge = answer.header("www-authenticate");
        assert_eq!(
            challenge.is_some_and(|c| c.starts_with("Basic realm=")),
            status == 401
        );
    }
}

#[tokio::test]
async fn only_post_is_served() {
    let rig = Rig::start(|_| ()).await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        let line = format!("{method} /connect/token?{GOOD}");
        let answer = rig.ask(&line, "").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
        is_kept_out_of_caches(&answer);
    }
}

#[tokio::test]
async fn query_is_never_read_and_other_types_are_refused() {
    let rig = Rig::start(|_| ()).await;
    let request = |target: &str, content_type: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: {content_type}\r\n\r\n{body}",
            body.len()
        )
    };
    let form = "application/x-www-form-urlencoded";
    let answer = rig
        .send(&request(&format!("/connect/token?{GOOD}"), form, ""))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &"invalid_request".into())
    );
    let answer = rig
        .send(&request("/connect/token", "application/json", "{}"))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &"invalid_request".into())
    );
    let huge = format!("{GOOD}&x={}", "a".repeat(70_000));
    let answer = rig.send(&request("/connect/token", form, &huge)).await;
    assert_eq!(answer.status, 413);
    is_kept_out_of_caches(&answer);
}

#[tokio::test]
async fn what_is_granted_is_what_was_asked_for() {
    let rig = Rig::start(|_| ()).await;
    for (body, scope) in [
        (GOOD.to_owned(), "WorkflowApi Other"),
        (format!("{GOOD}&scope="), "WorkflowApi Other"),
        (format!("{GOOD}&scope=Other"), "Other"),
        (
            format!("{GOOD}&scope=Other+WorkflowApi+Other"),
            "Other WorkflowApi",
        ),
        (
            format!("{GOOD}&resource={}/workflowapi", fixture::BASE),
            "WorkflowApi Other",
        ),
    ] {
        let answer = rig.form("", &body).await;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(answer.json()["scope"], scope, "{body}");
    }
    for fields in [basic("all:secret"), basic("%61ll:s%65cret")] {
        let answer = rig.form(&fields, "grant_type=client_credentials").await;
        assert_eq!(answer.status, 200, "{fields}");
    }
}

#[tokio::test]
async fn any_secret_that_is_not_over_authenticates() {
    let rig = Rig::start(|snapshot| {
        let mut client = fixture::client("all", &["*"]);
        let past = std::time::SystemTime::UNIX_EPOCH;
        client.secrets = vec![
            Secret::new("old").until(past),
            Secret::new("one"),
            Secret::new("two"),
        ];
        snapshot.token_server.as_mut().unwrap().clients = fixture::clients([client]);
    })
    .await;
    for (secret, status) in [("one", 200), ("two", 200), ("old", 401), ("three", 401)] {
        let body = GOOD.replace("=secret", &format!("={secret}"));
        assert_eq!(rig.form("", &body).await.status, status, "{secret}");
    }
}

#[tokio::test]
async fn guessing_is_429_and_locks_nobody_out() {
    let rig = Rig::start(|snapshot| {
        snapshot.limits.secret_failures = Rate {
            per_second: 1,
            burst: 3,
        };
    })
    .await;
    assert_eq!(rig.form("", GOOD).await.status, 200);
    let wrong = GOOD.replace("=secret", "=wrong");
    let mut answer = rig.form("", &wrong).await;
    for _ in 0..50 {
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 401);
        answer = rig.form("", &wrong).await;
    }
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    // The secret that was right before goes on being right; another client has its own budget.
    assert_eq!(rig.form("", GOOD).await.status, 200);
    let reader = GOOD.replace("client_id=all", "client_id=reader");
    assert_eq!(rig.form("", &reader).await.status, 200);
}
