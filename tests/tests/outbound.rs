//! What the upstream is shown: a token of the sidecar's own, a signed identity.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::components;
use tests::files::Way;
use tests::material::Material;
use tests::process::run;
use tests::recorder::{Recorder, Reply, SUCCESS, Seen};
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

/// A token server that says what the test says.
struct TokenServer {
    recorder: Recorder,
    says: Arc<Mutex<String>>,
}

impl TokenServer {
    /// Over TLS, with the certificate of `material`; it counts the tokens that it gives.
    async fn tls(material: &Material) -> Self {
        let says = Arc::new(Mutex::new(String::new()));
        let answers = Arc::clone(&says);
        let count = AtomicUsize::new(0);
        let recorder = Recorder::tls(material, move |_: &Seen| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let answer = answers.lock().expect("no panic").clone();
            Reply::Last(answer.replace("NUMBER", &number.to_string()))
        })
        .await;
        Self { recorder, says }
    }

    fn say(&self, status: u16, body: &Value) {
        // The connection's end ends the body.
        *self.says.lock().expect("no panic") = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
             {body}"
        );
    }

    fn asked(&self) -> usize {
        self.recorder.seen().len()
    }
}

fn granted(lifetime: u64) -> Value {
    json!({ "access_token": "own-NUMBER", "token_type": "Bearer", "expires_in": lifetime })
}

/// A sidecar with a token of its own before a recorder that answers 401 to `refused`.
async fn with_credentials(
    server: &TokenServer,
    material: &Material,
    change: &Value,
    refused: &'static str,
) -> (Sidecar, Recorder, String) {
    let recorder = Recorder::with(move |seen| match seen.header("authorization") {
        Some(token) if token == refused => Reply::Raw(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\n\
             Content-Length: 0\r\n\r\n"
                .to_owned(),
        ),
        _ => Reply::Json(SUCCESS),
    })
    .await;
    let secret = secrets::new_secret();
    let port = server.recorder.address().rsplit(':').next();
    let port = port.expect("a port").to_owned();
    let setup = Setup::new().with(&json!({
        "Upstream": {
            "Endpoints": [recorder.url],
            "Credentials": {
                "TokenUrl": format!("https://localhost:{port}/token?tenant=a"),
                "ClientId": "side car",
                "ClientSecret": secret,
                "Scope": "engine.call engine.read",
                "Authorities": "authorities.pem",
            },
        },
        "DetailedRefusals": true,
    }));
    let setup = setup.with(change);
    setup.write("authorities.pem", &material.certificate);
    (setup.sidecar().await, recorder, secret)
}

/// Asks until the upstream has seen a token of the sidecar's own.
async fn passes(sidecar: &Sidecar, token: &str) {
    until("a token for the upstream is held", async || {
        let answer = sidecar.client.get(PATH).bearer(token).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
}

fn last(recorder: &Recorder) -> Seen {
    recorder.seen().last().cloned().expect("a request")
}

#[tokio::test]
async fn the_sidecars_token_takes_the_place_of_the_clients() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(200, &granted(3600));
    let (sidecar, recorder, secret) =
        with_credentials(&server, &material, &json!({}), "nothing").await;
    let token = sidecar.token().await;
    passes(&sidecar, &token).await;
    for _ in 0..20 {
        let call = sidecar.client.get(PATH).bearer(&token);
        call.send().await.expect(200);
        let seen = last(&recorder);
        assert_eq!(seen.headers("authorization"), ["Bearer own-1"]);
        assert_eq!(seen.headers("x-workflow-client"), ["tester"]);
    }
    // A client's own never passes the gate with it, and nothing is forwarded without its token.
    let before = recorder.seen().len();
    let call = sidecar.client.get(PATH).bearer("own-1");
    assert_eq!(call.send().await.status, 401);
    assert_eq!(sidecar.client.get(PATH).send().await.status, 401);
    assert_eq!(recorder.seen().len(), before);
    // One question, whatever the load.
    assert_eq!(server.asked(), 1);
    let asked = server.recorder.only();
    assert_eq!(asked.line(), "POST /token?tenant=a");
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&scope=engine.call+engine.read"
    );
    let pair = STANDARD.encode(format!("side+car:{secret}"));
    assert_eq!(
        asked.headers("authorization"),
        [format!("Basic {pair}").as_str()]
    );
    let ready = sidecar.admin.get("/readyz?verbose").send().await.text();
    assert!(ready.contains("upstream token: held, good for"), "{ready}");
    let fetched = sidecar.metric("sidecar_upstream_token_fetches_total", &["good"]);
    assert!((fetched.await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn the_secret_may_go_in_the_form() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(200, &granted(3600));
    let change = json!({ "Upstream": { "Credentials": {
        "Method": "post", "Scope": null, "Audience": "engine", "Resource": "https://engine.example/",
    } } });
    let (sidecar, _recorder, secret) =
        with_credentials(&server, &material, &change, "nothing").await;
    passes(&sidecar, &sidecar.token().await).await;
    let asked = server.recorder.only();
    assert!(asked.header("authorization").is_none());
    assert_eq!(
        asked.body,
        format!(
            "grant_type=client_credentials&audience=engine&resource=https%3A%2F%2Fengine.example%2F\
             &client_id=side+car&client_secret={secret}"
        )
    );
}

#[tokio::test]
async fn without_a_token_requests_are_refused_and_say_when_to_come_again() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(
        400,
        &json!({ "error": "invalid_scope", "error_description": "s3cret" }),
    );
    let (sidecar, recorder, _) = with_credentials(&server, &material, &json!({}), "nothing").await;
    let token = sidecar.token().await;
    let answer = sidecar.client.get(PATH).bearer(&token).send().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["code"], "upstream_token_missing");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(recorder.seen().is_empty());
    // Why is told to whoever runs it, by codes that are known and nothing else.
    until("the failure is told", async || {
        let ready = sidecar.admin.get("/readyz?verbose").send().await.text();
        (ready.contains("invalid_scope") && !ready.contains("s3cret")).then_some(())
    })
    .await;
    server.say(200, &granted(3600));
    passes(&sidecar, &token).await;
}

#[tokio::test]
async fn a_token_is_refreshed_before_its_end_and_goes_on_while_the_server_is_down() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(200, &granted(2));
    let (sidecar, recorder, _) = with_credentials(&server, &material, &json!({}), "nothing").await;
    let token = sidecar.token().await;
    passes(&sidecar, &token).await;
    until("it was refreshed", async || {
        sidecar.client.get(PATH).bearer(&token).send().await;
        let shown = last(&recorder).header("authorization").map(str::to_owned)?;
        (shown != "Bearer own-1").then_some(())
    })
    .await;
    // What the last one was good for, and no longer.
    server.say(500, &json!({}));
    until("it is over", async || {
        let answer = sidecar.client.get(PATH).bearer(&token).send().await;
        (answer.status == 503).then_some(())
    })
    .await;
    server.say(200, &granted(3600));
    passes(&sidecar, &token).await;
}

#[tokio::test]
async fn a_token_that_the_upstream_refuses_is_asked_for_again() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(200, &granted(3600));
    let (sidecar, _recorder, _) =
        with_credentials(&server, &material, &json!({}), "Bearer own-1").await;
    let token = sidecar.token().await;
    let refused = AtomicUsize::new(0);
    until("the next one is taken", async || {
        let answer = sidecar.client.get(PATH).bearer(&token).send().await;
        let code = answer.json()["code"].as_str().map(str::to_owned);
        if code.as_deref() == Some("upstream_token_refused") {
            refused.fetch_add(1, Ordering::Relaxed);
            // The challenge is about a token that the client has not.
            assert_eq!(answer.status, 503);
            assert!(answer.header("www-authenticate").is_empty());
        }
        (answer.status == 200).then_some(())
    })
    .await;
    assert!(refused.into_inner() > 0);
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_new_secret_is_taken_without_losing_the_token() {
    let material = Material::tls("token server");
    let server = TokenServer::tls(&material).await;
    server.say(200, &granted(3600));
    let (mut sidecar, _recorder, _) =
        with_credentials(&server, &material, &json!({}), "nothing").await;
    let token = sidecar.token().await;
    passes(&sidecar, &token).await;
    server.say(500, &json!({}));
    let secret = secrets::new_secret();
    let change = json!({
        "Upstream": { "Credentials": { "ClientSecret": secret } },
        "Limits": { "HeaderCount": 50 },
    });
    sidecar.rewrite(Way::RenameOver, &change);
    until("the change is in force", async || {
        let ready = sidecar.admin.get("/readyz?verbose").send().await.text();
        ready.contains("generation 2").then_some(())
    })
    .await;
    let call = sidecar.client.get(PATH).bearer(&token);
    call.send().await.expect(200);
}

/// A sidecar that signs identities, before a recorder.
async fn with_identity(change: &Value) -> (Sidecar, Recorder) {
    let recorder = Recorder::start().await;
    let setup = Setup::new().with(&json!({
        "Upstream": {
            "Endpoints": [recorder.url],
            "SignedIdentity": { "Audience": "engine" },
        },
        "Routes": [{ "Prefix": "/workflowapi" }, { "Prefix": "/open", "Scopes": "Public" }],
    }));
    (setup.with(change).sidecar().await, recorder)
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).expect("three parts");
    let json = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn the_upstream_is_told_who_calls_by_a_signature() {
    let (sidecar, recorder) = with_identity(&json!({})).await;
    let token = sidecar.token().await;
    let mut identities = Vec::new();
    for _ in 0..5 {
        // What a client says of itself, in any spelling, is not what the upstream is told.
        let call = sidecar.client.get(PATH).bearer(&token);
        let call = call.header("X-Workflow-Identity", "e30.e30.e30");
        let call = call.header("x_workflow_identity", "e30.e30.e30");
        call.send().await.expect(200);
        let seen = last(&recorder);
        assert!(!seen.head.contains("e30"), "{}", seen.head);
        let identity = seen.headers("x-workflow-identity");
        assert_eq!(identity.len(), 1);
        identities.push(identity[0].to_owned());
        assert_eq!(seen.headers("x-workflow-client"), ["tester"]);
        assert!(seen.header("authorization").is_none());
    }
    // Not a signature for each request.
    identities.dedup();
    assert_eq!(identities.len(), 1);
    let identity = &identities[0];
    secrets::register_token(identity);
    let header = part(identity, 0);
    assert_eq!(header["typ"], "workflow-identity+jwt");
    let claims = part(identity, 1);
    let lifetime = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    assert_eq!(lifetime.map(|(exp, iat)| exp - iat), Some(60));
    // It is no access token.
    let call = sidecar.client.get(PATH).bearer(identity);
    assert_eq!(call.send().await.status, 401);
    // On a public route nobody calls.
    let call = sidecar.client.get("/open/x");
    let call = call.header("X-Workflow-Identity", "e30.e30.e30");
    call.send().await.expect(200);
    assert!(last(&recorder).header("x-workflow-identity").is_none());

    let Some(python) = components::python() else {
        return;
    };
    let verify = async |identity: &str| {
        let mut verify = Command::new(&python);
        verify.arg(components::clients("python").join("identity.py"));
        verify
            .env("URL", &sidecar.url)
            .env("IDENTITY", identity)
            .env("CA_FILE", sidecar.setup.path("data/dev-cert.pem"));
        run(verify).await
    };
    let ran = verify(identity).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let claims: Value = serde_json::from_str(&ran.stdout).expect("claims");
    for (name, want) in [
        ("sub", "tester"),
        ("client_id", "tester"),
        ("scope", "WorkflowApi"),
        ("aud", "engine"),
    ] {
        assert_eq!(claims[name], want, "{name}");
    }
    assert_eq!(claims["token_iss"], claims["iss"]);
    // Nor is an access token an identity.
    assert_ne!(verify(&token).await.code, Some(0));
}

#[tokio::test]
async fn the_bare_headers_may_be_left_out() {
    let change = json!({ "Upstream": { "SignedIdentity": { "BareHeaders": false } } });
    let (sidecar, recorder) = with_identity(&change).await;
    let call = sidecar.client.get(PATH).bearer(&sidecar.token().await);
    let call = call.header("X-Workflow-Client", "root");
    call.send().await.expect(200);
    let seen = last(&recorder);
    assert!(seen.header("x-workflow-identity").is_some());
    for name in [
        "x-workflow-client",
        "x-workflow-subject",
        "x-workflow-scopes",
    ] {
        assert!(seen.header(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn what_the_upstream_could_take_for_another_thing_is_a_fault() {
    let credentials = json!({
        "TokenUrl": "https://id.example/token", "ClientId": "a", "ClientSecret": "b",
    });
    let endpoint = "http://127.0.0.1:9";
    for (change, want) in [
        (
            json!({ "Upstream": { "Endpoints": [endpoint], "SignedIdentity": {} } }),
            "has no `Audience`",
        ),
        (
            json!({ "Upstream": {
                "Endpoints": [endpoint], "SignedIdentity": { "Audience": "WorkflowApi" },
            } }),
            "is an audience of access tokens",
        ),
        (
            json!({ "Upstream": {
                "Endpoints": [endpoint], "SignedIdentity": { "Audience": "e", "Lifetime": "6m" },
            } }),
            "`Upstream.SignedIdentity.Lifetime`",
        ),
        (
            json!({ "Upstream": {
                "Endpoints": [endpoint], "ForwardToken": true, "Credentials": credentials,
            } }),
            "want the same header",
        ),
        (
            json!({ "Upstream": { "Endpoints": ["embedded"], "Credentials": credentials } }),
            "asks for no token",
        ),
        (
            json!({ "Upstream": { "Endpoints": [endpoint], "Credentials": {} } }),
            "there is no `Upstream.Credentials.TokenUrl`",
        ),
        (
            json!({ "Upstream": { "Endpoints": [endpoint], "Credentials": {
                "TokenUrl": "http://id.example/token", "ClientId": "a", "ClientSecret": "b",
            } } }),
            "plain `http://` is for loopback only",
        ),
    ] {
        let setup = Setup::new().with(&change);
        setup.write_config();
        let check = setup.command(&tests::programs::programs().sidecar, &["check"]);
        let ran = run(check).await;
        assert_eq!(ran.code, Some(1), "{change}");
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains(want), "{want}: {said}");
    }
}
