//! One exchange with an upstream that is slow, silent, wrong or gone.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::rig::{Fake, Rig, get, request};
use crate::body::RequestBody;
use crate::config::Endpoint;
use crate::refusal::Reason;

/// Rings for certain, soon.
const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = free.local_addr().unwrap().to_string().parse().unwrap();
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    let none = |name: &str| Endpoint::Unix {
        path: folder.path().join(name),
    };
    for endpoint in [
        Endpoint::Http { authority },
        Endpoint::Http {
            authority: "no-such-host.invalid:80".parse().unwrap(),
        },
        none("nobody.sock"),
    ] {
        let rig = Rig::new(&endpoint);
        let answer = rig.ask(get("/workflowapi/getschemelist")).await;
        assert_eq!(answer, Err(Reason::UpstreamUnavailable), "{endpoint:?}");
        assert!(super::super::reachable(&rig.settings).await.is_err());
    }
}

#[tokio::test]
async fn an_upstream_that_never_answers_times_out_and_is_let_go() {
    let closed = Arc::new(Notify::new());
    let fake = Fake::start({
        let closed = Arc::clone(&closed);
        move |_, mut peer| {
            let closed = Arc::clone(&closed);
            async move {
                peer.request().await;
                peer.closed().await;
                closed.notify_one();
            }
        }
    })
    .await;
    let mut rig = Rig::new(&fake.endpoint);
    rig.settings.response_timeout = SOON;
    let answer = rig.ask(get("/workflowapi/getschemelist")).await;
    assert_eq!(answer, Err(Reason::UpstreamTimeout));
    closed.notified().await;
    assert_eq!(fake.seen().len(), 1, "a time-out is not retried");
}

#[tokio::test]
async fn what_is_no_http_is_broken() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n",
        "\0\0\0\0",
        "HTTP/1.1 200",
        "",
    ] {
        let fake = Fake::start(move |_, mut peer| async move {
            peer.request().await;
            peer.write(garbage).await;
        })
        .await;
        let rig = Rig::new(&fake.endpoint);
        let answer = rig.ask(get("/workflowapi/getschemelist")).await;
        assert_eq!(answer, Err(Reason::UpstreamBroken), "{garbage:?}");
        assert_eq!(rig.idle(), 0, "{garbage:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.write("HTTP/1.1 200 OK\r\n").await;
        let line = format!("X-Filler: {}\r\n", "a".repeat(1000));
        for _ in 0..1000 {
            peer.write(&line).await;
        }
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    let answer = rig.ask(get("/workflowapi/getschemelist")).await;
    assert_eq!(answer, Err(Reason::UpstreamBroken));
}

#[tokio::test]
async fn a_body_that_breaks_off_never_looks_whole() {
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
    ] {
        let fake = Fake::start(move |_, mut peer| async move {
            peer.request().await;
            peer.write(part).await;
        })
        .await;
        let rig = Rig::new(&fake.endpoint);
        let response = rig.send(get("/workflowapi/getschemelist")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.into_body().collect().await.is_err(), "{part:?}");
        assert_eq!(rig.idle(), 0, "{part:?}");
    }
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let fake = Fake::answering(
        "HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let rig = Rig::new(&fake.endpoint);
    for _ in 0..2 {
        let response = rig.send(get("/workflowapi/getschemelist")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("link"));
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "ok"
        );
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_trickles_arrives_whole() {
    let fake = Fake::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
            for at in 0..answer.len() {
                peer.write(&answer[at..=at]).await;
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    for _ in 0..3 {
        let answer = rig.ask(get("/workflowapi/getschemelist")).await;
        assert_eq!(answer, Ok((200, "abcd".into())));
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn answers_without_body_have_none_and_leave_the_connection_good() {
    for (method, answer, length) in [
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            Some("500"),
        ),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            None,
        ),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
            Some("500"),
        ),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Some("0"),
        ),
    ] {
        let fake = Fake::answering(answer).await;
        let rig = Rig::new(&fake.endpoint);
        for _ in 0..2 {
            let asked = request(&method, "/workflowapi/getschemelist", RequestBody::Empty);
            let response = rig.send(asked).await.unwrap();
            let got = response.headers().get("content-length").cloned();
            assert_eq!(
                got.as_ref().map(|v| v.to_str().unwrap()),
                length,
                "{answer:?}"
            );
            assert!(
                response
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
                    .to_bytes()
                    .is_empty()
            );
        }
        assert_eq!(fake.connections(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_close_delimited_answer_ends_with_its_connection() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    ] {
        let fake = Fake::start(move |_, mut peer| async move {
            peer.request().await;
            peer.write(answer).await;
        })
        .await;
        let rig = Rig::new(&fake.endpoint);
        for _ in 0..2 {
            let got = rig.ask(get("/workflowapi/getschemelist")).await;
            assert_eq!(got, Ok((200, "until the end".into())), "{answer:?}");
        }
        assert_eq!(fake.connections(), 2);
    }
}

#[tokio::test]
async fn connection_close_of_the_upstream_is_honoured() {
    let fake =
        Fake::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
            .await;
    let rig = Rig::new(&fake.endpoint);
    for _ in 0..3 {
        let answer = rig.ask(get("/workflowapi/getschemelist")).await;
        assert_eq!(answer, Ok((200, "ok".into())));
        assert_eq!(rig.idle(), 0);
    }
    assert_eq!(fake.connections(), 3);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_exchange_with_it() {
    let (asked, closed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    for head in [
        "",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1",
    ] {
        let fake = Fake::start({
            let (asked, closed) = (Arc::clone(&asked), Arc::clone(&closed));
            move |_, mut peer| {
                let (asked, closed) = (Arc::clone(&asked), Arc::clone(&closed));
                async move {
                    peer.request().await;
                    asked.notify_one();
                    peer.write(head).await;
                    peer.closed().await;
                    closed.notify_one();
                }
            }
        })
        .await;
        let rig = Rig::new(&fake.endpoint);
        if head.is_empty() {
            tokio::select! {
                _ = rig.send(get("/workflowapi/getschemelist")) => unreachable!("no answer comes"),
                () = asked.notified() => {}
            }
        } else {
            drop(rig.send(get("/workflowapi/getschemelist")).await.unwrap());
            asked.notified().await;
        }
        closed.notified().await;
        assert_eq!(rig.idle(), 0, "{head:?}");
    }
}

#[tokio::test]
async fn unix_sockets_serve_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while stream.read_buf(&mut read).await.is_ok_and(|read| read > 0) {
            if read.ends_with(b"\r\n\r\n") {
                assert!(String::from_utf8_lossy(&read).contains("host: localhost\r\n"));
                read.clear();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    let rig = Rig::new(&Endpoint::Unix { path });
    for _ in 0..3 {
        let answer = rig.ask(get("/workflowapi/getschemelist")).await;
        assert_eq!(answer, Ok((200, "ok".into())));
    }
    assert_eq!(rig.idle(), 1);
}
