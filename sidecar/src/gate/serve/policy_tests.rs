//! Policy over a socket: routes, bindings, shadow mode and rules in code, with an echo behind.

use std::sync::Arc;

use crate::bearer::fixture;
use crate::config::{Access, RouteSettings, Snapshot};
use crate::gate::rig::Rig;
use crate::policy::{Absent, Denial, HookRequest, Mandate, Operations, Terms};

/// Clients `all` and `alice`, of which the second speaks for itself alone.
fn bound(snapshot: &mut Snapshot, absent: Absent) {
    let mut alice = fixture::client("alice", &["*", "manage"]);
    let terms = Terms::values(["alice"]).unwrap().when_absent(absent);
    alice.mandate = Mandate::new(Some(terms), None);
    let server = snapshot.token_server.as_mut().unwrap();
    server.clients = fixture::clients([fixture::client("all", &["*", "manage"]), alice]);
}

fn json(body: &str) -> String {
    let length = body.len();
    format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_bound_client_speaks_for_itself_and_its_body_arrives_as_sent() {
    let rig = Rig::start(|snapshot| bound(snapshot, Absent::Refuse)).await;
    let line = "POST /workflowapi/createinstance";
    let good = r#"{ "identityId" : "alice", "Sum": 100.0100 }"#;
    let answer = rig.ask_as("alice", line, &json(good)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["body"], good);
    let bad = r#"{ "identityId" : "bob" }"#;
    let answer = rig.ask_as("alice", line, &json(bad)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["code"], "identity_not_allowed");
    // Nobody else is looked at.
    let answer = rig.ask_as("all", line, &json(bad)).await;
    assert_eq!((answer.status, &answer.json()["body"]), (200, &bad.into()));
    // In pieces as well.
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        10\r\n{\"identityId\":\"a\r\n7\r\nlice\"} \r\n0\r\n\r\n";
    let answer = rig.ask_as("alice", line, chunked).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["body"], r#"{"identityId":"alice"} "#);
}

#[tokio::test]
async fn what_is_absent_is_filled_in_and_the_body_stays() {
    let rig = Rig::start(|snapshot| bound(snapshot, Absent::Fill)).await;
    let body = r#"{"schemeCode":"x"}"#;
    let answer = rig
        .ask_as("alice", "POST /workflowapi/createinstance?a=b", &json(body))
        .await;
    let told = answer.json();
    assert_eq!(
        told["target"],
        "/workflowapi/createinstance?a=b&identityId=alice"
    );
    assert_eq!(told["body"], body);
    let answer = rig
        .ask_as("alice", "GET /workflowapi/getschemelist", "")
        .await;
    assert_eq!(answer.json()["target"], "/workflowapi/getschemelist");
}

#[tokio::test]
async fn a_body_over_the_rules_limit_is_413_and_one_too_slow_is_408() {
    let rig = Rig::start(|snapshot| {
        bound(snapshot, Absent::Allow);
        snapshot.limits.rule_body = 30;
        snapshot.limits.form_body = std::time::Duration::from_millis(30);
    })
    .await;
    let line = "POST /workflowapi/createinstance";
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(40));
    let answer = rig.ask_as("alice", line, &json(&long)).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (413, &"body_too_large".into())
    );
    let chunks = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        14\r\n{\"x\":\"aaaaaaaaaaaaaa\r\n14\r\naaaaaaaaaaaaaaaaaaaa\r\n";
    let answer = rig.ask_as("alice", line, chunks).await;
    assert_eq!(answer.status, 413);
    let slow = "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{";
    let answer = rig.ask_as("alice", line, slow).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (408, &"body_too_slow".into())
    );
    // Where nothing is bound nothing is read whole.
    let answer = rig.ask_as("all", line, &json(&long)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn shadow_mode_counts_and_passes_what_policy_refuses() {
    let rig = Rig::start(|snapshot| {
        bound(snapshot, Absent::Fill);
        snapshot.limits.rule_body = 30;
        snapshot.block_user_api = true;
        for route in &mut snapshot.routes {
            route.shadow = true;
        }
        let server = snapshot.token_server.as_mut().unwrap();
        let reader = fixture::client("reader", &["read"]);
        server
            .clients
            .by_id
            .insert("reader".into(), Arc::new(reader));
        snapshot
            .hooks
            .add(|request: &HookRequest<'_>| match request.path {
                "/public/no" => Err(Denial::new("no")),
                _ => Ok(()),
            });
    })
    .await;
    let line = "POST /workflowapi/createinstance";
    let long = format!("{{\"identityId\":\"{}\"}}", "b".repeat(40));
    for (client, line, fields, body) in [
        ("reader", line, String::new(), ""),
        (
            "alice",
            line,
            json(r#"{"identityId":"bob"}"#),
            r#"{"identityId":"bob"}"#,
        ),
        ("alice", line, json(&long), &long),
    ] {
        let answer = rig.ask_as(client, line, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["body"], body);
    }
    let absent = rig.ask_as("alice", line, "").await;
    assert_eq!(
        absent.json()["target"],
        "/workflowapi/createinstance",
        "nothing is filled in"
    );
    assert_eq!(rig.ask("GET /public/no", "").await.status, 200);
    // What is no policy is refused as ever.
    assert_eq!(rig.ask(line, "").await.status, 401);
    assert_eq!(
        rig.ask_as("all", "GET /workflowapi/getusers", "")
            .await
            .status,
        403
    );
    let answer = rig.ask_as("all", "BREW /workflowapi/getscheme", "").await;
    assert_eq!(answer.status, 405);
    let counters = rig.worker.counters();
    for (reason, want) in [
        (crate::refusal::Reason::OperationNotAllowed, 1),
        (crate::refusal::Reason::IdentityNotAllowed, 1),
        (crate::refusal::Reason::BodyTooLarge, 1),
        (crate::refusal::Reason::PolicyHookRefused, 1),
        (crate::refusal::Reason::UserApiBlocked, 0),
    ] {
        assert_eq!(counters.would_refuse_for(reason), want, "{reason:?}");
    }
}

#[tokio::test]
async fn rules_in_code_see_the_canonical_request_and_refuse() {
    let rig = Rig::start(|snapshot| {
        snapshot.hooks.add(|request: &HookRequest<'_>| {
            let client = request.principal.map(|principal| &*principal.client_id);
            let operation = request.operation.map(|operation| operation.name);
            match (client, operation, request.path, request.query) {
                (Some("all"), Some("getscheme"), "/workflowapi/getscheme/X", Some("a=b")) => {
                    Err(Denial::new("not this one"))
                }
                (None, None, "/public/panic", None) => panic!("a fault"),
                _ => Ok(()),
            }
        });
    })
    .await;
    let answer = rig
        .ask_as("all", "GET /WorkflowApi/GetScheme/X?a=b", "")
        .await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (403, &"policy_hook_refused".into())
    );
    assert!(!answer.body.contains("not this one"), "for the log alone");
    let answer = rig
        .ask_as("all", "GET /workflowapi/getscheme/Y?a=b", "")
        .await;
    assert_eq!(answer.status, 200);
    let answer = rig.ask("GET /public/panic", "").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (500, &"policy_hook_panicked".into())
    );
    assert_eq!(rig.ask("GET /public/x", "").await.status, 200);
}

#[tokio::test]
async fn a_method_that_no_route_of_the_path_serves_is_405_with_all_that_are() {
    let rig = Rig::start(|snapshot| {
        let route = |methods: &[http::Method], access| {
            let mut route = RouteSettings::below("/orders", access).unwrap();
            route.methods = methods.to_vec();
            route
        };
        let scopes = Access::AnyScope(vec!["Orders".into(), "Other".into()]);
        snapshot
            .routes
            .push(route(&[http::Method::GET], Access::Public));
        snapshot.routes.push(route(
            &[http::Method::PUT],
            Access::Scopes(vec!["Orders".into()]),
        ));
        snapshot
            .routes
            .push(route(&[http::Method::POST], Access::Scopes(Vec::new())));
        snapshot.routes.push(route(&[http::Method::PATCH], scopes));
    })
    .await;
    assert_eq!(rig.ask("GET /orders/7", "").await.status, 200);
    assert_eq!(rig.ask("POST /orders/7", "").await.status, 401);
    assert_eq!(rig.ask_as("all", "POST /orders/7", "").await.status, 200);
    let lacking = rig.ask_as("all", "PUT /orders/7", "").await;
    assert_eq!(
        (lacking.status, &lacking.json()["code"]),
        (403, &"scope_insufficient".into())
    );
    let lacking = rig.ask_as("all", "PATCH /orders/7", "").await;
    assert_eq!(lacking.status, 403);
    let challenge = lacking.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"scope="Orders Other""#), "{challenge}");
    let answer = rig.ask("DELETE /orders/7", "").await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, PUT, POST, PATCH"));
}

#[tokio::test]
async fn an_operation_may_ask_for_more_than_the_others_however_it_is_written() {
    let rig = Rig::start(|snapshot| {
        let scopes = Access::Scopes(vec!["WorkflowAdmin".into()]);
        let mut route = RouteSettings::below("/workflowapi", scopes).unwrap();
        route.operations = Some(Operations::parse(&["manage"]).unwrap());
        snapshot.routes.push(route);
    })
    .await;
    for line in [
        "POST /workflowapi/createuser",
        "POST /WorkflowApi/CreateUser/x",
        "POST /workflowapi?operation=createuser",
        "POST /workflowapi/?Operation=CREATEUSER",
    ] {
        let answer = rig.ask_as("all", line, "").await;
        assert_eq!(answer.status, 403, "{line}");
        assert_eq!(answer.json()["code"], "scope_insufficient", "{line}");
    }
    let answer = rig
        .ask_as("all", "GET /workflowapi/getschemelist", "")
        .await;
    assert_eq!(answer.status, 200);
}
