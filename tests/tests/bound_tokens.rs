//! Tokens that are nothing without a proof: `DPoP` (RFC 9449) and TLS certificates (RFC 8705), at
//! the token endpoint and at the resource.

use std::process::Command;
use std::sync::Mutex;

use http::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Call, Client};
use tests::components;
use tests::files::Way;
use tests::forge::{Forger, claims_of, header_of, with};
use tests::material::Material;
use tests::prover::{Prover, hash};
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";
const TOKEN: &str = "/connect/token";

/// A sidecar in front of a recorder.
struct Scene {
    sidecar: Sidecar,
    recorder: Recorder,
    prover: Prover,
}

impl Scene {
    async fn new(change: &Value) -> Self {
        Self::of(Setup::new().with(change)).await
    }

    async fn of(setup: Setup) -> Self {
        let recorder = Recorder::start().await;
        Self {
            sidecar: setup.upstream(&recorder.url).sidecar().await,
            recorder,
            prover: Prover::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sidecar.url)
    }

    fn token_call(&self, client: &Client) -> Call {
        client.post(TOKEN).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", &self.sidecar.setup.secret),
        ])
    }

    fn token_claims(&self) -> Value {
        Prover::claims("POST", &self.url(TOKEN), None)
    }

    /// A token bound to the prover's key.
    async fn token(&self) -> String {
        let proof = self.prover.proof(&self.token_claims());
        let answer = self.token_call(&self.sidecar.client).header("dpop", &proof);
        access_token(&answer.send().await.expect(200))
    }

    fn claims(&self, token: &str) -> Value {
        Prover::claims("GET", &self.url(PATH), Some(token))
    }

    fn reached(&self) -> usize {
        self.recorder.seen().len()
    }
}

/// Presents a token with that proof.
fn present(client: &Client, token: &str, proof: &str) -> Call {
    let call = client.get(PATH);
    call.header("authorization", &format!("DPoP {token}"))
        .header("dpop", proof)
}

fn access_token(answer: &Answer) -> String {
    let token = answer.json()["access_token"].as_str().map(str::to_owned);
    let token = token.expect("an access token");
    secrets::register_token(&token);
    token
}

/// Every challenge of an answer.
fn challenges(answer: &Answer) -> Vec<String> {
    let values = answer.headers.get_all("www-authenticate").iter();
    values
        .map(|value| value.to_str().expect("ASCII").to_owned())
        .collect()
}

/// A refusal with that error in the challenge of that scheme.
#[track_caller]
fn refused(answer: &Answer, scheme: &str, error: &str, code: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let challenges = challenges(answer);
    let first = challenges.first().expect("a challenge");
    assert!(first.starts_with(&format!("{scheme} realm=")), "{first}");
    assert!(first.contains(&format!("error=\"{error}\"")), "{first}");
    let dpop = challenges.iter().find(|one| one.starts_with("DPoP "));
    let dpop = dpop.expect("RFC 9449 §7.1: the scheme DPoP");
    assert!(
        dpop.contains("algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\""),
        "{dpop}"
    );
    assert_eq!(answer.json()["code"], code, "{}", answer.text());
}

fn detailed() -> Value {
    json!({ "DetailedRefusals": true })
}

#[tokio::test]
async fn a_proof_at_the_token_endpoint_binds_the_token_to_its_key() {
    let scene = Scene::new(&detailed()).await;
    for client in [scene.sidecar.client.clone(), scene.sidecar.client.http2()] {
        let proof = scene.prover.proof(&scene.token_claims());
        let answer = scene.token_call(&client).header("dpop", &proof);
        let answer = answer.send().await.expect(200);
        assert_eq!(answer.json()["token_type"], "DPoP");
        let token = access_token(&answer);
        let thumbprint = scene.prover.thumbprint();
        assert_eq!(claims_of(&token)["cnf"], json!({ "jkt": thumbprint }));
        // Known and not yet known.
        for _ in 0..2 {
            let proof = scene.prover.proof(&scene.claims(&token));
            let answer = present(&client, &token, &proof).send().await;
            answer.expect(200);
            let seen = scene.recorder.seen();
            let seen = seen.last().expect("a request");
            assert_eq!(seen.header("x-workflow-client"), Some(CLIENT));
            assert_eq!(seen.header("dpop"), None);
            assert_eq!(seen.header("authorization"), None);
        }
    }
}

#[tokio::test]
async fn a_bound_token_is_nobody_s_without_its_proof() {
    let scene = Scene::new(&detailed()).await;
    let client = &scene.sidecar.client;
    let token = scene.token().await;
    let plain = scene.sidecar.token().await;
    let thief = Prover::new();
    let good = || scene.claims(&token);
    let proof = |change: Value| scene.prover.proof(&with(&good(), &change));
    let dpop = |token: &str| {
        client
            .get(PATH)
            .header("authorization", &format!("DPoP {token}"))
    };
    let other_path = scene.url("/workflowapi/getinstanceinfo");
    for (what, call, scheme, error, code) in [
        (
            "as a bearer token",
            client.get(PATH).bearer(&token),
            "Bearer",
            "invalid_token",
            "token_bound",
        ),
        (
            "as a bearer token beside a proof",
            client
                .get(PATH)
                .bearer(&token)
                .header("dpop", &proof(json!({}))),
            "Bearer",
            "invalid_token",
            "token_bound",
        ),
        (
            "no proof",
            dpop(&token),
            "DPoP",
            "invalid_dpop_proof",
            "proof_missing",
        ),
        (
            "a bearer token with a proof",
            dpop(&plain).header("dpop", &scene.prover.proof(&scene.claims(&plain))),
            "DPoP",
            "invalid_token",
            "token_unbound",
        ),
        (
            "another's key",
            dpop(&token).header("dpop", &thief.proof(&good())),
            "DPoP",
            "invalid_token",
            "proof_key_wrong",
        ),
        (
            "two proofs",
            dpop(&token)
                .header("dpop", &proof(json!({})))
                .header("dpop", &proof(json!({}))),
            "DPoP",
            "invalid_dpop_proof",
            "proof_several",
        ),
        (
            "another method",
            dpop(&token).header("dpop", &proof(json!({ "htm": "POST" }))),
            "DPoP",
            "invalid_dpop_proof",
            "proof_method_wrong",
        ),
        (
            "another path",
            dpop(&token).header("dpop", &proof(json!({ "htu": other_path }))),
            "DPoP",
            "invalid_dpop_proof",
            "proof_uri_wrong",
        ),
        (
            "another host, also if the request names it",
            dpop(&token).header(
                "dpop",
                &proof(json!({ "htu": format!("https://elsewhere.example{PATH}") })),
            ),
            "DPoP",
            "invalid_dpop_proof",
            "proof_uri_wrong",
        ),
        (
            "another token",
            dpop(&token).header("dpop", &proof(json!({ "ath": hash(plain.as_bytes()) }))),
            "DPoP",
            "invalid_dpop_proof",
            "proof_token_wrong",
        ),
        (
            "yesterday",
            dpop(&token).header("dpop", &proof(json!({ "iat": 1_700_000_000 }))),
            "DPoP",
            "invalid_dpop_proof",
            "proof_not_current",
        ),
    ] {
        let answer = call.send().await;
        println!("{what}");
        refused(&answer, scheme, error, code);
    }
    assert_eq!(scene.reached(), 0);
    let good = present(client, &token, &proof(json!({})));
    good.send().await.expect(200);
}

#[tokio::test]
async fn without_credentials_both_schemes_are_named() {
    let scene = Scene::new(&json!({})).await;
    let answer = scene.sidecar.client.get(PATH).send().await.expect(401);
    let challenges = challenges(&answer);
    assert_eq!(challenges.len(), 2, "{challenges:?}");
    assert!(challenges[0].starts_with("Bearer realm="), "{challenges:?}");
    assert!(challenges[1].starts_with("DPoP realm="), "{challenges:?}");
    for one in &challenges {
        assert!(!one.contains("error="), "{one}");
        assert!(one.contains("resource_metadata="), "{one}");
    }
}

#[tokio::test]
async fn a_proof_is_for_the_path_as_the_client_sent_it() {
    let scene = Scene::new(&json!({})).await;
    let token = scene.token().await;
    // Forwarded in lower case and with the query, which no proof has.
    let path = "/WorkflowApi/GetSchemeList";
    let claims = Prover::claims("GET", &scene.url(path), Some(&token));
    let call = scene
        .sidecar
        .client
        .get(&format!("{path}?schemeCode=a%20b"));
    let call = call
        .header("authorization", &format!("dpop {token}"))
        .header("dpop", &scene.prover.proof(&claims));
    call.send().await.expect(200);
    assert!(
        scene
            .recorder
            .only()
            .line()
            .starts_with("GET /workflowapi/getschemelist?")
    );
}

#[tokio::test]
async fn htu_is_under_the_public_url_or_another_origin_that_is_configured() {
    let scene = Scene::new(&json!({
        "AuthorityUrl": "https://api.example/wf", "Dpop": { "Origins": ["https://sidecar.svc:8077"] },
    }))
    .await;
    let client = &scene.sidecar.client;
    for (base, status) in [
        // A proxy in front takes `/wf` away.
        ("https://api.example/wf", 200),
        ("https://api.example:443/wf", 200),
        ("https://sidecar.svc:8077/wf", 200),
        ("https://api.example", 400),
        ("https://sidecar.svc/wf", 400),
        // Where it listens, and what the request says in `Host`, is no public URL.
        (&*scene.sidecar.url, 400),
    ] {
        let claims = Prover::claims("POST", &format!("{base}{TOKEN}"), None);
        let call = scene
            .token_call(client)
            .header("dpop", &scene.prover.proof(&claims));
        let answer = call.send().await.expect(status);
        if status == 200 {
            let token = access_token(&answer);
            let claims = Prover::claims("GET", &format!("{base}{PATH}"), Some(&token));
            let proof = scene.prover.proof(&claims);
            present(client, &token, &proof).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_proof_is_good_once_whatever_connection_and_worker_it_comes_to() {
    let scene = Scene::new(&detailed()).await;
    let token = scene.token().await;
    let proof = scene.prover.proof(&scene.claims(&token));
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..24 {
        let client = &scene.sidecar.client;
        let client = if number % 2 == 0 {
            client.clone()
        } else {
            client.http2()
        };
        waiting.spawn(present(&client, &token, &proof).send());
    }
    let answers = waiting.join_all().await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        refused(answer, "DPoP", "invalid_dpop_proof", "proof_replayed");
    }
    assert_eq!(scene.reached(), 1);

    // The token endpoint shares the memory.
    let proof = scene.prover.proof(&scene.token_claims());
    let ask = || {
        scene
            .token_call(&scene.sidecar.client)
            .header("dpop", &proof)
            .send()
    };
    ask().await.expect(200);
    let again = ask().await.expect(400);
    assert_eq!(again.json()["error"], "invalid_dpop_proof");
}

#[tokio::test]
async fn the_token_endpoint_refuses_a_bad_proof_and_issues_nothing_unbound_instead() {
    let scene = Scene::new(&json!({})).await;
    let client = &scene.sidecar.client;
    let good = scene.token_claims();
    let proofs = [
        "x".to_owned(),
        scene.prover.proof(&with(&good, &json!({ "htm": "GET" }))),
        scene
            .prover
            .proof(&with(&good, &json!({ "htu": scene.url(PATH) }))),
        scene.prover.proof(&with(&good, &json!({ "iat": 1 }))),
        scene.prover.sign(
            &json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": Prover::new().jwk() }),
            &good,
        ),
        scene.prover.sign(
            &json!({ "typ": "JWT", "alg": "ES256", "jwk": scene.prover.jwk() }),
            &good,
        ),
        scene.prover.sign(
            &json!({ "typ": "dpop+jwt", "alg": "none", "jwk": scene.prover.jwk() }),
            &good,
        ),
    ];
    for proof in proofs {
        let answer = scene
            .token_call(client)
            .header("dpop", &proof)
            .send()
            .await
            .expect(400);
        assert_eq!(answer.json()["error"], "invalid_dpop_proof", "{proof}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.json()["access_token"].is_null());
    }
    // A wrong secret is told before: the proof says nothing about the client.
    let call = client.post(TOKEN).form(&[
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", "wrong"),
    ]);
    call.header("dpop", "x").send().await.expect(401);
}

#[tokio::test]
async fn a_client_of_bound_tokens_gets_no_others() {
    let secret = secrets::new_secret();
    let setup = Setup::new().with_client(json!({
        "ClientId": "bound", "ClientSecret": secret, "BoundTokens": "dpop"
    }));
    let scene = Scene::of(setup).await;
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "bound"),
        ("client_secret", &*secret),
    ];
    let call = || scene.sidecar.client.post(TOKEN).form(&pairs);
    let answer = call().send().await.expect(400);
    assert_eq!(answer.json()["error"], "invalid_dpop_proof");
    let proof = scene.prover.proof(&scene.token_claims());
    let answer = call().header("dpop", &proof).send().await.expect(200);
    assert_eq!(answer.json()["token_type"], "DPoP");
    // The others go on as they were.
    scene.sidecar.token().await;
}

#[tokio::test]
async fn a_nonce_is_given_where_it_is_demanded() {
    let scene =
        Scene::new(&json!({ "Dpop": { "Nonce": "always" }, "DetailedRefusals": true })).await;
    for client in [scene.sidecar.client.clone(), scene.sidecar.client.http2()] {
        let ask = |nonce: Option<&str>| {
            let claims = with(&scene.token_claims(), &json!({ "nonce": nonce }));
            let call = scene.token_call(&client);
            call.header("dpop", &scene.prover.proof(&claims)).send()
        };
        let answer = ask(None).await.expect(400);
        assert_eq!(answer.json()["error"], "use_dpop_nonce");
        let nonce = answer.header("dpop-nonce").to_owned();
        assert!(!nonce.is_empty());
        let wrong = ask(Some("wrong")).await.expect(400);
        assert_eq!(wrong.json()["error"], "use_dpop_nonce");
        let token = access_token(&ask(Some(&nonce)).await.expect(200));

        let call = |nonce: Option<&str>| {
            let claims = with(&scene.claims(&token), &json!({ "nonce": nonce }));
            present(&client, &token, &scene.prover.proof(&claims)).send()
        };
        let answer = call(None).await;
        refused(&answer, "DPoP", "use_dpop_nonce", "proof_nonce_needed");
        let nonce = answer.header("dpop-nonce").to_owned();
        call(Some(&nonce)).await.expect(200);
        // It is not used up: a proof is, by its `jti`.
        call(Some(&nonce)).await.expect(200);
    }
    assert_eq!(scene.reached(), 4);
}

#[tokio::test]
async fn new_nonces_come_in_time() {
    let scene = Scene::new(&json!({ "Dpop": { "Nonce": "token", "NonceLifetime": "2s" } })).await;
    let ask = |nonce: Option<String>| {
        let claims = with(&scene.token_claims(), &json!({ "nonce": nonce }));
        let call = scene.token_call(&scene.sidecar.client);
        call.header("dpop", &scene.prover.proof(&claims)).send()
    };
    let first = ask(None).await.expect(400);
    let nonce = Mutex::new(first.header("dpop-nonce").to_owned());
    // Within its life a nonce is replaced by an answer that is good itself; on a slow machine it
    // may be over first, and the client is told.
    let token = until("a good answer brings the next nonce", || async {
        let known = nonce.lock().expect("not poisoned").clone();
        let answer = ask(Some(known)).await;
        let next = answer.header("dpop-nonce").to_owned();
        if next.is_empty() {
            return None;
        }
        *nonce.lock().expect("not poisoned") = next;
        (answer.status == 200).then(|| access_token(&answer))
    })
    .await;
    // At the resource none is demanded.
    let proof = scene.prover.proof(&scene.claims(&token));
    let answer = present(&scene.sidecar.client, &token, &proof).send();
    assert_eq!(answer.await.expect(200).header("dpop-nonce"), "");
}

#[tokio::test]
async fn with_required_no_bearer_token_is_issued_or_taken() {
    let mut scene = Scene::new(&detailed()).await;
    let plain = scene.sidecar.token().await;
    let call = || scene.sidecar.client.get(PATH);
    call().bearer(&plain).send().await.expect(200);
    scene
        .sidecar
        .rewrite(Way::InPlace, &json!({ "Dpop": { "Required": true } }));
    let answer = until("bearer tokens are refused", || async {
        let answer = scene.sidecar.client.get(PATH).bearer(&plain).send().await;
        (answer.status == 401).then_some(answer)
    })
    .await;
    refused(&answer, "DPoP", "invalid_token", "token_unbound");
    assert_eq!(challenges(&answer).len(), 1);
    let answer = scene
        .token_call(&scene.sidecar.client)
        .send()
        .await
        .expect(400);
    assert_eq!(answer.json()["error"], "invalid_dpop_proof");
    let token = scene.token().await;
    let proof = scene.prover.proof(&scene.claims(&token));
    present(&scene.sidecar.client, &token, &proof)
        .send()
        .await
        .expect(200);
    let metadata = "/.well-known/oauth-protected-resource/workflowapi";
    let metadata = scene.sidecar.client.get(metadata).send().await.expect(200);
    assert_eq!(metadata.json()["dpop_bound_access_tokens_required"], true);
}

#[tokio::test]
async fn a_proof_goes_on_only_with_its_token() {
    for forward in [false, true] {
        let recorder = Recorder::start().await;
        let upstream =
            json!({ "Upstream": { "Endpoints": [recorder.url], "ForwardToken": forward } });
        let scene = Scene {
            sidecar: Setup::new().with(&upstream).sidecar().await,
            recorder,
            prover: Prover::new(),
        };
        let token = scene.token().await;
        let proof = scene.prover.proof(&scene.claims(&token));
        present(&scene.sidecar.client, &token, &proof)
            .send()
            .await
            .expect(200);
        let seen = scene.recorder.only();
        assert_eq!(seen.header("dpop").is_some(), forward);
        assert_eq!(seen.header("authorization").is_some(), forward);
    }
}

#[tokio::test]
async fn a_confirmation_that_is_not_known_is_refused() {
    let setup = Setup::new().with(&json!({
        "OpenIddictServerSettings": { "CertificateFile": "signing.pem" }, "DetailedRefusals": true,
    }));
    Material::shared_signing().write_pem(&setup.path("signing.pem"));
    let scene = Scene::of(setup).await;
    let forger = Forger::new(Material::shared_signing());
    let token = scene.sidecar.token().await;
    let (header, claims) = (header_of(&token), claims_of(&token));
    for cnf in [
        json!({}),
        json!({ "kid": "1" }),
        json!({ "jwk": scene.prover.jwk() }),
        json!({ "jkt": scene.prover.thumbprint(), "kid": "1" }),
        json!({ "jkt": "short" }),
        json!("text"),
    ] {
        let token = forger.token(&header, &with(&claims, &json!({ "cnf": cnf })));
        let proof = scene.prover.proof(&scene.claims(&token));
        for call in [
            scene.sidecar.client.get(PATH).bearer(&token),
            present(&scene.sidecar.client, &token, &proof),
        ] {
            call.send().await.expect(401);
        }
    }
    assert_eq!(scene.reached(), 0);
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_needs_that_certificate() {
    let secret = secrets::new_secret();
    let setup = Setup::new().with(&detailed()).with_client(json!({
        "ClientId": "bound", "ClientSecret": secret, "BoundTokens": "certificate"
    }));
    let scene = Scene::of(setup).await;
    let (own, other) = (Material::tls("own"), Material::tls("other"));
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "bound"),
        ("client_secret", &*secret),
    ];
    let plain = scene.sidecar.client.clone();
    let answer = plain.post(TOKEN).form(&pairs).send().await.expect(400);
    assert_eq!(answer.json()["error"], "invalid_request");
    assert_eq!(
        answer.json()["error_description"]
            .as_str()
            .map(|text| text.contains("certificate")),
        Some(true)
    );
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for base in [plain.clone(), plain.http2()] {
            let client = base.with_identity(&own, version);
            let answer = client.post(TOKEN).form(&pairs).send().await.expect(200);
            assert_eq!(answer.json()["token_type"], "Bearer");
            let token = access_token(&answer);
            let thumbprint = hash(&own.trust());
            assert_eq!(claims_of(&token)["cnf"], json!({ "x5t#S256": thumbprint }));
            let resumed = client.resumed();
            // On further connections, resumed ones, and in between without the certificate or with
            // another: also once the token is known.
            for _ in 0..3 {
                client.get(PATH).bearer(&token).send().await.expect(200);
                let none = base.get(PATH).bearer(&token).send().await;
                refused(&none, "Bearer", "invalid_token", "certificate_missing");
                let thief = base.with_identity(&other, version);
                let wrong = thief.get(PATH).bearer(&token).send().await;
                refused(&wrong, "Bearer", "invalid_token", "certificate_wrong");
            }
            assert!(client.resumed() > resumed, "the harness resumes sessions");
        }
    }
    assert_eq!(scene.reached(), 12);
}

#[tokio::test]
async fn a_token_may_be_bound_to_both() {
    let secret = secrets::new_secret();
    let setup = Setup::new().with(&detailed()).with_client(json!({
        "ClientId": "bound", "ClientSecret": secret, "BoundTokens": "certificate"
    }));
    let scene = Scene::of(setup).await;
    let own = Material::tls("own");
    let plain = scene.sidecar.client.clone();
    let client = plain.with_identity(&own, &rustls::version::TLS13);
    let call = client.post(TOKEN).form(&[
        ("grant_type", "client_credentials"),
        ("client_id", "bound"),
        ("client_secret", &*secret),
    ]);
    let proof = scene.prover.proof(&scene.token_claims());
    let token = access_token(&call.header("dpop", &proof).send().await.expect(200));
    let cnf = &claims_of(&token)["cnf"];
    assert!(
        cnf["jkt"].is_string() && cnf["x5t#S256"].is_string(),
        "{cnf}"
    );
    let proof = || scene.prover.proof(&scene.claims(&token));
    let answer = present(&plain, &token, &proof()).send().await;
    refused(&answer, "DPoP", "invalid_token", "certificate_missing");
    let answer = client.get(PATH).bearer(&token).send().await;
    refused(&answer, "Bearer", "invalid_token", "token_bound");
    present(&client, &token, &proof()).send().await.expect(200);
}

#[tokio::test]
async fn metadata_says_what_is_on() {
    let mut scene = Scene::new(&json!({})).await;
    let server = "/.well-known/oauth-authorization-server";
    let resource = "/.well-known/oauth-protected-resource/workflowapi";
    let algorithms = json!(["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"]);
    let name = "tls_client_certificate_bound_access_tokens";
    for path in [server, resource] {
        let document = scene
            .sidecar
            .client
            .get(path)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(document["dpop_signing_alg_values_supported"], algorithms);
        assert!(
            document[name].is_null(),
            "nobody is asked for a certificate"
        );
        assert!(document["dpop_bound_access_tokens_required"].is_null());
        assert!(document["mtls_endpoint_aliases"].is_null());
    }
    let change =
        json!({ "ClientCertificates": { "Ask": "always" }, "Dpop": { "Algorithms": ["ES256"] } });
    scene.sidecar.rewrite(Way::InPlace, &change);
    for path in [server, resource] {
        until("the changed document", || async {
            let document = scene
                .sidecar
                .client
                .get(path)
                .send()
                .await
                .expect(200)
                .json();
            let changed = document[name] == true
                && document["dpop_signing_alg_values_supported"] == json!(["ES256"]);
            changed.then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_page_may_send_proofs_and_read_nonces() {
    let origin = "https://app.example";
    let cors = json!({ "DefaultCorsSettings": { "AllowedOrigins": [origin] }, "Dpop": { "Nonce": "always" } });
    let scene = Scene::new(&cors).await;
    let preflight = scene.sidecar.client.call(Method::OPTIONS, PATH);
    let preflight = preflight
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization,dpop");
    let answer = preflight.send().await.expect(204);
    let allowed = answer.header("access-control-allow-headers").to_owned();
    assert!(allowed.split(", ").any(|name| name == "dpop"), "{allowed}");
    let proof = scene.prover.proof(&scene.token_claims());
    let call = scene
        .token_call(&scene.sidecar.client)
        .header("origin", origin);
    let answer = call.header("dpop", &proof).send().await.expect(400);
    let exposed = answer.header("access-control-expose-headers").to_owned();
    for name in ["dpop-nonce", "www-authenticate"] {
        assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
    }
    assert!(!answer.header("dpop-nonce").is_empty());
}

#[tokio::test]
async fn rfc_8707_every_resource_is_known_and_well_formed() {
    let scene = Scene::new(&json!({})).await;
    let known = scene.url("/workflowapi");
    let fragment = format!("{known}#x");
    for (resources, status) in [
        (vec![&*known], 200),
        (vec![&known, &known], 200),
        (vec!["", &known], 200),
        (vec![&known, "https://elsewhere.example/api"], 400),
        (vec![&fragment], 400),
        (vec!["/workflowapi"], 400),
        (vec!["WorkflowApi"], 400),
    ] {
        let mut pairs = vec![
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", &*scene.sidecar.setup.secret),
        ];
        pairs.extend(resources.iter().map(|one| ("resource", *one)));
        let answer = scene.sidecar.ask_token(&pairs).await.expect(status);
        if status == 400 {
            assert_eq!(answer.json()["error"], "invalid_target", "{resources:?}");
        } else {
            let token = access_token(&answer);
            assert_eq!(claims_of(&token)["aud"], "WorkflowApi");
        }
    }
}

#[tokio::test]
async fn node_openid_client_proves_possession_at_both_ends() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    for nonce in ["never", "token", "always"] {
        let setup = Setup::new().with(&json!({ "Dpop": { "Nonce": nonce, "Required": true } }));
        let sidecar = setup.sidecar().await;
        let mut command = Command::new(&node);
        command.arg(components::clients("node").join("dpop.mjs"));
        command.env("CLIENT_LIBRARIES", &libraries);
        let printed = sidecar.run_client(command).await;
        let want = [
            "ES256 dpop true true",
            "Ed25519 dpop true true",
            "PS256 dpop true true",
        ];
        assert_eq!(printed, want, "nonces: {nonce}");
    }
}

#[tokio::test]
async fn python_joserfc_proves_possession_at_both_ends() {
    let Some(python) = components::python() else {
        return;
    };
    let setup = Setup::new().with(&json!({ "Dpop": { "Nonce": "always" } }));
    let sidecar = setup.sidecar().await;
    let mut command = Command::new(python);
    command.arg(components::clients("python").join("dpop.py"));
    let printed = sidecar.run_client(command).await;
    assert_eq!(printed, ["ES256 True", "RS256 True", "replay 401"]);
}
