use super::*;

const PAIR: &str = "s3cret";

fn plan(secret: &str, scope: &str) -> TokenPlan {
    TokenPlan {
        token_url: Source::parse("https://id.example/token", None).unwrap(),
        client_id: "sidecar".into(),
        client_secret: secret.into(),
        secret_in: SecretIn::Header,
        scope: Some(scope.into()),
        audience: None,
        resource: None,
        authorities: Vec::new(),
    }
}

fn store(plan: TokenPlan, before: Option<&TokenStore>) -> TokenStore {
    TokenStore::new(plan, Client::new(&[]).unwrap(), before)
}

fn hold(store: &TokenStore, token: &'static str, life: Duration) {
    let now = Instant::now();
    store.held.store(Some(Arc::new(Held {
        value: HeaderValue::from_static(token),
        had: now,
        expires: now + life,
    })));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_sent_until_its_end_and_never_after() {
    let store = store(plan(PAIR, "a"), None);
    assert_eq!(store.current(Instant::now()), None);
    let life = Duration::from_secs(60);
    hold(&store, "Bearer a", life);
    let begin = Instant::now();
    let last = begin + life - Duration::from_millis(1);
    assert_eq!(store.current(last).unwrap(), "Bearer a");
    assert_eq!(store.current(begin + life), None);
    assert_eq!(store.standing().left, Some(life));
    tokio::time::advance(life).await;
    assert_eq!(store.standing().left, None);
}

#[test]
fn another_secret_goes_on_with_the_token_and_another_scope_does_not() {
    let first = store(plan(PAIR, "a"), None);
    hold(&first, "Bearer a", Duration::from_secs(60));
    for (next, held) in [(plan("rotated", "a"), true), (plan(PAIR, "b"), false)] {
        assert!(first.plan != next);
        let next = store(next, Some(&first));
        assert_eq!(next.current(Instant::now()).is_some(), held);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_asked_for_again_once_in_ten_seconds() {
    let store = store(plan(PAIR, "a"), None);
    hold(&store, "Bearer a", Duration::from_secs(600));
    let sent = HeaderValue::from_static("Bearer a");
    let refuse = async |sent: &HeaderValue| {
        store.refused(sent, Instant::now());
        let woken = tokio::time::timeout(Duration::ZERO, store.refused.notified());
        woken.await.is_ok()
    };
    // One that is not held any more says nothing about the one that is.
    assert!(!refuse(&HeaderValue::from_static("Bearer old")).await);
    assert!(refuse(&sent).await);
    assert!(!refuse(&sent).await);
    tokio::time::advance(REFUSED_GAP).await;
    assert!(refuse(&sent).await);
}
