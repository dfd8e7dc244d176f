//! What the product's page describes, step by step with curl.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::components;
use tests::process::run;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use uuid::Uuid;

#[tokio::test]
async fn six_steps_with_curl_against_the_embedded_engine() {
    let sidecar = Setup::new().sidecar().await;
    six_steps(&sidecar).await;
    sidecar.stop().await;
}

#[tokio::test]
async fn six_steps_with_curl_against_a_separate_engine_over_http() {
    let engine = Setup::new().engine().await;
    let sidecar = Setup::new().upstream(&engine.url).sidecar().await;
    six_steps(&sidecar).await;
    sidecar.stop().await;
    engine.stop().await;
}

#[tokio::test]
async fn six_steps_with_curl_against_a_separate_engine_over_a_unix_socket() {
    let setup = Setup::new();
    let socket = format!("unix:{}", setup.path("engine.sock").display());
    let engine = setup
        .with(&serde_json::json!({ "Engine": { "Url": socket } }))
        .engine()
        .await;
    let sidecar = Setup::new().upstream(&socket).sidecar().await;
    six_steps(&sidecar).await;
    sidecar.stop().await;
    engine.stop().await;
}

/// Discovery, token, create, commands, execute, info.
async fn six_steps(sidecar: &Sidecar) {
    let Some(curl) = components::find("curl") else {
        return;
    };
    let curl = Curl {
        program: &curl,
        trust: sidecar.setup.path("data/dev-cert.pem"),
    };

    let discovery = format!("{}/.well-known/openid-configuration", sidecar.url);
    let discovery = curl.run(&[&discovery]).await;
    let issuer = discovery["issuer"].as_str().expect("an issuer");
    assert_eq!(issuer, format!("{}/", sidecar.url));

    let endpoint = discovery["token_endpoint"].as_str().expect("an endpoint");
    let granted = curl
        .run(&[
            endpoint,
            "-d",
            "grant_type=client_credentials",
            "-d",
            &format!("client_id={CLIENT}"),
            "-d",
            &format!("client_secret={}", sidecar.setup.secret),
        ])
        .await;
    assert_eq!(granted["token_type"], "Bearer");
    let token = granted["access_token"].as_str().expect("a token");
    secrets::register_token(token);
    let bearer = format!("Authorization: Bearer {token}");

    let id = Uuid::new_v4();
    let call = |operation: &str| format!("{}/workflowapi/{operation}/{id}", sidecar.url);
    let json = "Content-Type: application/json";

    let create = [
        &*call("createinstance"),
        "-H",
        &bearer,
        "-H",
        json,
        "-d",
        r#"{"schemeCode": "TestScheme"}"#,
    ];
    assert_eq!(curl.run(&create).await["success"], true);

    let commands = [&*call("getavailablecommands"), "-H", &bearer];
    let commands = curl.run(&commands).await;
    assert_eq!(commands["data"][0]["CommandName"], "submit");

    let execute = [
        &*call("executecommand"),
        "-H",
        &bearer,
        "-H",
        json,
        "-d",
        r#"{"command": "submit"}"#,
    ];
    assert_eq!(curl.run(&execute).await["data"]["WasExecuted"], true);

    let info = [&*call("getinstanceinfo"), "-H", &bearer];
    let info = curl.run(&info).await;
    assert_eq!(info["data"]["StateName"], "Review");
}

struct Curl<'program> {
    program: &'program Path,
    trust: std::path::PathBuf,
}

impl Curl<'_> {
    /// Runs curl with `arguments`; the JSON it printed.
    async fn run(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(self.program);
        command.args(["--silent", "--show-error", "--fail-with-body"]);
        command.arg("--cacert").arg(&self.trust).args(arguments);
        let ran = run(command).await;
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).expect("JSON")
    }
}
