//! Which requests a route is for and what it takes to pass; what is only reported. As the engine's
//! stand-in saw it.

use http::Method;
use serde_json::{Value, json};
use tests::files::Way;
use tests::recorder::{Recorder, Seen};
use tests::server::{Setup, Sidecar};
use tests::wait::until;

/// A client of each kind: with which scopes, and which operations.
async fn scene(change: &Value) -> (Sidecar, Recorder) {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "DetailedRefusals": true }))
        .with(change)
        .with_client(client("orders", &["WorkflowApi", "Orders"], &["read"]))
        .with_client(client(
            "admin",
            &["WorkflowApi", "WorkflowAdmin"],
            &["*", "manage"],
        ))
        .sidecar()
        .await;
    (sidecar, recorder)
}

fn client(id: &str, scopes: &[&str], operations: &[&str]) -> Value {
    json!({ "ClientId": id, "ClientSecret": format!("{id}-secret-of-the-test"),
        "Scopes": scopes, "Operations": operations })
}

async fn token(sidecar: &Sidecar, id: &str) -> String {
    let secret = format!("{id}-secret-of-the-test");
    sidecar.token_of(id, &secret).await
}

/// Status and code of an answer.
async fn ask(sidecar: &Sidecar, token: Option<&str>, line: &str) -> (u16, String) {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let method = method.parse::<Method>().expect("a method");
    let mut call = sidecar.client.call(method, path);
    if let Some(token) = token {
        call = call.bearer(token);
    }
    let answer = call.send().await;
    let code = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let code = code["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn the_most_special_route_decides_alone_and_405_names_all_methods() {
    let routes = json!({ "Routes": [
        { "Prefix": "/workflowapi" },
        { "Prefix": "/orders", "Scopes": ["Orders"] },
        { "Path": "/orders/{id}", "Methods": ["GET"], "Scopes": "Public" },
        { "Path": "/orders/{id}", "Methods": ["PUT"], "AnyScope": ["Orders", "WorkflowAdmin"] },
        { "Path": "/orders/{id}/items", "Scopes": "Token" },
        { "Path": "/files/{rest...}", "Scopes": ["WorkflowAdmin"] }
    ] });
    let (sidecar, recorder) = scene(&routes).await;
    let (orders, admin) = (
        token(&sidecar, "orders").await,
        token(&sidecar, "admin").await,
    );
    let plain = sidecar.token().await;
    let mut passed = Vec::new();
    for (token, line, status, code) in [
        (None, "GET /orders", 401, "credentials_missing"),
        (Some(&plain), "GET /orders", 403, "scope_insufficient"),
        (Some(&orders), "GET /orders", 200, ""),
        (None, "GET /orders/7", 200, ""),
        (None, "GET /Orders/ab%20C", 200, ""),
        (None, "PUT /orders/7", 401, "credentials_missing"),
        (Some(&plain), "PUT /orders/7", 403, "scope_insufficient"),
        (Some(&admin), "PUT /orders/7", 200, ""),
        (Some(&orders), "PUT /orders/7", 200, ""),
        // Nobody falls back to the prefix.
        (Some(&orders), "DELETE /orders/7", 405, "method_not_allowed"),
        (None, "DELETE /orders/7", 405, "method_not_allowed"),
        (Some(&plain), "POST /orders/7/items", 200, ""),
        (Some(&plain), "POST /orders/7/ITEMS", 200, ""),
        (
            Some(&plain),
            "POST /orders/7/%69tems",
            400,
            "path_encoding_forbidden",
        ),
        (
            Some(&plain),
            "POST /orders/7/items/8",
            403,
            "scope_insufficient",
        ),
        (Some(&orders), "POST /orders/7/items/8", 200, ""),
        (Some(&admin), "GET /files/a/B", 200, ""),
        (Some(&admin), "GET /files", 404, "route_unknown"),
        (Some(&orders), "GET /files/a/B", 403, "scope_insufficient"),
    ] {
        let got = ask(&sidecar, token.map(String::as_str), line).await;
        assert_eq!((got.0, got.1.as_str()), (status, code), "{line}");
        if status == 200 {
            passed.push(line.replace("/Orders", "/orders").replace("ITEMS", "items"));
        }
    }
    let seen = recorder.seen();
    assert_eq!(seen.iter().map(Seen::line).collect::<Vec<_>>(), passed);
    let answer = sidecar
        .client
        .call(Method::DELETE, "/orders/7")
        .send()
        .await;
    assert_eq!(answer.header("allow"), "GET, PUT");
}

#[tokio::test]
async fn operations_may_ask_for_more_whatever_their_spelling() {
    let routes = json!({ "Routes": [
        { "Prefix": "/workflowapi" },
        { "Prefix": "/workflowapi", "Operations": ["manage"], "Scopes": ["WorkflowAdmin"] }
    ] });
    let (sidecar, recorder) = scene(&routes).await;
    let (plain, admin) = (sidecar.token().await, token(&sidecar, "admin").await);
    let spellings = [
        "POST /workflowapi/createuser",
        "POST /WorkflowAPI/CreateUser",
        "POST /workflowapi/createuser/7",
        "POST /workflowapi?operation=createuser",
        "POST /workflowapi/?OPERATION=create%75ser",
    ];
    for line in spellings {
        let got = ask(&sidecar, Some(&plain), line).await;
        assert_eq!(got, (403, "scope_insufficient".to_owned()), "{line}");
    }
    assert_eq!(recorder.seen().len(), 0);
    for line in spellings {
        assert_eq!(ask(&sidecar, Some(&admin), line).await.0, 200, "{line}");
    }
    let got = ask(&sidecar, Some(&plain), "GET /workflowapi/getschemelist").await;
    assert_eq!(got.0, 200);
}

#[tokio::test]
async fn shadow_mode_is_seen_everywhere_and_ends_with_a_reload() {
    let shadow = json!({ "Policy": { "Shadow": true } });
    let (mut sidecar, recorder) = scene(&shadow).await;
    let orders = token(&sidecar, "orders").await;
    let line = "POST /workflowapi/createinstance";
    assert_eq!(ask(&sidecar, Some(&orders), line).await.0, 200);
    assert_eq!(recorder.seen().len(), 1);
    // Who calls has to be said as ever.
    assert_eq!(ask(&sidecar, None, line).await.0, 401);
    let counted = ["reason=\"operation_not_allowed\""];
    let would = sidecar.metric("sidecar_would_refuse_total", &counted).await;
    assert!((would - 1.0).abs() < f64::EPSILON, "{would}");
    let did = sidecar.metric("sidecar_refusals_total", &counted).await;
    assert!(did.abs() < f64::EPSILON, "{did}");
    until("the log tells", || async {
        let told = sidecar.process.output();
        let told = told
            .iter()
            .any(|line| line.contains("would_refuse") && line.contains("operation_not_allowed"));
        told.then_some(())
    })
    .await;
    let verbose = sidecar
        .admin
        .get("/readyz?verbose")
        .send()
        .await
        .expect(200);
    assert!(
        verbose.text().contains("[!] policy: shadow mode"),
        "{}",
        verbose.text()
    );

    sidecar.rewrite(Way::InPlace, &json!({ "Policy": null }));
    until("policy refuses again", || async {
        let got = ask(&sidecar, Some(&orders), line).await;
        (got == (403, "operation_not_allowed".to_owned())).then_some(())
    })
    .await;
    let verbose = sidecar
        .admin
        .get("/readyz?verbose")
        .send()
        .await
        .expect(200);
    assert!(!verbose.text().contains("shadow"), "{}", verbose.text());
}

#[tokio::test]
async fn one_route_may_be_in_shadow_mode_by_itself() {
    let routes = json!({ "Routes": [
        { "Prefix": "/workflowapi" },
        { "Prefix": "/orders", "Scopes": ["Orders"], "Shadow": true }
    ] });
    let (sidecar, recorder) = scene(&routes).await;
    let plain = sidecar.token().await;
    assert_eq!(ask(&sidecar, Some(&plain), "GET /orders").await.0, 200);
    let orders = token(&sidecar, "orders").await;
    let got = ask(&sidecar, Some(&orders), "POST /workflowapi/createinstance").await;
    assert_eq!(got, (403, "operation_not_allowed".to_owned()));
    assert_eq!(recorder.only().line(), "GET /orders");
}
