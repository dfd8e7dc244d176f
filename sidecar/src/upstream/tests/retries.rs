//! What is sent twice, and what never is.

use super::rig::{Fake, Rig, get, post};
use crate::refusal::Reason;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers once on the first connection, then takes a whole second request and closes without a
/// word: the worst instant at which an idle connection can go. Later connections work.
async fn closing_at_the_worst_instant() -> Fake {
    Fake::start(|number, mut peer| async move {
        peer.request().await;
        peer.write(OK).await;
        if number == 0 {
            peer.request().await;
            return;
        }
        while peer.request().await.is_some() {
            peer.write(OK).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_read_is_sent_again_after_a_reused_connection_closed_unanswered() {
    for path in [
        "/workflowapi/getinstanceinfo/7",
        "/workflowapi/getschemelist",
        // Outside the table the method decides.
        "/workflowapi/unheard-of",
        "/elsewhere",
    ] {
        let fake = closing_at_the_worst_instant().await;
        let rig = Rig::new(&fake.endpoint);
        assert_eq!(rig.ask(get(path)).await.unwrap().0, 200);
        assert_eq!(
            rig.ask(get(path)).await.unwrap(),
            (200, "ok".into()),
            "{path}"
        );
        let seen = fake.seen();
        assert_eq!(
            seen.len(),
            3,
            "{path}: the first, the lost one, its repetition"
        );
        assert_eq!(seen[1], seen[2], "{path}: the very same bytes");
        assert_eq!(fake.connections(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_write_is_never_sent_twice_whatever_its_method() {
    type Case = fn() -> crate::gate::CanonicalRequest;
    let cases: [(&str, Case); 5] = [
        ("a GET that creates", || {
            get("/workflowapi/createinstance?schemeCode=a")
        }),
        ("a POST that creates", || {
            post("/workflowapi/createinstance", "{}")
        }),
        ("a POST without body that executes", || {
            post("/workflowapi/executecommand/7", "")
        }),
        ("a read with a body", || {
            post("/workflowapi/getinstanceinfo", "{\"processId\":7}")
        }),
        ("an unknown POST", || post("/workflowapi/unheard-of", "")),
    ];
    for (what, case) in cases {
        let fake = closing_at_the_worst_instant().await;
        let rig = Rig::new(&fake.endpoint);
        assert_eq!(
            rig.ask(get("/workflowapi/getschemelist")).await.unwrap().0,
            200
        );
        let answer = rig.ask(case()).await;
        assert_eq!(answer, Err(Reason::UpstreamBroken), "{what}");
        assert_eq!(fake.seen().len(), 2, "{what}");
    }
}

#[tokio::test]
async fn a_read_is_not_sent_again_on_a_connection_of_its_own() {
    // Closed by an engine that crashes on it, not as idle: again would crash the next one.
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    let answer = rig.ask(get("/workflowapi/getschemelist")).await;
    assert_eq!(answer, Err(Reason::UpstreamBroken));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_read_is_not_sent_again_once_the_answer_has_begun() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.write(OK).await;
        peer.request().await;
        peer.write("HTTP/1.1 2").await;
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    assert_eq!(
        rig.ask(get("/workflowapi/getschemelist")).await.unwrap().0,
        200
    );
    let answer = rig.ask(get("/workflowapi/getschemelist")).await;
    assert_eq!(answer, Err(Reason::UpstreamBroken));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_second_failure_is_the_answer() {
    let fake = Fake::start(|number, mut peer| async move {
        if number == 0 {
            peer.request().await;
            peer.write(OK).await;
        }
        peer.request().await;
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    assert_eq!(
        rig.ask(get("/workflowapi/getschemelist")).await.unwrap().0,
        200
    );
    let answer = rig.ask(get("/workflowapi/getschemelist")).await;
    assert_eq!(answer, Err(Reason::UpstreamBroken));
    assert_eq!(fake.seen().len(), 3, "once, and once again");
}

#[tokio::test]
async fn retries_stop_when_the_budget_is_spent() {
    // Every connection serves one request and loses the next.
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.write(OK).await;
        peer.request().await;
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    let mut refused = 0;
    let rounds = 100;
    for _ in 0..rounds {
        match rig.ask(get("/workflowapi/getschemelist")).await {
            Ok(answer) => assert_eq!(answer.0, 200),
            Err(reason) => {
                assert_eq!(reason, Reason::UpstreamBroken);
                refused += 1;
            }
        }
    }
    let sent = fake.seen().len();
    assert!(sent <= rounds + 10 + rounds / 5, "{sent} for {rounds}");
    assert!(refused > 0);
}

#[tokio::test]
async fn a_write_never_meets_a_connection_that_was_closed_as_idle() {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let endpoint = crate::config::Endpoint::Http {
        authority: authority.parse().unwrap(),
    };
    let serve = |listener: std::net::TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
        stream.write_all(OK.as_bytes()).unwrap();
        (listener, stream)
    };
    let rig = Rig::new(&endpoint);
    let create = || get("/workflowapi/createinstance?schemeCode=a");
    let serving = on_a_thread(move || serve(listener));
    assert_eq!(rig.ask(create()).await, Ok((200, "ok".into())));
    let (listener, stream) = serving.await.unwrap();
    let again = on_a_thread(move || serve(listener));
    // Between this and the request the reactor does not run: only the socket itself knows.
    drop(stream);
    assert_eq!(rig.ask(create()).await, Ok((200, "ok".into())));
    drop(again.await.unwrap());
}

/// Unlike a blocking task, one that never ends does not keep a failed test from ending.
fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::sync::oneshot::Receiver<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(work()).is_ok());
    receiver
}
