//! From start to end: files made once, readiness, drain, deadlines, an engine that comes and goes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tests::client::Client;
use tests::process::Process;
use tests::raw::Raw;
use tests::recorder::{Recorder, Reply, SUCCESS};
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::{until, within};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

/// A sidecar in front of an engine that answers when the test says.
async fn held(drain: Value) -> (Sidecar, Recorder, mpsc::UnboundedSender<String>) {
    let (pieces, receiver) = mpsc::unbounded_channel();
    let receiver = Mutex::new(Some(receiver));
    let recorder = Recorder::with(move |seen| {
        if seen.line().contains("getschemelist") {
            return Reply::Json(SUCCESS);
        }
        let taken = receiver
            .try_lock()
            .ok()
            .and_then(|mut receiver| receiver.take());
        taken.map_or(Reply::Close, Reply::Pieces)
    })
    .await;
    let setup = Setup::new().upstream(&recorder.url);
    let sidecar = setup.with(&json!({ "Drain": drain })).sidecar().await;
    (sidecar, recorder, pieces)
}

/// A request that is in flight.
async fn in_flight(sidecar: &Sidecar, recorder: &Recorder) -> Raw {
    let token = sidecar.token().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(format!(
        "GET /workflowapi/getscheme/held HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        sidecar.client.authority()
    ))
    .await;
    let arrived = |seen: &[tests::recorder::Seen]| !seen.is_empty();
    recorder
        .until("the request is with the engine", arrived)
        .await;
    raw
}

async fn readyz_says_no(sidecar: &Sidecar) {
    until("/readyz says no", || async {
        let answer = sidecar.admin.get("/readyz").try_send().await;
        answer
            .is_ok_and(|answer| answer.status == 503)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn on_sigterm_what_is_in_flight_is_finished_and_the_exit_is_clean() {
    let (mut sidecar, recorder, pieces) = held(json!({ "Delay": "0s", "Timeout": "60s" })).await;
    let mut raw = in_flight(&sidecar, &recorder).await;
    sidecar.process.signal("TERM");
    readyz_says_no(&sidecar).await;
    assert!(sidecar.process.runs());
    let answer = tests::recorder::json("{\"success\":true,\"data\":\"late\"}");
    pieces.send(answer).expect("the recorder waits");
    let answer = raw.answer().await.expect("the request is finished");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("late"));
    // HTTP/1.1 says that the connection ends here, and it does.
    assert_eq!(tests::raw::field(&answer.head, "connection"), Some("close"));
    raw.rest().await;
    assert_eq!(sidecar.process.exit().await.code(), Some(0));
}

#[tokio::test]
async fn while_draining_new_requests_are_still_answered_for_the_delay() {
    let (sidecar, recorder, _pieces) = held(json!({ "Delay": "60s", "Timeout": "60s" })).await;
    let api = sidecar.api().await;
    let _raw = in_flight(&sidecar, &recorder).await;
    sidecar.process.signal("TERM");
    readyz_says_no(&sidecar).await;
    api.get("/getschemelist").send().await.expect(200);
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    let (mut sidecar, recorder, _pieces) = held(json!({ "Delay": "0s", "Timeout": "10m" })).await;
    let _raw = in_flight(&sidecar, &recorder).await;
    sidecar.process.signal("TERM");
    readyz_says_no(&sidecar).await;
    sidecar.process.signal("TERM");
    sidecar.process.exit().await;
}

#[tokio::test]
async fn what_does_not_finish_in_time_does_not_hold_the_end() {
    let (mut sidecar, recorder, _pieces) = held(json!({ "Delay": "0s", "Timeout": "200ms" })).await;
    let _raw = in_flight(&sidecar, &recorder).await;
    sidecar.process.signal("TERM");
    assert_eq!(sidecar.process.exit().await.code(), Some(0));
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_end() {
    let mut sidecar = Setup::new()
        .with(&json!({ "Drain": { "Delay": "0s", "Timeout": "10m" } }))
        .sidecar()
        .await;
    let mut kept = Vec::new();
    for client in [sidecar.client.clone(), sidecar.client.http2()] {
        let mut connection = client.connect().await.expect("a connection");
        let call = client.get("/.well-known/jwks");
        connection.send(call).await.expect("an answer").expect(200);
        kept.push(connection);
    }
    // And one that never said anything.
    let _silent = Raw::connect(&sidecar.client).await;
    sidecar.process.signal("TERM");
    assert_eq!(sidecar.process.exit().await.code(), Some(0));
}

#[tokio::test]
async fn an_engine_with_nothing_to_do_exits_on_sigterm() {
    let mut engine = Setup::new().engine().await;
    engine.api().get("/getschemelist").send().await.expect(200);
    engine.process.signal("TERM");
    assert_eq!(engine.process.exit().await.code(), Some(0));
}

#[tokio::test]
async fn keys_and_the_development_certificate_are_made_once_and_kept_private() {
    let sidecar = Setup::new().sidecar().await;
    let token = sidecar.token().await;
    let data = sidecar.setup.path("data");
    let mode = |path: &Path| {
        let meta = fs::metadata(path).expect("a file");
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(&data), 0o700);
    let mut private = 0;
    for entry in fs::read_dir(&data).expect("a folder").flatten() {
        let path = entry.path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("PRIVATE KEY") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            private += 1;
        }
    }
    assert!(private >= 1, "the signing key is kept");
    let certificate = fs::read_to_string(data.join("dev-cert.pem")).expect("a certificate");

    let sidecar = sidecar.stop().await.sidecar().await;
    let again = fs::read_to_string(data.join("dev-cert.pem")).expect("a certificate");
    assert_eq!(certificate, again);
    // The issuer's port has changed, so only the signature of the old token is comparable.
    let kid = |token: &str| tests::forge::header_of(token)["kid"].clone();
    assert_eq!(kid(&token), kid(&sidecar.token().await));
}

#[tokio::test]
async fn the_development_certificate_is_good_for_every_name_of_loopback() {
    let sidecar = Setup::new().sidecar().await;
    let port = sidecar.url.rsplit(':').next().expect("a port");
    let trust = tests::material::certificates_in(&sidecar.setup.path("data/dev-cert.pem"));
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let client = Client::new(&format!("https://{host}:{port}"), trust.clone());
        let answer = client.get("/.well-known/jwks").try_send().await;
        match answer {
            Ok(answer) => assert_eq!(answer.status, 200, "{host}"),
            // A machine without IPv6 has no ::1 to listen on.
            Err(fault) => {
                let ipv6 = TcpListener::bind("[::1]:0").is_ok();
                assert!(host == "[::1]" && !ipv6, "{host}: {fault}");
            }
        }
    }
}

#[tokio::test]
async fn plain_http_is_served_on_loopback_when_so_configured() {
    let sidecar = Setup::new()
        .with(&json!({ "Url": "http://localhost:0" }))
        .sidecar()
        .await;
    assert!(sidecar.url.starts_with("http://"), "{}", sidecar.url);
    sidecar
        .api()
        .await
        .get("/getschemelist")
        .send()
        .await
        .expect(200);
    drop(sidecar);

    let setup = Setup::new().with(&json!({ "Url": "http://*:0" }));
    setup.write_config();
    let mut refused = setup.start_sidecar();
    assert_eq!(refused.exit().await.code(), Some(2));
    assert!(refused.count("AllowPlainHttp") > 0, "{}", refused.story());
}

#[tokio::test]
async fn a_path_base_stands_before_every_path() {
    let sidecar = Setup::new()
        .with(&json!({ "PathBase": "/flow" }))
        .sidecar()
        .await;
    let get = |path: &str| sidecar.client.get(path).send();
    let document = get("/flow/.well-known/openid-configuration")
        .await
        .expect(200)
        .json();
    let endpoint = format!("{}/flow/connect/token", sidecar.url);
    assert_eq!(document["token_endpoint"], endpoint);
    get("/.well-known/openid-configuration").await.expect(404);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", &*sidecar.setup.secret),
    ];
    let granted = sidecar.client.post("/flow/connect/token").form(&form);
    let granted = granted.send().await.expect(200).json();
    let token = granted["access_token"].as_str().expect("a token");
    tests::secrets::register_token(token);
    let list = sidecar.client.get("/flow/workflowapi/getschemelist");
    list.bearer(token).send().await.expect(200);
    let list = sidecar.client.get("/workflowapi/getschemelist");
    list.bearer(token).send().await.expect(404);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let cases = [
        (json!({ "Url": format!("https://127.0.0.1:{port}") }), "Url"),
        (
            json!({ "Admin": { "Url": format!("http://127.0.0.1:{port}") } }),
            "Admin.Url",
        ),
    ];
    for (change, key) in cases {
        let setup = Setup::new().with(&change);
        setup.write_config();
        says_what_to_change(setup.start_sidecar(), port, key).await;
    }
    let change = json!({ "Engine": { "Url": format!("http://127.0.0.1:{port}") } });
    let setup = Setup::new().with(&change);
    setup.write_config();
    says_what_to_change(setup.start_engine(), port, "Engine.Url").await;
}

async fn says_what_to_change(mut process: Process, port: u16, key: &str) {
    let code = process.exit().await.code();
    assert!(code.is_some_and(|code| code != 0), "{}", process.story());
    assert!(process.count(&port.to_string()) > 0, "{}", process.story());
    assert!(process.count(key) > 0, "{}", process.story());
}

#[tokio::test]
async fn two_sidecars_do_not_share_a_port_unknowingly() {
    let first = Setup::new().sidecar().await;
    let second = Setup::new().with(&json!({ "Url": first.url }));
    second.write_config();
    let port = first
        .url
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    says_what_to_change(second.start_sidecar(), port.expect("a port"), "Url").await;
}

#[tokio::test]
async fn an_engine_that_was_killed_is_found_again_when_it_is_back() {
    let setup = Setup::new();
    let socket = format!("unix:{}", setup.path("engine.sock").display());
    let change = json!({ "Engine": { "Url": socket } });
    let mut engine = setup.with(&change).engine().await;
    let sidecar = Setup::new().upstream(&socket).sidecar().await;
    let api = sidecar.api().await;
    api.get("/getschemelist").send().await.expect(200);

    engine.process.signal("KILL");
    engine.process.exit().await;
    until("the engine is missed", || async {
        let answer = api.get("/getschemelist").send().await;
        (answer.status == 503).then_some(())
    })
    .await;
    sidecar.admin.get("/readyz").send().await.expect(200);

    // The dead one's socket is still there, and no obstacle.
    let engine = engine.setup.engine().await;
    until("the engine is found", || async {
        let answer = api.get("/getschemelist").send().await;
        answer.status.is_success().then_some(())
    })
    .await;
    engine.stop().await;
}

#[tokio::test]
async fn readiness_follows_the_engine_only_where_so_configured() {
    let address = {
        let recorder = Recorder::start().await;
        recorder.address().to_owned()
    };
    let setup = Setup::new().upstream(&format!("http://{address}"));
    let setup = setup.with(&json!({ "Ready": { "RequireUpstream": true } }));
    setup.write_config();
    let process = setup.start_sidecar();
    let admin = process.logged("listening", "admin").await;
    let admin = Client::new(admin.as_str().expect("a URL"), Vec::new());
    until("the listeners stand, the engine does not", || async {
        let answer = admin.get("/readyz?verbose").try_send().await.ok()?;
        let text = answer.text().to_lowercase();
        (answer.status == 503 && text.contains("engine")).then_some(())
    })
    .await;
    let _recorder = Recorder::at(&address, |_| Reply::Json(SUCCESS)).await;
    tests::server::ready(&admin).await;
}

/// Limits so short that a test need not wait long; what is awaited is the close.
fn impatient() -> Setup {
    Setup::new().with(&json!({ "Limits": {
        "Handshake": "300ms", "Header": "300ms", "Idle": "300ms", "FormBody": "300ms"
    } }))
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_is_closed() {
    let sidecar = impatient().sidecar().await;
    let port = sidecar.url.rsplit(':').next().expect("a port");
    let mut silent = TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .expect("accepted");
    let mut slow = TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .expect("accepted");
    // The beginning of a client hello.
    tokio::io::AsyncWriteExt::write_all(&mut slow, &[0x16, 3, 1, 2, 0, 1])
        .await
        .expect("written");
    for stream in [&mut silent, &mut slow] {
        let mut rest = Vec::new();
        let closed = within("the connection is closed", stream.read_to_end(&mut rest)).await;
        assert!(closed.is_err() || rest.len() < 64, "{rest:?}");
    }
    sidecar.token().await;
}

#[tokio::test]
async fn a_head_that_is_not_finished_is_closed() {
    let sidecar = impatient().sidecar().await;
    for beginning in [
        "",
        "GET",
        "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    ] {
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(beginning).await;
        let said = raw.rest().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_it_is_idle_too_long() {
    let sidecar = impatient().sidecar().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    let host = sidecar.client.authority();
    raw.write(format!(
        "GET /.well-known/jwks HTTP/1.1\r\nHost: {host}\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
    raw.rest().await;
}

#[tokio::test]
async fn a_form_that_is_not_finished_is_refused() {
    let sidecar = impatient().sidecar().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(format!(
        "POST /connect/token HTTP/1.1\r\nHost: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type",
        sidecar.client.authority()
    ))
    .await;
    let status = raw.answer().await.map_or(408, |answer| answer.status);
    assert_eq!(status, 408);
    raw.rest().await;
}

#[tokio::test]
async fn heads_too_large_are_refused() {
    let sidecar = Setup::new().sidecar().await;
    let host = sidecar.client.authority();
    let many = "X-Many: 1\r\n".repeat(150);
    let large = format!("X-Large: {}\r\n", "x".repeat(64 * 1024));
    for (name, headers) in [("many", many), ("large", large)] {
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(format!(
            "GET /.well-known/jwks HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"
        ))
        .await;
        let status = raw.answer().await.map_or(431, |answer| answer.status);
        assert_eq!(status, 431, "{name}");
    }
    sidecar.token().await;
}
