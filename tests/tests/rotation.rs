//! Signing keys that change while tokens are issued and used all the time, and third parties that
//! know no more than the key set.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};
use tests::client::Client;
use tests::components;
use tests::forge::header_of;
use tests::process;
use tests::recorder::Recorder;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";
const CHANGES: usize = 3;

async fn kids(client: &Client) -> Vec<String> {
    let set = client
        .get("/.well-known/jwks")
        .send()
        .await
        .expect(200)
        .json();
    let keys = set["keys"].as_array().expect("a set");
    keys.iter()
        .map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect()
}

/// Runs `sidecar keys …` over the configuration of a running one.
async fn keys(sidecar: &Sidecar, arguments: &[&str]) -> String {
    let program = &tests::programs::programs().sidecar;
    let command = sidecar
        .setup
        .command(program, &[&["keys"], arguments].concat());
    let found = process::run(command).await;
    assert!(found.code == Some(0), "{}", found.stderr);
    found.stdout
}

#[tokio::test]
async fn keys_change_under_steady_load_and_no_token_is_judged_wrongly() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "OpenIddictServerSettings": { "SigningAlgorithm": "ES256" } }))
        .sidecar()
        .await;
    let (stop, used) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (refused, accepted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (client, secret) = (sidecar.client.clone(), sidecar.setup.secret.clone());
        let (stop, used) = (Arc::clone(&stop), Arc::clone(&used));
        let (refused, accepted) = (Arc::clone(&refused), Arc::clone(&accepted));
        callers.spawn(async move {
            let mut tokens: Vec<String> = Vec::new();
            while !stop.load(Relaxed) {
                let form = [("grant_type", "client_credentials")];
                let call = client.post("/connect/token").basic(CLIENT, &secret);
                let answer = call.form(&form).send().await.expect(200).json();
                let token = answer["access_token"].as_str().expect("a token").to_owned();
                // What a third party would look up, published before it is used.
                let kid = header_of(&token)["kid"].as_str().expect("a kid").to_owned();
                assert!(kids(&client).await.contains(&kid), "{kid} is not published");
                tokens.push(token);
                for token in &tokens {
                    let call = client.get(PATH).bearer(token);
                    if call.send().await.status != 200 {
                        refused.fetch_add(1, Relaxed);
                    }
                    let (head, _) = token.rsplit_once('.').expect("a signature");
                    let forged = format!("{head}.{}", "A".repeat(86));
                    if client.get(PATH).bearer(&forged).send().await.status == 200 {
                        accepted.fetch_add(1, Relaxed);
                    }
                    used.fetch_add(1, Relaxed);
                }
                if tokens.len() > 20 {
                    tokens.remove(0);
                }
            }
        });
    }
    let mut seen: HashSet<String> = kids(&sidecar.client).await.into_iter().collect();
    for change in 0..CHANGES {
        let before = used.load(Relaxed);
        until("some load", async || {
            (used.load(Relaxed) > before + 20).then_some(())
        })
        .await;
        // Instants are whole seconds, and every key has one of its own.
        until("a second of its own", async || {
            keys(&sidecar, &["rotate", "--now"]).await;
            let kids = kids(&sidecar.client).await;
            kids.into_iter().find(|kid| !seen.contains(kid))
        })
        .await;
        let new = until("it signs", async || {
            let token = sidecar.token().await;
            let kid = header_of(&token)["kid"].as_str().expect("a kid").to_owned();
            (!seen.contains(&kid)).then_some(kid)
        })
        .await;
        seen.insert(new);
        let listed = keys(&sidecar, &["list"]).await;
        assert_eq!(listed.matches("active").count(), 1, "{listed}");
        assert!(listed.matches("retired").count() > change, "{listed}");
    }
    let before = used.load(Relaxed);
    until("some load", async || {
        (used.load(Relaxed) > before + 20).then_some(())
    })
    .await;
    stop.store(true, Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.expect("no panic");
    }
    let (refused, accepted) = (refused.load(Relaxed), accepted.load(Relaxed));
    println!(
        "{} uses of tokens over {CHANGES} changes of keys: {refused} wrongly refused, {accepted} \
         wrongly accepted",
        used.load(Relaxed)
    );
    assert_eq!((refused, accepted), (0, 0));
}

#[tokio::test]
async fn a_key_that_comes_next_is_published_before_it_signs() {
    let sidecar = Setup::new().sidecar().await;
    let first = kids(&sidecar.client).await;
    let told = keys(&sidecar, &["rotate"]).await;
    assert!(told.starts_with("the next key signs from 2"), "{told}");
    let both = until("it is published", async || {
        let kids = kids(&sidecar.client).await;
        (kids.len() == 2).then_some(kids)
    })
    .await;
    assert_eq!(both[0], first[0], "the active one first");
    let token = sidecar.token().await;
    assert_eq!(header_of(&token)["kid"], first[0]);
    let listed = keys(&sidecar, &["list"]).await;
    assert_eq!(listed.lines().count(), 2);
    assert!(
        listed.contains("next") && listed.contains("active"),
        "{listed}"
    );
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_verified_by_others_through_the_key_set() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let recorder = Recorder::start().await;
        let sidecar = Setup::new()
            .upstream(&recorder.url)
            .with(&json!({ "OpenIddictServerSettings": { "SigningAlgorithm": algorithm } }))
            .sidecar()
            .await;
        let token = sidecar.token().await;
        assert_eq!(header_of(&token)["alg"], algorithm);
        sidecar
            .client
            .get(PATH)
            .bearer(&token)
            .send()
            .await
            .expect(200);
        let document = sidecar.client.get("/.well-known/openid-configuration");
        let document: Value = document.send().await.expect(200).json();
        assert_eq!(
            document["id_token_signing_alg_values_supported"],
            json!([algorithm])
        );
        let set = sidecar
            .client
            .get("/.well-known/jwks")
            .send()
            .await
            .expect(200)
            .text();
        let Some(python) = components::python() else {
            return;
        };
        let script = "import sys, json, jwt\n\
            key = jwt.PyJWK(json.loads(sys.argv[1])['keys'][0])\n\
            claims = jwt.decode(sys.argv[2], key.key, algorithms=[sys.argv[3]], audience='WorkflowApi')\n\
            print(claims['client_id'])";
        let mut command = std::process::Command::new(python);
        command.args(["-c", script, &set, &token, algorithm]);
        let found = process::run(command).await;
        assert_eq!(found.stdout.trim(), CLIENT, "{algorithm}: {}", found.stderr);
    }
}
