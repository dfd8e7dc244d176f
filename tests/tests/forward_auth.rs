//! The gate's judgement for other proxies: asked straight, and by nginx and Caddy with the
//! configurations of the documentation.

use std::process::{Command, Stdio};

use http::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Call, Client};
use tests::components;
use tests::process::Process;
use tests::prover::Prover;
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

struct Scene {
    sidecar: Sidecar,
    /// Behind the sidecar: what it forwards, which is nothing here.
    behind: Recorder,
    token: String,
    wrong_scope: String,
}

impl Scene {
    async fn new(proxies: Value) -> Self {
        let behind = Recorder::start().await;
        let (orders, reports) = (secrets::new_secret(), secrets::new_secret());
        let sidecar = Setup::new()
            .upstream(&behind.url)
            .with(&json!({
                "Routes": [
                    { "Prefix": "/workflowapi" },
                    { "Prefix": "/orders", "Scopes": ["orders"] },
                    { "Prefix": "/open", "Scopes": "Public", "Methods": ["GET"] },
                ],
                "TrustedProxies": proxies,
                "ForwardAuth": {},
            }))
            .with_client(json!({
                "ClientId": "orders", "ClientSecret": orders, "Scopes": ["orders"]
            }))
            .with_client(json!({
                "ClientId": "reports", "ClientSecret": reports, "Scopes": ["reports"]
            }))
            .sidecar()
            .await;
        let token = sidecar.token_of("orders", &orders).await;
        let wrong_scope = sidecar.token_of("reports", &reports).await;
        Self {
            sidecar,
            behind,
            token,
            wrong_scope,
        }
    }

    fn ask(&self) -> Call {
        self.sidecar.client.get("/auth/check")
    }

    fn about(&self, method: &str, target: &str) -> Call {
        let ask = self.ask().header("X-Original-Method", method);
        ask.header("X-Original-URI", target)
    }
}

const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];

#[tokio::test]
async fn a_listed_proxy_is_told_who_calls_or_why_not() {
    let scene = Scene::new(json!(LOOPBACK)).await;
    let token = &scene.token;
    let answer = scene
        .about("POST", "/orders/1?x=y")
        .bearer(token)
        .send()
        .await
        .expect(200);
    assert_eq!(answer.header("x-workflow-client"), "orders");
    assert_eq!(answer.header("x-workflow-subject"), "orders");
    assert_eq!(answer.header("x-workflow-scopes"), "orders");
    assert_eq!(answer.text(), "");

    let traefik = scene.ask().header("X-Forwarded-Method", "PUT");
    let traefik = traefik.header("X-Forwarded-Uri", "/orders").bearer(token);
    traefik.send().await.expect(200);
    let envoy = scene
        .sidecar
        .client
        .post("/auth/check/orders/1?x=y")
        .bearer(token);
    envoy.send().await.expect(200);
    let open = scene.about("GET", "/open/x").send().await.expect(200);
    assert_eq!(open.header("x-workflow-client"), "");

    for (what, call, status) in [
        ("no token", scene.about("GET", "/orders"), 401),
        (
            "a bad one",
            scene.about("GET", "/orders").bearer("x.y.z"),
            401,
        ),
        (
            "too little scope",
            scene.about("GET", "/orders").bearer(&scene.wrong_scope),
            403,
        ),
        ("no route", scene.about("GET", "/other").bearer(token), 404),
        (
            "a path of our own",
            scene.about("POST", "/connect/token").bearer(token),
            404,
        ),
        (
            "itself",
            scene.about("GET", "/auth/check").bearer(token),
            404,
        ),
        (
            "a method that the route has not",
            scene.about("PUT", "/open/x"),
            405,
        ),
        (
            "the API without its scope",
            scene.about("GET", "/workflowapi/getscheme/x").bearer(token),
            403,
        ),
        ("nothing told", scene.ask().bearer(token), 400),
        (
            "two ways",
            scene
                .about("GET", "/open/x")
                .header("X-Forwarded-Uri", "/orders"),
            400,
        ),
        (
            "a way of its own behind the path",
            scene
                .sidecar
                .client
                .get("/auth/check/orders")
                .header("X-Original-URI", "/open"),
            400,
        ),
        (
            "another origin",
            scene.about("GET", "https://evil.example/open/x"),
            400,
        ),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(answer.header("x-workflow-client").is_empty(), "{what}");
        let challenged = !answer.header("www-authenticate").is_empty();
        assert_eq!(
            challenged,
            matches!(status, 401) || answer.status == 403 && challenged,
            "{what}"
        );
    }
    for target in [
        "/open/../orders",
        "/open/%2e%2e/orders",
        "//orders",
        "/open//x",
        "/open/..;/orders",
        "/open\\x",
        "/open/%2forders",
        "/%6frders",
        "/orders/%00",
    ] {
        let answer = scene.about("GET", target).bearer(token).send().await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 404),
            "{target}: {}",
            answer.status
        );
    }
    assert!(scene.behind.seen().is_empty(), "nothing is forwarded");
}

#[tokio::test]
async fn what_is_asked_about_may_be_what_is_never_forwarded() {
    let behind = Recorder::start().await;
    let secret = secrets::new_secret();
    let sidecar = Setup::new()
        .upstream(&behind.url)
        .with(&json!({
            "TrustedProxies": LOOPBACK,
            "ForwardAuth": { "Routes": [
                { "Path": "/orders/{id}", "Scopes": ["orders"] },
                { "Prefix": "/open", "Scopes": "Public" },
            ] },
        }))
        .with_client(json!({
            "ClientId": "orders", "ClientSecret": secret, "Scopes": ["orders", "WorkflowApi"]
        }))
        .sidecar()
        .await;
    let token = sidecar.token_of("orders", &secret).await;
    let about = |target: &str| {
        let ask = sidecar.client.get("/auth/check").bearer(&token);
        let ask = ask.header("X-Forwarded-Method", "GET");
        ask.header("X-Forwarded-Uri", target)
    };
    for (target, status) in [
        ("/orders/1", 200),
        ("/open/x", 200),
        ("/orders", 404),
        ("/workflowapi/getschemelist", 404),
        ("/orders/..%2fx", 400),
    ] {
        let answer = about(target).send().await;
        assert_eq!(answer.status, status, "{target}");
        // What may be asked about is not open here.
        let straight = sidecar.client.get(target).bearer(&token).send().await;
        let forwarded = target.starts_with("/workflowapi");
        assert_eq!(straight.status == 200, forwarded, "{target}");
    }
    assert_eq!(behind.seen().len(), 1);
}

#[tokio::test]
async fn a_proof_is_for_the_url_that_the_client_called() {
    let recorder = Recorder::start().await;
    let secret = secrets::new_secret();
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({
            "TrustedProxies": LOOPBACK,
            "Dpop": { "Origins": ["https://app.example"] },
            "ForwardAuth": { "Routes": [{ "Prefix": "/orders", "Scopes": ["orders"] }] },
            "DetailedRefusals": true,
        }))
        .with_client(json!({
            "ClientId": "orders", "ClientSecret": secret, "Scopes": ["orders"]
        }))
        .sidecar()
        .await;
    let prover = Prover::new();
    let endpoint = format!("{}/connect/token", sidecar.url);
    let proof = prover.proof(&Prover::claims("POST", &endpoint, None));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "orders"),
        ("client_secret", &secret),
    ];
    let call = sidecar.client.post("/connect/token").form(&form);
    let answer = call.header("dpop", &proof).send().await.expect(200);
    assert_eq!(answer.json()["token_type"], "DPoP");
    let token = answer.json()["access_token"].as_str().map(str::to_owned);
    let token = token.expect("a token");
    secrets::register_token(&token);
    let ask = async |proof: Option<&str>| {
        let call = sidecar.client.get("/auth/check");
        let call = call.header("X-Original-Method", "PUT");
        let call = call.header("X-Original-URI", "/orders/1?x=y");
        let call = call.header("authorization", &format!("DPoP {token}"));
        let answer = match proof {
            Some(proof) => call.header("dpop", proof).send().await,
            None => call.send().await,
        };
        let code = if answer.text().is_empty() {
            String::new()
        } else {
            answer.json()["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (answer.status.as_u16(), code)
    };
    let proof = |method: &str, url: &str| prover.proof(&Prover::claims(method, url, Some(&token)));
    let good = proof("PUT", "https://app.example/orders/1");
    assert_eq!(ask(Some(&good)).await, (200, String::new()));
    for (what, proof, code) in [
        ("used", Some(good), "proof_replayed"),
        ("none", None, "proof_missing"),
        (
            "of the question",
            Some(proof("GET", &format!("{}/auth/check", sidecar.url))),
            "proof_method_wrong",
        ),
        (
            "of another path",
            Some(proof("PUT", "https://app.example/orders/2")),
            "proof_uri_wrong",
        ),
        (
            "of another origin",
            Some(proof("PUT", "https://evil.example/orders/1")),
            "proof_uri_wrong",
        ),
        (
            "of another key",
            Some(Prover::new().proof(&Prover::claims(
                "PUT",
                "https://app.example/orders/1",
                Some(&token),
            ))),
            "proof_key_wrong",
        ),
    ] {
        assert_eq!(
            ask(proof.as_deref()).await,
            (401, code.to_owned()),
            "{what}"
        );
    }
    assert!(recorder.seen().is_empty());
}

#[tokio::test]
async fn whoever_is_not_listed_is_not_answered_and_off_means_off() {
    let scene = Scene::new(json!(["192.0.2.0/24"])).await;
    let answer = scene.about("GET", "/open/x").send().await;
    assert_eq!(answer.status, 403);
    let recorder = Recorder::start().await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let call = sidecar.client.get("/auth/check/workflowapi/getschemelist");
    assert_eq!(call.send().await.status, 404);
    assert!(recorder.seen().is_empty());
}

#[tokio::test]
async fn listed_proxies_tell_whose_failures_count() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({
            "TrustedProxies": LOOPBACK,
            "Limits": { "BearerFailures": "1/s burst 3" },
        }))
        .sidecar()
        .await;
    let path = "/workflowapi/getschemelist";
    let from = |address: &str| {
        let call = sidecar.client.get(path).bearer("x.y.z");
        call.header("X-Forwarded-For", address)
    };
    let mut last = 0;
    for _ in 0..8 {
        last = from("198.51.100.1").send().await.status.as_u16();
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(
        from("198.51.100.2").send().await.status,
        401,
        "another address"
    );
    // What the client wrote stands before what the proxy added.
    let spoofed = from("198.51.100.2, 198.51.100.1").send().await;
    assert_eq!(spoofed.status, 429);
    // The engine is told who it was.
    let call = sidecar.client.get(path).bearer(&sidecar.token().await);
    call.header("X-Forwarded-For", "198.51.100.9")
        .send()
        .await
        .expect(200);
    assert_eq!(
        recorder.only().header("x-forwarded-for"),
        Some("198.51.100.9")
    );
}

/// The block of `language` in the documentation, with its addresses replaced.
fn documented(language: &str, replacements: &[(&str, &str)]) -> String {
    let page = include_str!("../../docs/forward-auth.md");
    let begin = format!("```{language}\n");
    let (_, rest) = page.split_once(&begin).expect("a block");
    let (block, _) = rest.split_once("\n```").expect("its end");
    let mut text = block.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

/// A proxy before `service`, asking the scene's sidecar.
struct Fronted {
    client: Client,
    service: Recorder,
    _process: Process,
}

impl Fronted {
    async fn by(scene: &Scene, program: &str, language: &str) -> Option<Self> {
        let binary = components::find(program)?;
        let service = Recorder::start().await;
        // Free a moment ago, which is as sure as it gets for a program that takes no socket.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let folder = scene.sidecar.setup.path("");
        let certificate = scene.sidecar.setup.path("data/dev-cert.pem");
        let authority = scene.sidecar.client.authority();
        let port = authority.rsplit_once(':').expect("a port").1;
        let config = documented(
            language,
            &[
                ("127.0.0.1:8080", &listen),
                ("127.0.0.1:9000", service.address()),
                (
                    if program == "nginx" {
                        "127.0.0.1:8077"
                    } else {
                        "localhost:8077"
                    },
                    &format!(
                        "{}:{port}",
                        if program == "nginx" {
                            "127.0.0.1"
                        } else {
                            "localhost"
                        }
                    ),
                ),
                ("/etc/sidecar/ca.pem", &certificate.display().to_string()),
            ],
        );
        let file = folder.join(format!("{program}.conf"));
        let mut command = Command::new(binary);
        if program == "nginx" {
            let own = format!(
                "http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; \
                 fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;",
                folder.display()
            );
            std::fs::write(&file, config.replacen("http {", &own, 1)).expect("a file");
            command
                .arg("-p")
                .arg(&folder)
                .arg("-c")
                .arg(&file)
                .arg("-g");
            command.arg(format!(
                "daemon off; master_process off; pid {}/nginx.pid; error_log stderr;",
                folder.display()
            ));
        } else {
            std::fs::write(&file, config).expect("a file");
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file);
            command.env("HOME", &folder);
        }
        command.stdin(Stdio::null());
        let process = Process::start(program, command);
        let client = Client::new(&format!("http://{listen}"), Vec::new());
        until("the proxy answers", async || {
            client.get("/open/up").try_send().await.ok()
        })
        .await;
        until("the proxy passes", async || {
            let answer = client.get("/open/up").try_send().await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        Some(Self {
            client,
            service,
            _process: process,
        })
    }
}

async fn guards(program: &str, language: &str) {
    let scene = Scene::new(json!(LOOPBACK)).await;
    let Some(front) = Fronted::by(&scene, program, language).await else {
        return;
    };
    let before = front.service.seen().len();
    let spoofed = |call: Call| {
        let call = call.header("X-Workflow-Client", "root");
        call.header("X-Workflow-Scopes", "everything")
    };
    let call = spoofed(front.client.post("/orders/1?x=y")).bearer(&scene.token);
    call.body("text/plain", "hello").send().await.expect(200);
    let seen = front.service.seen();
    assert_eq!(seen.len(), before + 1);
    let seen = seen.last().expect("one");
    assert_eq!(seen.line(), "POST /orders/1?x=y");
    assert_eq!(seen.body, "hello");
    assert_eq!(seen.headers("x-workflow-client"), ["orders"]);
    assert_eq!(seen.headers("x-workflow-scopes"), ["orders"]);

    // Where nobody calls, a client is nobody either.
    spoofed(front.client.get("/open/x"))
        .send()
        .await
        .expect(200);
    let seen = front.service.seen();
    let seen = seen.last().expect("one");
    for name in ["x-workflow-client", "x-workflow-scopes"] {
        let told = seen.headers(name).concat();
        assert_eq!(told, "", "{}", seen.head);
    }
    let before = before + 1;

    let refused = async |what: &str, call: Call| -> Answer {
        let answer = call.send().await;
        assert!(answer.status.as_u16() >= 400, "{what}: {}", answer.status);
        answer
    };
    let client = &front.client;
    let answer = refused("no token", client.get("/orders/1")).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").starts_with("Bearer "));
    let answer = refused(
        "no scope",
        client.get("/orders/1").bearer(&scene.wrong_scope),
    )
    .await;
    assert_eq!(answer.status, 403);
    let answer = refused("no route", client.get("/other").bearer(&scene.token)).await;
    assert_eq!(answer.status, 404);
    let answer = refused("no method", client.call(Method::PUT, "/open/x")).await;
    assert_eq!(answer.status, 405);
    // A client that tells another request than its own.
    for (name, value) in [
        ("X-Original-URI", "/open/x"),
        ("X-Original-Method", "GET"),
        ("X-Forwarded-Uri", "/open/x"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-For", "127.0.0.1"),
    ] {
        refused(name, client.get("/orders/1").header(name, value)).await;
    }
    for path in [
        "/open/../orders/1",
        "/open/%2e%2e/orders",
        "//orders/1",
        "/open/..%2forders",
    ] {
        refused(path, client.get(path)).await;
    }
    assert_eq!(
        front.service.seen().len(),
        before + 1,
        "{:#?}",
        front.service.seen()
    );
}

#[tokio::test]
async fn nginx_lets_pass_what_the_gate_lets_pass() {
    guards("nginx", "nginx").await;
}

#[tokio::test]
async fn caddy_lets_pass_what_the_gate_lets_pass() {
    guards("caddy", "caddyfile").await;
}
