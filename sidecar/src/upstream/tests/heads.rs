//! What is written to either side.

use std::sync::Arc;

use http::Method;
use tokio::io::AsyncWriteExt;

use super::rig::{Fake, Rig, front, get, limits, post, read_head, request};
use crate::body::RequestBody;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The header lines of that name.
fn lines<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn the_engine_learns_identity_and_origin_from_the_sidecar_alone() {
    let fake = Fake::answering(OK).await;
    let rig = Rig::new(&fake.endpoint);
    let mut asked = get("/workflowapi/getinstanceinfo/7?a=%7Eb&c=d+e");
    for (name, value) in [
        ("authorization", "Bearer secret"),
        ("expect", "100-continue"),
        ("x-request-id", "spoofed"),
        ("x-workflow-client", "spoofed"),
        ("x-forwarded-for", "spoofed"),
        ("x-other", "kept"),
        ("cookie", "a=b"),
    ] {
        asked.head.headers.append(name, value.parse().unwrap());
    }
    rig.ask(asked).await.unwrap();
    let head = fake.seen().remove(0);
    let authority = rig
        .upstream
        .current
        .lock()
        .pool
        .as_ref()
        .unwrap()
        .host
        .clone();
    assert!(head.starts_with("GET /workflowapi/getinstanceinfo/7?a=%7Eb&c=d+e HTTP/1.1\r\n"));
    for (name, want) in [
        ("host", vec![authority.to_str().unwrap()]),
        ("x-workflow-client", vec!["client"]),
        ("x-workflow-subject", vec!["subject"]),
        ("x-workflow-scopes", vec!["WorkflowApi other"]),
        ("x-request-id", vec!["0123456789abcdef"]),
        ("x-forwarded-for", vec!["10.1.2.3"]),
        ("x-forwarded-proto", vec!["https"]),
        ("x-forwarded-host", vec!["api.example:8077"]),
        (
            "forwarded",
            vec!["for=10.1.2.3;proto=https;host=\"api.example:8077\""],
        ),
        ("x-other", vec!["kept"]),
        ("cookie", vec!["a=b"]),
        ("authorization", vec![]),
        ("expect", vec![]),
        ("content-length", vec![]),
        ("transfer-encoding", vec![]),
        ("connection", vec![]),
    ] {
        assert_eq!(lines(&head, name), want, "{name}");
    }
}

#[tokio::test]
async fn host_and_token_are_passed_on_only_where_so_configured() {
    let fake = Fake::answering(OK).await;
    let mut rig = Rig::new(&fake.endpoint);
    rig.settings.preserve_host = true;
    rig.settings.forward_token = true;
    let mut asked = get("/workflowapi/getschemelist");
    let token = "Bearer a.b.c".parse().unwrap();
    asked.head.headers.insert("authorization", token);
    rig.ask(asked).await.unwrap();
    let head = fake.seen().remove(0);
    assert_eq!(lines(&head, "host"), ["api.example:8077"]);
    assert_eq!(lines(&head, "authorization"), ["Bearer a.b.c"]);
}

#[tokio::test]
async fn an_absolute_target_is_written_in_origin_form() {
    let fake = Fake::answering(OK).await;
    let rig = Rig::new(&fake.endpoint);
    for (target, want) in [
        (
            "https://api.example:8077/workflowapi/inbox?x=1",
            "GET /workflowapi/inbox?x=1 ",
        ),
        ("https://api.example:8077", "GET / "),
    ] {
        let mut asked = get(target);
        asked.head.version = http::Version::HTTP_2;
        rig.ask(asked).await.unwrap();
        let head = fake.seen().pop().unwrap();
        assert!(head.starts_with(want), "{head}");
    }
}

#[tokio::test]
async fn framing_is_the_bodys_own() {
    let fake = Fake::start(|_, mut peer| async move {
        while let Some(head) = peer.request().await {
            if let [length] = lines(&head, "content-length")[..] {
                peer.body(length.parse().unwrap()).await;
            }
            peer.write(OK).await;
        }
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    let empty = |method| request(&method, "/workflowapi/unheard-of", RequestBody::Empty);
    for (mut asked, announced, want) in [
        (empty(Method::GET), None, None),
        (empty(Method::DELETE), None, None),
        (empty(Method::POST), None, Some("0")),
        (empty(Method::PUT), Some("0"), Some("0")),
        (post("/workflowapi/inbox", "four"), Some("4"), Some("4")),
        (post("/workflowapi/inbox", "four"), Some("04"), Some("4")),
        (post("/workflowapi/inbox", "four"), Some("5"), Some("4")),
        (post("/workflowapi/inbox", "four"), None, Some("4")),
    ] {
        asked
            .head
            .headers
            .insert("transfer-encoding", "chunked".parse().unwrap());
        if let Some(announced) = announced {
            asked
                .head
                .headers
                .insert("content-length", announced.parse().unwrap());
        }
        assert_eq!(rig.ask(asked).await, Ok((200, "ok".into())));
        let head = fake.seen().pop().unwrap();
        assert_eq!(
            lines(&head, "content-length"),
            Vec::from_iter(want),
            "{head}"
        );
        assert!(lines(&head, "transfer-encoding").is_empty(), "{head}");
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_answer_stop_here_and_no_others() {
    let fake = Fake::answering(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop, Content-Length\r\n\
         Keep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n\
         Proxy-Authenticate: Basic\r\nServer: engine/1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         Date: Tue, 24 Nov 2026 00:00:00 GMT\r\nX-Powered-By: x\r\nETag: \"e\"\r\n\
         Content-Length: 2\r\n\r\nok",
    )
    .await;
    let rig = Rig::new(&fake.endpoint);
    for _ in 0..2 {
        let response = rig.send(get("/workflowapi/getschemelist")).await.unwrap();
        let headers = response.headers();
        for gone in [
            "connection",
            "keep-alive",
            "x-hop",
            "proxy-connection",
            "upgrade",
            "proxy-authenticate",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        for (kept, want) in [
            ("server", vec!["engine/1"]),
            ("set-cookie", vec!["a=1", "b=2"]),
            ("date", vec!["Tue, 24 Nov 2026 00:00:00 GMT"]),
            ("x-powered-by", vec!["x"]),
            ("etag", vec!["\"e\""]),
            ("content-length", vec!["2"]),
        ] {
            let values: Vec<_> = headers.get_all(kept).iter().collect();
            assert_eq!(values, want, "{kept}");
        }
    }
}

#[tokio::test]
async fn a_client_sees_one_framing_that_fits() {
    for (method, answer, length, body) in [
        ("GET", OK, Some("2"), "ok"),
        // Both: the encoding was believed, so the length must not go on.
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\n\r\n",
            None,
            "2\r\nok\r\n0\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            Some("2"),
            "ok",
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            Some("500"),
            "",
        ),
        (
            "GET",
            // hyper leaves it out towards HTTP/1.1 clients, as RFC 9110 §8.6 allows.
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
            None,
            "",
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None, ""),
    ] {
        let fake = Fake::answering(answer).await;
        let rig = Arc::new(Rig::new(&fake.endpoint));
        let mut client = front(&rig, limits());
        for _ in 0..2 {
            let asked = format!("{method} /workflowapi/inbox HTTP/1.1\r\nHost: a\r\n\r\n");
            client.write_all(asked.as_bytes()).await.unwrap();
            let (_, headers) = read_head(&mut client).await;
            let lengths: Vec<_> = headers.get_all("content-length").iter().collect();
            assert_eq!(lengths, Vec::from_iter(length), "{answer:?}");
            let chunked = headers.contains_key("transfer-encoding");
            assert_eq!(chunked, body.starts_with("2\r\n"), "{answer:?}");
            let mut got = vec![0; body.len()];
            tokio::io::AsyncReadExt::read_exact(&mut client, &mut got)
                .await
                .unwrap();
            assert_eq!(got, body.as_bytes(), "{answer:?}");
        }
    }
}
