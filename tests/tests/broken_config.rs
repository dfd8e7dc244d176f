//! Broken configuration files: kept out of a running sidecar, and told about at start.

use std::fs;

use serde_json::json;
use tests::files::Way;
use tests::material::Material;
use tests::process::{Finished, run};
use tests::programs::programs;
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

/// A kind of broken file: what it is called, how a good one is broken, and what the diagnostic
/// must name.
struct Broken {
    name: &'static str,
    /// Over the good configuration; or
    change: serde_json::Value,
    /// over its text.
    text: Option<fn(&str) -> String>,
    names: &'static str,
}

fn change(name: &'static str, change: serde_json::Value, names: &'static str) -> Broken {
    Broken {
        name,
        change,
        text: None,
        names,
    }
}

fn text(name: &'static str, text: fn(&str) -> String) -> Broken {
    Broken {
        name,
        change: json!({}),
        text: Some(text),
        names: "config.json",
    }
}

/// Every kind; `secret` is one that must not be shown.
fn kinds(secret: &str) -> Vec<Broken> {
    let client = |members: serde_json::Value| json!({ "OpenIddictServerSettings": { "ClientCredentials": [members] } });
    let twice = json!({ "ClientId": "a", "ClientSecret": secret });
    vec![
        text("an empty file", |_| String::new()),
        text("half a file", |good| good[..good.len() / 2].to_owned()),
        text("a missing comma", |good| good.replacen("\",", "\"", 1)),
        text("a missing quote", |good| good.replacen("\":", ":", 1)),
        text("something after the end", |good| format!("{good} nonsense")),
        text("a list", |good| format!("[{good}]")),
        text("not JSON at all", |_| {
            "Url = https://localhost\n".to_owned()
        }),
        text("a string that never ends", |good| {
            format!("{{ \"DataFolder\": \"{good}")
        }),
        text("a comment that never ends", |good| format!("/* {good}")),
        text("a key twice", |good| {
            good.replacen('{', "{\"DataFolder\": \"a\", \"datafolder\": \"b\",", 1)
        }),
        change(
            "an unknown key of ours",
            json!({ "Limits": { "Hedder": "3s" } }),
            "Header",
        ),
        change("a number for a URL", json!({ "Url": 5 }), "Url"),
        change(
            "a URL without a scheme",
            json!({ "Url": "localhost:8077" }),
            "Url",
        ),
        change(
            "a URL of another scheme",
            json!({ "Url": "gopher://localhost:70" }),
            "Url",
        ),
        change(
            "a lifetime out of range",
            json!({ "OpenIddictServerSettings": { "TokenLifetime": "25h" } }),
            "TokenLifetime",
        ),
        change(
            "a lifetime of no unit",
            json!({ "OpenIddictServerSettings": { "TokenLifetime": "5 moons" } }),
            "TokenLifetime",
        ),
        change(
            "a negative duration",
            json!({ "Drain": { "Timeout": "-5s" } }),
            "Timeout",
        ),
        change(
            "a size of no unit",
            json!({ "Limits": { "Body": "much" } }),
            "Body",
        ),
        change(
            "text for a Boolean",
            json!({ "DetailedRefusals": "perhaps" }),
            "DetailedRefusals",
        ),
        change(
            "a client without an id",
            client(json!({ "ClientSecret": secret })),
            "ClientId",
        ),
        change(
            "a client with an empty id",
            client(json!({ "ClientId": "", "ClientSecret": secret })),
            "ClientId",
        ),
        change(
            "a client with a control character",
            client(json!({ "ClientId": "a\u{7}b", "ClientSecret": secret })),
            "ClientId",
        ),
        change(
            "a client without a secret",
            client(json!({ "ClientId": "a" })),
            "ClientSecret",
        ),
        change(
            "a client twice",
            json!({ "OpenIddictServerSettings": { "ClientCredentials": [twice, twice] } }),
            "ClientId",
        ),
        change(
            "a secret file that is not there",
            client(json!({ "ClientId": "a", "ClientSecret": { "File": "nowhere.txt" } })),
            "nowhere.txt",
        ),
        change(
            "a variable that is not set",
            client(json!({ "ClientId": "a", "ClientSecret": { "Env": "NOT_SET_ANYWHERE" } })),
            "NOT_SET_ANYWHERE",
        ),
        change(
            "an operation that nobody has",
            client(
                json!({ "ClientId": "a", "ClientSecret": secret, "Operations": ["getinstanceinf"] }),
            ),
            "getinstanceinfo",
        ),
        change(
            "a certificate that is not there",
            json!({ "CertificateFile": "nowhere.pem" }),
            "nowhere.pem",
        ),
        change(
            "a certificate without a key",
            json!({ "CertificateFile": "bare.pem" }),
            "bare.pem",
        ),
        change(
            "a key of another certificate",
            json!({ "CertificateFile": "bare.pem", "CertificateKeyFile": "other.key" }),
            "other.key",
        ),
        change(
            "a certificate that is none",
            json!({ "CertificateFile": "garbage.pem" }),
            "garbage.pem",
        ),
        change(
            "a signing key that is not there",
            json!({ "OpenIddictServerSettings": { "CertificateFile": "nowhere.p12" } }),
            "nowhere.p12",
        ),
        change(
            "a signing key of the wrong kind",
            json!({ "OpenIddictServerSettings": { "CertificateFile": "bare.pem", "CertificateKeyFile": "other.key" } }),
            "other.key",
        ),
        change(
            "an upstream of another scheme",
            json!({ "Upstream": "gopher://localhost:70" }),
            "Upstream",
        ),
        change(
            "an upstream without a host",
            json!({ "Upstream": "http://" }),
            "Upstream",
        ),
        change(
            "nobody could be let in",
            json!({ "OpenIddictServerSettings": { "ClientCredentials": [] } }),
            "ClientCredentials",
        ),
        change(
            "no token side and no issuers",
            json!({ "DisableOpenIddictServer": true }),
            "Issuers",
        ),
    ]
}

impl Broken {
    fn of(&self, setup: &Setup) -> String {
        let mut config = setup.config.clone();
        tests::server::merge(&mut config, &self.change);
        let good = serde_json::to_string_pretty(&config).expect("JSON");
        self.text.map_or(good.clone(), |text| text(&good))
    }
}

/// Files that the kinds refer to.
fn supply(setup: &Setup) {
    setup.write("bare.pem", &Material::tls("bare").certificate);
    setup.write("other.key", &Material::tls("other").key);
    setup.write(
        "garbage.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
}

#[tokio::test]
async fn each_kind_of_broken_file_ends_a_start_with_a_drawn_diagnostic() {
    let setup = Setup::new();
    supply(&setup);
    let kinds = kinds(&setup.secret);
    assert!(kinds.len() >= 15);
    for broken in kinds {
        setup.write("config.json", &broken.of(&setup));
        let arguments = ["run", "--config", "config.json"];
        let ran = run(setup.command(&programs().sidecar, &arguments)).await;
        diagnosed(&broken, &ran, 2);
        // `check` says the same, with a status of its own.
        let ran = run(setup.command(&programs().sidecar, &["check", "config.json"])).await;
        diagnosed(&broken, &ran, 1);
        assert!(secrets::found_in(&ran.stdout).is_none(), "{}", broken.name);
    }
    // Nothing was left behind by starts that came to nothing.
    assert!(!setup.path("config.json~").exists());
}

#[track_caller]
fn diagnosed(broken: &Broken, ran: &Finished, code: i32) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(code), "{}: {said}", broken.name);
    assert!(said.contains("config.json"), "{}: {said}", broken.name);
    assert!(said.contains(broken.names), "{}: {said}", broken.name);
    assert!(!said.contains("panicked"), "{}: {said}", broken.name);
}

#[tokio::test]
async fn each_kind_of_broken_file_is_kept_out_of_a_running_sidecar() {
    let setup = Setup::new();
    supply(&setup);
    let mut sidecar = setup.sidecar().await;
    let kinds = kinds(&sidecar.setup.secret);
    for (turn, broken) in kinds.iter().enumerate() {
        let way = Way::ALL[turn % Way::ALL.len()];
        let before = sidecar.process.output().len();
        sidecar.rewrite_text(way, &broken.of(&sidecar.setup));
        until(&format!("{} is reported", broken.name), || async {
            let output = sidecar.process.output();
            output[before..]
                .iter()
                .any(|line| line.contains(broken.names))
                .then_some(())
        })
        .await;
        // The old configuration goes on, and the program says that it is not the file's.
        sidecar.token().await;
        let ready = sidecar
            .admin
            .get("/readyz?verbose")
            .send()
            .await
            .expect(200);
        assert!(
            ready.text().contains("config"),
            "{}: {}",
            broken.name,
            ready.text()
        );
        sidecar.rewrite(Way::RenameOver, &json!({}));
        good_again(&sidecar, turn).await;
    }
    assert!(sidecar.process.runs());
}

/// Rewrites the good file with a lifetime of its own, and waits until it is in force.
async fn good_again(sidecar: &Sidecar, turn: usize) {
    let mut config = sidecar.setup.config.clone();
    let lifetime = 100 + turn;
    config["OpenIddictServerSettings"]["TokenLifetime"] = json!(format!("{lifetime}s"));
    sidecar.rewrite_text(Way::RenameOver, &config.to_string());
    until("the mended file is in force", || async {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", tests::server::CLIENT),
            ("client_secret", &*sidecar.setup.secret),
        ];
        let granted = sidecar.ask_token(&pairs).await.expect(200).json();
        (granted["expires_in"] == lifetime).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_same_broken_content_is_reported_once() {
    let sidecar = Setup::new().sidecar().await;
    let broken = "{ \"Url\": \"https://localhost:0\", \"Drain\": { \"Tmeout\": \"5s\" } }";
    let reports = || sidecar.process.count("Tmeout");
    sidecar.rewrite_text(Way::InPlace, broken);
    until("the fault is reported", || async {
        (reports() > 0).then_some(())
    })
    .await;
    let once = reports();
    for way in Way::ALL {
        sidecar.rewrite_text(way, broken);
        sidecar.process.signal("HUP");
    }
    good_again(&sidecar, 0).await;
    assert_eq!(reports(), once, "{}", sidecar.process.story());
}

#[tokio::test]
async fn every_fault_is_told_at_once_with_its_place() {
    let setup = Setup::new();
    setup.write(
        "config.json",
        "{\n  // five faults\n  \"Url\": 5,\n  \"Drain\": { \"Tmeout\": \"5s\" },\n  \
         \"Limits\": { \"Body\": \"much\" },\n  \"Workers\": \"many\",\n  \"Upstream\": \"x\",\n}\n",
    );
    let ran = run(setup.command(&programs().sidecar, &["check", "config.json"])).await;
    assert_eq!(ran.code, Some(1));
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for line in 3..=7 {
        let place = format!("config.json:{line}:");
        assert!(said.contains(&place), "{place} in {said}");
    }
    // The nearest known name.
    assert!(said.contains("Timeout"), "{said}");
}

#[tokio::test]
async fn no_diagnostic_shows_a_secret() {
    let setup = Setup::new();
    let secret = setup.secret.clone();
    let cases = [
        // Where nothing can be parsed, even the line is masked.
        format!(
            "{{ \"OpenIddictServerSettings\": {{ \"ClientCredentials\": [ {{ \"ClientId\": \"a\", \"ClientSecret\": \"{secret}\" \"Scopes\" }} ] }} }}"
        ),
        format!(
            "{{ \"OpenIddictServerSettings\": {{ \"ClientCredentials\": [ {{ \"ClientId\": \"a\", \"ClientSecret\": {secret} }} ] }} }}"
        ),
        format!("{{ \"OpenIddictServerSettings\": {{ \"ClientCredentials\": \"{secret}\" }} }}"),
        format!("{{ \"CertificatePassword\": [\"{secret}\"] }}"),
        format!("{{ \"ClientSecret\": \"{secret}\", \"Url\": 1 }}"),
        format!("{{ \"Url\": \"https://user:{secret}@localhost:0\" }}"),
        format!("{{ \"Upstream\": \"http://user:{secret}@localhost\" }}"),
        format!("{{ \"Limits\": {{ \"Body\": \"{secret}\" }} }}"),
        format!("{{ \"Engine\": {{ \"Store\": \"postgres://user:{secret}@/x\" }}, \"Url\": 1 }}"),
        secret.clone(),
        format!("\"{secret}"),
    ];
    for text in cases {
        setup.write("config.json", &text);
        for arguments in [
            &["check", "config.json"][..],
            &["run", "--config", "config.json"],
        ] {
            let ran = run(setup.command(&programs().sidecar, arguments)).await;
            assert_ne!(ran.code, Some(0), "{text}");
            // `run` searches stderr; this is for stdout.
            assert!(!ran.stdout.contains(&secret), "{}", ran.stdout);
        }
    }
}

#[tokio::test]
async fn keys_have_no_case_and_the_other_products_are_accepted() {
    let setup = Setup::new();
    let good = setup.config.clone();
    let text = format!(
        "// comments\n{{ /* and */ \"url\": \"https://localhost:0\", \"disableopeniddictserver\": false,\n\
         \"OPENIDDICTSERVERSETTINGS\": {{ \"clientcredentials\": [ {{ \"CLIENTID\": \"tester\", \"clientsecret\": \"{}\", }}, ],\n\
         \"RedirectHosts\": [\"x\"], \"RedirectUrls\": [] }},\n\
         \"Provider\": \"mssql\", \"ConnectionString\": \"Server=x\", \"BackendFolder\": \"b\", \"MetadataFolder\": \"m\",\n\
         \"LicensePath\": \"l\", \"CallBackCacheTimeout\": 300000, \"GlobalCommandTimeout\": 30,\n\
         \"DefaultLoggerConfig\": {{ \"a\": 1 }}, \"AssertNullOrWhitespaceTenantId\": false,\n\
         \"WorkflowApi\": {{ \"BlockUserApi\": false }}, \"DefaultCorsSettings\": {{ \"AllowedOrigins\": [] }},\n\
         \"admin\": {}, \"datafolder\": \"data\", \"engine\": {},\n}}\n",
        setup.secret, good["Admin"], good["Engine"]
    );
    fs::write(setup.config_file(), &text).expect("a file");
    let ran = run(setup.command(&programs().sidecar, &["check", "config.json"])).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let sidecar = setup.sidecar_as_written().await;
    sidecar
        .api()
        .await
        .get("/getschemelist")
        .send()
        .await
        .expect(200);
    for ignored in ["Provider", "ConnectionString", "LicensePath"] {
        assert!(sidecar.process.count(ignored) >= 1, "{ignored} is reported");
    }
}

#[tokio::test]
async fn a_value_may_be_set_on_the_command_line() {
    let sidecar = Setup::new()
        .argument("--set")
        .argument("OpenIddictServerSettings.TokenLifetime=77s")
        .sidecar()
        .await;
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", tests::server::CLIENT),
        ("client_secret", &*sidecar.setup.secret),
    ];
    let granted = sidecar.ask_token(&pairs).await.expect(200).json();
    assert_eq!(granted["expires_in"], 77);
}

#[tokio::test]
async fn the_public_sample_secret_is_refused_beyond_loopback() {
    let sample = "e3e3506c-1a2e-4e35-b6c6-2ecced416e07";
    let setup = Setup::new()
        .with_client(json!({ "ClientId": "workflowapi", "ClientSecret": sample }))
        .with(&json!({ "Url": "https://*:0" }));
    setup.write_config();
    let arguments = ["run", "--config", "config.json"];
    let ran = run(setup.command(&programs().sidecar, &arguments)).await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("ClientSecret"), "{}", ran.stderr);
}
