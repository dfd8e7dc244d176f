//! From the gate to the engine and back: streams, failures, retries.

use serde_json::{Value, json};
use tests::client::Answer;
use tests::raw::Raw;
use tests::recorder::{Recorder, Reply, SUCCESS, Seen, json as answer_json};
use tests::server::{Setup, Sidecar};
use tests::wait::until;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

/// A head for a hand-made request.
fn head(sidecar: &Sidecar, method: &str, operation: &str, token: &str, more: &str) -> String {
    let host = sidecar.client.authority();
    format!(
        "{method} /workflowapi/{operation} HTTP/1.1\r\nHost: {host}\r\n\
         Authorization: Bearer {token}\r\n{more}\r\n"
    )
}

/// A failure in the API's envelope, with the request's id in body and header.
#[track_caller]
fn failed(answer: &Answer, status: u16, error: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], false, "{body}");
    assert_eq!(body["error"], error, "{body}");
    assert!(body["message"].is_string(), "{body}");
    let id = body["requestId"].as_str().expect("a request id");
    assert!(!id.is_empty());
    let header = answer.header("x-request-id");
    assert!(header.is_empty() || header == id, "{header} is not {id}");
    body
}

#[tokio::test]
async fn an_answer_streams_while_the_engine_is_still_writing_it() {
    let (pieces, receiver) = mpsc::unbounded_channel::<String>();
    let receiver = Mutex::new(Some(receiver));
    let recorder = Recorder::with(move |_| {
        let taken = receiver
            .try_lock()
            .ok()
            .and_then(|mut receiver| receiver.take());
        taken.map_or(Reply::Close, Reply::Pieces)
    })
    .await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let token = sidecar.token().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(head(&sidecar, "GET", "getschemelist", &token, ""))
        .await;
    let send = |piece: &str| pieces.send(piece.to_owned()).expect("the recorder waits");
    send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    send("7\r\n{\"one\":\r\n");
    // The first piece is here although the second was not yet sent.
    raw.until("{\"one\":").await;
    send("5\r\n\"1st\"\r\n");
    raw.until("\"1st\"").await;
    send("1\r\n}\r\n0\r\n\r\n");
    raw.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_request_streams_while_the_client_is_still_writing_it() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let token = sidecar.token().await;
    for (framing, first, second) in [
        ("Content-Length: 10\r\n", "{\"a\":", "\"bc\"}"),
        (
            "Transfer-Encoding: chunked\r\n",
            "5\r\n{\"a\":\r\n",
            "5\r\n\"bc\"}\r\n0\r\n\r\n",
        ),
    ] {
        let mut raw = Raw::connect(&sidecar.client).await;
        let before = recorder.seen().len();
        raw.write(head(&sidecar, "POST", "createinstance", &token, framing))
            .await;
        raw.write(first).await;
        recorder
            .until("the first half has come", |seen| {
                seen.get(before).is_some_and(|seen| seen.body == "{\"a\":")
            })
            .await;
        raw.write(second).await;
        assert_eq!(raw.answer().await.expect("an answer").status, 200);
        assert_eq!(recorder.seen()[before].body, "{\"a\":\"bc\"}");
    }
}

#[tokio::test]
async fn bodies_arrive_whole_both_ways_and_too_large_ones_not_at_all() {
    let large = format!("\"{}\"", "x".repeat(3 << 20));
    let body = large.clone();
    let recorder = Recorder::with(move |_| Reply::Raw(answer_json(&body))).await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "Limits": { "Body": "4MiB" } }))
        .sidecar()
        .await;
    let token = sidecar.token().await;
    for client in [sidecar.client.clone(), sidecar.client.http2()] {
        let post = |body: String| {
            let call = client.post("/workflowapi/createinstance").bearer(&token);
            call.body("application/json", body)
        };
        let answer = post(large.clone()).send().await.expect(200);
        assert_eq!(answer.body.len(), large.len());
        assert!(answer.text() == large, "the same bytes come back");
        let last = recorder.seen().pop().expect("a request");
        assert!(last.body == large, "the same bytes arrived");

        let before = recorder.seen().len();
        let too_large = "x".repeat((4 << 20) + 1);
        match post(too_large).try_send().await {
            Ok(answer) => {
                failed(&answer, 413, "PayloadTooLarge");
            }
            // Refused while the client was writing: it may see its connection end instead.
            Err(fault) => assert!(!fault.contains("panicked"), "{fault}"),
        }
        let complete = recorder.seen()[before..].iter().any(|seen| seen.complete);
        assert!(!complete, "a body over the limit arrived whole");
    }
    // One without a length is stopped at the limit too.
    let mut raw = Raw::connect(&sidecar.client).await;
    let framing = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    raw.write(head(&sidecar, "POST", "createinstance", &token, framing))
        .await;
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..5 {
        raw.write(&chunk).await;
    }
    raw.write("0\r\n\r\n").await;
    let status = raw.answer().await.map_or(413, |answer| answer.status);
    assert_eq!(status, 413);
    let last = recorder.seen().pop().expect("a request");
    assert!(
        !last.complete || last.body.len() == large.len(),
        "{}",
        last.body.len()
    );
}

#[tokio::test]
async fn without_its_engine_the_sidecar_starts_and_says_when_to_come_again() {
    // A port that nobody has: bound once, given back.
    let address = {
        let recorder = Recorder::start().await;
        recorder.address().to_owned()
    };
    let sidecar = Setup::new()
        .upstream(&format!("http://{address}"))
        .sidecar()
        .await;
    let api = sidecar.api().await;
    let answer = api.get("/getschemelist").send().await;
    failed(&answer, 503, "UpstreamUnavailable");
    let wait = answer.header("retry-after").parse::<u32>();
    assert!(wait.is_ok_and(|wait| wait >= 1), "{:?}", answer.headers);

    let recorder = Recorder::at(&address, |_| Reply::Json(SUCCESS)).await;
    until("the engine is found", || async {
        let answer = api.get("/getschemelist").send().await;
        answer.status.is_success().then_some(())
    })
    .await;
    assert!(!recorder.seen().is_empty());
}

#[tokio::test]
async fn an_engine_that_answers_late_is_a_504() {
    let recorder = Recorder::with(|_| Reply::Silence).await;
    let sidecar = Setup::new()
        .with(&json!({ "Upstream": {
            "Endpoints": [recorder.url], "ResponseTimeout": "200ms"
        } }))
        .sidecar()
        .await;
    let api = sidecar.api().await;
    let id = Uuid::new_v4();
    let call = api
        .post(&format!("/executecommand/{id}"))
        .json(&json!({ "command": "x" }));
    failed(&call.send().await, 504, "UpstreamTimeout");
    assert_eq!(recorder.seen().len(), 1, "not sent again");
}

#[tokio::test]
async fn an_engine_that_answers_nonsense_is_a_502_and_costs_one_request() {
    let nonsense = [
        "",
        "\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "\u{0}\u{1}\u{2}\u{3}",
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/1.1 200 OK\r\nContent-Len",
    ];
    let recorder = Recorder::with(move |seen| {
        let index = seen
            .line()
            .rsplit('/')
            .next()
            .and_then(|index| index.parse().ok());
        match index {
            Some(index @ 0_usize..) if index < nonsense.len() => {
                Reply::Last(nonsense[index].to_owned())
            }
            _ => Reply::Json(SUCCESS),
        }
    })
    .await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let api = sidecar.api().await;
    for (index, bytes) in nonsense.iter().enumerate() {
        let call = api.post(&format!("/executecommand/{index}"));
        let answer = call.json(&json!({})).send().await;
        assert_eq!(answer.status, 502, "{bytes:?}: {}", answer.text());
        failed(&answer, 502, "UpstreamUnavailable");
        api.get("/getschemelist").send().await.expect(200);
    }
}

#[tokio::test]
async fn an_answer_cut_short_does_not_look_whole() {
    let recorder = Recorder::with(|seen| {
        Reply::Last(if seen.line().contains("chunked") {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n".to_owned()
        } else {
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":".to_owned()
        })
    })
    .await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let token = sidecar.token().await;
    for client in [sidecar.client.clone(), sidecar.client.http2()] {
        for path in [
            "/workflowapi/getscheme/chunked",
            "/workflowapi/getscheme/length",
        ] {
            let cut = client.get(path).bearer(&token).try_send().await;
            assert!(cut.is_err(), "{path}: {cut:?}");
        }
    }
}

#[tokio::test]
async fn answers_of_every_status_and_without_a_body_come_through() {
    let recorder = Recorder::with(|seen| {
        Reply::Raw(match seen.line().rsplit('/').next() {
            Some("204") => "HTTP/1.1 204 No Content\r\nX-Odd: 1\r\n\r\n".to_owned(),
            Some("304") => "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".to_owned(),
            Some("404") => "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            Some("500") => "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Twice: a\r\nX-Twice: b\r\n\r\n"
                .to_owned(),
        })
    })
    .await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let token = sidecar.token().await;
    for status in [204, 304, 404, 500] {
        let path = format!("/workflowapi/getscheme/{status}");
        let answer = sidecar.client.get(&path).bearer(&token).send().await;
        assert_eq!(answer.status, status);
    }
    let head = sidecar
        .client
        .call(http::Method::HEAD, "/workflowapi/getschemelist");
    let answer = head.bearer(&token).send().await.expect(200);
    assert!(answer.body.is_empty());
    assert_eq!(answer.headers.get_all("x-twice").iter().count(), 2);
}

/// A recorder that closes a kept connection when its second request comes.
async fn forgetful() -> Recorder {
    let counts = Mutex::new(std::collections::HashMap::<usize, u32>::new());
    Recorder::with(move |seen| {
        let mut counts = counts.try_lock().expect("one at a time");
        let count = counts.entry(seen.connection).or_default();
        *count += 1;
        if *count == 1 {
            Reply::Json(SUCCESS)
        } else {
            Reply::Close
        }
    })
    .await
}

#[tokio::test]
async fn a_read_is_sent_again_when_a_kept_connection_turns_out_dead() {
    let recorder = forgetful().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "Workers": 1 }))
        .sidecar()
        .await;
    let api = sidecar.api().await;
    for _ in 0..4 {
        let id = Uuid::new_v4();
        let call = api.get(&format!("/getinstanceinfo/{id}"));
        call.send().await.expect(200);
    }
    assert!(
        recorder.seen().len() > 4,
        "connections are kept, and one was dead"
    );
}

#[tokio::test]
async fn a_write_is_never_sent_twice_whatever_its_method() {
    for get in [false, true] {
        let recorder = forgetful().await;
        let sidecar = Setup::new()
            .upstream(&recorder.url)
            .with(&json!({ "Workers": 1 }))
            .sidecar()
            .await;
        let api = sidecar.api().await;
        let mut lost = 0;
        for turn in 0..6 {
            let id = format!("00000000-0000-4000-8000-00000000000{turn}");
            let path = format!("/executecommand/{id}?command=submit");
            let call = if get {
                api.get(&path)
            } else {
                api.post(&path).json(&json!({}))
            };
            let answer = call.send().await;
            if answer.status != 200 {
                failed(&answer, 502, "UpstreamUnavailable");
                lost += 1;
            }
            let sent = recorder.seen();
            let sent = sent.iter().filter(|seen| seen.line().contains(&id)).count();
            assert_eq!(sent, 1, "GET: {get}, turn {turn}");
        }
        assert!(lost > 0, "a kept connection was dead at least once");
    }
}

#[tokio::test]
async fn garbage_in_any_place_costs_nobody_else_anything() {
    let sidecar = Setup::new().sidecar().await;
    let api = sidecar.api().await;
    let token = api.token.clone().expect("a token");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..100 {
        // Xorshift: the same bytes in every run.
        let garbage = (0..64)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect::<Vec<_>>();
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(&garbage).await;
        raw.write(b"\r\n\r\n").await;
        raw.finish().await;
        let mut raw = Raw::connect(&sidecar.client).await;
        let framing = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            garbage.len()
        );
        raw.write(head(&sidecar, "POST", "createinstance", &token, &framing))
            .await;
        raw.write(&garbage).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    api.get("/getschemelist").send().await.expect(200);
    assert!(sidecar.metric("sidecar_panics_total", &[]).await < 1.0);
}

#[tokio::test]
async fn connections_to_the_engine_are_kept_and_shared() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "Workers": 1 }))
        .sidecar()
        .await;
    let api = sidecar.api().await;
    for _ in 0..20 {
        api.get("/getschemelist").send().await.expect(200);
    }
    let connections = recorder
        .seen()
        .iter()
        .map(|seen: &Seen| seen.connection)
        .max();
    assert!(connections < Some(5), "{connections:?}");
}
