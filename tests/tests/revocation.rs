//! Introspection (RFC 7662), revocation (RFC 7009) and the deny list: what is given up or denied is
//! refused, also where the token was known, the stream open, or the sidecar started anew.

use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::files::Way;
use tests::forge::{claims_of, header_of};
use tests::recorder::{Recorder, Reply};
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

struct Scene {
    sidecar: Sidecar,
    recorder: Recorder,
    other: String,
    auditor: String,
}

impl Scene {
    async fn with(change: &Value) -> Self {
        let recorder = Recorder::start().await;
        let (other, auditor) = (secrets::new_secret(), secrets::new_secret());
        let sidecar = Setup::new()
            .upstream(&recorder.url)
            .with(change)
            .with_client(json!({ "ClientId": "other", "ClientSecret": other }))
            .with_client(json!({
                "ClientId": "auditor", "ClientSecret": auditor, "Introspect": true,
                "Scopes": ["WorkflowApi", "WorkflowAdmin"],
            }))
            .sidecar()
            .await;
        Self {
            sidecar,
            recorder,
            other,
            auditor,
        }
    }

    async fn new() -> Self {
        Self::with(&json!({})).await
    }

    async fn post(&self, path: &str, id: &str, secret: &str, pairs: &[(&str, &str)]) -> Answer {
        let call = self.sidecar.client.post(path).basic(id, secret);
        call.form(pairs).send().await
    }

    async fn introspect(&self, id: &str, secret: &str, token: &str) -> Value {
        let pairs = [("token", token)];
        let answer = self.post("/connect/introspect", id, secret, &pairs).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.expect(200).json()
    }

    async fn revoke(&self, id: &str, secret: &str, token: &str) -> Answer {
        let pairs = [("token", token)];
        self.post("/connect/revoke", id, secret, &pairs).await
    }

    async fn call(&self, token: &str) -> u16 {
        let call = self.sidecar.client.get(PATH).bearer(token);
        call.send().await.status.as_u16()
    }

    fn secret(&self) -> &str {
        &self.sidecar.setup.secret
    }
}

#[tokio::test]
async fn introspection_tells_a_client_of_its_own_tokens_and_an_auditor_of_all() {
    let scene = Scene::new().await;
    let token = scene.sidecar.token().await;
    let (inactive, claims) = (json!({ "active": false }), claims_of(&token));
    for (id, secret) in [(CLIENT, scene.secret()), ("auditor", &*scene.auditor)] {
        let told = scene.introspect(id, secret, &token).await;
        assert_eq!(told["active"], true);
        assert_eq!(told["token_type"], "Bearer");
        for name in [
            "iss",
            "sub",
            "aud",
            "client_id",
            "exp",
            "iat",
            "nbf",
            "jti",
            "scope",
        ] {
            assert_eq!(told[name], claims[name], "{name}");
        }
    }
    // RFC 7662 §2.2: nothing more than that it is not active.
    let other = scene.introspect("other", &scene.other, &token).await;
    assert_eq!(other, inactive);
    for bad in ["x", "a.b.c", &token[..token.len() - 4], &"A".repeat(20_000)] {
        let told = scene.introspect("auditor", &scene.auditor, bad).await;
        assert_eq!(told, inactive);
    }
}

#[tokio::test]
async fn introspection_and_revocation_are_for_authenticated_clients_only() {
    let scene = Scene::new().await;
    let token = scene.sidecar.token().await;
    for path in ["/connect/introspect", "/connect/revoke"] {
        let client = &scene.sidecar.client;
        let unknown = client.post(path).form(&[("token", &token)]).send().await;
        assert_eq!(unknown.status, 401);
        assert!(unknown.header("www-authenticate").starts_with("Basic "));
        assert_eq!(unknown.json()["error"], "invalid_client");
        let wrong = scene
            .post(path, CLIENT, "wrong", &[("token", &token)])
            .await;
        assert_eq!(wrong.status, 401);
        let bearer = client.post(path).bearer(&token).form(&[("token", &token)]);
        assert_eq!(bearer.send().await.status, 401);
        let without = scene.post(path, CLIENT, scene.secret(), &[]).await;
        assert_eq!(without.status, 400);
        assert_eq!(without.json()["error"], "invalid_request");
        let get = client.get(path).send().await;
        assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
        let query = client.post(&format!("{path}?token={token}"));
        let query = query.basic(CLIENT, scene.secret()).form(&[]).send().await;
        assert_eq!(query.status, 400, "the query is never read");
    }
    assert_eq!(scene.call(&token).await, 200, "nothing was done");
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens_only_and_unknown_ones_are_fine() {
    let scene = Scene::new().await;
    let token = scene.sidecar.token().await;
    assert_eq!(scene.call(&token).await, 200);
    let refused = scene.revoke("other", &scene.other, &token).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(scene.call(&token).await, 200, "nothing happens to it");
    for unknown in ["x", "a.b.c", &token[..token.len() - 4]] {
        scene
            .revoke(CLIENT, scene.secret(), unknown)
            .await
            .expect(200);
    }
    assert_eq!(scene.call(&token).await, 200);
    // Known to the cache, and refused all the same from the next request on.
    scene
        .revoke(CLIENT, scene.secret(), &token)
        .await
        .expect(200);
    assert_eq!(scene.call(&token).await, 401);
    assert_eq!(
        scene.introspect(CLIENT, scene.secret(), &token).await,
        json!({ "active": false })
    );
    scene
        .revoke(CLIENT, scene.secret(), &token)
        .await
        .expect(200);
    let fresh = scene.sidecar.token().await;
    assert_eq!(scene.call(&fresh).await, 200, "another of the same client");
}

#[tokio::test]
async fn an_acknowledged_revocation_survives_a_kill() {
    // The next start has another port, and tokens are to be the same issuer's.
    let scene = Scene::with(&json!({ "AuthorityUrl": "https://sidecar.example" })).await;
    let mut tokens = Vec::new();
    for _ in 0..5 {
        let token = scene.sidecar.token().await;
        scene
            .revoke(CLIENT, scene.secret(), &token)
            .await
            .expect(200);
        tokens.push(token);
    }
    let good = scene.sidecar.token().await;
    let Scene {
        mut sidecar,
        recorder: _recorder,
        ..
    } = scene;
    sidecar.process.signal("KILL");
    sidecar.process.exit().await;
    let sidecar = sidecar.setup.sidecar_as_written().await;
    for token in tokens {
        let answer = sidecar.client.get(PATH).bearer(&token).send().await;
        assert_eq!(answer.status, 401);
    }
    let answer = sidecar.client.get(PATH).bearer(&good).send().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_holds_whatever_was_under_way() {
    let scene = Scene::with(&json!({ "AuthorityUrl": "https://sidecar.example" })).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let token = scene.sidecar.token().await;
        let client = scene.sidecar.client.clone();
        let secret = scene.secret().to_owned();
        waiting.spawn(async move {
            let call = client.post("/connect/revoke").basic(CLIENT, &secret);
            let answer = call.form(&[("token", &token)]).try_send().await;
            let acknowledged = answer.is_ok_and(|answer| answer.status == 200);
            acknowledged.then_some(token)
        });
    }
    let mut acknowledged = Vec::new();
    let Scene {
        mut sidecar,
        recorder: _recorder,
        ..
    } = scene;
    // In the midst of it.
    while acknowledged.len() < 10 {
        let token = waiting.join_next().await.expect("more are under way");
        acknowledged.extend(token.unwrap());
    }
    sidecar.process.signal("KILL");
    sidecar.process.exit().await;
    while let Some(token) = waiting.join_next().await {
        acknowledged.extend(token.unwrap());
    }
    let sidecar = sidecar.setup.sidecar_as_written().await;
    for token in acknowledged {
        let answer = sidecar.client.get(PATH).bearer(&token).send().await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn a_thousand_revocations_at_once_are_all_in_force() {
    let scene = Scene::new().await;
    let mut tokens = Vec::new();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", scene.secret()),
    ];
    let mut connection = scene.sidecar.client.connect().await.unwrap();
    for _ in 0..1000 {
        let call = scene.sidecar.client.post("/connect/token").form(&form);
        let answer = connection.send(call).await.unwrap().expect(200).json();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        secrets::register_token(&token);
        tokens.push(token);
    }
    let mut waiting = tokio::task::JoinSet::new();
    for token in tokens.clone() {
        let client = scene.sidecar.client.clone();
        let secret = scene.secret().to_owned();
        waiting.spawn(async move {
            let call = client.post("/connect/revoke").basic(CLIENT, &secret);
            call.form(&[("token", &token)]).send().await.status.as_u16()
        });
    }
    while let Some(status) = waiting.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    for token in &tokens {
        let call = scene.sidecar.client.get(PATH).bearer(token);
        let answer = connection.send(call).await.unwrap();
        assert_eq!(answer.status, 401);
    }
    let kept = scene.sidecar.metric("sidecar_tokens_revoked", &[]).await;
    assert!(kept > 999.5, "{kept}");
}

#[tokio::test]
async fn an_open_stream_ends_when_its_token_is_revoked_or_its_client_removed() {
    for (http2, removed) in [(false, false), (true, false), (false, true), (true, true)] {
        let (pieces, receiver) = tokio::sync::mpsc::unbounded_channel();
        let receiver = std::sync::Mutex::new(Some(receiver));
        let recorder = Recorder::with(move |_| {
            let receiver = receiver.lock().unwrap().take();
            receiver.map_or(Reply::Json("{}"), Reply::Pieces)
        })
        .await;
        let secret = secrets::new_secret();
        let mut sidecar = Setup::new()
            .upstream(&recorder.url)
            .with_client(json!({ "ClientId": "short-lived", "ClientSecret": secret }))
            .sidecar()
            .await;
        let token = sidecar.token_of("short-lived", &secret).await;
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        pieces.send(head.to_owned()).unwrap();
        let client = if http2 {
            sidecar.client.http2()
        } else {
            sidecar.client.clone()
        };
        let streaming = tokio::spawn(client.get(PATH).bearer(&token).try_send());
        recorder.until("the request", |seen| !seen.is_empty()).await;
        if removed {
            let kept = sidecar.setup.clients()[0].clone();
            let change = json!({ "OpenIddictServerSettings": { "ClientCredentials": [kept] } });
            sidecar.rewrite(Way::RenameOver, &change);
        } else {
            let call = sidecar.client.post("/connect/revoke");
            let call = call.basic("short-lived", &secret);
            call.form(&[("token", &token)]).send().await.expect(200);
        }
        let ended = streaming.await.unwrap();
        assert!(ended.is_err(), "{http2} {removed}: {ended:?}");
    }
}

#[tokio::test]
async fn the_deny_list_of_the_configuration_and_of_a_file_is_in_force_on_known_tokens() {
    let scene = Scene::new().await;
    let mut scene = scene;
    let token = scene.sidecar.token().await;
    let other = scene.sidecar.token_of("other", &scene.other).await;
    let claims = claims_of(&token);
    let kid = header_of(&token)["kid"].clone();
    let file = scene.sidecar.setup.path("deny.json");
    std::fs::write(&file, "[]").unwrap();
    let deny = |entries: Value| json!({ "Deny": { "Entries": entries, "File": "deny.json" } });
    let future = "2096-01-01T00:00:00Z";
    for (entry, others) in [
        (json!({ "Token": claims["jti"] }), 200),
        (json!({ "Client": CLIENT }), 200),
        (json!({ "Subject": CLIENT, "Issuer": claims["iss"] }), 200),
        (json!({ "Key": kid }), 401),
        (json!({ "IssuedBefore": future }), 401),
        (json!({ "Client": CLIENT, "IssuedBefore": future }), 200),
    ] {
        for in_file in [false, true] {
            assert_eq!(scene.call(&token).await, 200);
            if in_file {
                std::fs::write(&file, json!([entry]).to_string()).unwrap();
            } else {
                scene
                    .sidecar
                    .rewrite(Way::RenameOver, &deny(json!([entry])));
            }
            let what = format!("{entry} {in_file}");
            until(&what, async || {
                (scene.call(&token).await == 401).then_some(())
            })
            .await;
            assert_eq!(scene.call(&other).await, others, "{what}");
            std::fs::write(&file, "[]").unwrap();
            scene.sidecar.rewrite(Way::RenameOver, &deny(json!([])));
            until("it is taken back", async || {
                (scene.call(&token).await == 200).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn an_administrator_denies_through_the_socket_or_with_the_scope_and_nobody_else() {
    let scene = Scene::new().await;
    let token = scene.sidecar.token().await;
    let (admin, entry) = (&scene.sidecar.admin, json!({ "Client": CLIENT }));
    let plain = scene.sidecar.token_of("other", &scene.other).await;
    for path in ["/deny", "/status", "/clients"] {
        let unasked = admin.get(path).send().await.expect(401);
        assert_eq!(
            unasked.header("www-authenticate"),
            r#"Bearer realm="admin""#
        );
        let other = admin.get(path).bearer(&plain).send().await.expect(403);
        let challenge = other.header("www-authenticate");
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
        let bad = admin.get(path).bearer("a.b.c").send().await.expect(401);
        assert!(bad.header("www-authenticate").contains("invalid_token"));
    }
    admin.post("/deny").json(&entry).send().await.expect(401);
    assert_eq!(scene.call(&token).await, 200);

    let boss = scene.sidecar.token_of("auditor", &scene.auditor).await;
    admin
        .post("/deny")
        .bearer(&boss)
        .json(&entry)
        .send()
        .await
        .expect(200);
    assert_eq!(scene.call(&token).await, 401);
    let listed = admin
        .get("/deny")
        .bearer(&boss)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(listed["kept"], json!([entry]));

    let path = scene.sidecar.setup.path("data/admin.sock");
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let socket = Client::new(&format!("unix:{}", path.display()), Vec::new());
    let take_back = socket.call(http::Method::DELETE, "/deny").json(&entry);
    take_back.send().await.expect(200);
    assert_eq!(scene.call(&token).await, 200);
    for nonsense in [
        "",
        "{}",
        "[]",
        r#"{"Nonsense":1}"#,
        r#"{"Until":"2096-01-01T00:00:00Z"}"#,
    ] {
        let answer = socket
            .post("/deny")
            .body("application/json", nonsense)
            .send()
            .await;
        assert_eq!(answer.status, 400, "{nonsense}");
    }
    assert_eq!(scene.recorder.seen().len(), 2);
}

/// What is known of a token by those who call with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good,
    /// The revocation was sent; what a call with it should say is anybody's guess.
    Going,
    /// The revocation was acknowledged.
    Gone,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_under_steady_load_refuses_and_accepts_nothing_wrongly() {
    const TOKENS: usize = 60;
    let scene = std::sync::Arc::new(Scene::new().await);
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        tokens.push(scene.sidecar.token().await);
    }
    let standing = vec![Standing::Good; TOKENS];
    let book = std::sync::Arc::new((tokens, std::sync::Mutex::new(standing)));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..6_usize {
        let (scene, book, stop) = (scene.clone(), book.clone(), stop.clone());
        callers.spawn(async move {
            let (mut calls, mut refused, mut accepted) = (0_u32, 0_u32, 0_u32);
            let client = if caller.is_multiple_of(2) {
                scene.sidecar.client.clone()
            } else {
                scene.sidecar.client.http2()
            };
            let mut connection = client.connect().await.unwrap();
            let mut place = caller;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                place = (place + 7) % TOKENS;
                let before = book.1.lock().unwrap()[place];
                let call = client.get(PATH).bearer(&book.0[place]);
                let status = connection.send(call).await.unwrap().status.as_u16();
                let after = book.1.lock().unwrap()[place];
                calls += 1;
                match (status, before, after) {
                    // Acknowledged before it was sent.
                    (200, Standing::Gone, _) => accepted += 1,
                    // Not even sent when it was answered.
                    (401, _, Standing::Good) => refused += 1,
                    (200 | 401, _, _) => {}
                    (other, _, _) => panic!("{other}"),
                }
            }
            (calls, refused, accepted)
        });
    }
    for place in (0..TOKENS).step_by(2) {
        book.1.lock().unwrap()[place] = Standing::Going;
        let token = &book.0[place];
        scene
            .revoke(CLIENT, scene.secret(), token)
            .await
            .expect(200);
        book.1.lock().unwrap()[place] = Standing::Gone;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut calls, mut refused, mut accepted) = (0, 0, 0);
    while let Some(counted) = callers.join_next().await {
        let counted = counted.unwrap();
        calls += counted.0;
        refused += counted.1;
        accepted += counted.2;
    }
    println!(
        "{} revocations under {calls} calls: {refused} wrongly refused, {accepted} wrongly accepted",
        TOKENS / 2
    );
    assert_eq!((refused, accepted), (0, 0));
    for (place, token) in book.0.iter().enumerate() {
        let want = if place.is_multiple_of(2) { 401 } else { 200 };
        assert_eq!(scene.call(token).await, want);
    }
}
