//! `POST /connect/token`: RFC 6749 §2.3, §4.4 and §5 as a client sees them.

use serde_json::{Value, json};
use tests::client::{Answer, Call, form};
use tests::forge::{claims_of, header_of};
use tests::raw::Raw;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn each_fault_of_a_token_request_has_its_status_and_code() {
    let sidecar = Setup::new().sidecar().await;
    let secret = sidecar.setup.secret.clone();
    let id = ("client_id", CLIENT);
    let password = ("client_secret", secret.as_str());
    let post = || sidecar.client.post("/connect/token");
    let text = |body: &str| post().body("application/x-www-form-urlencoded", body.to_owned());
    let good = form(&[GRANT, id, password]);
    let large = format!("{good}&filler={}", "x".repeat(64 * 1024));

    let cases: Vec<(&str, Call, u16, &str)> = vec![
        ("no body", post(), 400, "invalid_request"),
        (
            "no grant_type",
            post().form(&[id, password]),
            400,
            "invalid_request",
        ),
        (
            "an empty grant_type",
            post().form(&[("grant_type", ""), id, password]),
            400,
            "invalid_request",
        ),
        (
            "a repeated parameter",
            post().form(&[GRANT, id, id, password]),
            400,
            "invalid_request",
        ),
        (
            "a repeated grant_type",
            post().form(&[GRANT, GRANT, id, password]),
            400,
            "invalid_request",
        ),
        (
            "a repeated scope",
            post().form(&[
                GRANT,
                id,
                password,
                ("scope", "WorkflowApi"),
                ("scope", "WorkflowApi"),
            ]),
            400,
            "invalid_request",
        ),
        (
            "broken percent-encoding",
            text(&format!("{good}&scope=%zz")),
            400,
            "invalid_request",
        ),
        (
            "percent-encoding cut short",
            text(&format!("{good}&scope=%4")),
            400,
            "invalid_request",
        ),
        (
            "not UTF-8",
            text(&format!("{good}&scope=%ff%fe")),
            400,
            "invalid_request",
        ),
        (
            "JSON",
            post().json(&json!({ "grant_type": "client_credentials" })),
            400,
            "invalid_request",
        ),
        (
            "a form called text",
            post().body("text/plain", good.clone()),
            400,
            "invalid_request",
        ),
        (
            "credentials in the query only",
            sidecar
                .client
                .post(&format!("/connect/token?{good}"))
                .form(&[("a", "b")]),
            400,
            "invalid_request",
        ),
        (
            "two ways of authentication",
            post().basic(CLIENT, &secret).form(&[GRANT, password]),
            400,
            "invalid_request",
        ),
        (
            "two ways, the body's with its id",
            post().basic(CLIENT, &secret).form(&[GRANT, id, password]),
            400,
            "invalid_request",
        ),
        (
            "a grant we do not have",
            post().form(&[("grant_type", "password"), id, password]),
            400,
            "unsupported_grant_type",
        ),
        (
            "a grant nobody has",
            post().form(&[("grant_type", "CLIENT_CREDENTIALS"), id, password]),
            400,
            "unsupported_grant_type",
        ),
        (
            "no authentication",
            post().form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "an id without a secret",
            post().form(&[GRANT, id]),
            401,
            "invalid_client",
        ),
        (
            "an empty secret",
            post().form(&[GRANT, id, ("client_secret", "")]),
            401,
            "invalid_client",
        ),
        (
            "an unknown client",
            post().form(&[GRANT, ("client_id", "nobody"), password]),
            401,
            "invalid_client",
        ),
        (
            "another case of the id",
            post().form(&[GRANT, ("client_id", "TESTER"), password]),
            401,
            "invalid_client",
        ),
        (
            "a wrong secret",
            post().form(&[GRANT, id, ("client_secret", "wrong")]),
            401,
            "invalid_client",
        ),
        (
            "a secret with a blank",
            post().form(&[GRANT, id, ("client_secret", &format!("{secret} "))]),
            401,
            "invalid_client",
        ),
        (
            "a wrong Basic secret",
            post().basic(CLIENT, "wrong").form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "an unknown Basic client",
            post().basic("nobody", &secret).form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "Basic that is not base64",
            post().header("authorization", "Basic ????").form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "Basic without a colon",
            post()
                .header("authorization", "Basic dGVzdGVy")
                .form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "another scheme",
            post().header("authorization", "Digest x=y").form(&[GRANT]),
            401,
            "invalid_client",
        ),
        (
            "a scope that nobody has",
            post().form(&[GRANT, id, password, ("scope", "everything")]),
            400,
            "invalid_scope",
        ),
        (
            "one scope too many",
            post().form(&[GRANT, id, password, ("scope", "WorkflowApi WorkflowAdmin")]),
            400,
            "invalid_scope",
        ),
        (
            "a scope of forbidden characters",
            post().form(&[GRANT, id, password, ("scope", "Workflow\"Api")]),
            400,
            "invalid_scope",
        ),
        (
            "an unknown resource",
            post().form(&[
                GRANT,
                id,
                password,
                ("resource", "https://elsewhere.example/api"),
            ]),
            400,
            "invalid_target",
        ),
        ("a body too large", text(&large), 413, ""),
    ];
    for (name, call, status, error) in cases {
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        if !error.is_empty() {
            refused(name, &answer, error);
        }
    }
    assert!(!sidecar.token().await.is_empty());
}

/// An error in OAuth's own form (RFC 6749 §5.2), never kept by anybody.
fn refused(name: &str, answer: &Answer, error: &str) {
    let body = answer.json();
    assert_eq!(body["error"], error, "{name}");
    assert!(body["error_description"].is_string(), "{name}: {body}");
    assert!(body.get("success").is_none(), "{name}: {body}");
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json"),
        "{name}"
    );
    assert_eq!(answer.header("cache-control"), "no-store", "{name}");
    // RFC 9110 §15.5.2: a 401 always says how to authenticate.
    let challenge = answer.header("www-authenticate");
    assert_eq!(
        challenge.starts_with("Basic realm="),
        answer.status == 401,
        "{name}: {challenge:?}"
    );
}

#[tokio::test]
async fn only_post_asks_for_tokens() {
    let sidecar = Setup::new().sidecar().await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
        let method = method.parse().expect("a method");
        let call = sidecar.client.call(method, "/connect/token");
        let answer = call.send().await.expect(405);
        assert_eq!(answer.header("allow"), "POST");
    }
}

#[tokio::test]
async fn a_token_is_granted_in_every_form_that_the_rfc_allows() {
    let odd = ("ünïcode: & co", secrets::new_secret() + " +%:ä=&");
    secrets::register(&odd.1);
    let sidecar = Setup::new()
        .with_client(json!({ "ClientId": odd.0, "ClientSecret": odd.1 }))
        .sidecar()
        .await;
    let secret = sidecar.setup.secret.clone();
    let id = ("client_id", CLIENT);
    let password = ("client_secret", secret.as_str());
    let post = || sidecar.client.post("/connect/token");
    let cases: Vec<(&str, Call)> = vec![
        ("in the body", post().form(&[GRANT, id, password])),
        (
            "with the scope",
            post().form(&[GRANT, id, password, ("scope", "WorkflowApi")]),
        ),
        (
            "with an empty scope",
            post().form(&[GRANT, id, password, ("scope", "")]),
        ),
        (
            "with a parameter of no meaning",
            post().form(&[GRANT, id, password, ("colour", "red")]),
        ),
        ("Basic", post().basic(CLIENT, &secret).form(&[GRANT])),
        (
            "Basic with the same id in the body",
            post().basic(CLIENT, &secret).form(&[GRANT, id]),
        ),
        (
            "Basic with an empty secret in the body",
            post()
                .basic(CLIENT, &secret)
                .form(&[GRANT, ("client_secret", "")]),
        ),
        (
            "odd characters in the body",
            post().form(&[GRANT, ("client_id", odd.0), ("client_secret", &odd.1)]),
        ),
        (
            "odd characters in Basic",
            post().basic(odd.0, &odd.1).form(&[GRANT]),
        ),
        (
            "a charset",
            post().body(
                "application/x-www-form-urlencoded; charset=utf-8",
                form(&[GRANT, id, password]),
            ),
        ),
        (
            "a media type in capitals",
            post().body(
                "Application/X-WWW-Form-URLEncoded",
                form(&[GRANT, id, password]),
            ),
        ),
    ];
    for (name, call) in cases {
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let body = granted(&answer);
        assert_eq!(body["expires_in"], 3600, "{name}");
    }
    // HTTP/2 is the same.
    let call = sidecar.client.http2().post("/connect/token");
    granted(&call.form(&[GRANT, id, password]).send().await.expect(200));
}

fn granted(answer: &Answer) -> Value {
    let body = answer.json();
    let token = body["access_token"].as_str().expect("a token");
    secrets::register_token(token);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    body
}

#[tokio::test]
async fn a_token_says_who_for_whom_and_how_long() {
    let secret = secrets::new_secret();
    let sidecar = Setup::new()
        .with_client(json!({
            "ClientId": "other", "ClientSecret": secret, "TokenLifetime": "90s",
            "Scopes": ["WorkflowApi", "reports"], "Audience": "WorkflowApi"
        }))
        .sidecar()
        .await;
    let token = sidecar.token_of("other", &secret).await;
    let header = header_of(&token);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["typ"], "at+jwt");
    assert!(header["kid"].is_string());

    let claims = claims_of(&token);
    assert_eq!(claims["iss"], format!("{}/", sidecar.url));
    assert_eq!(claims["sub"], "other");
    assert_eq!(claims["client_id"], "other");
    assert_eq!(claims["aud"], "WorkflowApi");
    let seconds = |name: &str| claims[name].as_i64().expect("whole seconds");
    assert_eq!(seconds("exp") - seconds("iat"), 90);
    assert_eq!(seconds("nbf"), seconds("iat"));
    let scopes = claims["scope"].as_str().expect("one string");
    assert_eq!(
        scopes.split(' ').collect::<Vec<_>>(),
        ["WorkflowApi", "reports"]
    );

    // Every token has an id of its own.
    let again = claims_of(&sidecar.token_of("other", &secret).await);
    assert_ne!(claims["jti"], again["jti"]);

    // Asked for less, given less.
    let pairs = [
        GRANT,
        ("client_id", "other"),
        ("client_secret", &secret),
        ("scope", "reports"),
    ];
    let answer = sidecar.ask_token(&pairs).await.expect(200).json();
    let narrow = claims_of(answer["access_token"].as_str().expect("a token"));
    assert_eq!(narrow["scope"], "reports");
}

#[tokio::test]
async fn guessing_a_secret_is_slowed_down_and_locks_nobody_out() {
    let sidecar = Setup::new().sidecar().await;
    sidecar.token().await;
    let wrong = [GRANT, ("client_id", CLIENT), ("client_secret", "a guess")];
    let connection = sidecar.client.connect().await;
    let mut connection = connection.expect("a connection");
    let mut limited = None;
    for _ in 0..1_000 {
        let guess = sidecar.client.post("/connect/token").form(&wrong);
        let answer = connection.send(guess).await.expect("an answer");
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        answer.expect(401);
    }
    let limited = limited.expect("the guesses are limited at last");
    let wait = limited.header("retry-after").parse::<u32>();
    assert!(wait.is_ok_and(|wait| wait >= 1), "{:?}", limited.headers);
    // The secret has authenticated before, so it still does.
    sidecar.token().await;
    // Another client has a budget of its own.
    let other = [GRANT, ("client_id", "nobody"), ("client_secret", "a guess")];
    sidecar.ask_token(&other).await.expect(401);
}

#[tokio::test]
async fn the_signing_key_outlives_a_restart() {
    let sidecar = Setup::new().sidecar().await;
    let kid = kid(&sidecar).await;
    let setup = sidecar.stop().await;
    let sidecar = setup.sidecar().await;
    assert_eq!(kid, self::kid(&sidecar).await);
}

async fn kid(sidecar: &Sidecar) -> Value {
    header_of(&sidecar.token().await)["kid"].clone()
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_goes_on_writing() {
    let sidecar = Setup::new().sidecar().await;
    let length = 1024 * 1024;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(format!(
        "POST /connect/token HTTP/1.1\r\nHost: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n",
        sidecar.client.authority()
    ))
    .await;
    raw.write("x".repeat(length)).await;
    assert_eq!(raw.answer().await.expect("an answer").status, 413);
}
