//! The rules of HTTP and of the life cycle, through real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use super::*;
use crate::admin::Admin;
use crate::service::tests::{start, wait};

const LONG: Duration = Duration::from_secs(60);

/// A server on a free port, its address, and what must live as long.
fn serve() -> (Server, SocketAddr, Engine, tempfile::TempDir) {
    let (engine, folder) = start(|_| ());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Bound::new(&Listen::Tcp(vec![any]), 2).expect("a free port");
    let server = bound.serve(&engine).expect("threads");
    let Listening::Tcp(addresses) = server.listening().clone() else {
        panic!("TCP was asked for");
    };
    (server, addresses[0], engine, folder)
}

fn request(address: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("host", address.to_string())
        .body(Full::default())
        .expect("a request")
}

async fn connect(address: SocketAddr) -> TokioIo<tokio::net::TcpStream> {
    TokioIo::new(
        tokio::net::TcpStream::connect(address)
            .await
            .expect("it listens"),
    )
}

/// Sends over HTTP/1.1 on whatever stream.
async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> (StatusCode, Value)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .expect("HTTP/1.1");
    tokio::spawn(connection);
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status();
    let length = response.headers()["content-length"]
        .to_str()
        .expect("digits")
        .to_owned();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert_eq!(length, body.len().to_string());
    (status, serde_json::from_slice(&body).expect("JSON"))
}

/// Sends bytes as they are, and reads until the server closes.
fn raw(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    answer
}

#[test]
fn both_versions_of_http_are_served_on_one_port() {
    let (_server, address, _engine, _folder) = serve();
    wait(async {
        let path = "/workflowapi/getschemelist";
        let (status, answer) = send(connect(address).await, request(address, path)).await;
        assert_eq!(
            (status.as_u16(), &answer["data"][0]),
            (200, &Value::from("Order"))
        );

        let executor = TokioExecutor::new();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(executor, connect(address).await)
                .await
                .expect("HTTP/2");
        tokio::spawn(connection);
        let uri = format!("http://{address}{path}");
        let request = Request::get(uri)
            .body(Full::<Bytes>::default())
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.version(), http::Version::HTTP_2);
    });
}

#[test]
fn a_unix_socket_serves_whatever_the_host() {
    let (engine, folder) = start(|_| ());
    let path = folder.path().join("engine.sock");
    let bound = Bound::new(&Listen::Unix(path.clone()), 2).expect("a new socket");
    let server = bound.serve(&engine).expect("threads");
    wait(async {
        let stream = tokio::net::UnixStream::connect(&path)
            .await
            .expect("it listens");
        let request = Request::get("/workflowapi/getschemelist")
            .header("host", "engine")
            .body(Full::default())
            .expect("a request");
        assert_eq!(send(TokioIo::new(stream), request).await.0, 200);
        assert!(server.drain(LONG).await);
    });
    assert!(!path.exists(), "the socket goes with its server");
}

#[test]
fn who_is_not_trusted_gets_403_and_no_cors() {
    let (_server, address, _engine, _folder) = serve();
    for (method, headers, want) in [
        ("GET", "Host: localhost\r\n", "200 OK"),
        ("GET", "Host: evil.example\r\n", "403 Forbidden"),
        ("GET", "", "403 Forbidden"),
        (
            "GET",
            "Host: localhost\r\nOrigin: http://localhost\r\n",
            "403 Forbidden",
        ),
        (
            "GET",
            "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n",
            "403 Forbidden",
        ),
        (
            "OPTIONS",
            "Host: localhost\r\nOrigin: http://a\r\nAccess-Control-Request-Method: POST\r\n",
            "403 Forbidden",
        ),
        (
            "GET",
            "Host: localhost\r\nOrigin: http://a\r\nX-Workflow-Client: shop\r\n",
            "200 OK",
        ),
    ] {
        let head = format!("{method} /workflowapi/getschemelist HTTP/1.1\r\n");
        let answer = raw(
            address,
            &format!("{head}{headers}Connection: close\r\n\r\n"),
        );
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {want}")),
            "{headers}: {answer}"
        );
        assert!(answer.contains("{\"success\":"), "{headers}: {answer}");
        assert!(
            !answer.to_ascii_lowercase().contains("access-control"),
            "{answer}"
        );
    }
}

#[test]
fn a_body_declared_too_large_is_refused_unread() {
    let (_server, address, _engine, _folder) = serve();
    let answer = raw(
        address,
        "POST /workflowapi/inbox HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: 16777217\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\"error\":\"PayloadTooLarge\""), "{answer}");
}

#[test]
fn malformed_http_is_answered_in_the_envelope() {
    let (_server, address, _engine, _folder) = serve();
    let long = format!(
        "GET /workflowapi/inbox?{} HTTP/1.1\r\n\r\n",
        "a".repeat(70_000)
    );
    let headers = "A: b\r\n".repeat(200);
    for (text, status) in [
        ("NONSENSE\r\n\r\n", 400),
        ("GET /workflowapi/inbox HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (
            "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            400,
        ),
        (
            &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"),
            431,
        ),
        (&long, 431),
    ] {
        let shown: String = text.chars().take(60).collect();
        let answer = raw(address, text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{shown}: {answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.to_ascii_lowercase().contains("application/json"),
            "{shown}: {answer}"
        );
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{shown}: {answer}"
        );
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["success"], false, "{shown}");
    }
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_nothing_new() {
    let (server, address, _engine, _folder) = serve();
    let mut idle = TcpStream::connect(address).expect("it listens");
    idle.write_all(b"GET /workflowapi/getschemelist HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("written");
    let mut first = [0; 12];
    idle.read_exact(&mut first).expect("an answer");

    let mut busy = TcpStream::connect(address).expect("it listens");
    busy.write_all(
        b"POST /workflowapi/getschemelist HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
          Content-Type: application/json\r\nContent-Length: 2\r\n\r\n",
    )
    .expect("written");
    // The engine asks for the body, so the request is in flight now.
    let mut interim = [0; 25];
    busy.read_exact(&mut interim).expect("an interim answer");
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{interim:?}");

    let drain = thread::spawn(move || wait(server.drain(LONG)));
    let mut rest = String::new();
    idle.read_to_string(&mut rest)
        .expect("the idle connection closes");
    busy.write_all(b"{}").expect("written");
    let mut answer = String::new();
    busy.read_to_string(&mut answer)
        .expect("the answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(drain.join().expect("no panic"), "all of it finished");
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let (server, address, _engine, _folder) = serve();
    let mut stuck = TcpStream::connect(address).expect("it listens");
    stuck
        .write_all(
            b"POST /workflowapi/getschemelist HTTP/1.1\r\nHost: localhost\r\n\
              Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        )
        .expect("written");
    let mut interim = [0; 12];
    stuck.read_exact(&mut interim).expect("an interim answer");
    assert!(!wait(server.drain(Duration::from_millis(1))));
}

#[test]
fn probes_follow_the_engine() {
    let (engine, _folder) = start(|_| ());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = Admin::bind(&[any]).expect("a free port");
    let address = admin.addresses()[0];
    thread::spawn({
        let engine = engine.clone();
        move || wait(admin.serve(engine))
    });
    let probe = |path: &str| {
        raw(
            address,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        )
    };
    assert!(probe("/livez").starts_with("HTTP/1.1 200"));
    assert!(probe("/readyz").starts_with("HTTP/1.1 200"));
    assert!(probe("/readyz?verbose").contains("[+]schemes 1 loaded, 0 broken"));
    assert!(probe("/nothing").starts_with("HTTP/1.1 404"));
    let request = Request::get("/workflowapi/getschemelist").body(Full::<Bytes>::default());
    wait(engine.call(request.expect("a request")));
    let metrics = probe("/metrics");
    assert!(
        metrics.contains(r#"engine_requests_total{operation="getschemelist",outcome="Success"} 1"#),
        "{metrics}"
    );
    engine.begin_drain();
    assert!(probe("/readyz").starts_with("HTTP/1.1 503"));
    assert!(probe("/livez").starts_with("HTTP/1.1 200"));
    assert!(
        raw(
            address,
            "POST /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .starts_with("HTTP/1.1 405")
    );
    assert!(
        raw(
            address,
            "GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        )
        .starts_with("HTTP/1.1 403")
    );
}
