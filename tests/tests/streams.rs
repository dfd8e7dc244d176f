//! Bodies that flow when what let them in is taken back, or runs out.

use serde_json::{Value, json};
use tests::files::Way;
use tests::raw::Raw;
use tests::recorder::{Recorder, Reply};
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tests::wait::{until, within};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const PATH: &str = "/workflowapi/getschemelist";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A sidecar whose engine answers the first request piece by piece.
struct Scene {
    sidecar: Sidecar,
    recorder: Recorder,
    pieces: UnboundedSender<String>,
    secret: String,
    token: String,
}

impl Scene {
    /// The client `reader` has these members too.
    async fn new(members: Value) -> Self {
        let (pieces, receiver) = unbounded_channel();
        let receiver = std::sync::Mutex::new(Some(receiver));
        let recorder = Recorder::with(move |seen| {
            let streams = seen.header("x-stream").is_some();
            let receiver = streams
                .then(|| receiver.lock().expect("a lock").take())
                .flatten();
            receiver.map_or(Reply::Json("{}"), Reply::Pieces)
        })
        .await;
        let secret = secrets::new_secret();
        let mut client = json!({ "ClientId": "reader", "ClientSecret": secret });
        for (name, value) in members.as_object().expect("an object") {
            client[name] = value.clone();
        }
        let sidecar = Setup::new()
            .upstream(&recorder.url)
            .with_client(client)
            .sidecar()
            .await;
        let token = sidecar.token_of("reader", &secret).await;
        Self {
            sidecar,
            recorder,
            pieces,
            secret,
            token,
        }
    }

    /// A response that has begun to flow.
    async fn flowing(&self) -> Raw {
        let mut raw = Raw::connect(&self.sidecar.client).await;
        let host = self.sidecar.client.authority();
        raw.write(format!(
            "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nX-Stream: 1\r\nAuthorization: Bearer {}\r\n\r\n",
            self.token
        ))
        .await;
        self.piece("first");
        raw.until("first").await;
        raw
    }

    fn piece(&self, text: &str) {
        let first = if text == "first" { CHUNKED } else { "" };
        let piece = format!("{first}{:x}\r\n{text}\r\n", text.len());
        self.pieces.send(piece).expect("the stream is open");
    }

    async fn status(&self) -> u16 {
        let call = self.sidecar.client.get(PATH).bearer(&self.token);
        call.send().await.status.as_u16()
    }

    async fn revoke(&self) {
        let call = self.sidecar.client.post("/connect/revoke");
        let call = call.basic("reader", &self.secret);
        call.form(&[("token", &self.token)])
            .send()
            .await
            .expect(200);
    }

    /// The response goes on to its end.
    async fn goes_on(self, mut raw: Raw) {
        self.piece("second");
        raw.until("second").await;
        let end = "0\r\n\r\n".to_owned();
        self.pieces.send(end).expect("the stream is open");
        raw.until("\r\n0\r\n\r\n").await;
        let cut = self
            .sidecar
            .metric("sidecar_streams_revoked_total", &[])
            .await;
        assert!(cut < 0.5, "{cut}");
    }

    /// Every registered client but `reader`, and it with these members.
    fn rewritten(&mut self, change: impl FnOnce(&mut Value)) -> Value {
        let clients = self.sidecar.setup.clients();
        let reader = clients.last_mut().expect("a client");
        change(reader);
        json!({ "OpenIddictServerSettings": { "ClientCredentials": clients.clone() } })
    }
}

#[tokio::test]
async fn a_revoked_response_ends_without_its_last_chunk() {
    let scene = Scene::new(json!({})).await;
    let mut raw = scene.flowing().await;
    scene.revoke().await;
    let rest = raw.rest().await;
    assert!(
        !rest.ends_with("0\r\n\r\n"),
        "a part for the whole: {rest:?}"
    );
    let cut = scene.sidecar.metric("sidecar_streams_revoked_total", &[]);
    assert!(cut.await > 0.5);
}

#[tokio::test]
async fn a_revoked_response_over_http2_is_reset() {
    let scene = Scene::new(json!({})).await;
    let call = scene.sidecar.client.http2().get(PATH).bearer(&scene.token);
    scene.piece("first");
    let streaming = tokio::spawn(call.header("x-stream", "1").try_send());
    let seen = |seen: &[tests::recorder::Seen]| !seen.is_empty();
    scene.recorder.until("the request", seen).await;
    scene.revoke().await;
    let ended = streaming.await.unwrap().unwrap_err();
    // RFC 9113 §7: what the client did was fine, so none of the codes that blame it.
    assert!(ended.contains("INTERNAL_ERROR"), "{ended}");
}

#[tokio::test]
async fn an_entry_that_ends_before_the_token_ends_the_stream_too() {
    let scene = Scene::new(json!({})).await;
    let mut raw = scene.flowing().await;
    let arguments = ["deny", "add", "--client", "reader", "--until", "10m"];
    let program = &tests::programs::programs().sidecar;
    let command = scene.sidecar.setup.command(program, &arguments);
    let ran = tests::process::run(command).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rest = raw.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

#[tokio::test]
async fn a_request_body_of_a_revoked_token_is_not_taken_to_its_end() {
    let scene = Scene::new(json!({})).await;
    let mut raw = Raw::connect(&scene.sidecar.client).await;
    let host = scene.sidecar.client.authority();
    raw.write(format!(
        "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\"part\r\n",
        scene.token
    ))
    .await;
    let came = |seen: &[tests::recorder::Seen]| seen.iter().any(|one| one.body.contains("part"));
    scene.recorder.until("a part of the body", came).await;
    scene.revoke().await;
    let answer = raw.answer().await.expect("an answer");
    assert_eq!(answer.status, 401, "{answer:?}");
    let seen = scene.recorder.seen();
    assert!(!seen[0].complete, "{seen:?}");
}

#[tokio::test]
async fn another_clients_revocation_and_changed_rights_end_no_stream() {
    let mut scene = Scene::new(json!({ "Operations": ["*", "manage"] })).await;
    let raw = scene.flowing().await;
    let other = scene.sidecar.token().await;
    let call = scene.sidecar.client.post("/connect/revoke");
    let call = call.basic(tests::server::CLIENT, &scene.sidecar.setup.secret);
    call.form(&[("token", &other)]).send().await.expect(200);
    // A new secret beside the old one, and fewer rights: requests are judged by it, streams not.
    let new = secrets::new_secret();
    let change = scene.rewritten(|reader| {
        let old = reader["ClientSecret"].take();
        reader.as_object_mut().unwrap().remove("ClientSecret");
        reader["ClientSecrets"] = json!([{ "Value": old }, { "Value": new }]);
        reader["Operations"] = json!(["run"]);
    });
    scene.sidecar.rewrite(Way::RenameOver, &change);
    until("the change is in force", async || {
        (scene.status().await == 403).then_some(())
    })
    .await;
    within("the stream", scene.goes_on(raw)).await;
}

#[tokio::test]
async fn the_end_of_a_tokens_time_ends_no_stream() {
    let scene = Scene::new(json!({ "TokenLifetime": "2s" })).await;
    let raw = scene.flowing().await;
    until("the token is over", async || {
        (scene.status().await == 401).then_some(())
    })
    .await;
    // Something that makes every stream be looked at.
    let other = scene.sidecar.token().await;
    let call = scene.sidecar.client.post("/connect/revoke");
    let call = call.basic(tests::server::CLIENT, &scene.sidecar.setup.secret);
    call.form(&[("token", &other)]).send().await.expect(200);
    within("the stream", scene.goes_on(raw)).await;
}
