use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::admin::{ClientLabel, Stage, TokenOutcome, UpstreamOutcome};
use crate::refusal::Reason;

/// Asks once; the whole answer.
fn ask(address: SocketAddr, head: &str) -> String {
    let mut tcp = TcpStream::connect(address).unwrap();
    let request = format!("{head}\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost");
    tokio::task::spawn_blocking(move || ask(address, &head))
        .await
        .unwrap()
}

fn serve() -> (SocketAddr, Arc<Shared>) {
    let shared = crate::listener::tests::shared();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addresses = start(vec![listener], &shared).unwrap();
    (addresses[0], shared)
}

#[tokio::test]
async fn readyz_follows_the_stages_and_livez_does_not() {
    let (address, shared) = serve();
    for (stage, status) in [
        (Stage::Starting, "503"),
        (Stage::Ready, "200"),
        (Stage::Draining, "503"),
        (Stage::Closing, "503"),
    ] {
        shared.health.enter(stage);
        let answer = get(address, "/readyz").await;
        let want = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&want), "{stage:?} {answer}");
        let answer = get(address, "/livez").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{stage:?} {answer}");
    }
}

#[tokio::test]
async fn readyz_verbose_tells_of_each_part() {
    let (address, shared) = serve();
    shared.health.enter(Stage::Ready);
    let answer = get(address, "/readyz?verbose").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for part in [
        "[+] config",
        "generation 1",
        "[+] keys",
        "[+] listeners",
        "[!] engine",
    ] {
        assert!(answer.contains(part), "{part} {answer}");
    }
}

#[tokio::test]
async fn metrics_are_openmetrics_with_every_family() {
    let (address, shared) = serve();
    let counters = shared.metrics.worker(1);
    let route = shared.metrics.route_label("/workflowapi");
    let client = shared.metrics.client_label(&"acme \"x\"".into());
    let took = Duration::from_micros(300);
    counters.request(route, StatusCode::OK, client, took);
    counters.request(route, StatusCode::UNAUTHORIZED, ClientLabel::NONE, took);
    counters.refused(Reason::Panic);
    counters.cache_hit();
    counters.token(TokenOutcome::Issued);
    counters.upstream(UpstreamOutcome::Answered, took);
    let answer = get(address, "/metrics").await;
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    for line in [
        r#"sidecar_requests_total{route="/workflowapi",client="acme \"x\"",outcome="2xx"} 1"#,
        r#"sidecar_requests_total{route="/workflowapi",client="",outcome="4xx"} 1"#,
        r#"sidecar_request_duration_seconds_count{route="/workflowapi"} 2"#,
        r#"sidecar_request_duration_seconds_bucket{le="0.0005",route="/workflowapi"} 2"#,
        r#"sidecar_request_duration_seconds_bucket{le="+Inf",route="/workflowapi"} 2"#,
        r#"sidecar_refusals_total{reason="panic"} 1"#,
        r#"sidecar_token_cache_lookups_total{result="hit"} 1"#,
        r#"sidecar_token_requests_total{outcome="issued"} 1"#,
        r#"sidecar_upstream_attempts_total{outcome="answered"} 1"#,
        "sidecar_upstream_duration_seconds_count 1",
        r#"sidecar_connections_closed_total{limit="idle"} 0"#,
        "sidecar_connections_open 0",
        r#"sidecar_reloads_total{result="applied"} 0"#,
        "sidecar_panics_total 0",
        "sidecar_build_info{version=",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }
}

#[tokio::test]
async fn pages_preflights_and_foreign_hosts_get_nothing() {
    let (address, _shared) = serve();
    for (head, status) in [
        ("GET /metrics HTTP/1.1\r\nHost: evil.example", "421"),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example",
            "403",
        ),
        (
            "OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
             Access-Control-Request-Method: GET",
            "403",
        ),
        ("OPTIONS /metrics HTTP/1.1\r\nHost: localhost", "405"),
        ("POST /livez HTTP/1.1\r\nHost: localhost", "405"),
        ("GET /other HTTP/1.1\r\nHost: localhost", "404"),
        ("GET /livez HTTP/1.1\r\nHost: localhost", "200"),
    ] {
        let owned = head.to_owned();
        let answer = tokio::task::spawn_blocking(move || ask(address, &owned))
            .await
            .unwrap();
        let want = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&want), "{head} {answer}");
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
    }
}
