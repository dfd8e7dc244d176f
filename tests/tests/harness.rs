//! The harness itself: what it would not notice, no test would.

use std::process::Command;

use serde_json::json;
use tests::client::{Client, form};
use tests::components;
use tests::files::{Mount, Way};
use tests::forge::{Forger, claims_of, header_of, with};
use tests::material::Material;
use tests::process::{Process, run};
use tests::raw::Raw;
use tests::recorder::{Recorder, Reply};
use tests::secrets;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[tokio::test]
async fn the_recorder_keeps_what_it_was_sent() {
    let recorder = Recorder::start().await;
    let client = Client::new(&recorder.url, Vec::new());
    let call = client
        .post("/a?b=c")
        .header("x-twice", "1")
        .header("x-twice", "2");
    let answer = call.form(&[("d", "e f")]).send().await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true }));
    let seen = recorder.only();
    assert_eq!(seen.line(), "POST /a?b=c");
    assert_eq!(seen.headers("X-Twice"), ["1", "2"]);
    assert_eq!(seen.body, "d=e+f");
    assert!(seen.complete);

    let mut raw = Raw::connect(&client).await;
    raw.write("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        .await;
    recorder
        .until("half a body", |seen| {
            seen.len() == 2 && seen[1].body == "{}"
        })
        .await;
    assert!(!recorder.seen()[1].complete);
    raw.write("0\r\n\r\n").await;
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_reply_may_be_chunked_cut_or_missing() {
    let recorder = Recorder::with(|seen| match seen.line() {
        "GET /chunked" => Reply::Raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        ),
        "GET /cut" => Reply::Last("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_owned()),
        _ => Reply::Close,
    })
    .await;
    let client = Client::new(&recorder.url, Vec::new());
    assert_eq!(client.get("/chunked").send().await.text(), "abc");
    assert!(client.get("/cut").try_send().await.is_err());
    assert!(client.get("/nothing").try_send().await.is_err());
    let mut raw = Raw::connect(&client).await;
    raw.write("GET /chunked HTTP/1.1\r\n\r\n").await;
    assert_eq!(raw.answer().await.expect("an answer").body, "abc");
}

#[tokio::test]
async fn a_process_is_heard_and_waited_for() {
    let mut process = Process::start("shell", shell("echo out; echo err >&2; exit 3"));
    process
        .line("`err`", |line| (line == "err").then_some(()))
        .await;
    process
        .line("`out`", |line| (line == "out").then_some(()))
        .await;
    assert_eq!(process.exit().await.code(), Some(3));
    let log = r#"echo '{"fields":{"message":"listening","url":"x"}}'"#;
    let process = Process::start("shell", shell(log));
    assert_eq!(process.logged("listening", "url").await, "x");
}

#[tokio::test]
async fn a_program_that_writes_a_secret_fails_its_test() {
    let secret = secrets::new_secret();
    let process = Process::start("shell", shell(&format!("echo 'key={secret}'")));
    process
        .line("the secret", |line| line.contains(&secret).then_some(()))
        .await;
    let found = tokio::task::spawn_blocking(move || drop(process)).await;
    assert!(found.is_err_and(|fault| fault.is_panic()));
}

#[test]
fn forged_tokens_are_what_they_say() {
    let forger = Forger::new(Material::shared_signing());
    let claims = with(&json!({ "a": 1, "b": 2 }), &json!({ "b": null, "c": 3 }));
    let token = forger.token(&json!({ "alg": "RS256" }), &claims);
    assert_eq!(header_of(&token), json!({ "alg": "RS256" }));
    assert_eq!(claims_of(&token), json!({ "a": 1, "c": 3 }));
    assert!(secrets::found_in(&format!("…{token}…")).is_some());
}

#[test]
fn forms_are_encoded_as_browsers_do() {
    let pairs = [("a b", "ä&="), ("c", "")];
    assert_eq!(form(&pairs), "a+b=%C3%A4%26%3D&c=");
}

#[test]
fn each_way_of_writing_leaves_the_new_content_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "0").expect("a file");
    for way in Way::ALL {
        way.write(&file, &format!("{way:?}"));
        let text = std::fs::read_to_string(&file).expect("a file");
        assert_eq!(text, format!("{way:?}"));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            1
        );
    }
    let mounted = tempfile::tempdir().expect("a folder");
    let mut mount = Mount::new(mounted.path(), &[("a", "1")]);
    mount.swap(&[("a", "2")]);
    let text = std::fs::read_to_string(mounted.path().join("a")).expect("a file");
    assert_eq!(text, "2");
}

#[test]
fn pkcs12_files_of_both_generations_can_be_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for legacy in [false, true] {
        let file = folder.path().join("file.p12");
        let material = Material::shared_signing();
        if material.write_pkcs12(&file, "password", legacy).is_some() {
            assert!(std::fs::metadata(&file).expect("a file").len() > 1_000);
        }
    }
}

#[tokio::test]
async fn client_libraries_are_set_up_with_pinned_versions() {
    if let Some(python) = components::python() {
        let mut command = Command::new(python);
        command.args(["-c", "import authlib, requests_oauthlib, jwt"]);
        assert_eq!(run(command).await.code, Some(0));
    }
    if let Some((node, libraries)) = components::node() {
        let mut command = Command::new(node);
        command
            .current_dir(libraries)
            .args(["-e", "import('openid-client')"]);
        assert_eq!(run(command).await.code, Some(0));
    }
}
