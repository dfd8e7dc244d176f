//! Ready-made OAuth libraries, unmodified.

use std::process::Command;

use serde_json::json;
use tests::components;
use tests::forge::with;
use tests::material::Material;
use tests::process::run;
use tests::prover::hash;
use tests::server::{Setup, Sidecar};

#[tokio::test]
async fn python_authlib_gets_a_token_and_calls_with_it() {
    let Some(python) = components::python() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(python);
    command.arg(components::clients("python").join("authlib_client.py"));
    let printed = sidecar.run_client(command).await;
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
    let printed = sidecar.run_client(command).await;
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
    let printed = sidecar.run_client(command).await;
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
    let printed = sidecar.run_client(command).await;
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
    let printed = sidecar.run_client(command).await;
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

/// A sidecar that knows the public half of a key, and the file of the private one.
async fn signer(alg: &str) -> (Sidecar, std::path::PathBuf) {
    let key = if alg == "RS256" {
        Material::shared_signing().clone()
    } else {
        Material::tls("signer")
    };
    let setup = Setup::new().with_client(json!({
        "ClientId": "signer", "Jwks": { "keys": [key.jwk()] },
    }));
    setup.write("signer.pem", &key.key);
    let file = setup.path("signer.pem");
    (setup.sidecar().await, file)
}

#[tokio::test]
async fn node_libraries_authenticate_by_private_key_jwt() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    for alg in ["ES256", "RS256"] {
        let (sidecar, key) = signer(alg).await;
        let mut command = Command::new(&node);
        command.arg(components::clients("node").join("private-key-jwt.mjs"));
        command.env("CLIENT_LIBRARIES", &libraries);
        command.env("SIGNER_ID", "signer").env("SIGNER_ALG", alg);
        command.env("SIGNER_KEY", key);
        let printed = sidecar.run_client(command).await;
        let want = [
            "openid-client bearer",
            "oauth4webapi bearer",
            "oauth4webapi revoked true",
            "jose signer",
            "jose again 401",
            "jose without jti 401",
        ];
        assert_eq!(printed, want, "{alg}");
    }
}

#[tokio::test]
async fn python_libraries_authenticate_by_private_key_jwt() {
    let Some(python) = components::python() else {
        return;
    };
    for alg in ["ES256", "RS256"] {
        let (sidecar, key) = signer(alg).await;
        let mut command = Command::new(&python);
        command.arg(components::clients("python").join("private_key_jwt.py"));
        command.env("SIGNER_ID", "signer").env("SIGNER_ALG", alg);
        command.env("SIGNER_KEY", key);
        let printed = sidecar.run_client(command).await;
        let want = [
            "authlib True",
            "joserfc 200",
            "joserfc again 401",
            "client_secret_jwt invalid_client",
        ];
        assert_eq!(printed, want, "{alg}");
    }
}

#[tokio::test]
async fn node_oauth4webapi_authenticates_by_its_tls_certificate() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let (issued, authority) = Material::issued("robot");
    let own = Material::tls("own");
    for (material, client, settings) in [
        (&issued, "named", json!({ "TlsSubject": "CN=robot" })),
        (
            &own,
            "own",
            json!({ "TlsThumbprints": [hash(&own.trust())] }),
        ),
    ] {
        let setup = Setup::new()
            .with_client(with(&settings, &json!({ "ClientId": client })))
            .with(&json!({ "ClientCertificates": { "Authorities": "authority.pem" } }));
        setup.write("authority.pem", &authority);
        material.write_pem(&setup.path("own.pem"));
        let certificate = setup.path("own.pem");
        let sidecar = setup.sidecar().await;
        let mut command = Command::new(&node);
        command.arg(components::clients("node").join("tls-client-auth.mjs"));
        command.env("CLIENT_LIBRARIES", &libraries);
        command
            .env("CERTIFICATE", certificate)
            .env("CLIENTS", client);
        let printed = sidecar.run_client(command).await;
        assert_eq!(printed, [format!("{client} string 200")]);
    }
}

#[tokio::test]
async fn node_simple_oauth2_gets_a_token_and_calls_with_it() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let sidecar = Setup::new().sidecar().await;
    let mut command = Command::new(node);
    command.arg(components::clients("node").join("simple-oauth2.mjs"));
    command.env("CLIENT_LIBRARIES", libraries);
    let printed = sidecar.run_client(command).await;
    assert_eq!(printed, ["header true", "body true"]);
}
