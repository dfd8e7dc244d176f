//! An issuer that goes down and changes its key while requests go on: none is wrongly refused and
//! none wrongly accepted.

#![allow(
    clippy::print_stdout,
    reason = "the test is there to print its two counts"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::client::Client;
use tests::files::Way;
use tests::forge::with;
use tests::issuer::{Issuer, SigningKey, now};
use tests::recorder::Recorder;
use tests::server::Setup;
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

/// Good requests in each phase.
const EACH: usize = 200;

/// What the callers send, and what became of it.
struct Load {
    issuer: Issuer,
    keys: [SigningKey; 2],
    /// Of [`Load::keys`], the one that the issuer signs with now.
    current: AtomicUsize,
    /// The first key is withdrawn, and the sidecar has been told.
    withdrawn: AtomicBool,
    over: AtomicBool,
    sent: AtomicUsize,
    forged: AtomicUsize,
    wrongly_refused: AtomicUsize,
    wrongly_accepted: AtomicUsize,
}

impl Load {
    /// A good token; every third was never seen before.
    fn good(&self, turn: usize) -> String {
        let key = &self.keys[self.current.load(Ordering::Relaxed)];
        let jti = (turn / 3).to_string();
        key.sign(&json!({}), &with(&self.claims(), &json!({ "jti": jti })))
    }

    fn claims(&self) -> Value {
        // Whole minutes, so that tokens repeat.
        let minute = now() / 60 * 60;
        with(
            &self.issuer.claims(),
            &json!({ "iat": minute, "exp": minute + 600 }),
        )
    }

    /// A token that nobody may be let in with.
    fn bad(&self, turn: usize) -> String {
        let key = &self.keys[self.current.load(Ordering::Relaxed)];
        let claims = self.claims();
        let other = SigningKey::new(&key.kid);
        match turn % 6 {
            0 => other.sign(&json!({}), &claims),
            1 => key.sign(&json!({}), &with(&claims, &json!({ "exp": 1_000_000_000 }))),
            2 => key.sign(&json!({}), &with(&claims, &json!({ "aud": "other" }))),
            3 => key.sign(&json!({ "alg": "none" }), &claims),
            4 if self.withdrawn.load(Ordering::Relaxed) => {
                // It was good once, and was remembered.
                let jti = (turn % 50).to_string();
                self.keys[0].sign(&json!({}), &with(&claims, &json!({ "jti": jti })))
            }
            _ => key.sign(&json!({ "kid": format!("made-up-{turn}") }), &claims),
        }
    }

    async fn send_good(self: Arc<Self>, client: Client, first: usize) {
        let mut connection = client.connect().await.expect("a connection");
        for turn in first.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let call = client.get(PATH).bearer(&self.good(turn));
            let answer = connection.send(call).await.expect("an answer");
            if answer.status != 200 {
                println!("refused: {} {}", answer.status, answer.text());
                self.wrongly_refused.fetch_add(1, Ordering::Relaxed);
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn send_bad(self: Arc<Self>, client: Client) {
        let mut connection = client.connect().await.expect("a connection");
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let call = client.get(PATH).bearer(&self.bad(turn));
            let answer = connection.send(call).await.expect("an answer");
            if answer.status != 401 {
                println!("accepted: {} {}", answer.status, answer.text());
                self.wrongly_accepted.fetch_add(1, Ordering::Relaxed);
            }
            self.forged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for so many more good requests.
    async fn goes_on(&self) {
        let wanted = self.sent.load(Ordering::Relaxed) + EACH;
        until("requests go on", || async {
            (self.sent.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outage_reload_and_key_change_refuse_nobody_and_let_nobody_in() {
    let issuer = Issuer::start().await;
    let keys = [SigningKey::new("first"), SigningKey::new("next")];
    issuer.publish(&[&keys[0]]);
    let recorder = Recorder::start().await;
    let trusted = issuer.trusted();
    let setup = Setup::new().upstream(&recorder.url).with(&json!({
        "Issuers": [trusted],
        // Who forges here shares an address with who does not.
        "Log": { "Access": "off" },
        "Limits": { "BearerFailures": "100000/s burst 100000" },
    }));
    setup.write("issuer.pem", &issuer.certificate);
    let mut sidecar = setup.sidecar().await;
    let client = sidecar.client.clone();
    let load = Arc::new(Load {
        issuer,
        keys,
        current: AtomicUsize::new(0),
        withdrawn: AtomicBool::new(false),
        over: AtomicBool::new(false),
        sent: AtomicUsize::new(0),
        forged: AtomicUsize::new(0),
        wrongly_refused: AtomicUsize::new(0),
        wrongly_accepted: AtomicUsize::new(0),
    });
    let probed = AtomicUsize::new(0);
    let passes = async |key: usize, wanted: bool| {
        until("a probe's token is judged so", || async {
            let claims = with(&load.claims(), &json!({ "jti": "probe" }));
            let token = load.keys[key].sign(&json!({}), &claims);
            let passed = client.get(PATH).bearer(&token).send().await.status == 200;
            probed.fetch_add(usize::from(passed), Ordering::Relaxed);
            (passed == wanted).then_some(())
        })
        .await;
    };
    passes(0, true).await;
    let mut callers = Vec::new();
    for first in [0, 1_000_000, 2_000_000] {
        let caller = Arc::clone(&load).send_good(client.clone(), first);
        callers.push(tokio::spawn(caller));
    }
    callers.push(tokio::spawn(Arc::clone(&load).send_bad(client.clone())));
    load.goes_on().await;

    load.issuer.state().up = false;
    load.goes_on().await;
    let skewed = with(&trusted, &json!({ "ClockSkew": "20s" }));
    sidecar.rewrite(Way::RenameOver, &json!({ "Issuers": [skewed] }));
    let reloaded = |line: &str| line.contains("is in force").then_some(());
    sidecar.process.line("that it was reloaded", reloaded).await;
    load.goes_on().await;

    // As issuers do it: published, then signed with, then the old one is withdrawn.
    load.issuer.publish(&[&load.keys[0], &load.keys[1]]);
    load.issuer.state().up = true;
    passes(1, true).await;
    load.goes_on().await;
    load.current.store(1, Ordering::Relaxed);
    load.goes_on().await;
    load.issuer.publish(&[&load.keys[1]]);
    passes(0, false).await;
    load.withdrawn.store(true, Ordering::Relaxed);
    load.goes_on().await;

    load.over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("a caller ends well");
    }
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    println!(
        "good {}, bad {}: wrongly refused {}, wrongly accepted {}",
        of(&load.sent),
        of(&load.forged),
        of(&load.wrongly_refused),
        of(&load.wrongly_accepted)
    );
    assert_eq!(of(&load.wrongly_refused), 0);
    assert_eq!(of(&load.wrongly_accepted), 0);
    assert!(of(&load.forged) > 0);
    let reached = recorder.seen().len();
    assert_eq!(
        reached,
        of(&load.sent) + of(&probed),
        "nothing else got through"
    );
}
