//! Ready-made OAuth libraries, unmodified.

use std::process::Command;

use tests::components;
use tests::process::run;
use tests::server::{CLIENT, Setup, Sidecar};

/// Runs `command` with what its script reads from the environment; the lines it printed.
async fn speak(sidecar: &Sidecar, mut command: Command) -> Vec<String> {
    let trust = sidecar.setup.path("data/dev-cert.pem");
    command
        .env("URL", &sidecar.url)
        .env("CLIENT_ID", CLIENT)
        .env("CLIENT_SECRET", &sidecar.setup.secret)
        .env("CA_FILE", &trust)
        .env("NODE_EXTRA_CA_CERTS", &trust)
        // For requests these go before a session's own `verify`.
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE");
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    ran.stdout.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn python_authlib_gets_a_token_and_calls_with_it() {
    let Some(python) = components::python() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(python);
    command.arg(components::clients("python").join("authlib_client.py"));
    let printed = speak(&sidecar, command).await;
    assert_eq!(
        printed,
        ["client_secret_basic True", "client_secret_post True"]
    );
}

#[tokio::test]
async fn python_requests_oauthlib_gets_a_token_and_calls_with_it() {
    let Some(python) = components::python() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(python);
    command.arg(components::clients("python").join("requests_oauthlib_client.py"));
    let printed = speak(&sidecar, command).await;
    assert_eq!(
        printed,
        ["client_secret_basic True", "client_secret_post True"]
    );
}

#[tokio::test]
async fn node_openid_client_discovers_gets_a_token_and_calls_with_it() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(node);
    command.arg(components::clients("node").join("openid-client.mjs"));
    command.env("CLIENT_LIBRARIES", libraries);
    let printed = speak(&sidecar, command).await;
    assert_eq!(printed, ["ClientSecretBasic true", "ClientSecretPost true"]);
}

#[tokio::test]
async fn python_authlib_introspects_and_revokes() {
    let Some(python) = components::python() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(python);
    command.arg(components::clients("python").join("authlib_revocation.py"));
    let printed = speak(&sidecar, command).await;
    assert_eq!(
        printed,
        [
            "client_secret_basic True 200 False 401",
            "client_secret_post True 200 False 401"
        ]
    );
}

#[tokio::test]
async fn node_openid_client_introspects_and_revokes() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(node);
    command.arg(components::clients("node").join("revocation.mjs"));
    command.env("CLIENT_LIBRARIES", libraries);
    let printed = speak(&sidecar, command).await;
    assert_eq!(
        printed,
        [
            "ClientSecretBasic true true 200 false 401",
            "ClientSecretPost true true 200 false 401"
        ]
    );
}

#[tokio::test]
async fn curl_gets_its_413_over_both_versions() {
    let Some(curl) = components::find("curl") else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let large = sidecar.setup.path("large");
    std::fs::write(&large, "x".repeat(1024 * 1024)).expect("a file");
    for version in ["--http1.1", "--http2"] {
        let mut command = Command::new(&curl);
        command
            .args(["--silent", "--show-error", version, "--cacert"])
            .arg(sidecar.setup.path("data/dev-cert.pem"))
            .args(["--header", "Expect:", "--write-out", "%{http_code}"])
            .args(["--output", "/dev/null", "--data-binary"])
            .arg(format!("@{}", large.display()))
            .arg(format!("{}/connect/token", sidecar.url));
        let ran = run(command).await;
        assert_eq!(ran.code, Some(0), "{version}: {}", ran.stderr);
        assert_eq!(ran.stdout.trim(), "413", "{version}");
    }
}
