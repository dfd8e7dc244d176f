use std::sync::Arc;

use super::*;
use crate::bearer::fixture;
use crate::config::{CorsOrigins, Rate};
use crate::gate::rig::{Rig, token};

#[tokio::test]
async fn a_panic_costs_its_own_future_only() {
    let panics = async {
        tokio::task::yield_now().await;
        panic!("a fault")
    };
    assert_eq!(caught::<_, u8>(pin!(panics)).await, None);
    assert_eq!(caught(pin!(async { 7 })).await, Some(7));
}

#[tokio::test]
async fn engine_sees_the_canonical_request_and_the_identity_only_we_set() {
    let rig = Rig::start(|_| ()).await;
    let fields = "X-Workflow-Client: admin\r\nx_workflow_scopes: all\r\nForwarded: for=1.2.3.4\r\n\
        X-Forwarded-For: 1.2.3.4\r\nX-Request-Id: mine\r\nTE: trailers\r\nX-Custom: kept\r\n";
    let line = "GET /WorkflowApi/GetInstanceInfo/Ab?x=%20&Y=+1";
    let answer = rig.ask_as("reader", line, fields).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["target"], "/workflowapi/getinstanceinfo/Ab?x=%20&Y=+1");
    let headers = told["headers"].as_object().unwrap();
    assert_eq!(headers["x-workflow-client"], "reader");
    assert_eq!(headers["x-workflow-subject"], "reader");
    assert_eq!(headers["x-workflow-scopes"], "WorkflowApi");
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-host"], "sidecar.example");
    assert_eq!(headers["x-custom"], "kept");
    let request_id = headers["x-request-id"].as_str().unwrap();
    assert_eq!(Some(request_id), answer.header("x-request-id"));
    assert_ne!(request_id, "mine");
    for gone in ["authorization", "te", "x_workflow_scopes", "connection"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn credentials_decide_who_passes() {
    let rig = Rig::start(|_| ()).await;
    let good = token("all");
    let target = "GET /workflowapi/getschemelist";
    let bad = format!("{good}x");
    for (fields, status, error, challenge) in [
        (String::new(), 401, "Unauthorized", "Bearer realm="),
        (
            "Authorization: Basic YTpi\r\n".to_owned(),
            401,
            "Unauthorized",
            "Bearer realm=",
        ),
        (
            format!("Authorization: Bearer {bad}\r\n"),
            401,
            "Unauthorized",
            "error=\"invalid_token\"",
        ),
        (
            format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
            400,
            "BadRequest",
            "error=\"invalid_request\"",
        ),
        (
            "Authorization: Bearer\r\n".to_owned(),
            400,
            "BadRequest",
            "error=\"invalid_request\"",
        ),
        (
            format!("Cookie: access_token={good}\r\n"),
            401,
            "Unauthorized",
            "Bearer realm=",
        ),
        (
            format!("Authorization: Bearer {}\r\n", "a".repeat(9000)),
            431,
            "HeaderTooLarge",
            "",
        ),
    ] {
        let answer = rig.ask(target, &fields).await;
        assert_eq!(answer.status, status, "{fields}");
        let body = answer.json();
        assert_eq!(
            (&body["success"], &body["error"]),
            (&false.into(), &error.into())
        );
        assert_eq!(body["requestId"].as_str(), answer.header("x-request-id"));
        let found = answer.header("www-authenticate").unwrap_or_default();
        assert!(found.contains(challenge), "{found}");
        let bare = !challenge.contains("error");
        assert!(!bare || !found.contains("error="), "{found}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let answer = rig.ask(&format!("{target}?access_token={good}"), "").await;
    assert_eq!(answer.status, 401, "a token in the query is not read");
    let answer = rig
        .ask(target, &format!("Authorization: bEaReR  {good}\r\n"))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn operations_are_judged_and_never_404_here() {
    let rig = Rig::start(|_| ()).await;
    for (client, line, status) in [
        ("reader", "GET /workflowapi/getschemelist", 200),
        ("reader", "GET /workflowapi?operation=getschemelist", 200),
        ("reader", "POST /workflowapi/ExecuteCommand/7", 403),
        ("reader", "GET /workflowapi?operation=createinstance", 403),
        ("reader", "GET /workflowapi/unheardof", 403),
        ("reader", "GET /workflowapi", 403),
        ("all", "GET /workflowapi/unheardof", 200),
        ("all", "POST /workflowapi/createuser", 200),
        ("all", "GET /workflowapi/../admin", 400),
        (
            "all",
            "GET /workflowapi/getschemelist?operation=createuser",
            400,
        ),
        ("all", "GET /admin", 404),
        ("all", "TRACE /workflowapi/getschemelist", 405),
        ("all", "BREW /workflowapi/getschemelist", 405),
    ] {
        let answer = rig.ask_as(client, line, "").await;
        assert_eq!(answer.status, status, "{client} {line}: {}", answer.body);
        assert!(answer.header("x-request-id").is_some());
    }
    let answer = rig.ask("GET /public/x", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.json()["headers"].get("x-workflow-client").is_none());
}

#[tokio::test]
async fn scope_and_blocked_users_are_403() {
    let rig = Rig::start(|snapshot| snapshot.block_user_api = true).await;
    let answer = rig.ask_as("all", "GET /workflowapi/getusers", "").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (403, &"user_api_blocked".into())
    );
    let now = crate::gate::rig::now();
    let claims = fixture::with(
        fixture::good_claims(),
        serde_json::json!({"scope": "Other", "iat": now, "nbf": now, "exp": now + 60}),
    );
    let fields = format!("Authorization: Bearer {}\r\n", fixture::token_of(&claims));
    let answer = rig.ask("GET /workflowapi/getscheme", &fields).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    assert!(challenge.contains(r#"scope="WorkflowApi""#), "{challenge}");
}

#[tokio::test]
async fn a_spent_budget_is_429_before_any_signature_but_known_tokens_pass() {
    let rig = Rig::start(|snapshot| {
        snapshot.limits.bearer_failures = Rate {
            per_second: 1,
            burst: 2,
        };
    })
    .await;
    let target = "GET /workflowapi/getschemelist";
    let known = format!("Authorization: Bearer {}\r\n", token("all"));
    assert_eq!(rig.ask(target, &known).await.status, 200);
    let bad = "Authorization: Bearer a.b.c\r\n";
    let mut answer = rig.ask(target, bad).await;
    for _ in 0..50 {
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 401);
        answer = rig.ask(target, bad).await;
    }
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"], "RateLimited");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(rig.ask(target, &known).await.status, 200);
    // Whoever sends no token is told so, not counted.
    assert_eq!(rig.ask(target, "").await.status, 401);
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_and_one_within_arrives() {
    let rig = Rig::start(|snapshot| snapshot.limits.body = 10).await;
    let target = "POST /workflowapi/createinstance";
    let answer = rig.ask_as("all", target, "Content-Length: 11\r\n").await;
    assert_eq!(answer.status, 413);
    let body = "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789";
    let answer = rig.ask_as("all", target, body).await;
    assert_eq!(answer.status, 100);
    assert!(answer.body.contains("200 OK") && answer.body.contains("0123456789"));
    let answer = rig
        .ask_as("all", target, "Expect: 200-ok\r\nContent-Length: 1\r\n")
        .await;
    assert_eq!(answer.status, 417);
}

#[tokio::test]
async fn documents_are_served_and_every_url_in_them_works() {
    let rig = Rig::start(|_| ()).await;
    let configuration = rig.ask("GET /.well-known/openid-configuration", "").await;
    let server = rig
        .ask("GET /.well-known/oauth-authorization-server", "")
        .await;
    assert_eq!(configuration.status, 200);
    assert_eq!(configuration.body, server.body);
    assert!(
        configuration
            .header("cache-control")
            .unwrap()
            .starts_with("public, max-age=")
    );
    let document = configuration.json();
    assert_eq!(document["issuer"], fixture::ISSUER);
    assert_eq!(
        document["grant_types_supported"],
        serde_json::json!(["client_credentials"])
    );
    assert!(document.get("authorization_endpoint").is_none());
    let path = |url: &serde_json::Value| url.as_str().unwrap().replace(fixture::BASE, "");
    let jwks = rig
        .ask(&format!("GET {}", path(&document["jwks_uri"])), "")
        .await;
    assert_eq!(jwks.status, 200);
    assert_eq!(jwks.json()["keys"][0]["kid"], fixture::kid());
    let etag = jwks.header("etag").unwrap();
    let again = rig
        .ask(
            "GET /.well-known/jwks",
            &format!("If-None-Match: \"x\", W/{etag}\r\n"),
        )
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let token = rig
        .ask(&format!("GET {}", path(&document["token_endpoint"])), "")
        .await;
    assert_eq!((token.status, token.header("allow")), (405, Some("POST")));

    let head = rig.ask("HEAD /.well-known/jwks", "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), jwks.header("content-length"));
    let post = rig.ask("DELETE /.well-known/jwks", "").await;
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );

    let plain = rig
        .ask("GET /.well-known/oauth-protected-resource", "")
        .await;
    let inserted = rig
        .ask("GET /.well-known/oauth-protected-resource/workflowapi", "")
        .await;
    assert_eq!(plain.body, inserted.body);
    let resource = plain.json();
    assert_eq!(
        resource["resource"],
        format!("{}/workflowapi", fixture::BASE)
    );
    assert_eq!(
        resource["authorization_servers"],
        serde_json::json!([fixture::ISSUER])
    );
    assert_eq!(
        resource["bearer_methods_supported"],
        serde_json::json!(["header"])
    );
    let refused = rig.ask("GET /workflowapi", "").await;
    let challenge = refused.header("www-authenticate").unwrap();
    let metadata = challenge
        .split("resource_metadata=\"")
        .nth(1)
        .unwrap()
        .trim_end_matches('"');
    let metadata = rig
        .ask(&format!("GET {}", metadata.replace(fixture::BASE, "")), "")
        .await;
    assert_eq!(metadata.body, plain.body);
}

#[tokio::test]
async fn without_a_token_side_its_paths_are_404() {
    let rig = Rig::start(|snapshot| snapshot.token_server = None).await;
    for line in [
        "GET /.well-known/openid-configuration",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/jwks",
        "POST /connect/token",
    ] {
        assert_eq!(rig.ask(line, "").await.status, 404, "{line}");
    }
    let answer = rig.ask_as("all", "GET /workflowapi/getscheme", "").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn preflights_are_answered_here_for_listed_origins() {
    let origin = "https://page.example";
    let rig = Rig::start(|snapshot| {
        snapshot.cors_origins = CorsOrigins::Listed(vec![origin.into()]);
    })
    .await;
    let asks =
        |origin: &str| format!("Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n");
    let answer = rig
        .ask("OPTIONS /workflowapi/createinstance", &asks(origin))
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
    let answer = rig
        .ask(
            "OPTIONS /workflowapi/createinstance",
            &asks("https://evil.example"),
        )
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("access-control-allow-methods"), None);

    let fields = format!("Origin: {origin}\r\n");
    let answer = rig
        .ask_as("all", "GET /workflowapi/getscheme", &fields)
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    let answer = rig.ask("GET /workflowapi/getscheme", &fields).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(origin),
        "refusals too"
    );

    let off = Rig::start(|_| ()).await;
    let answer = off
        .ask("OPTIONS /workflowapi/createinstance", &asks(origin))
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_change_of_clients_is_in_force_with_the_next_request() {
    let rig = Rig::start(|_| ()).await;
    let target = "GET /workflowapi/getschemelist";
    assert_eq!(rig.ask_as("all", target, "").await.status, 200);
    let before = rig.worker.shared.live.snapshot();
    let mut next = fixture::snapshot();
    next.generation = before.generation + 1;
    next.upstream = before.upstream.clone();
    next.token_server.as_mut().unwrap().clients =
        fixture::clients([fixture::client("reader", &["read"])]);
    rig.worker.shared.live.swap(Arc::new(next));
    let answer = rig.ask_as("all", target, "").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (401, &"client_removed".into())
    );
}

#[tokio::test]
async fn an_idle_connection_holds_little() {
    let rig = Rig::start(|_| ()).await;
    let connection = Connection {
        peer: ([127, 0, 0, 1], 1).into(),
        local: ([127, 0, 0, 1], 2).into(),
        tls: true,
        through_proxy: false,
        certificate: std::sync::OnceLock::new(),
    };
    // hyper keeps room for one such future in every connection of HTTP/1.
    let answers = |request| serve(&rig.worker, &connection, request);
    let size = size_of_output(&answers);
    assert!(size <= 4096, "{size}");
}

fn size_of_output<R, F: FnOnce(Request<Incoming>) -> R>(_: &F) -> usize {
    size_of::<R>()
}
