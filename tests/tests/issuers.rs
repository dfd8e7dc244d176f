//! Tokens of other issuers: OAuth reference §5.4 and §5.7, against an issuer that is slow, down,
//! lying, or changes its keys.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tests::client::Answer;
use tests::components;
use tests::files::Way;
use tests::issuer::{Issuer, KEYS, OIDC, RFC8414, SigningKey, now, set};
use tests::process::run;
use tests::recorder::Recorder;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

/// A sidecar in front of a recorder that trusts these issuers.
struct Scene {
    sidecar: Sidecar,
    recorder: Recorder,
}

impl Scene {
    async fn new(issuers: &[Value], issuer: &Issuer) -> Self {
        Self::with(issuers, issuer, &json!({})).await
    }

    async fn with(issuers: &[Value], issuer: &Issuer, change: &Value) -> Self {
        let recorder = Recorder::start().await;
        let setup = Setup::new()
            .upstream(&recorder.url)
            .with(&json!({ "Issuers": issuers, "DetailedRefusals": true }))
            .with(change);
        setup.write("issuer.pem", &issuer.certificate);
        Self {
            sidecar: setup.sidecar().await,
            recorder,
        }
    }

    async fn present(&self, token: &str) -> Answer {
        self.sidecar.client.get(PATH).bearer(token).send().await
    }

    /// The fine reason of a refusal.
    async fn refusal(&self, token: &str) -> (u16, String) {
        let answer = self.present(token).await;
        let code = answer.json()["code"].as_str().map(str::to_owned);
        (answer.status.as_u16(), code.unwrap_or_default())
    }

    /// Waits until the token passes.
    async fn passes(&self, token: &str) {
        until("the token passes", || async {
            let answer = self.present(token).await;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    /// Waits until the token is refused for that reason.
    async fn refused(&self, token: &str, code: &str) {
        until(&format!("the token is refused: {code}"), || async {
            (self.refusal(token).await.1 == code).then_some(())
        })
        .await;
    }
}

fn changed(trusted: &Value, change: &Value) -> Value {
    tests::forge::with(trusted, change)
}

#[tokio::test]
async fn a_token_of_a_discovered_issuer_reaches_the_engine_as_who_it_is() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    scene.passes(&issuer.token(&key)).await;
    let seen = scene.recorder.seen().pop().expect("a request");
    assert_eq!(seen.header("x-workflow-client"), Some("app"));
    assert_eq!(seen.header("x-workflow-subject"), Some("user"));
    assert_eq!(seen.header("x-workflow-scopes"), Some("WorkflowApi"));
    assert_eq!(seen.header("authorization"), None);
    // Ours are as good as ever.
    scene.passes(&scene.sidecar.token().await).await;
    let verbose = scene.sidecar.admin.get("/readyz?verbose").send().await;
    let want = format!("issuer: `{}`: 1 keys, fetched", issuer.name);
    assert!(verbose.text().contains(&want), "{}", verbose.text());
    let held = scene
        .sidecar
        .metric("sidecar_issuer_keys", &["issuer="])
        .await;
    assert!((held - 1.0).abs() < f64::EPSILON, "{held}");
}

#[tokio::test]
async fn metadata_stands_at_the_place_of_rfc_8414_where_openid_connects_is_empty() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    issuer.state().place = RFC8414;
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    scene.passes(&issuer.token(&key)).await;
    assert_eq!(issuer.asked(OIDC).len(), 1);
}

#[tokio::test]
async fn what_one_token_differs_in_is_why_it_is_refused() {
    let issuer = Issuer::start().await;
    let (key, other) = (SigningKey::new("one"), SigningKey::new("one"));
    issuer.publish(&[&key]);
    let strict = json!({
        "RequiredScopes": ["WorkflowApi"], "RequiredClaims": { "tenant": ["a", "b"] },
        "ClockSkew": "10s",
    });
    let scene = Scene::new(&[changed(&issuer.trusted(), &strict)], &issuer).await;
    let good = changed(&issuer.claims(), &json!({ "tenant": "b" }));
    scene.passes(&key.token(&json!({}), &good)).await;
    let before = scene.recorder.seen().len();
    let now = now();
    for (header, claims, status, code) in [
        (json!({ "kid": null }), json!({}), 401, "key_unknown"),
        (
            json!({ "typ": "JWT" }),
            json!({}),
            401,
            "token_type_refused",
        ),
        (
            json!({ "alg": "none" }),
            json!({}),
            401,
            "algorithm_refused",
        ),
        (
            json!({ "alg": "RS256" }),
            json!({}),
            401,
            "algorithm_refused",
        ),
        (
            json!({}),
            json!({ "iss": "https://elsewhere" }),
            401,
            "issuer_wrong",
        ),
        (
            json!({}),
            json!({ "iss": format!("{}/", issuer.name) }),
            401,
            "issuer_wrong",
        ),
        (json!({}), json!({ "aud": "other" }), 401, "audience_wrong"),
        (json!({}), json!({ "exp": now - 60 }), 401, "token_expired"),
        (
            json!({}),
            json!({ "nbf": now + 60 }),
            401,
            "token_not_yet_valid",
        ),
        (json!({}), json!({ "exp": null }), 401, "claims_malformed"),
        (json!({}), json!({ "azp": null }), 401, "claims_malformed"),
        (json!({}), json!({ "tenant": "c" }), 401, "claim_required"),
        (
            json!({}),
            json!({ "scope": "other" }),
            403,
            "scope_insufficient",
        ),
    ] {
        let token = key.token(&header, &changed(&good, &claims));
        let refused = scene.refusal(&token).await;
        assert_eq!(refused, (status, code.to_owned()), "{header} {claims}");
    }
    let forged = other.token(&json!({}), &good);
    assert_eq!(
        scene.refusal(&forged).await,
        (401, "signature_wrong".into())
    );
    assert_eq!(scene.recorder.seen().len(), before, "nothing got through");
}

#[tokio::test]
async fn a_start_without_the_issuer_is_503_for_its_tokens_only() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    issuer.state().up = false;
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    let token = issuer.token(&key);
    let answer = scene.present(&token).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["code"], "issuer_keys_missing");
    assert_eq!(answer.json()["error"], "UpstreamUnavailable");
    assert!(!answer.header("retry-after").is_empty());
    scene.passes(&scene.sidecar.token().await).await;
    let told = scene.sidecar.admin.get("/readyz?verbose").send().await;
    assert_eq!(told.status, 200, "{}", told.text());
    issuer.state().up = true;
    scene.passes(&token).await;
    let log = &scene.sidecar.process;
    let again = |line: &str| line.contains("keys are fetched again").then_some(());
    log.line("that the keys are fetched again", again).await;
    assert_eq!(log.count("the issuer's keys cannot be fetched;"), 1);
}

#[tokio::test]
async fn metadata_of_another_issuer_gives_no_keys() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let slash = format!("{}/", issuer.name);
    issuer.state().metadata["issuer"] = json!(slash);
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    let what = "the metadata of";
    scene
        .sidecar
        .process
        .line("that the metadata is another's", |line| {
            (line.contains(what) && line.contains("is another issuer's")).then_some(())
        })
        .await;
    let refused = scene.refusal(&issuer.token(&key)).await;
    assert_eq!(refused, (503, "issuer_keys_missing".into()));
    assert!(issuer.asked(KEYS).is_empty());
}

#[tokio::test]
async fn key_sets_that_are_broken_give_no_keys_and_do_no_harm() {
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300 * 1024));
    let many = set(&vec![json!({ "kty": "AKP" }); 200]);
    let broken = [
        None,
        Some(String::new()),
        Some("<html>sign in</html>".to_owned()),
        Some(r#"{"keys":[],"keys":[]}"#.to_owned()),
        Some(r#"{"keys":[]}"#.to_owned()),
        Some(huge),
        Some(many),
        // A secret that everyone can read, and half a key.
        Some(set(&[
            json!({ "kty": "oct", "k": "c2VjcmV0LXNlY3JldA", "kid": "one" }),
        ])),
        Some(set(&[
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one" }),
        ])),
    ];
    let (good, key) = (Issuer::start().await, SigningKey::new("one"));
    good.publish(&[&key]);
    let mut issuers = Vec::new();
    for keys in broken {
        let issuer = Issuer::start().await;
        issuer.state().keys = keys;
        issuers.push(issuer);
    }
    let trusted: Vec<_> = issuers.iter().map(Issuer::trusted).collect();
    let trusted = [&trusted[..], &[good.trusted()]].concat();
    let scene = Scene::new(&trusted, &good).await;
    // Each has a certificate of its own.
    let all: String = issuers.iter().map(|one| one.certificate.as_str()).collect();
    scene
        .sidecar
        .setup
        .write("issuer.pem", &(all + &good.certificate));
    for issuer in &issuers {
        issuer.asked_often(KEYS, 1).await;
        let refused = scene.refusal(&issuer.token(&key)).await;
        assert_eq!(refused, (503, "issuer_keys_missing".into()));
    }
    scene.passes(&good.token(&key)).await;
    // A key set that gets well is taken.
    for issuer in &issuers {
        issuer.publish(&[&key]);
    }
    for issuer in &issuers[1..] {
        scene.passes(&issuer.token(&key)).await;
    }
}

#[tokio::test]
async fn one_leaked_or_double_key_does_not_spoil_the_others() {
    let issuer = Issuer::start().await;
    let (good, leaked) = (SigningKey::new("good"), SigningKey::new("leaked"));
    let (first, second) = (SigningKey::new("twin"), SigningKey::new("twin"));
    let private = changed(&leaked.jwk(), &json!({ "d": "c2VjcmV0LXNlY3JldA" }));
    let keys = [first.jwk(), private, good.jwk(), second.jwk()];
    issuer.state().keys = Some(set(&keys));
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    for key in [&good, &first, &second] {
        scene.passes(&issuer.token(key)).await;
    }
    let refused = scene.refusal(&issuer.token(&leaked)).await;
    assert_eq!(refused, (401, "key_unknown".into()));
    let process = &scene.sidecar.process;
    assert_eq!(process.count("published with its private part"), 1);
    assert_eq!(process.count("c2VjcmV0"), 0);
}

#[tokio::test]
async fn an_unknown_kid_has_the_keys_fetched_and_a_flood_of_them_once_in_ten_seconds() {
    let issuer = Issuer::start().await;
    let (first, next) = (SigningKey::new("first"), SigningKey::new("next"));
    issuer.publish(&[&first]);
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    scene.passes(&issuer.token(&first)).await;
    assert_eq!(issuer.asked(KEYS).len(), 1);

    issuer.publish(&[&first, &next]);
    let token = issuer.token(&next);
    // Who asks is not kept waiting: it is refused, and soon the key is there.
    assert_eq!(scene.refusal(&token).await, (401, "key_unknown".into()));
    scene.passes(&token).await;
    assert_eq!(issuer.asked(KEYS).len(), 2);

    let began = Instant::now();
    for turn in 0..200 {
        let token = next.token(
            &json!({ "kid": format!("made-up-{turn}") }),
            &issuer.claims(),
        );
        assert_eq!(scene.refusal(&token).await, (401, "key_unknown".into()));
    }
    let asked = issuer.asked(KEYS).len();
    let most = 2 + 1 + usize::try_from(began.elapsed().as_secs() / 10).expect("few");
    assert!(asked <= most, "{asked} fetches");
    scene.passes(&issuer.token(&first)).await;
}

#[tokio::test]
async fn keys_that_are_held_outlast_the_issuer_and_a_restart() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let scene = Scene::new(&[issuer.trusted()], &issuer).await;
    scene.passes(&issuer.token(&key)).await;
    issuer.state().up = false;
    // Tokens never seen before, so that their signatures are verified.
    for turn in 0..5 {
        let claims = changed(&issuer.claims(), &json!({ "jti": turn.to_string() }));
        let answer = scene.present(&key.token(&json!({}), &claims)).await;
        assert_eq!(answer.status, 200);
    }
    let Scene { sidecar, recorder } = scene;
    let sidecar = sidecar.stop().await.sidecar().await;
    let scene = Scene { sidecar, recorder };
    let answer = scene.present(&issuer.token(&key)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn keys_are_fetched_from_another_place_under_the_public_name() {
    let issuer = Issuer::named("id.example").await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let from = json!({ "FetchFrom": issuer.address });
    let scene = Scene::new(&[changed(&issuer.trusted(), &from)], &issuer).await;
    scene.passes(&issuer.token(&key)).await;
    for path in [OIDC, KEYS] {
        let seen = issuer.asked(path).pop().expect("a request");
        let host = issuer.name.trim_start_matches("https://");
        let host = host.trim_end_matches("/realm");
        assert_eq!(seen.header("host"), Some(host));
    }
}

#[tokio::test]
async fn an_issuer_whose_certificate_nobody_vouches_for_gives_no_keys() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let trusted = changed(&issuer.trusted(), &json!({ "Authorities": null }));
    let scene = Scene::new(&[trusted], &issuer).await;
    let process = &scene.sidecar.process;
    let told = |line: &str| line.contains("no TLS with").then_some(());
    process.line("that TLS failed", told).await;
    assert_eq!(scene.refusal(&issuer.token(&key)).await.0, 503);
    assert!(issuer.asked(OIDC).is_empty());
}

#[tokio::test]
async fn a_key_file_is_read_again_when_it_changes_and_an_issuer_that_goes_takes_its_tokens() {
    let issuer = Issuer::start().await;
    let (first, next) = (SigningKey::new("first"), SigningKey::new("next"));
    let recorder = Recorder::start().await;
    let trusted = json!({
        "Issuer": "https://id.example", "Audience": ["x", "WorkflowApi"], "JwksFile": "jwks.json",
        "TokenTypes": ["JWT"], "GrantedScopes": ["WorkflowApi"],
        "ClaimMappings": { "ClientId": "sub", "Scope": [] },
    });
    // No token side at all.
    let setup = Setup::new().upstream(&recorder.url).with(&json!({
        "Issuers": [trusted], "DisableOpenIddictServer": true, "DetailedRefusals": true,
    }));
    setup.write("jwks.json", &set(&[first.jwk()]));
    let sidecar = setup.sidecar().await;
    let mut scene = Scene { sidecar, recorder };
    let claims = json!({
        "iss": "https://id.example", "sub": "pod", "aud": ["WorkflowApi"], "exp": now() + 600,
    });
    let of = |key: &SigningKey| key.token(&json!({ "typ": null }), &claims);
    assert_eq!(scene.present(&of(&first)).await.status, 200);
    let seen = scene.recorder.only();
    assert_eq!(seen.header("x-workflow-client"), Some("pod"));
    let token = scene.sidecar.client.post("/connect/token").send().await;
    assert_eq!(token.status, 404);

    let file = scene.sidecar.setup.path("jwks.json");
    Way::RenameOver.write(&file, &set(&[next.jwk()]));
    scene.passes(&of(&next)).await;
    assert_eq!(
        scene.refusal(&of(&first)).await,
        (401, "key_unknown".into())
    );
    // A file that is of no use changes nothing.
    Way::InPlace.write(&file, "{");
    let process = &scene.sidecar.process;
    let told = |line: &str| line.contains("`JwksFile`").then_some(());
    process.line("what is wrong with the file", told).await;
    assert_eq!(scene.present(&of(&next)).await.status, 200);
    Way::InPlace.write(&file, &set(&[next.jwk()]));

    let other = json!([{
        "Issuer": "https://other.example", "Audience": "WorkflowApi", "JwksFile": "jwks.json",
    }]);
    scene
        .sidecar
        .rewrite(Way::RenameOver, &json!({ "Issuers": other }));
    scene.refused(&of(&next), "issuer_wrong").await;
    drop(issuer);
}

/// Runs a script that prints a key set and tokens, and presents each.
async fn libraries_tokens_pass(mut script: Command, algorithms: usize) {
    let issuer = Issuer::start().await;
    script.env("CLAIMS", issuer.claims().to_string());
    let ran = run(script).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    issuer.state().keys = Some(ran["set"].to_string());
    let all = json!({ "Algorithms": ["RS256", "PS256", "ES256", "EdDSA"] });
    let scene = Scene::new(&[changed(&issuer.trusted(), &all)], &issuer).await;
    let tokens = ran["tokens"].as_object().expect("tokens");
    assert_eq!(tokens.len(), algorithms);
    for (name, token) in tokens {
        let token = token.as_str().expect("a token");
        tests::secrets::register_token(token);
        scene.passes(token).await;
        let (signed, signature) = token.rsplit_once('.').expect("a JWT");
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let flipped = format!("{signed}.{first}{}", &signature[1..]);
        let refused = scene.refusal(&flipped).await;
        assert_eq!(refused, (401, "signature_wrong".into()), "{name}");
    }
}

#[tokio::test]
async fn tokens_of_pyjwt_and_joserfc_pass_under_four_algorithms() {
    let Some(python) = components::python() else {
        return;
    };
    let mut script = Command::new(python);
    script.arg(components::clients("python").join("issuer.py"));
    libraries_tokens_pass(script, 4).await;
}

#[tokio::test]
async fn tokens_of_node_jose_pass_under_four_algorithms() {
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let mut script = Command::new(node);
    script.arg(components::clients("node").join("issuer.mjs"));
    script.env("CLIENT_LIBRARIES", libraries);
    libraries_tokens_pass(script, 4).await;
}
