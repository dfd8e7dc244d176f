//! The sidecar embedded in another program: built, started, reloaded, ended.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use sidecar::{BuildError, ClientCredential, Running, Sidecar};

/// Nothing here takes so long.
const HANGS: Duration = Duration::from_secs(60);

fn config(folder: &Path, secret: &str) {
    let text = format!(
        r#"{{
            // Plain, so that a test needs no TLS.
            "Url": "http://127.0.0.1:0",
            "DisableOpenIddictServer": false,
            "OpenIddictServerSettings": {{ "ClientCredentials": [
                {{ "ClientId": "both", "ClientSecret": "{secret}" }},
                {{ "ClientId": "file", "ClientSecret": "{secret}" }},
            ] }},
            "Upstream": "http://127.0.0.1:9",
            "Admin": {{ "Url": "http://127.0.0.1:0" }},
        }}"#
    );
    std::fs::write(folder.join("config.json"), text).expect("a file in the test's folder");
}

fn start(folder: &Path) -> Running {
    Sidecar::builder()
        .config_file(folder.join("config.json"))
        .set("Workers=1")
        .register_client_credentials(ClientCredential::new("both", "the code's secret"))
        .build()
        .expect("a good configuration")
        .start()
        .expect("free ports")
}

/// The whole answer to a request.
fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut tcp = TcpStream::connect(address).expect("a listener");
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).expect("an answer");
    answer
}

fn authenticates(running: &Running, id: &str, secret: &str) -> bool {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let answer = ask(running.addresses()[0], "POST /connect/token", &form);
    answer.starts_with("HTTP/1.1 200")
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let end = Instant::now() + HANGS;
    while !reached() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn code_wins_over_the_file_before_and_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), "first");
    let running = start(folder.path());
    assert!(authenticates(&running, "file", "first"));
    assert!(authenticates(&running, "both", "the+code%27s+secret"));
    assert!(!authenticates(&running, "both", "first"));
    config(folder.path(), "second");
    running.reload();
    until("the new secret is in force", || {
        running.snapshot().generation > 1
    });
    assert!(authenticates(&running, "file", "second"));
    assert!(!authenticates(&running, "file", "first"));
    assert!(authenticates(&running, "both", "the+code%27s+secret"));
    assert!(!authenticates(&running, "both", "second"));
    running.shutdown();
    running.wait();
}

#[test]
fn it_is_ready_when_started_and_gone_when_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), "secret");
    let running = start(folder.path());
    let admin = running.admin_addresses()[0];
    let own = running.addresses()[0];
    assert!(ask(admin, "GET /readyz", "").starts_with("HTTP/1.1 200"));
    running.shutdown();
    running.wait();
    assert!(TcpStream::connect(own).is_err());
    assert!(TcpStream::connect(admin).is_err());
}

#[test]
fn every_fault_of_a_configuration_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let built = Sidecar::builder()
        .config_file(folder.path().join("nowhere.json"))
        .build();
    let Err(BuildError(faults)) = built else {
        panic!("there is no such file");
    };
    assert!(faults.render(false).contains("nowhere.json"));
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), "secret");
    let running = start(folder.path());
    let taken = running.addresses()[0];
    let second = Sidecar::builder()
        .config_file(folder.path().join("config.json"))
        .set(format!("Url=http://{taken}"))
        .build()
        .unwrap()
        .start();
    let error = second.err().unwrap().to_string();
    assert!(error.contains(&taken.port().to_string()), "{error}");
    running.shutdown();
    running.wait();
}
