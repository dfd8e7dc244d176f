//! The sidecar inside other programs: its examples, run as the documentation says.

use std::process::{Command, Stdio};

use http::Method;
use serde_json::json;
use tests::client::Client;
use tests::issuer::{SigningKey, now, set};
use tests::material::certificates_in;
use tests::process::Process;
use tests::programs::example;
use tests::secrets;
use tests::server::Setup;
use tests::wait::until;

/// An example with the configuration of `setup`, and where it says that it listens.
async fn start(setup: &Setup, name: &str, variables: &[(&str, &str)]) -> (Process, Client) {
    setup.write_config();
    let mut command: Command = setup.command(&example(name), &["config.json"]);
    for (name, value) in variables {
        command.env(name, value);
    }
    command.stdin(Stdio::null());
    let process = Process::start(name, command);
    let port = process
        .line("where it listens", |line| {
            let addresses = line.strip_prefix("listening on ")?;
            let first = addresses.split([',', ' ', ']']).next()?;
            first.rsplit_once(':').map(|(_, port)| port.to_owned())
        })
        .await;
    let trust = certificates_in(&setup.path("data/dev-cert.pem"));
    let client = Client::new(&format!("https://localhost:{port}"), trust);
    (process, client)
}

async fn token(client: &Client, id: &str, secret: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let answer = client.post("/connect/token").form(&form).send().await;
    let token = answer.expect(200).json()["access_token"]
        .as_str()
        .map(str::to_owned);
    let token = token.expect("a token");
    secrets::register_token(&token);
    token
}

async fn end(mut process: Process) {
    process.signal("TERM");
    assert_eq!(process.exit().await.code(), Some(0), "{}", process.story());
    assert_eq!(process.count("stopped"), 1);
}

#[tokio::test]
async fn the_first_example_serves_a_client_of_code_beside_the_files() {
    let secret = secrets::new_secret();
    let setup = Setup::new();
    let (process, client) = start(&setup, "embedded", &[("ORDERS_SECRET", &secret)]).await;
    for (id, secret) in [("orders", &secret), ("tester", &setup.secret)] {
        let token = token(&client, id, secret).await;
        let call = client.get("/workflowapi/getschemelist").bearer(&token);
        call.send().await.expect(200);
    }
    end(process).await;
}

#[tokio::test]
async fn the_gateway_judges_by_clients_issuers_and_rules_of_code() {
    let (secret, audit) = (secrets::new_secret(), secrets::new_secret());
    let setup = Setup::new().with(&json!({
        "Routes": [{ "Prefix": "/orders", "Scopes": ["orders"] }],
        "DetailedRefusals": true,
    }));
    let key = SigningKey::new("one");
    setup.write("keys.json", &set(&[key.jwk()]));
    let keys = setup.path("keys.json");
    let issuer = "https://id.example/";
    let variables = [
        ("ORDERS_SECRET", secret.as_str()),
        ("AUDIT_SECRET", &audit),
        ("ISSUER", issuer),
        ("ISSUER_KEYS", keys.to_str().expect("a path of ASCII")),
    ];
    let (process, client) = start(&setup, "gateway", &variables).await;
    let beside = process
        .line("where it judges", |line| {
            line.strip_prefix("who am I on ").map(str::to_owned)
        })
        .await;
    let beside = Client::new(&format!("http://{beside}"), Vec::new());

    let own = token(&client, "orders", &secret).await;
    let audits = token(&client, "audit", &audit).await;
    let claims = json!({
        "iss": issuer, "sub": "user", "client_id": "app", "aud": "orders-api", "scope": "orders",
        "iat": now(), "exp": now() + 600,
    });
    let foreign = key.token(&json!({}), &claims);
    for (who, method, want) in [
        (&own, Method::GET, "GET /orders/1 for orders"),
        (&own, Method::DELETE, "DELETE /orders/1 for orders"),
        (&audits, Method::GET, "GET /orders/1 for audit"),
        (&foreign, Method::DELETE, "DELETE /orders/1 for app"),
    ] {
        let call = client.call(method, "/orders/1").bearer(who);
        assert_eq!(call.send().await.expect(200).text(), want);
    }
    let refused = client.call(Method::DELETE, "/orders/1").bearer(&audits);
    let refused = refused.send().await.expect(403);
    assert_eq!(refused.json()["code"], "policy_hook_refused");
    assert!(!refused.text().contains("audit only reads"));

    for (token, status, want) in [
        (Some(&own), 200, "orders of https://localhost:"),
        (Some(&foreign), 200, "app of https://id.example/"),
        (None, 401, "no token"),
    ] {
        let call = beside.get("/");
        let call = match token {
            Some(token) => call.bearer(token),
            None => call,
        };
        let answer = call.send().await.expect(status);
        assert!(answer.text().starts_with(want), "{}", answer.text());
    }
    let answer = beside.get("/").bearer("x.y.z").send().await;
    assert_eq!(answer.status, 401);

    // A reload keeps what code has registered.
    let mut config = setup.config.clone();
    config["Limits"] = json!({ "HeaderCount": 50 });
    setup.write("config.json", &config.to_string());
    process.signal("HUP");
    until("the next configuration is in force", async || {
        let mut call = client.get("/orders/1").bearer(&own);
        for number in 0..60 {
            call = call.header(&format!("x-{number}"), "y");
        }
        (call.send().await.status == 431).then_some(())
    })
    .await;
    let refused = client.call(Method::DELETE, "/orders/1").bearer(&audits);
    refused.send().await.expect(403);
    let call = client.get("/orders/1").bearer(&foreign);
    call.send().await.expect(200);
    end(process).await;
}
