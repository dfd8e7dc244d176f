//! A changed configuration takes effect without losing a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::client::Client;
use tests::files::{Mount, Way};
use tests::forge::claims_of;
use tests::material::Material;
use tests::recorder::{Recorder, Reply};
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

/// The registered clients with another one.
fn clients(sidecar: &Sidecar, id: &str, secret: &str) -> Value {
    let settings = &sidecar.setup.config["OpenIddictServerSettings"];
    let mut clients = settings["ClientCredentials"].as_array().cloned();
    let clients = clients.as_mut().expect("a list");
    clients.truncate(1);
    clients.push(json!({ "ClientId": id, "ClientSecret": secret }));
    json!({ "OpenIddictServerSettings": { "ClientCredentials": clients } })
}

/// Waits until a client authenticates.
async fn known(sidecar: &Sidecar, id: &str, secret: &str) {
    until(&format!("{id} is known"), || async {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        let answer = sidecar.ask_token(&pairs).await;
        answer.status.is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_way_of_writing_the_file_takes_effect() {
    let mut sidecar = Setup::new().sidecar().await;
    // Twice round: a watch must outlive the file that it began with.
    for (turn, way) in Way::ALL.into_iter().chain(Way::ALL).enumerate() {
        let (id, secret) = (format!("new-{turn}"), secrets::new_secret());
        let change = clients(&sidecar, &id, &secret);
        sidecar.rewrite(way, &change);
        known(&sidecar, &id, &secret).await;
    }
}

#[tokio::test]
async fn a_configmap_swapped_by_kubernetes_takes_effect() {
    let mut setup = Setup::new();
    let folder = setup.path("mount");
    std::fs::create_dir(&folder).expect("a folder");
    let secret_file = setup.path("mount/secret").display().to_string();
    let (data, schemes) = (setup.path("data"), setup.path("schemes"));
    setup.config["DataFolder"] = json!(data);
    setup.config["Engine"]["Schemes"] = json!(schemes);
    setup.clients()[0]["ClientSecret"] = json!({ "File": secret_file });
    let text = setup.config.to_string();
    let mut mount = Mount::new(
        &folder,
        &[("config.json", &text), ("secret", &setup.secret)],
    );
    // The command line names the file in the mount; the last `--config` counts.
    std::os::unix::fs::symlink("mount/config.json", setup.config_file()).expect("a link");
    let sidecar = setup.sidecar_as_written().await;
    sidecar.token().await;
    for turn in 0..3 {
        let (id, secret) = (format!("swapped-{turn}"), secrets::new_secret());
        let mut config = sidecar.setup.config.clone();
        tests::server::merge(&mut config, &clients(&sidecar, &id, &secret));
        let own = secrets::new_secret();
        mount.swap(&[("config.json", &config.to_string()), ("secret", &own)]);
        known(&sidecar, &id, &secret).await;
        known(&sidecar, CLIENT, &own).await;
    }
}

#[tokio::test]
async fn a_secret_file_takes_effect_when_it_alone_changes() {
    let mut setup = Setup::new();
    setup.clients()[0]["ClientSecret"] = json!({ "File": "secret.txt" });
    setup.write("secret.txt", &format!("{}\n", setup.secret));
    let sidecar = setup.sidecar().await;
    sidecar.token().await;
    for way in Way::ALL {
        let secret = secrets::new_secret();
        way.write(&sidecar.setup.path("secret.txt"), &format!("{secret}\n"));
        known(&sidecar, CLIENT, &secret).await;
    }
}

#[tokio::test]
async fn a_secret_may_come_from_the_environment() {
    let mut setup = Setup::new();
    setup.clients()[0]["ClientSecret"] = json!({ "Env": "TESTER_SECRET" });
    let secret = setup.secret.clone();
    let sidecar = setup.variable("TESTER_SECRET", &secret).sidecar().await;
    sidecar.token().await;
}

#[tokio::test]
async fn a_renewed_certificate_takes_effect_while_old_connections_go_on() {
    let (old, new) = (Material::tls("old"), Material::tls("new"));
    let setup = Setup::new().with(&json!({ "CertificateFile": "tls.pem" }));
    old.write_pem(&setup.path("tls.pem"));
    let sidecar = setup.sidecar().await;
    let mut kept = sidecar.client.connect().await.expect("the old certificate");
    let token = sidecar.token().await;

    let both = format!("{}{}", new.certificate, new.key);
    Way::RenameOver.write(&sidecar.setup.path("tls.pem"), &both);
    let renewed = Client::new(&sidecar.url, vec![new.trust()]);
    until("the new certificate is served", || async {
        renewed.connect().await.ok().map(drop)
    })
    .await;
    let call = || {
        sidecar
            .client
            .get("/workflowapi/getschemelist")
            .bearer(&token)
    };
    let answer = kept.send(call()).await.expect("the old connection lives");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_certificate_in_two_files_or_in_pkcs12_serves() {
    let material = Material::tls("two");
    let setup = Setup::new().with(&json!({
        "CertificateFile": "tls.crt", "CertificateKeyFile": "tls.key"
    }));
    setup.write("tls.crt", &material.certificate);
    setup.write("tls.key", &material.key);
    setup.sidecar().await.token().await;

    let password = secrets::new_secret();
    for legacy in [false, true] {
        let setup = Setup::new().with(&json!({
            "CertificateFile": "tls.pfx", "CertificatePassword": password
        }));
        if material
            .write_pkcs12(&setup.path("tls.pfx"), &password, legacy)
            .is_none()
        {
            return;
        }
        setup.write_config();
        let process = setup.start_sidecar();
        let url = process.logged("listening", "url").await;
        let url = url.as_str().expect("a URL");
        let client = Client::new(url, vec![material.trust()]);
        let document = client.get("/.well-known/openid-configuration").send().await;
        document.expect(200);
    }
}

#[tokio::test]
async fn a_hangup_reloads_and_never_ends_the_program() {
    let mut sidecar = Setup::new().sidecar().await;
    sidecar.process.signal("HUP");
    let (id, secret) = ("after-hup", secrets::new_secret());
    let change = clients(&sidecar, id, &secret);
    sidecar.rewrite(Way::InPlace, &change);
    sidecar.process.signal("HUP");
    known(&sidecar, id, &secret).await;
    sidecar.process.signal("HUP");
    sidecar.token().await;
    assert!(sidecar.process.runs());
}

#[tokio::test]
async fn a_steady_client_sees_no_failed_request_over_fifty_reloads() {
    let mut sidecar = Setup::new().sidecar().await;
    let token = Arc::new(sidecar.token().await);
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut steady = Vec::new();
    for client in [sidecar.client.clone(), sidecar.client.http2()] {
        for reconnecting in [false, true] {
            let (token, stop) = (Arc::clone(&token), Arc::clone(&stop));
            let (client, answered) = (client.clone(), Arc::clone(&answered));
            steady.push(tokio::spawn(async move {
                let mut connection = client.connect().await.expect("a connection");
                while !stop.load(Ordering::Relaxed) {
                    if reconnecting {
                        connection = client.connect().await.expect("a connection");
                    }
                    let call = client.get("/workflowapi/getschemelist").bearer(&token);
                    let answer = connection.send(call).await.expect("an answer");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
    }
    for turn in 0..50 {
        let (id, secret) = (format!("turn-{turn}"), secrets::new_secret());
        let change = clients(&sidecar, &id, &secret);
        sidecar.rewrite(Way::ALL[turn % Way::ALL.len()], &change);
        known(&sidecar, &id, &secret).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in steady {
        client.await.expect("no failed request");
    }
    assert!(answered.load(Ordering::Relaxed) >= 50);
}

#[tokio::test]
async fn tokens_of_a_removed_client_are_refused() {
    let secret = secrets::new_secret();
    let mut sidecar = Setup::new()
        .with_client(json!({ "ClientId": "leaver", "ClientSecret": secret }))
        .sidecar()
        .await;
    let token = sidecar.token_of("leaver", &secret).await;
    let list = |sidecar: &Sidecar| {
        let call = sidecar.client.get("/workflowapi/getschemelist");
        call.bearer(&token).send()
    };
    // Twice: the second answer comes from the cache of verified tokens.
    list(&sidecar).await.expect(200);
    list(&sidecar).await.expect(200);
    sidecar.setup.clients().truncate(1);
    sidecar.rewrite(Way::RenameOver, &json!({}));
    until("the token is refused", || async {
        (list(&sidecar).await.status == 401).then_some(())
    })
    .await;
    sidecar.token().await;
}

#[tokio::test]
async fn a_changed_secret_ends_the_old_one_but_no_token() {
    let secret = secrets::new_secret();
    let mut sidecar = Setup::new()
        .with_client(json!({ "ClientId": "rotating", "ClientSecret": secret }))
        .sidecar()
        .await;
    let token = sidecar.token_of("rotating", &secret).await;
    let next = secrets::new_secret();
    let change = clients(&sidecar, "rotating", &next);
    sidecar.rewrite(Way::InPlace, &change);
    known(&sidecar, "rotating", &next).await;
    let old = [
        ("grant_type", "client_credentials"),
        ("client_id", "rotating"),
        ("client_secret", &*secret),
    ];
    sidecar.ask_token(&old).await.expect(401);
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    call.send().await.expect(200);
}

#[tokio::test]
async fn scopes_and_operations_taken_from_a_client_end_at_once() {
    let secret = secrets::new_secret();
    let client = |change: Value| {
        let mut client = json!({ "ClientId": "shrinking", "ClientSecret": secret });
        tests::server::merge(&mut client, &change);
        client
    };
    let mut sidecar = Setup::new().with_client(client(json!({}))).sidecar().await;
    let token = sidecar.token_of("shrinking", &secret).await;
    let status = async |sidecar: &Sidecar| {
        let call = sidecar.client.get("/workflowapi/getschemelist");
        call.bearer(&token).send().await.status
    };
    assert_eq!(status(&sidecar).await, 200);
    for change in [
        json!({ "Operations": ["run"] }),
        json!({ "Scopes": ["reports"] }),
    ] {
        sidecar.setup.clients()[1] = client(change.clone());
        sidecar.rewrite(Way::RenameOver, &json!({}));
        until(&format!("{change} is in force"), || async {
            (status(&sidecar).await == 403).then_some(())
        })
        .await;
        sidecar.setup.clients()[1] = client(json!({}));
        sidecar.rewrite(Way::RenameOver, &json!({}));
        until("everything is allowed again", || async {
            (status(&sidecar).await == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_changed_lifetime_is_that_of_the_next_token() {
    let mut sidecar = Setup::new().sidecar().await;
    let before = sidecar.token().await;
    sidecar.rewrite(
        Way::InPlace,
        &json!({ "OpenIddictServerSettings": { "TokenLifetime": "2m" } }),
    );
    until("tokens live for two minutes", || async {
        let claims = claims_of(&sidecar.token().await);
        let lifetime = claims["exp"].as_i64()? - claims["iat"].as_i64()?;
        (lifetime == 120).then_some(())
    })
    .await;
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&before);
    call.send().await.expect(200);
}

#[tokio::test]
async fn a_changed_upstream_is_where_the_next_request_goes() {
    let first = Recorder::start().await;
    let second = Recorder::with(|_| Reply::Json(r#"{"success":true,"data":2}"#)).await;
    let mut sidecar = Setup::new().upstream(&first.url).sidecar().await;
    let api = sidecar.api().await;
    api.get("/getschemelist").send().await.expect(200);
    assert_eq!(first.seen().len(), 1);
    sidecar.rewrite(Way::RenameOver, &json!({ "Upstream": second.url }));
    until("the second engine answers", || async {
        let answer = api.get("/getschemelist").send().await.expect(200);
        (answer.json()["data"] == 2).then_some(())
    })
    .await;
    let before = first.seen().len();
    api.get("/getschemelist").send().await.expect(200);
    assert_eq!(first.seen().len(), before);
}

#[tokio::test]
async fn a_replaced_signing_key_stays_published_and_accepted() {
    let setting = json!({ "OpenIddictServerSettings": { "CertificateFile": "signing.pem" } });
    let setup = Setup::new().with(&setting);
    Material::shared_signing().write_pem(&setup.path("signing.pem"));
    let sidecar = setup.sidecar().await;
    let old = sidecar.token().await;
    let kid = |token: &str| tests::forge::header_of(token)["kid"].clone();

    let next = Material::signing("next");
    let both = format!("{}{}", next.certificate, next.key);
    Way::RenameOver.write(&sidecar.setup.path("signing.pem"), &both);
    let new = until("the next key signs", || async {
        let token = sidecar.token().await;
        (kid(&token) != kid(&old)).then_some(token)
    })
    .await;
    let published = sidecar.client.get("/.well-known/jwks").send().await.json();
    let published = published["keys"].as_array().expect("keys");
    let kids = published.iter().map(|key| key["kid"].clone());
    assert_eq!(kids.collect::<Vec<_>>(), [kid(&new), kid(&old)]);
    for token in [&old, &new] {
        let call = sidecar
            .client
            .get("/workflowapi/getschemelist")
            .bearer(token);
        call.send().await.expect(200);
    }
}
