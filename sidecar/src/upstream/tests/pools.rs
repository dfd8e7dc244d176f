//! Which connections are kept, and for whom.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::super::pool::Bounds;
use super::super::shown::Shown;
use super::rig::{Fake, Rig, get};
use crate::refusal::Reason;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PATH: &str = "/workflowapi/getschemelist";

/// Answers each request when told to.
async fn answering_on(go: &Arc<Notify>) -> Fake {
    let go = Arc::clone(go);
    Fake::start(move |_, mut peer| {
        let go = Arc::clone(&go);
        async move {
            while peer.request().await.is_some() {
                go.notified().await;
                peer.write(OK).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn one_client_after_another_uses_one_connection() {
    let fake = Fake::answering(OK).await;
    let rig = Rig::new(&fake.endpoint);
    for _ in 0..20 {
        assert_eq!(rig.ask(get(PATH)).await, Ok((200, "ok".into())));
    }
    assert_eq!((fake.connections(), rig.idle()), (1, 1));
}

#[tokio::test]
async fn no_more_connections_are_kept_than_the_bound() {
    let fake = Fake::answering(OK).await;
    let bounds = Bounds {
        idle: 2,
        ..Bounds::default()
    };
    let rig = Rig::bounded(&fake.endpoint, bounds);
    let all = tokio::join!(
        rig.ask(get(PATH)),
        rig.ask(get(PATH)),
        rig.ask(get(PATH)),
        rig.ask(get(PATH)),
        rig.ask(get(PATH)),
    );
    for answer in [all.0, all.1, all.2, all.3, all.4] {
        assert_eq!(answer, Ok((200, "ok".into())));
    }
    assert_eq!(rig.idle(), 2);
}

#[tokio::test]
async fn the_full_pool_sheds_at_once_or_after_a_bounded_wait() {
    let go = Arc::new(Notify::new());
    let fake = answering_on(&go).await;
    let bounds = Bounds {
        exchanges: 1,
        waiting: 1,
        idle: 1,
    };
    let mut rig = Rig::bounded(&fake.endpoint, bounds);
    // Who waits as long as a connect may take and gets nothing is shed; who comes when the place
    // to wait is taken is shed at once. Neither has reached the engine.
    rig.settings.connect_timeout = Duration::from_millis(50);
    let first = async {
        let answer = rig.ask(get(PATH)).await;
        assert_eq!(answer, Ok((200, "ok".into())));
    };
    let others = async {
        let (one, two) = tokio::join!(rig.ask(get(PATH)), rig.ask(get(PATH)));
        assert_eq!(one, Err(Reason::UpstreamOverloaded));
        assert_eq!(two, Err(Reason::UpstreamOverloaded));
        go.notify_one();
    };
    tokio::join!(biased; first, others);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn who_waits_gets_the_connection_that_comes_free() {
    let go = Arc::new(Notify::new());
    let fake = answering_on(&go).await;
    let bounds = Bounds {
        exchanges: 1,
        waiting: 8,
        idle: 1,
    };
    let rig = Rig::bounded(&fake.endpoint, bounds);
    let drive = async {
        for _ in 0..3 {
            go.notify_one();
            tokio::task::yield_now().await;
        }
    };
    let (one, two, three, ()) = tokio::join!(
        rig.ask(get(PATH)),
        rig.ask(get(PATH)),
        async {
            let answer = rig.ask(get(PATH)).await;
            go.notify_one();
            answer
        },
        async {
            drive.await;
            // Wake-ups that met nobody are repeated as requests arrive.
            while fake.seen().len() < 3 {
                go.notify_one();
                tokio::task::yield_now().await;
            }
            go.notify_one();
        },
    );
    for answer in [one, two, three] {
        assert_eq!(answer, Ok((200, "ok".into())));
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_permit_lasts_until_the_last_byte() {
    let finish = Arc::new(Notify::new());
    let fake = Fake::start({
        let finish = Arc::clone(&finish);
        move |_, mut peer| {
            let finish = Arc::clone(&finish);
            async move {
                peer.request().await;
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
                    .await;
                finish.notified().await;
                peer.write("cd").await;
                while peer.request().await.is_some() {
                    peer.write(OK).await;
                }
            }
        }
    })
    .await;
    let bounds = Bounds {
        exchanges: 1,
        waiting: 0,
        idle: 1,
    };
    let rig = Rig::bounded(&fake.endpoint, bounds);
    let streaming = rig.send(get(PATH)).await.unwrap();
    assert_eq!(rig.ask(get(PATH)).await, Err(Reason::UpstreamOverloaded));
    finish.notify_one();
    let body = streaming.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "abcd");
    assert_eq!(rig.idle(), 1);
    assert_eq!(rig.ask(get(PATH)).await, Ok((200, "ok".into())));
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_changed_endpoint_takes_new_requests_while_old_ones_finish() {
    let go = Arc::new(Notify::new());
    let (old, new) = (answering_on(&go).await, Fake::answering(OK).await);
    let mut rig = Rig::new(&old.endpoint);
    go.notify_one();
    rig.ask(get(PATH)).await.unwrap();
    assert_eq!(rig.idle(), 1);

    // One more is under way when the new snapshot comes into force.
    let mut before = Box::pin(rig.upstream_only(&rig.settings, 1));
    assert!(
        std::future::poll_fn(|cx| std::task::Poll::Ready(before.as_mut().poll(cx)))
            .await
            .is_pending()
    );
    let mut settings = rig.settings.clone();
    settings.endpoint = new.endpoint.clone();
    let after = rig.upstream_only(&settings, 2).await;
    assert_eq!(after, Ok(200));
    assert_eq!((new.seen().len(), rig.idle()), (1, 1));
    go.notify_one();
    assert_eq!(before.await, Ok(200));
    assert_eq!(rig.idle(), 1, "the old connection is not kept");

    // Admitted under the old snapshot, sent after the change: to where it was admitted.
    go.notify_one();
    assert_eq!(rig.upstream_only(&rig.settings, 1).await, Ok(200));
    assert_eq!((old.seen().len(), new.seen().len()), (3, 1));

    // A reload that leaves the endpoint alone keeps the connections.
    rig.generation = 3;
    assert_eq!(rig.upstream_only(&settings, 3).await, Ok(200));
    assert_eq!(new.connections(), 1);
}

impl Rig {
    async fn upstream_only(
        &self,
        settings: &crate::config::UpstreamSettings,
        generation: u64,
    ) -> Result<u16, Reason> {
        let to = super::super::Destination {
            generation,
            settings,
        };
        let now = tokio::time::Instant::now();
        let answer = self
            .upstream
            .deliver(
                &to,
                get(PATH),
                Shown::default(),
                now,
                self.metrics.worker(0),
            )
            .await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|refusal| refusal.reason)
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_grow_old_and_go() {
    let closed = Arc::new(Notify::new());
    let fake = Fake::start({
        let closed = Arc::clone(&closed);
        move |_, mut peer| {
            let closed = Arc::clone(&closed);
            async move {
                peer.request().await;
                peer.write(OK).await;
                peer.closed().await;
                closed.notify_one();
            }
        }
    })
    .await;
    let mut rig = Rig::new(&fake.endpoint);
    rig.settings.idle_timeout = Duration::from_secs(15);
    rig.ask(get(PATH)).await.unwrap();
    assert_eq!(rig.idle(), 1);
    let idle_since = tokio::time::Instant::now();
    closed.notified().await;
    assert_eq!(rig.idle(), 0);
    assert!(idle_since.elapsed() >= Duration::from_secs(15));
}

#[tokio::test]
async fn a_request_under_way_takes_little_room() {
    let fake = Fake::answering(OK).await;
    let rig = Rig::new(&fake.endpoint);
    // The embedded engine's future alone is twice that; it is not to be carried along.
    let size = size_of_val(&rig.send(get(PATH)));
    assert!(size <= 4096, "{size} bytes");
}
