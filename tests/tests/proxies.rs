//! Who is believed about whom it forwards for: `Forwarded`, `X-Forwarded-For`, the PROXY protocol.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use serde_json::json;
use tests::client::Client;
use tests::components;
use tests::material::certificates_in;
use tests::process::Process;
use tests::raw::Raw;
use tests::recorder::Recorder;
use tests::server::{Setup, Sidecar};
use tests::wait::until;

const PATH: &str = "/workflowapi/getschemelist";

/// Version 1.
fn line(client: &str) -> String {
    format!("PROXY TCP4 {client} 192.0.2.9 4711 443\r\n")
}

/// Version 2.
fn binary(client: &str) -> Vec<u8> {
    let client: Ipv4Addr = client.parse().expect("an address");
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    bytes.extend(client.octets());
    bytes.extend([192, 0, 2, 9]);
    bytes.extend(4711_u16.to_be_bytes());
    bytes.extend(443_u16.to_be_bytes());
    bytes
}

async fn behind(proxies: &[&str], url: &str) -> (Sidecar, Recorder) {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "Url": url, "TrustedProxies": proxies }))
        .sidecar()
        .await;
    (sidecar, recorder)
}

/// Whom the engine is told of, for a request of `client` with these headers.
async fn told(
    recorder: &Recorder,
    client: &Client,
    token: &str,
    headers: &[(&str, &str)],
) -> String {
    let before = recorder.seen().len();
    let mut call = client.get(PATH).bearer(token);
    for (name, value) in headers {
        call = call.header(name, value);
    }
    call.send().await.expect(200);
    let seen = recorder.seen();
    assert_eq!(seen.len(), before + 1);
    let seen = seen.last().expect("one");
    let told = seen.headers("x-forwarded-for");
    assert_eq!(told.len(), 1, "{}", seen.head);
    let forwarded = seen.header("forwarded").unwrap_or_default().to_owned();
    assert!(
        forwarded.starts_with(&format!("for={};", told[0])),
        "{forwarded}"
    );
    told[0].to_owned()
}

#[tokio::test]
async fn the_client_is_the_rightmost_that_is_not_listed() {
    let (sidecar, recorder) = behind(&["127.0.0.1", "10.0.0.0/8"], "https://localhost:0").await;
    let token = sidecar.token().await;
    for (headers, want) in [
        (&[][..], "127.0.0.1"),
        (&[("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
        (
            &[("X-Forwarded-For", "1.1.1.1, 198.51.100.1, 10.1.2.3")],
            "198.51.100.1",
        ),
        (
            &[("Forwarded", "for=1.1.1.1, for=198.51.100.1, for=10.1.2.3")],
            "198.51.100.1",
        ),
        // A client's own header beside the one that the proxy writes.
        (
            &[
                ("X-Forwarded-For", "198.51.100.1"),
                ("Forwarded", "for=1.1.1.1"),
            ],
            "127.0.0.1",
        ),
        (&[("X-Forwarded-For", "unknown")], "127.0.0.1"),
        (&[("X-Real-IP", "1.1.1.1")], "127.0.0.1"),
    ] {
        let found = told(&recorder, &sidecar.client, &token, headers).await;
        assert_eq!(found, want, "{headers:?}");
    }
}

#[tokio::test]
async fn whoever_is_not_listed_says_nothing_about_others() {
    let (sidecar, recorder) = behind(&["192.0.2.0/24"], "https://localhost:0").await;
    let token = sidecar.token().await;
    let headers = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "1"),
    ];
    let found = told(&recorder, &sidecar.client, &token, &headers).await;
    assert_eq!(found, "127.0.0.1");
    let seen = recorder.only();
    assert_eq!(seen.headers("x-forwarded-proto"), ["https"]);
    assert_eq!(
        seen.headers("x-forwarded-host"),
        [sidecar.client.authority()]
    );
    assert!(seen.headers("x-forwarded-port").is_empty());
    // Nor by the PROXY protocol: it is no TLS, and no HTTP either.
    for preface in [line("198.51.100.1").into_bytes(), binary("198.51.100.1")] {
        let call = sidecar.client.saying(preface).get(PATH).bearer(&token);
        assert!(call.try_send().await.is_err());
    }
    assert_eq!(recorder.seen().len(), 1);
}

#[tokio::test]
async fn a_listed_proxy_names_the_client_of_a_connection() {
    for url in ["https://localhost:0", "http://127.0.0.1:0"] {
        let (sidecar, recorder) = behind(&["127.0.0.1"], url).await;
        let token = sidecar.token().await;
        let client = &sidecar.client;
        let unknown = &b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"[..];
        for (what, client, headers, want) in [
            ("no header", client.clone(), &[][..], "127.0.0.1"),
            (
                "a line",
                client.saying(line("198.51.100.1")),
                &[],
                "198.51.100.1",
            ),
            (
                "binary",
                client.saying(binary("198.51.100.2")),
                &[],
                "198.51.100.2",
            ),
            (
                "a probe",
                client.saying("PROXY UNKNOWN\r\n"),
                &[],
                "127.0.0.1",
            ),
            ("a local one", client.saying(unknown), &[], "127.0.0.1"),
            (
                "over HTTP/2",
                client.http2().saying(binary("198.51.100.3")),
                &[],
                "198.51.100.3",
            ),
            // Who is named is not listed, and is not believed about others.
            (
                "a client's header",
                client.saying(line("198.51.100.1")),
                &[("X-Forwarded-For", "1.1.1.1")],
                "198.51.100.1",
            ),
            // Another proxy is.
            (
                "a proxy before",
                client.saying(line("127.0.0.1")),
                &[("X-Forwarded-For", "198.51.100.4")],
                "198.51.100.4",
            ),
            // One of each: only the first is the proxy's.
            (
                "nothing twice",
                client.saying("PROXY UNKNOWN\r\n"),
                &[("X-Forwarded-For", "198.51.100.5")],
                "198.51.100.5",
            ),
        ] {
            let found = told(&recorder, &client, &token, headers).await;
            assert_eq!(found, want, "{what} at {url}");
        }
        let seen = recorder.seen().len();
        let twice = line("198.51.100.1") + &line("1.1.1.1");
        for preface in [
            "PROXY TCP4 nobody 192.0.2.9 4711 443\r\n",
            "PROXY TCP4 198.51.100.1 192.0.2.9 4711 443\n",
            "PROXY / HTTP/1.1\r\n",
            "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
            &twice,
        ] {
            let call = client.saying(preface).get(PATH).bearer(&token);
            let answer = call.try_send().await;
            let refused = answer.is_err() || answer.is_ok_and(|answer| answer.status == 400);
            assert!(refused, "{preface:?} at {url}");
        }
        assert_eq!(recorder.seen().len(), seen, "nothing gets past");
    }
}

#[tokio::test]
async fn a_header_that_never_ends_is_not_waited_for() {
    for url in ["https://127.0.0.1:0", "http://127.0.0.1:0"] {
        let sidecar = Setup::new()
            .upstream("http://127.0.0.1:9")
            .with(&json!({
                "Url": url,
                "TrustedProxies": ["127.0.0.1"],
                "Limits": { "Handshake": "100ms", "Header": "100ms" },
            }))
            .sidecar()
            .await;
        // Bytes as they are, whatever the listener speaks after them.
        let to = sidecar.url.replace("https:", "http:");
        let bare = Client::new(&to, Vec::new());
        for bytes in [&b"PROX"[..], b"", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\xff"] {
            let mut raw = Raw::connect(&bare).await;
            raw.write(bytes).await;
            assert_eq!(raw.rest().await, "", "{bytes:?} at {url}");
        }
    }
}

#[tokio::test]
async fn connections_count_for_the_client_that_is_named() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({
            "Url": "http://127.0.0.1:0",
            "TrustedProxies": ["127.0.0.1"],
            "Limits": { "ConnectionsPerAddress": 1 },
        }))
        .sidecar()
        .await;
    let named = |client: &str| sidecar.client.saying(line(client));
    let mut first = Raw::connect(&named("198.51.100.1")).await;
    let ask = "GET /.well-known/jwks HTTP/1.1\r\nHost: localhost\r\n\r\n";
    first.write(ask).await;
    assert_eq!(first.answer().await.expect("an answer").status, 200);
    let mut second = Raw::connect(&named("198.51.100.1")).await;
    second.write(ask).await;
    assert!(second.answer().await.is_none(), "one is all it may have");
    // Others, and the proxy's own, however many.
    let mut others = Vec::new();
    for client in [
        named("198.51.100.2"),
        sidecar.client.clone(),
        sidecar.client.clone(),
    ] {
        let mut raw = Raw::connect(&client).await;
        raw.write(ask).await;
        assert_eq!(raw.answer().await.expect("an answer").status, 200);
        others.push(raw);
    }
}

#[tokio::test]
async fn haproxy_passes_connections_on() {
    let Some(haproxy) = components::find("haproxy") else {
        return;
    };
    let (sidecar, recorder) = behind(&["127.0.0.9"], "https://127.0.0.1:0").await;
    let token = sidecar.token().await;
    let to = sidecar.client.authority();
    let folder = sidecar.setup.path("");
    for (mode, want) in [
        ("send-proxy", "127.0.0.1"),
        ("send-proxy-v2", "127.0.0.1"),
        ("", "127.0.0.9"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen: SocketAddr = listener.local_addr().expect("an address");
        drop(listener);
        let config = format!(
            "defaults\n  mode tcp\n  timeout connect 30s\n  timeout client 60s\n  \
             timeout server 60s\nfrontend in\n  bind {listen}\n  default_backend out\n\
             backend out\n  server sidecar {to} source 127.0.0.9 {mode}\n"
        );
        let file = folder.join(format!("haproxy{mode}.cfg"));
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(&haproxy);
        command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null());
        let _process = Process::start("haproxy", command);
        let trust = certificates_in(&sidecar.setup.path("data/dev-cert.pem"));
        let client = Client::new(&format!("https://{listen}"), trust);
        until("haproxy passes", async || {
            client.get("/.well-known/jwks").try_send().await.ok()
        })
        .await;
        let found = told(&recorder, &client, &token, &[]).await;
        assert_eq!(found, want, "{mode}");
    }
}
