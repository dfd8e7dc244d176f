//! The other commands of the programs, and the configuration that is shipped.

use std::process::Command;

use serde_json::{Value, json};
use tests::forge::claims_of;
use tests::process::run;
use tests::programs::{programs, workspace};
use tests::secrets;
use tests::server::{CLIENT, Setup};

#[tokio::test]
async fn sidecar_token_prints_a_token_that_is_let_in() {
    let sidecar = Setup::new().sidecar().await;
    let url = sidecar.url.clone();
    // Beside a running server: its port stands in the file only there.
    let set = format!("Url={url}");
    let arguments = ["token", "--config", "config.json", "--set", &set];
    let ran = run(sidecar.setup.command(&programs().sidecar, &arguments)).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let token = ran.stdout.trim();
    secrets::register_token(token);
    assert_eq!(ran.stdout.lines().count(), 1, "nothing but the token");
    assert_eq!(claims_of(token)["client_id"], CLIENT);
    let list = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(token);
    list.send().await.expect(200);
}

#[tokio::test]
async fn sidecar_schema_describes_every_key_for_editors() {
    let mut command = Command::new(&programs().sidecar);
    command.arg("schema");
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let schema = serde_json::from_str::<Value>(&ran.stdout).expect("JSON");
    assert!(schema["$schema"].is_string(), "{schema}");
    for key in [
        "Url",
        "AuthorityUrl",
        "OpenIddictServerSettings",
        "Upstream",
        "Limits",
        "Engine",
    ] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[tokio::test]
async fn help_and_version_go_to_standard_output() {
    for program in [&programs().sidecar, &programs().engine] {
        for argument in ["--help", "--version"] {
            let mut command = Command::new(program);
            command.arg(argument);
            let ran = run(command).await;
            assert_eq!(ran.code, Some(0), "{argument}: {}", ran.stderr);
            assert!(!ran.stdout.is_empty(), "{argument}");
        }
        let mut command = Command::new(program);
        command.arg("--no-such-thing");
        assert_eq!(run(command).await.code, Some(2));
    }
}

#[tokio::test]
async fn a_configuration_file_that_is_not_there_is_named() {
    let setup = Setup::new();
    for program in [&programs().sidecar, &programs().engine] {
        let arguments = ["run", "--config", "nowhere.json"];
        let ran = run(setup.command(program, &arguments)).await;
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("nowhere.json"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn the_shipped_configuration_is_good_and_serves_its_sample() {
    let shipped = workspace().join("config.json");
    let mut check = Command::new(&programs().sidecar);
    check.args(["check", "--strict"]).arg(&shipped);
    let ran = run(check).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    let setup = Setup::new();
    std::fs::copy(&shipped, setup.config_file()).expect("a copy");
    for set in [
        "Url=https://localhost:0",
        "Admin.Url=http://127.0.0.1:0",
        "Engine.Store=memory",
    ] {
        let arguments = ["check", "config.json", "--set", set];
        let ran = run(setup.command(&programs().sidecar, &arguments)).await;
        assert_eq!(ran.code, Some(0), "{set}: {}{}", ran.stdout, ran.stderr);
    }
    let mut setup = setup;
    for set in ["Url=https://localhost:0", "Admin.Url=http://127.0.0.1:0"] {
        setup = setup.argument("--set").argument(set);
    }
    let sidecar = setup.sidecar_as_written().await;
    // This secret is public, so it is no secret of the harness's.
    let sample = "e3e3506c-1a2e-4e35-b6c6-2ecced416e07";
    let token = sidecar.token_of("workflowapi", sample).await;
    let list = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    let list = list.send().await.expect(200).json();
    let names = list["data"].as_array().expect("names");
    assert!(names.contains(&json!("TestScheme")), "{list}");
    // Memory loses what it knows at the end, and says so at the start.
    assert!(
        sidecar.process.count("memory only") > 0,
        "{}",
        sidecar.process.story()
    );
}

#[tokio::test]
async fn the_journal_is_refused_clearly_until_it_exists() {
    let setup = Setup::new().with(&json!({ "Engine": { "Store": "journal" } }));
    setup.write_config();
    for program in [&programs().sidecar, &programs().engine] {
        let arguments = ["run", "--config", "config.json"];
        let ran = run(setup.command(program, &arguments)).await;
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("journal"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn the_start_says_where_it_listens_and_how_to_call_it() {
    let sidecar = Setup::new().sidecar().await;
    let said = sidecar.process.output().join("\n");
    for part in [&*sidecar.url, "dev-cert.pem", "curl", "sidecar token"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
