//! What a client can find out by itself: OIDC Discovery 1.0, RFC 8414, RFC 7517.

use std::process::Command;

use serde_json::{Value, json};
use tests::components;
use tests::forge::{claims_of, header_of};
use tests::material::Material;
use tests::process::run;
use tests::raw::Raw;
use tests::server::{Setup, Sidecar};

const DOCUMENTS: [&str; 2] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
];
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

async fn document(sidecar: &Sidecar) -> Value {
    sidecar
        .client
        .get(DOCUMENTS[0])
        .send()
        .await
        .expect(200)
        .json()
}

async fn jwks(sidecar: &Sidecar) -> Vec<Value> {
    let answer = sidecar.client.get("/.well-known/jwks").send().await;
    let keys = answer.expect(200).json()["keys"].as_array().cloned();
    keys.expect("a list of keys")
}

#[tokio::test]
async fn every_url_in_the_discovery_document_answers() {
    let sidecar = Setup::new().sidecar().await;
    let document = document(&sidecar).await;
    let members = document.as_object().expect("an object");
    let mut walked = 0;
    for (name, value) in members {
        let Some(url) = value.as_str().filter(|value| value.contains("://")) else {
            continue;
        };
        if name == "issuer" {
            continue;
        }
        let path = url.strip_prefix(&sidecar.url);
        let path = path.unwrap_or_else(|| panic!("{name} is elsewhere: {url}"));
        let answer = sidecar.client.get(path).send().await;
        let found = answer.status.is_success() || answer.status == 405;
        assert!(found, "{name}: {url}: {}", answer.status);
        walked += 1;
    }
    assert!(walked >= 2, "{document}");
}

#[tokio::test]
async fn the_discovery_document_says_what_is_so() {
    let sidecar = Setup::new().sidecar().await;
    let document = document(&sidecar).await;
    let base = &sidecar.url;
    for (name, value) in [
        ("issuer", json!(format!("{base}/"))),
        ("token_endpoint", json!(format!("{base}/connect/token"))),
        ("jwks_uri", json!(format!("{base}/.well-known/jwks"))),
        ("grant_types_supported", json!(["client_credentials"])),
        ("subject_types_supported", json!(["public"])),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    let lists = |name: &str, value: &str| {
        let list = document[name].as_array();
        list.is_some_and(|list| list.contains(&json!(value)))
    };
    assert!(lists("scopes_supported", "WorkflowApi"), "{document}");
    assert!(
        lists("id_token_signing_alg_values_supported", "RS256"),
        "{document}"
    );
    for method in ["client_secret_basic", "client_secret_post"] {
        assert!(
            lists("token_endpoint_auth_methods_supported", method),
            "{document}"
        );
    }
    // An empty list would be invalid.
    let types = document["response_types_supported"].as_array();
    assert!(types.is_some_and(|types| !types.is_empty()), "{document}");
    assert_eq!(claims_of(&sidecar.token().await)["iss"], document["issuer"]);
}

#[tokio::test]
async fn discovery_answers_get_and_head_alone_and_may_be_cached() {
    let sidecar = Setup::new().sidecar().await;
    for path in DOCUMENTS.into_iter().chain(["/.well-known/jwks"]) {
        let whole = sidecar.client.get(path).send().await.expect(200);
        assert!(
            whole.header("content-type").starts_with("application/json"),
            "{path}"
        );
        assert!(whole.header("cache-control").contains("max-age="), "{path}");
        let head = sidecar.client.call(http::Method::HEAD, path).send().await;
        assert_eq!(head.status, 200, "{path}");
        assert!(head.body.is_empty(), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            let method = method.parse().expect("a method");
            let answer = sidecar.client.call(method, path).send().await.expect(405);
            assert!(answer.header("allow").contains("GET"), "{path}");
        }
    }
    let documents = DOCUMENTS.map(|path| sidecar.client.get(path).send());
    let [first, second] = documents;
    assert_eq!(first.await.json()["issuer"], second.await.json()["issuer"]);
}

#[tokio::test]
async fn a_host_header_does_not_name_the_issuer() {
    let sidecar = Setup::new().sidecar().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(format!(
        "GET {} HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        DOCUMENTS[0]
    ))
    .await;
    let answer = raw.answer().await.expect("an answer");
    assert!(!answer.body.contains("evil.example"), "{answer:?}");
    assert!(!answer.head.contains("evil.example"), "{answer:?}");
}

#[tokio::test]
async fn the_authority_url_is_the_issuer_and_the_base_of_every_endpoint() {
    for (written, issuer, base) in [
        (
            "https://id.example",
            "https://id.example/",
            "https://id.example",
        ),
        (
            "https://id.example/",
            "https://id.example/",
            "https://id.example",
        ),
        (
            "https://id.example/flow",
            "https://id.example/flow",
            "https://id.example/flow",
        ),
    ] {
        let setup = Setup::new().with(&json!({ "AuthorityUrl": written }));
        let sidecar = setup.sidecar().await;
        let document = document(&sidecar).await;
        assert_eq!(document["issuer"], issuer, "{written}");
        assert_eq!(
            document["token_endpoint"],
            format!("{base}/connect/token"),
            "{written}"
        );
        let token = sidecar.token().await;
        assert_eq!(claims_of(&token)["iss"], issuer, "{written}");
        // And tokens of that issuer are good here.
        let list = sidecar
            .client
            .get("/workflowapi/getschemelist")
            .bearer(&token);
        list.send().await.expect(200);
    }
}

#[tokio::test]
async fn published_keys_verify_and_have_no_private_member() {
    let sidecar = Setup::new().sidecar().await;
    let keys = jwks(&sidecar).await;
    let kid = header_of(&sidecar.token().await)["kid"].clone();
    assert_eq!(keys[0]["kid"], kid, "the active key comes first");
    for key in &keys {
        assert_eq!(key["kty"], "RSA");
        assert_eq!(key["use"], "sig");
        assert_eq!(key["alg"], "RS256");
        for member in ["n", "e", "kid"] {
            assert!(key[member].is_string(), "{member}");
        }
        for member in PRIVATE {
            assert!(key.get(member).is_none(), "{member} is published");
        }
    }
}

#[tokio::test]
async fn unchanged_keys_need_not_be_fetched_again() {
    let sidecar = Setup::new().sidecar().await;
    let first = sidecar
        .client
        .get("/.well-known/jwks")
        .send()
        .await
        .expect(200);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') || tag.starts_with("W/\""), "{tag}");
    let again = sidecar
        .client
        .get("/.well-known/jwks")
        .header("if-none-match", &tag);
    assert!(again.send().await.expect(304).body.is_empty());
}

#[tokio::test]
async fn a_token_under_a_certificate_has_the_products_header_and_verifies_by_the_published_keys() {
    let material = Material::shared_signing();
    let kid = format!("{}RS256", material.thumbprint());
    let folder =
        |name: &'static str| json!({ "OpenIddictServerSettings": { "CertificateFile": name } });

    let pem = Setup::new().with(&folder("signing.pem"));
    material.write_pem(&pem.path("signing.pem"));
    signed_as(pem, &kid, material).await;

    let two = Setup::new().with(&json!({ "OpenIddictServerSettings": {
        "CertificateFile": "signing.crt", "CertificateKeyFile": "signing.key"
    } }));
    two.write("signing.crt", &material.certificate);
    two.write("signing.key", &material.key);
    signed_as(two, &kid, material).await;

    for legacy in [false, true] {
        let password = tests::secrets::new_secret();
        let setup = Setup::new().with(&json!({ "OpenIddictServerSettings": {
            "CertificateFile": "signing.p12", "CertificatePassword": password
        } }));
        let file = setup.path("signing.p12");
        if material.write_pkcs12(&file, &password, legacy).is_some() {
            signed_as(setup, &kid, material).await;
        }
    }
}

async fn signed_as(setup: Setup, kid: &str, material: &Material) {
    let sidecar = setup.sidecar().await;
    let token = sidecar.token().await;
    let header = header_of(&token);
    assert_eq!(header["kid"], kid);
    assert_eq!(header["x5t"], material.x5t());
    let keys = jwks(&sidecar).await;
    assert_eq!(keys[0]["kid"], kid);
    assert_eq!(keys[0]["x5t"], material.x5t());

    let Some(python) = components::python() else {
        return;
    };
    let mut verify = Command::new(python);
    verify.arg(components::clients("python").join("verify.py"));
    verify.env("URL", &sidecar.url).env("TOKEN", &token);
    verify.env("CA_FILE", sidecar.setup.path("data/dev-cert.pem"));
    let ran = run(verify).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.trim(), "tester", "the verified subject");
}
