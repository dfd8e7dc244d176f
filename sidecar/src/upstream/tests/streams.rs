//! Bodies that stream, both ways, with back pressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use http_body::Body;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::rig::{Fake, Rig, front, get, limits, read_head};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const MIB: usize = 1024 * 1024;

/// What may be under way between the two ends: kernel buffers of a loopback connection (a few MiB
/// each way), ours are nothing beside it.
const UNDER_WAY: usize = 16 * MIB;

async fn answer(client: &mut DuplexStream) -> (u16, String) {
    let (status, headers) = read_head(client).await;
    let length = headers.get("content-length").map_or(0, |length| {
        length.to_str().unwrap().parse::<usize>().unwrap()
    });
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.unwrap();
    (status.as_u16(), String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn a_huge_answer_waits_for_its_reader() {
    let total = 64 * MIB;
    let written = Arc::new(AtomicUsize::new(0));
    let fake = Fake::start({
        let written = Arc::clone(&written);
        move |_, mut peer| {
            let written = Arc::clone(&written);
            async move {
                peer.request().await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n");
                peer.write(&head).await;
                let piece = "x".repeat(MIB / 4);
                for _ in 0..total / piece.len() {
                    peer.write(&piece).await;
                    written.fetch_add(piece.len(), SeqCst);
                }
            }
        }
    })
    .await;
    let rig = Rig::new(&fake.endpoint);
    let response = rig.send(get("/workflowapi/getschemelist")).await.unwrap();
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), Some(total as u64));
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
        let ahead = written.load(SeqCst).saturating_sub(read);
        assert!(ahead < UNDER_WAY, "{ahead} bytes ahead of the reader");
        // The upstream gets every chance to run ahead.
        tokio::task::yield_now().await;
    }
    assert_eq!(read, total);
    assert_eq!(rig.idle(), 0, "the peer has closed");
}

#[tokio::test]
async fn a_huge_upload_waits_for_the_engine() {
    let total = 64 * MIB;
    let read = Arc::new(AtomicUsize::new(0));
    let fake = Fake::start({
        let read = Arc::clone(&read);
        move |_, mut peer| {
            let read = Arc::clone(&read);
            async move {
                peer.request().await;
                while read.load(SeqCst) < total {
                    let piece = peer.body(16 * 1024).await;
                    read.fetch_add(piece.len(), SeqCst);
                    tokio::task::yield_now().await;
                }
                peer.write(OK).await;
            }
        }
    })
    .await;
    let rig = Arc::new(Rig::new(&fake.endpoint));
    let mut client = front(&rig, limits());
    let head =
        format!("POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    for sent in 0..total / piece.len() {
        client.write_all(&piece).await.unwrap();
        let ahead = (sent * piece.len()).saturating_sub(read.load(SeqCst));
        assert!(ahead < UNDER_WAY, "{ahead} bytes ahead of the engine");
    }
    assert_eq!(answer(&mut client).await, (200, "ok".into()));
    assert!(fake.seen()[0].contains(&format!("content-length: {total}\r\n")));
}

#[tokio::test]
async fn both_ways_at_once_move_without_waiting_for_each_other() {
    // The client sends everything before it reads a byte, while far more comes back than the
    // client's side holds.
    let (up, down) = (16 * MIB, 2 * MIB);
    let fake = Fake::start(move |_, mut peer| async move {
        peer.request().await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {down}\r\n\r\n");
        peer.write(&head).await;
        let (mut reading, mut writing) = peer.stream.split();
        let mut read = vec![0; up / 2];
        let answer = vec![b'y'; down];
        let (sent, received) =
            tokio::join!(writing.write_all(&answer), reading.read_exact(&mut read));
        sent.unwrap();
        received.unwrap();
        peer.closed().await;
    })
    .await;
    let rig = Arc::new(Rig::new(&fake.endpoint));
    let mut client = front(&rig, limits());
    let head =
        format!("POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: {up}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let both = async {
        for _ in 0..up / piece.len() {
            client.write_all(&piece).await.unwrap();
        }
        answer(&mut client).await
    };
    // Were they to wait for each other, it would be for ever.
    let (status, body) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("both ways move");
    assert_eq!((status, body.len()), (200, down));
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_is_the_answer() {
    for kept_open in [false, true] {
        let fake = Fake::start(move |_, mut peer| async move {
            peer.request().await;
            peer.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
                .await;
            if kept_open {
                peer.closed().await;
            }
        })
        .await;
        let rig = Arc::new(Rig::new(&fake.endpoint));
        let mut client = front(&rig, limits());
        // The rest of the body never comes.
        let head = "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1";
        client.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut client).await, (403, "no".into()));
        assert_eq!(rig.idle(), 0, "half a request stands on that connection");
    }
}

#[tokio::test]
async fn small_bodies_reuse_the_connection() {
    let fake = Fake::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            assert_eq!(peer.body(4).await, b"abcd");
            peer.write(OK).await;
        }
    })
    .await;
    let rig = Arc::new(Rig::new(&fake.endpoint));
    let mut client = front(&rig, limits());
    for _ in 0..3 {
        let asked = "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd";
        client.write_all(asked.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut client).await, (200, "ok".into()));
    }
    assert!(fake.seen()[0].contains("content-length: 4\r\n"));
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn chunks_go_on_as_chunks_whatever_the_method() {
    for method in ["POST", "GET", "DELETE"] {
        let fake = Fake::start(|_, mut peer| async move {
            peer.request().await;
            assert_eq!(
                peer.until("0\r\n\r\n").await,
                b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
            );
            peer.write(OK).await;
        })
        .await;
        let rig = Arc::new(Rig::new(&fake.endpoint));
        let mut client = front(&rig, limits());
        let asked = format!(
            "{method} /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Workflow-Client\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\nX-Workflow-Client: me\r\n\r\n"
        );
        client.write_all(asked.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut client).await, (200, "ok".into()), "{method}");
        assert!(fake.seen()[0].contains("transfer-encoding: chunked\r\n"));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_never_reaches_the_engine_whole() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.closed().await;
    })
    .await;
    let mut small = limits();
    small.body = 8;
    for (body, seen) in [
        // Announced: refused before anything is sent.
        ("Content-Length: 9\r\n\r\n123456789", 0),
        // Found out on the way.
        (
            "Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n12345\r\n0\r\n\r\n",
            1,
        ),
    ] {
        let rig = Arc::new(Rig::new(&fake.endpoint));
        let mut client = front(&rig, small.clone());
        let asked = format!("POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\n{body}");
        client.write_all(asked.as_bytes()).await.unwrap();
        let (status, _) = read_head(&mut client).await;
        assert_eq!(status, 413, "{body:?}");
        assert!(fake.seen().len() <= seen);
        assert_eq!(rig.idle(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_408_after_what_it_has_earned() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.closed().await;
    })
    .await;
    let rig = Arc::new(Rig::new(&fake.endpoint));
    let mut client = front(&rig, limits());
    let start = tokio::time::Instant::now();
    let head = "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    // 10 KiB at 1 KiB a second earn ten seconds more than the grace.
    client.write_all(&[b'x'; 10 * 1024]).await.unwrap();
    let (status, _) = read_head(&mut client).await;
    assert_eq!(status, 408);
    let waited = start.elapsed();
    let want = Duration::from_secs(70);
    assert!(
        waited >= want && waited < want + Duration::from_secs(1),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_the_rate_may_take_its_time() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        peer.body(300 * 1024).await;
        peer.write(OK).await;
    })
    .await;
    let rig = Arc::new(Rig::new(&fake.endpoint));
    let mut client = front(&rig, limits());
    let head = format!(
        "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        300 * 1024
    );
    client.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..300 {
        client.write_all(&[b'x'; 1024]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(answer(&mut client).await, (200, "ok".into()));
}

#[tokio::test(start_paused = true)]
async fn the_time_to_answer_counts_from_the_end_of_the_request() {
    let time = Duration::from_secs(60);
    for (answers, want) in [(true, 200), (false, 504)] {
        let fake = Fake::start(move |_, mut peer| async move {
            peer.request().await;
            peer.body(200 * 1024).await;
            if answers {
                peer.write(OK).await;
            }
            peer.closed().await;
        })
        .await;
        let mut rig = Rig::new(&fake.endpoint);
        rig.settings.response_timeout = time;
        let mut client = front(&Arc::new(rig), limits());
        let head = format!(
            "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            200 * 1024
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; 100 * 1024]).await.unwrap();
        // Far longer than an answer may take, but it is the client that takes it.
        tokio::time::sleep(Duration::from_secs(100)).await;
        client.write_all(&vec![b'x'; 100 * 1024]).await.unwrap();
        let sent = tokio::time::Instant::now();
        let (status, _) = read_head(&mut client).await;
        assert_eq!(status, want);
        let late = sent.elapsed().saturating_sub(time);
        assert!(answers || sent.elapsed() >= time, "{:?}", sent.elapsed());
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stops_reading_times_out() {
    let fake = Fake::start(|_, mut peer| async move {
        peer.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut rig = Rig::new(&fake.endpoint);
    rig.settings.response_timeout = Duration::from_secs(60);
    let mut client = front(&Arc::new(rig), limits());
    let head = "POST /workflowapi/inbox HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = tokio::io::split(client);
    let piece = vec![b'x'; 64 * 1024];
    let flood = async {
        while writing.write_all(&piece).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let answer = async {
        let mut start = [0; 12];
        reading.read_exact(&mut start).await.unwrap();
        start
    };
    let (day, start) = (Duration::from_secs(24 * 3600), tokio::time::Instant::now());
    let answer = tokio::select! {
        () = flood => unreachable!("the flood never ends"),
        answer = tokio::time::timeout(day, answer) => answer.expect("an answer comes"),
    };
    assert_eq!(&answer, b"HTTP/1.1 504");
    assert!(start.elapsed() < Duration::from_secs(121));
}
