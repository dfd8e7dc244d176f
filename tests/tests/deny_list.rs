//! The deny list: its file, what else it is kept in, and who hears of it.

use serde_json::{Value, json};
use tests::client::Client;
use tests::files::{Mount, Way};
use tests::process::run;
use tests::programs::programs;
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

/// A sidecar before `recorder`, with these members of the configuration.
async fn sidecar(recorder: &Recorder, change: &Value) -> Sidecar {
    Setup::new()
        .upstream(&recorder.url)
        .with(change)
        .sidecar()
        .await
}

async fn status(sidecar: &Sidecar, token: &str) -> u16 {
    let call = sidecar.client.get(PATH).bearer(token);
    call.send().await.status.as_u16()
}

async fn until_status(sidecar: &Sidecar, token: &str, want: u16) {
    until(&format!("{want}"), async || {
        (status(sidecar, token).await == want).then_some(())
    })
    .await;
}

fn socket(sidecar: &Sidecar) -> Client {
    let path = sidecar.setup.path("data/admin.sock");
    Client::new(&format!("unix:{}", path.display()), Vec::new())
}

async fn verbose(sidecar: &Sidecar) -> String {
    let answer = sidecar.admin.get("/readyz?verbose").send().await;
    answer.expect(200).text()
}

#[tokio::test]
async fn a_config_maps_swap_is_in_force_on_known_tokens() {
    let recorder = Recorder::start().await;
    let mount = tempfile::tempdir().unwrap();
    let mut map = Mount::new(mount.path(), &[("deny.json", "[]")]);
    let file = mount.path().join("deny.json");
    let sidecar = sidecar(&recorder, &json!({ "Deny": { "File": file } })).await;
    let token = sidecar.token().await;
    for _ in 0..3 {
        assert_eq!(status(&sidecar, &token).await, 200);
        let denied = json!([{ "Client": CLIENT }]).to_string();
        map.swap(&[("deny.json", &denied)]);
        until_status(&sidecar, &token, 401).await;
        map.swap(&[("deny.json", "[]")]);
        until_status(&sidecar, &token, 200).await;
    }
}

#[tokio::test]
async fn every_way_of_writing_the_file_counts() {
    let recorder = Recorder::start().await;
    let setup = Setup::new().upstream(&recorder.url);
    let setup = setup.with(&json!({ "Deny": { "File": "deny.json" } }));
    setup.write("deny.json", "[]");
    let file = setup.path("deny.json");
    let sidecar = setup.sidecar().await;
    let token = sidecar.token().await;
    for way in Way::ALL {
        assert_eq!(status(&sidecar, &token).await, 200, "{way:?}");
        way.write(&file, &json!([{ "Subject": CLIENT }]).to_string());
        until_status(&sidecar, &token, 401).await;
        way.write(&file, "[]");
        until_status(&sidecar, &token, 200).await;
    }
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_list_and_is_told() {
    let recorder = Recorder::start().await;
    let setup = Setup::new().upstream(&recorder.url);
    let mut setup = setup.with(&json!({ "Deny": { "File": "deny.json" } }));
    let secret = secrets::new_secret();
    setup
        .clients()
        .push(json!({ "ClientId": "other", "ClientSecret": secret }));
    setup.write("deny.json", &json!([{ "Client": "other" }]).to_string());
    let file = setup.path("deny.json");
    let mut sidecar = setup.sidecar().await;
    let (token, other) = (
        sidecar.token().await,
        sidecar.token_of("other", &secret).await,
    );
    assert_eq!(status(&sidecar, &other).await, 401, "from the start");
    assert!(verbose(&sidecar).await.contains("[+] deny list: "));
    for broken in ["", "[{\"Client\": ", r#"[{"Klient":"a"}]"#, "[{}]", "{}"] {
        std::fs::write(&file, broken).unwrap();
        until("it is told", async || {
            (sidecar.metric("sidecar_deny_file_good", &[]).await < 0.5).then_some(())
        })
        .await;
        let told = verbose(&sidecar).await;
        assert!(told.contains("[!] deny list: "), "{broken}: {told}");
        assert_eq!(status(&sidecar, &other).await, 401, "{broken}");
        assert_eq!(status(&sidecar, &token).await, 200, "{broken}");
        std::fs::write(&file, json!([{ "Client": "other" }]).to_string()).unwrap();
        until("it is good again", async || {
            (sidecar.metric("sidecar_deny_file_good", &[]).await > 0.5).then_some(())
        })
        .await;
    }
    // A vanished file is as good as a broken one.
    std::fs::remove_file(&file).unwrap();
    until("it is told", async || {
        (sidecar.metric("sidecar_deny_file_good", &[]).await < 0.5).then_some(())
    })
    .await;
    assert_eq!(status(&sidecar, &other).await, 401);
    // Neither holds up the other: the configuration changes beside a broken list …
    sidecar.rewrite(
        Way::RenameOver,
        &json!({ "Deny": { "Entries": [{ "Client": CLIENT }] } }),
    );
    until_status(&sidecar, &token, 401).await;
    sidecar.rewrite(Way::RenameOver, &json!({ "Deny": { "Entries": [] } }));
    until_status(&sidecar, &token, 200).await;
    // … and the list beside a broken configuration.
    sidecar.rewrite_text(Way::RenameOver, "{ broken");
    until("it is refused", async || {
        let refused = sidecar.metric("sidecar_reloads_total", &["refused"]);
        (refused.await > 0.5).then_some(())
    })
    .await;
    std::fs::write(&file, json!([{ "Client": CLIENT }]).to_string()).unwrap();
    until_status(&sidecar, &token, 401).await;
    assert_eq!(status(&sidecar, &other).await, 200);
}

#[tokio::test]
async fn at_the_start_a_file_that_is_no_list_is_a_fault() {
    for content in [None, Some(""), Some("[{}]"), Some("nonsense")] {
        let setup = Setup::new().with(&json!({ "Deny": { "File": "deny.json" } }));
        if let Some(content) = content {
            setup.write("deny.json", content);
        }
        setup.write_config();
        let program = &programs().sidecar;
        for arguments in [&["check", "config.json"][..], &["run"]] {
            let ran = run(setup.command(program, arguments)).await;
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert_ne!(ran.code, Some(0), "{content:?} {said}");
            assert!(said.contains("is no deny list"), "{content:?} {said}");
        }
    }
}

#[tokio::test]
async fn the_command_denies_lists_and_takes_back() {
    let recorder = Recorder::start().await;
    let sidecar = sidecar(&recorder, &json!({})).await;
    let token = sidecar.token().await;
    let deny = async |arguments: &[&str]| {
        let arguments = [&["deny"], arguments].concat();
        let command = sidecar.setup.command(&programs().sidecar, &arguments);
        run(command).await
    };
    for named in [
        &["--client", CLIENT][..],
        &["--subject", CLIENT, "--until", "24h"],
        &["--issued-before", "now"],
        &[
            "--client",
            CLIENT,
            "--issued-before",
            "2096-01-01T00:00:00Z",
        ],
    ] {
        assert_eq!(status(&sidecar, &token).await, 200, "{named:?}");
        let added = deny(&[&["add"], named].concat()).await;
        assert_eq!(added.code, Some(0), "{named:?} {}", added.stderr);
        // Acknowledged is in force.
        assert_eq!(status(&sidecar, &token).await, 401, "{named:?}");
        let listed: Value = serde_json::from_str(&deny(&["list"]).await.stdout).unwrap();
        let entry = &listed["kept"][0];
        let mut again = vec!["remove".to_owned()];
        for (member, option) in [
            ("Client", "--client"),
            ("Subject", "--subject"),
            ("IssuedBefore", "--issued-before"),
        ] {
            if let Some(value) = entry[member].as_str() {
                again.extend([option.to_owned(), value.to_owned()]);
            }
        }
        let again: Vec<_> = again.iter().map(String::as_str).collect();
        assert_eq!(deny(&again).await.code, Some(0), "{again:?}");
    }
    assert_eq!(status(&sidecar, &token).await, 200);
    for (wrong, says) in [
        (&["add"][..], "name what to deny"),
        (&["add", "--until", "1h"], "name what to deny"),
        (&["add", "--client", "a", "--until", "soon"], "not a time"),
        (&["remove", "--client", "nobody"], "no such entry"),
    ] {
        let ran = deny(wrong).await;
        assert_eq!(ran.code, Some(1), "{wrong:?}");
        assert!(ran.stderr.contains(says), "{wrong:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_full_list_refuses_loudly_and_forgets_nothing() {
    let recorder = Recorder::start().await;
    let sidecar = sidecar(&recorder, &json!({ "Deny": { "Limit": 2 } })).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(sidecar.token().await);
    }
    let revoke = async |token: &str| {
        let call = sidecar.client.post("/connect/revoke");
        let call = call.basic(CLIENT, &sidecar.setup.secret);
        call.form(&[("token", token)]).send().await
    };
    for token in &tokens[..2] {
        revoke(token).await.expect(200);
    }
    let refused = revoke(&tokens[2]).await.expect(503);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    revoke(&tokens[0]).await.expect(200);
    for (token, want) in tokens.iter().zip([401, 401, 200]) {
        assert_eq!(status(&sidecar, token).await, want);
    }
    // Whoever fills it keeps no administrator from denying.
    let entry = json!({ "Client": CLIENT });
    let denied = socket(&sidecar).post("/deny").json(&entry).send().await;
    denied.expect(200);
    assert_eq!(status(&sidecar, &tokens[2]).await, 401);
    let counted = sidecar.metric("sidecar_refusals_total", &["revocations_full"]);
    assert!(counted.await > 0.5);
    assert!(sidecar.metric("sidecar_tokens_revoked", &[]).await > 1.5);
}

#[tokio::test]
async fn sidecars_with_one_data_folder_share_what_is_revoked() {
    let recorder = Recorder::start().await;
    let setup = || {
        Setup::new()
            .upstream(&recorder.url)
            .with(&json!({ "AuthorityUrl": "https://sidecar.example" }))
    };
    let one = setup().sidecar().await;
    let mut other = setup().with(&json!({ "DataFolder": one.setup.path("data") }));
    other.config["OpenIddictServerSettings"] = one.setup.config["OpenIddictServerSettings"].clone();
    other.secret.clone_from(&one.setup.secret);
    // The harness trusts the certificate that it finds in the set-up's own folder.
    std::fs::create_dir(other.path("data")).unwrap();
    std::fs::copy(
        one.setup.path("data/dev-cert.pem"),
        other.path("data/dev-cert.pem"),
    )
    .unwrap();
    let other = other.sidecar().await;
    let both = [&one, &other];
    for (here, there) in [(0, 1), (1, 0)] {
        let token = both[here].token().await;
        for sidecar in both {
            assert_eq!(status(sidecar, &token).await, 200);
        }
        let call = both[here].client.post("/connect/revoke");
        let call = call.basic(CLIENT, &both[here].setup.secret);
        call.form(&[("token", &token)]).send().await.expect(200);
        assert_eq!(status(both[here], &token).await, 401);
        until_status(both[there], &token, 401).await;
    }
}

#[tokio::test]
async fn the_state_is_shown_to_administrators() {
    let recorder = Recorder::start().await;
    let sidecar = sidecar(
        &recorder,
        &json!({ "Deny": { "Entries": [{ "Client": "x" }] } }),
    )
    .await;
    let socket = socket(&sidecar);
    let _ = sidecar.token().await;
    let state = socket.get("/status").send().await.expect(200).json();
    assert_eq!(state["stage"], "ready");
    assert_eq!(state["configuration"]["generation"], 1);
    assert_eq!(state["denied"]["configuration"], 1);
    assert_eq!(state["keys"][0]["state"], "active");
    assert_eq!(state["issuers"], json!([]));
    let clients = socket.get("/clients").send().await.expect(200).json();
    assert_eq!(clients["clients"][0]["clientId"], CLIENT);
    assert!(clients["clients"][0]["lastUsed"].is_string(), "{clients}");
    for text in [state.to_string(), clients.to_string()] {
        assert!(!text.contains(&sidecar.setup.secret));
    }
    let posted = socket.post("/status").json(&json!({})).send().await;
    let posted = posted.expect(405);
    assert_eq!(posted.header("allow"), "GET, HEAD");
    // The rules against pages hold here too.
    let page = socket.get("/deny").header("origin", "https://evil.example");
    page.send().await.expect(403);
}

#[tokio::test]
async fn guessing_at_the_admin_listener_is_429() {
    let recorder = Recorder::start().await;
    let limits = json!({ "Limits": { "BearerFailures": "1/s burst 3" } });
    let sidecar = sidecar(&recorder, &limits).await;
    let answer = until("429", async || {
        let answer = sidecar.admin.get("/deny").bearer("a.b.c").send().await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(!answer.header("retry-after").is_empty());
    // Who comes without credentials has guessed nothing, and probes go on.
    sidecar.admin.get("/deny").send().await.expect(401);
    sidecar.admin.get("/livez").send().await.expect(200);
}

#[tokio::test]
async fn an_entry_with_an_end_ends() {
    let recorder = Recorder::start().await;
    let sidecar = sidecar(&recorder, &json!({})).await;
    let token = sidecar.token().await;
    let arguments = ["deny", "add", "--client", CLIENT, "--until", "2s"];
    let command = sidecar.setup.command(&programs().sidecar, &arguments);
    assert_eq!(run(command).await.code, Some(0));
    // Whether it is seen in force before depends on the machine.
    until_status(&sidecar, &token, 200).await;
}
