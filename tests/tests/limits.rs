//! How many requests a client may make, and how many tokens it may ask for: 429 with an honest
//! `Retry-After`, and nobody else is slowed.

use http::StatusCode;
use serde_json::{Value, json};
use tests::client::Answer;
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

async fn scene(change: &Value, rate: Option<&str>) -> (Sidecar, Recorder, [String; 2]) {
    let recorder = Recorder::start().await;
    let (one, two) = (secrets::new_secret(), secrets::new_secret());
    let mut limited = json!({ "ClientId": "one", "ClientSecret": one });
    if let Some(rate) = rate {
        limited["Rate"] = rate.into();
    }
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(change)
        .with_client(limited)
        .with_client(json!({ "ClientId": "two", "ClientSecret": two }))
        .sidecar()
        .await;
    (sidecar, recorder, [one, two])
}

#[track_caller]
fn limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.json()["error"], "RateLimited");
    let wait: u32 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_client_over_its_rate_is_told_to_wait_and_slows_nobody_else() {
    let none = json!({});
    for (change, rate) in [
        (none.clone(), Some("1/s burst 5")),
        (json!({ "Limits": { "Requests": "1/s burst 5" } }), None),
        (
            json!({ "Routes": [{ "Prefix": "/workflowapi", "Rate": "1/s burst 5" }] }),
            None,
        ),
    ] {
        let (sidecar, recorder, [one, two]) = scene(&change, rate).await;
        let token = sidecar.token_of("one", &one).await;
        // Another token of the same client is no way round it.
        let second = sidecar.token_of("one", &one).await;
        let mut statuses = Vec::new();
        let mut last = None;
        for number in 0..12 {
            let token = if number % 2 == 0 { &token } else { &second };
            let answer = sidecar.client.get(PATH).bearer(token).send().await;
            statuses.push(answer.status);
            if answer.status == 429 {
                last = Some(answer);
            }
        }
        assert_eq!(statuses[..5], [StatusCode::OK; 5], "{change}: the burst");
        limited(&last.expect("a refusal"));
        let passed = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(
            recorder.seen().len(),
            passed,
            "what is refused goes nowhere"
        );
        let other = sidecar.token_of("two", &two).await;
        sidecar
            .client
            .get(PATH)
            .bearer(&other)
            .send()
            .await
            .expect(200);
        // It gets through again, without having to ask for anything.
        until("the wait is over", async || {
            let answer = sidecar.client.get(PATH).bearer(&token).send().await;
            (answer.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_request_that_policy_refuses_takes_nothing_from_the_rate() {
    let (sidecar, _recorder, [one, _]) = scene(&json!({}), Some("1/s burst 2")).await;
    let token = sidecar.token_of("one", &one).await;
    for _ in 0..5 {
        let call = sidecar
            .client
            .post("/workflowapi/createuser")
            .bearer(&token);
        assert_eq!(call.send().await.status, 403);
    }
    for _ in 0..2 {
        sidecar
            .client
            .get(PATH)
            .bearer(&token)
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_client_over_its_rate_of_tokens_is_refused_in_the_form_of_oauth() {
    let change = json!({ "Limits": { "TokenRequests": "1/s burst 2" } });
    let (sidecar, _recorder, [one, two]) = scene(&change, None).await;
    let form = |id: &str, secret: &str| {
        let call = sidecar.client.post("/connect/token").basic(id, secret);
        call.form(&[("grant_type", "client_credentials")])
    };
    // Whoever cannot prove to be the client uses nothing up.
    for _ in 0..5 {
        assert_eq!(form("one", "wrong").send().await.status, 401);
    }
    let mut refused = None;
    for number in 0..6 {
        let answer = form("one", &one).send().await;
        if number < 2 {
            assert_eq!(answer.status, 200, "the burst");
        }
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("retry-after"), "1");
    form("two", &two).send().await.expect(200);
    until("the wait is over", async || {
        (form("one", &one).send().await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_rate_is_in_force_on_budgets_that_are_spent() {
    let (mut sidecar, _recorder, [one, _]) =
        scene(&json!({ "Limits": { "Requests": "1/s burst 1" } }), None).await;
    let token = sidecar.token_of("one", &one).await;
    let call = || sidecar.client.get(PATH).bearer(&token);
    call().send().await.expect(200);
    let change = json!({ "Limits": { "Requests": "100000/s burst 100000" } });
    sidecar.rewrite(tests::files::Way::RenameOver, &change);
    until("the new rate", async || {
        for _ in 0..20 {
            let call = sidecar.client.get(PATH).bearer(&token);
            if call.send().await.status != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
}
