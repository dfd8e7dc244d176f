//! The admin listener: probes and metrics, for whoever may reach it and for no browser.

use serde_json::json;
use tests::client::Client;
use tests::raw::Raw;
use tests::server::{CLIENT, Setup};

#[tokio::test]
async fn probes_answer_and_say_why_when_asked() {
    let sidecar = Setup::new().sidecar().await;
    let engine = Setup::new().engine().await;
    for admin in [&sidecar.admin, &engine.admin] {
        admin.get("/livez").send().await.expect(200);
        admin.get("/readyz").send().await.expect(200);
        let verbose = admin.get("/readyz?verbose").send().await.expect(200);
        assert!(verbose.text().len() > 2, "{}", verbose.text());
        admin.get("/nothing").send().await.expect(404);
        let posted = admin.post("/livez").send().await.expect(405);
        assert!(posted.header("allow").contains("GET"));
    }
    let verbose = sidecar.admin.get("/readyz?verbose").send().await.text();
    for part in ["config", "keys", "listeners", "engine"] {
        assert!(verbose.contains(part), "{part} in {verbose}");
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let sidecar = Setup::new().sidecar().await;
    let api = sidecar.api().await;
    for _ in 0..3 {
        api.get("/getschemelist").send().await.expect(200);
    }
    let call = sidecar.client.get("/workflowapi/getschemelist");
    call.bearer("not.a.token").send().await.expect(401);

    let answer = sidecar.admin.get("/metrics").send().await.expect(200);
    let kind = answer.header("content-type");
    assert!(
        kind.starts_with("application/openmetrics-text") || kind.starts_with("text/plain"),
        "{kind}"
    );
    let text = answer.text();
    for name in [
        "sidecar_requests",
        "sidecar_request_duration_seconds",
        "sidecar_refusals",
        "sidecar_panics",
        "sidecar_token_cache_lookups",
        "sidecar_reloads",
        "sidecar_connections_open",
        "sidecar_upstream_duration_seconds",
    ] {
        assert!(text.contains(&format!("# HELP {name}")), "{name} in {text}");
    }
    let client = format!("client=\"{CLIENT}\"");
    let admitted = sidecar.metric("sidecar_requests_total", &[&client]).await;
    assert!(admitted >= 3.0, "{text}");
    assert!(
        sidecar.metric("sidecar_refusals_total", &[]).await >= 1.0,
        "{text}"
    );
    // Names of nobody do not become labels.
    assert!(!text.contains("not.a.token"));
}

#[tokio::test]
async fn a_browser_or_a_foreign_host_is_refused() {
    let sidecar = Setup::new().sidecar().await;
    let engine = Setup::new().engine().await;
    let listeners: [(&Client, &str); 3] = [
        (&sidecar.admin, "/metrics"),
        (&engine.admin, "/metrics"),
        (&engine.client, "/workflowapi/getschemelist"),
    ];
    for (client, path) in listeners {
        client.get(path).send().await.expect(200);
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let answer = client.get(path).header(name, value).send().await;
            assert_eq!(answer.status, 403, "{name} at {path}");
        }
        let mut raw = Raw::connect(client).await;
        raw.write(format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"))
            .await;
        let answer = raw.answer().await.expect("an answer");
        assert!([403, 421].contains(&answer.status), "{path}: {answer:?}");
        let preflight = client.call(http::Method::OPTIONS, path);
        let preflight = preflight.header("origin", "https://evil.example");
        let preflight = preflight.header("access-control-request-method", "GET");
        let answer = preflight.send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn the_sidecar_answers_preflights_of_listed_origins_itself() {
    let origin = "https://app.example";
    let sidecar = Setup::new()
        .with(&json!({ "DefaultCorsSettings": { "AllowedOrigins": [origin] } }))
        .sidecar()
        .await;
    let preflight = |from: &str| {
        let call = sidecar
            .client
            .call(http::Method::OPTIONS, "/workflowapi/getschemelist");
        call.header("origin", from)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization, content-type",
            )
            .send()
    };
    let answer = preflight(origin).await;
    assert!(answer.status.is_success(), "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("POST")
    );
    let headers = answer.header("access-control-allow-headers").to_lowercase();
    assert!(headers.contains("authorization"), "{headers}");
    let foreign = preflight("https://evil.example").await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");

    let token = sidecar.token().await;
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    let answer = call.header("origin", origin).send().await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), origin);
}
