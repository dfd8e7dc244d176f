//! What is authorised is exactly what is forwarded: paths, hosts, headers and framing, as the
//! engine's stand-in received them.

use http::Method;
use serde_json::json;
use tests::raw::Raw;
use tests::recorder::{Recorder, Reply, json as answer_json};
use tests::secrets;
use tests::server::{Setup, Sidecar};

const INSTANCE: &str = "5a1b7a5e-52a8-4fd3-8a3a-7e3b4f0c2d11";
const OTHER: &str = "0c3a2f8e-9d1f-4a57-b8a0-f2a1f0a5e9c7";

async fn scene() -> (Sidecar, Recorder, String) {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let token = sidecar.token().await;
    (sidecar, recorder, token)
}

/// Sends a request whose target no client library would send.
async fn target(sidecar: &Sidecar, token: &str, target: &str) -> u16 {
    let mut raw = Raw::connect(&sidecar.client).await;
    let host = sidecar.client.authority();
    raw.write(format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
    .await;
    raw.answer().await.map_or(0, |answer| answer.status)
}

#[tokio::test]
async fn a_path_that_could_mean_two_things_is_refused() {
    let (sidecar, recorder, token) = scene().await;
    let refused = [
        "/workflowapi/../admin",
        "/workflowapi/getscheme/../deletescheme/x",
        "/workflowapi/./getschemelist",
        "/./workflowapi/getschemelist",
        "/x/../workflowapi/getschemelist",
        "/workflowapi/..",
        "/workflowapi/.",
        "//workflowapi/getschemelist",
        "/workflowapi//getschemelist",
        "/workflowapi/getscheme//x",
        "/workflowapi/%67etschemelist",
        "/workflowapi/getscheme/a%2fb",
        "/workflowapi/getscheme/a%2Fb",
        "/workflowapi/getscheme/a%5cb",
        "/workflowapi/getscheme/%2e%2e",
        "/workflowapi/getscheme/a%2eb",
        "/workflowapi/getscheme/a%25b",
        "/workflowapi/getscheme/a%00b",
        "/workflowapi/getscheme/a%0d%0ab",
        "/workflowapi/getscheme/a%7fb",
        "/workflowapi/getscheme/a%",
        "/workflowapi/getscheme/a%4",
        "/workflowapi/getscheme/a%zz",
        "/workflowapi/getscheme/a;b",
        "/workflowapi/getscheme;x/a",
        "/workflowapi/getscheme/a\\b",
        "/workflowapi\\getschemelist",
        "/workflowapi/getschemelist?a=%zz",
        "/workflowapi/getschemelist?a=%4",
    ];
    for path in refused {
        assert_eq!(target(&sidecar, &token, path).await, 400, "{path}");
    }
    // Outside every route: nothing is there, whoever asks.
    for path in [
        "/",
        "/admin",
        "/workflowapix/getschemelist",
        "/workflow",
        "/connect",
        "/.well-known/other",
        "/getschemelist",
    ] {
        assert_eq!(target(&sidecar, &token, path).await, 404, "{path}");
    }
    // An encoded first segment is no route; whether 400 or 404 tells, it goes nowhere.
    for path in [
        "/%77orkflowapi/getschemelist",
        "/workflow%61pi/getschemelist",
    ] {
        let status = target(&sidecar, &token, path).await;
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    assert_eq!(recorder.seen().len(), 0, "{:#?}", recorder.seen());
}

#[tokio::test]
async fn a_clear_path_is_forwarded_in_lower_case_and_its_rest_as_sent() {
    let (sidecar, recorder, token) = scene().await;
    let cases = [
        ("/workflowapi/getschemelist", "/workflowapi/getschemelist"),
        ("/WorkflowAPI/GetSchemeList", "/workflowapi/getschemelist"),
        (
            "/workflowapi/getscheme/My%20Scheme",
            "/workflowapi/getscheme/My%20Scheme",
        ),
        (
            "/workflowapi/getscheme/MyScheme",
            "/workflowapi/getscheme/MyScheme",
        ),
        (
            "/workflowapi/getscheme/%C3%A9",
            "/workflowapi/getscheme/%C3%A9",
        ),
        (
            "/workflowapi/getscheme/a+b:c@d",
            "/workflowapi/getscheme/a+b:c@d",
        ),
        (
            "/workflowapi?operation=getschemelist",
            "/workflowapi?operation=getschemelist",
        ),
        (
            "/workflowapi/getschemelist?tags=a%20b+c&x=/..//%2F;%00",
            "/workflowapi/getschemelist?tags=a%20b+c&x=/..//%2F;%00",
        ),
        ("/workflowapi/getschemelist?", "/workflowapi/getschemelist?"),
        (
            "/workflowapi/nosuchoperation",
            "/workflowapi/nosuchoperation",
        ),
    ];
    for (path, _) in cases {
        assert_eq!(target(&sidecar, &token, path).await, 200, "{path}");
    }
    let seen = recorder.seen();
    let seen = seen
        .iter()
        .map(tests::recorder::Seen::line)
        .collect::<Vec<_>>();
    let want = cases.map(|(_, forwarded)| format!("GET {forwarded}"));
    assert_eq!(seen, want);
}

#[tokio::test]
async fn a_parameter_given_twice_must_say_the_same() {
    let (sidecar, recorder, token) = scene().await;
    let cases = [
        (
            format!("/workflowapi/getinstanceinfo?processId={INSTANCE}&processId={OTHER}"),
            400,
        ),
        (
            format!("/workflowapi/getinstanceinfo?processId={INSTANCE}&PROCESSID={OTHER}"),
            400,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{INSTANCE}?processid={OTHER}"),
            400,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{INSTANCE}?process%49d={OTHER}"),
            400,
        ),
        (
            "/workflowapi/getschemelist?operation=deleteinstances".to_owned(),
            400,
        ),
        (
            "/workflowapi?operation=getschemelist&operation=deleteinstances".to_owned(),
            400,
        ),
        (
            format!("/workflowapi/inbox?identityId=a&identityid=b&processId={INSTANCE}"),
            400,
        ),
        (
            "/workflowapi/getschemelist?tenantId=a&tenantId=b".to_owned(),
            400,
        ),
        (
            "/workflowapi/getschemelist?impersonatedIdentityId=a&impersonatedidentityid=b"
                .to_owned(),
            400,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{INSTANCE}?processId={INSTANCE}"),
            200,
        ),
        (
            "/workflowapi/getschemelist?operation=getschemelist".to_owned(),
            200,
        ),
        (
            "/workflowapi/getschemelist?colour=red&colour=blue".to_owned(),
            200,
        ),
    ];
    let mut forwarded = 0;
    for (path, status) in &cases {
        assert_eq!(target(&sidecar, &token, path).await, *status, "{path}");
        forwarded += usize::from(*status == 200);
    }
    assert_eq!(recorder.seen().len(), forwarded);
}

#[tokio::test]
async fn identity_comes_from_the_token_and_from_nothing_the_client_says() {
    let (sidecar, recorder, token) = scene().await;
    let spoofed = [
        ("x-workflow-client", "root"),
        ("X-Workflow-Subject", "root"),
        ("x-workflow-scopes", "WorkflowAdmin"),
        ("X_Workflow_Client", "root"),
        ("x-workflow_client", "root"),
        ("x-workflow-anything", "root"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-port", "1"),
        ("forwarded", "for=203.0.113.9;host=evil.example"),
        ("x-real-ip", "203.0.113.9"),
    ];
    let mut call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    for (name, value) in spoofed {
        call = call.header(name, value);
    }
    call.header("accept-language", "de")
        .send()
        .await
        .expect(200);
    let seen = recorder.only();
    for (name, value) in [
        ("x-workflow-client", "tester"),
        ("x-workflow-subject", "tester"),
        ("x-workflow-scopes", "WorkflowApi"),
        ("x-forwarded-host", &*sidecar.client.authority()),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "127.0.0.1"),
        ("accept-language", "de"),
        ("host", recorder.address()),
    ] {
        assert_eq!(seen.headers(name), [value], "{name} in {}", seen.head);
    }
    assert_eq!(seen.headers("x-request-id").len(), 1, "{}", seen.head);
    assert_eq!(seen.header("authorization"), None, "the token stays here");
    for foreign in [
        "root",
        "WorkflowAdmin",
        "203.0.113.9",
        "evil.example",
        "gopher",
    ] {
        assert!(!seen.head.contains(foreign), "{foreign} in {}", seen.head);
    }
}

#[tokio::test]
async fn identity_outside_ascii_is_percent_encoded() {
    let recorder = Recorder::start().await;
    let secret = secrets::new_secret();
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with_client(json!({ "ClientId": "Jürgen & co", "ClientSecret": secret }))
        .sidecar()
        .await;
    let token = sidecar.token_of("Jürgen & co", &secret).await;
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    call.send().await.expect(200);
    let client = recorder
        .only()
        .header("x-workflow-client")
        .map(str::to_owned);
    let client = client.expect("the client's name");
    assert!(client.starts_with("J%C3%BCrgen"), "{client}");
    assert!(
        client.bytes().all(|byte| (0x21..=0x7e).contains(&byte)),
        "{client}"
    );
}

#[tokio::test]
async fn the_token_is_forwarded_and_the_host_kept_only_where_so_configured() {
    let recorder = Recorder::start().await;
    let sidecar = Setup::new()
        .with(&json!({ "Upstream": {
            "Endpoints": [recorder.url], "ForwardToken": true, "PreserveHost": true
        } }))
        .sidecar()
        .await;
    let token = sidecar.token().await;
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    call.send().await.expect(200);
    let seen = recorder.only();
    assert_eq!(seen.headers("authorization"), [format!("Bearer {token}")]);
    assert_eq!(seen.headers("host"), [sidecar.client.authority()]);
}

#[tokio::test]
async fn headers_for_one_hop_end_here() {
    let (sidecar, recorder, token) = scene().await;
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(format!(
        "GET /workflowapi/getschemelist HTTP/1.1\r\n\
         Host: {}\r\n\
         Authorization: Bearer {token}\r\n\
         Connection: keep-alive, X-Secret-Hop, x-workflow-client, x-request-id\r\n\
         X-Secret-Hop: 1\r\n\
         Keep-Alive: timeout=1\r\n\
         Proxy-Authorization: Basic eDp5\r\n\
         Proxy-Connection: keep-alive\r\n\
         TE: trailers\r\n\
         Trailer: x-late\r\n\
         X-Stays: 1\r\n\r\n",
        sidecar.client.authority()
    ))
    .await;
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
    // What the gate judges by cannot be dropped on the way.
    let mut tricked = Raw::connect(&sidecar.client).await;
    tricked
        .write(format!(
            "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: {}\r\n\
             Authorization: Bearer {token}\r\nConnection: authorization\r\n\r\n",
            sidecar.client.authority()
        ))
        .await;
    assert_eq!(tricked.answer().await.expect("an answer").status, 400);
    let seen = recorder.only();
    for gone in [
        "x-secret-hop",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "authorization",
    ] {
        assert_eq!(seen.header(gone), None, "{gone} in {}", seen.head);
    }
    for stays in ["x-stays", "x-workflow-client", "x-request-id", "host"] {
        assert_eq!(seen.headers(stays).len(), 1, "{stays} in {}", seen.head);
    }

    // The same on the way back.
    let recorder = Recorder::with(|_| {
        let answer = answer_json("{\"success\":true}");
        Reply::Raw(answer.replacen(
            "\r\n",
            "\r\nConnection: x-inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=9\r\nX-Outer: 1\r\n",
            1,
        ))
    })
    .await;
    let sidecar = Setup::new().upstream(&recorder.url).sidecar().await;
    let answer = sidecar
        .api()
        .await
        .get("/getschemelist")
        .send()
        .await
        .expect(200);
    for gone in ["x-inner", "keep-alive"] {
        assert_eq!(answer.header(gone), "", "{gone}");
    }
    assert_eq!(answer.header("x-outer"), "1");
}

#[tokio::test]
async fn one_host_is_named_and_it_is_the_one_of_the_target() {
    let (sidecar, recorder, token) = scene().await;
    let host = sidecar.client.authority();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let cases = [
        (
            "no host",
            format!("GET /workflowapi/getschemelist HTTP/1.1\r\n{bearer}\r\n"),
        ),
        (
            "two hosts",
            format!(
                "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n{bearer}\r\n"
            ),
        ),
        (
            "two hosts that differ",
            format!(
                "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n{bearer}\r\n"
            ),
        ),
        (
            "a host that is none",
            format!("GET /workflowapi/getschemelist HTTP/1.1\r\nHost: a b\r\n{bearer}\r\n"),
        ),
        (
            "user information",
            format!("GET /workflowapi/getschemelist HTTP/1.1\r\nHost: user@{host}\r\n{bearer}\r\n"),
        ),
        (
            "another host in the target",
            format!(
                "GET https://evil.example/workflowapi/getschemelist HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n"
            ),
        ),
    ];
    for (name, request) in cases {
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(request).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
    assert!(recorder.seen().is_empty());

    // A target with the same host is what HTTP/2 sends, and is a path as any other.
    let absolute = format!("https://{host}/workflowapi/getschemelist");
    assert_eq!(target(&sidecar, &token, &absolute).await, 200);
    let seen = recorder.only();
    assert_eq!(seen.line(), "GET /workflowapi/getschemelist");
    assert_eq!(seen.headers("host"), [recorder.address()]);
}

#[tokio::test]
async fn malformed_messages_smuggle_nothing() {
    let (sidecar, recorder, token) = scene().await;
    let host = sidecar.client.authority();
    let post = format!(
        "POST /workflowapi/createinstance HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    );
    let get = format!(
        "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    );
    let smuggled = format!(
        "GET /workflowapi/smuggled HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let cases = [
        (
            "two lengths",
            format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}   {smuggled}"),
        ),
        (
            "a length that is none",
            format!("{post}Content-Length: 5x\r\n\r\n{{}}   "),
        ),
        (
            "a signed length",
            format!("{post}Content-Length: +2\r\n\r\n{{}}"),
        ),
        (
            "a negative length",
            format!("{post}Content-Length: -1\r\n\r\n"),
        ),
        (
            "a list of lengths",
            format!("{post}Content-Length: 2, 3\r\n\r\n{{}} "),
        ),
        (
            "an unknown coding",
            format!("{post}Transfer-Encoding: gzip\r\n\r\n{{}}"),
        ),
        (
            "chunked not last",
            format!("{post}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ),
        (
            "chunked twice",
            format!(
                "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "a bad chunk size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk size that wraps",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n"),
        ),
        ("a folded header", format!("{get}X-Folded: a\r\n b\r\n\r\n")),
        (
            "a blank before the colon",
            format!("{get}X-Blank : a\r\n\r\n"),
        ),
        ("a header without a name", format!("{get}: a\r\n\r\n")),
        ("a header without a colon", format!("{get}nonsense\r\n\r\n")),
        ("a NUL in a value", format!("{get}X-Nul: a\0b\r\n\r\n")),
        ("a bare CR in a value", format!("{get}X-Cr: a\rb\r\n\r\n")),
        (
            "no version",
            format!("GET /workflowapi/getschemelist\r\n{get}\r\n"),
        ),
        (
            "another version",
            get.replace("HTTP/1.1", "HTTP/3.0") + "\r\n",
        ),
        (
            "a blank in the target",
            get.replace("getschemelist", "get schemelist") + "\r\n",
        ),
        (
            "letters in the target",
            get.replace("getschemelist", "schéma") + "\r\n",
        ),
        ("garbage", "\u{16}\u{3}\u{1}garbage\r\n\r\n".to_owned()),
        (
            "CONNECT",
            format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        ),
        ("TRACE", get.replace("GET", "TRACE") + "\r\n"),
        (
            "an asterisk",
            get.replace("/workflowapi/getschemelist", "*") + "\r\n",
        ),
        (
            "an odd expectation",
            format!("{post}Expect: miracles\r\nContent-Length: 2\r\n\r\n{{}}"),
        ),
    ];
    for (name, request) in &cases {
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(request).await;
        // Closed without an answer is a refusal too.
        let status = raw.answer().await.map_or(400, |answer| answer.status);
        assert!((400..=501).contains(&status), "{name}: {status}");
        if *name == "an odd expectation" {
            assert_eq!(status, 417);
        }
    }
    let seen = recorder.seen();
    assert!(seen.is_empty(), "{seen:#?}");
    sidecar
        .api()
        .await
        .get("/getschemelist")
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_repaired_is_forwarded_with_framing_of_our_own() {
    let (sidecar, recorder, token) = scene().await;
    let host = sidecar.client.authority();
    let post = format!(
        "POST /workflowapi/createinstance HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    );
    // RFC 9112 §6.1: with both, chunked counts, and the connection ends after the answer.
    let both = format!(
        "{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n\
         GET /workflowapi/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"
    );
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(both).await;
    let status = raw.answer().await.map_or(400, |answer| answer.status);
    assert!([200, 400].contains(&status), "{status}");
    raw.rest().await;

    let equal = format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}");
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(equal).await;
    let status = raw.answer().await.map_or(400, |answer| answer.status);
    assert!([200, 400].contains(&status), "{status}");

    for seen in recorder.seen() {
        assert_eq!(seen.body, "{}", "{seen:#?}");
        let framings = [
            seen.headers("content-length"),
            seen.headers("transfer-encoding"),
        ];
        assert_eq!(framings.concat().len(), 1, "{seen:#?}");
        assert!(!seen.head.contains("smuggled"), "{seen:#?}");
    }
}

#[tokio::test]
async fn upgrades_are_not_passed_on() {
    let (sidecar, recorder, token) = scene().await;
    for upgrade in ["h2c", "websocket"] {
        let mut raw = Raw::connect(&sidecar.client).await;
        raw.write(format!(
            "GET /workflowapi/getschemelist HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAAA\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            sidecar.client.authority()
        ))
        .await;
        let status = raw.answer().await.map_or(400, |answer| answer.status);
        assert_ne!(status, 101, "{upgrade}");
    }
    for seen in recorder.seen() {
        assert_eq!(seen.header("upgrade"), None, "{seen:#?}");
        assert_eq!(seen.header("http2-settings"), None, "{seen:#?}");
    }
}

#[tokio::test]
async fn a_hundred_comes_only_after_the_gate_has_admitted() {
    let (sidecar, recorder, token) = scene().await;
    let host = sidecar.client.authority();
    let head = |token: &str| {
        format!(
            "POST /workflowapi/createinstance HTTP/1.1\r\nHost: {host}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(head("not.a.token")).await;
    let first = raw.answer().await.expect("an answer");
    assert_eq!(first.status, 401);

    let mut raw = Raw::connect(&sidecar.client).await;
    raw.write(head(&token)).await;
    assert_eq!(raw.answer().await.expect("an answer").status, 100);
    raw.write("{}").await;
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
    assert_eq!(recorder.only().body, "{}");
}

#[tokio::test]
async fn http2_is_judged_and_forwarded_like_http1() {
    let (sidecar, recorder, token) = scene().await;
    let client = sidecar.client.http2();
    let call = client.call(Method::POST, "/WorkflowApi/CreateInstance?schemeCode=a");
    let call = call.bearer(&token).header("x-workflow-client", "root");
    call.json(&json!({ "a": 1 })).send().await.expect(200);
    let seen = recorder.only();
    assert_eq!(seen.line(), "POST /workflowapi/createinstance?schemeCode=a");
    assert_eq!(seen.headers("host"), [recorder.address()]);
    assert_eq!(seen.headers("x-workflow-client"), ["tester"]);
    assert_eq!(seen.headers("x-forwarded-host"), [client.authority()]);
    assert_eq!(seen.body, r#"{"a":1}"#);
    for path in ["/workflowapi/getscheme/a%2fb", "/workflowapi/../admin"] {
        let answer = client.get(path).bearer(&token).send().await;
        assert_eq!(answer.status, 400, "{path}");
    }
    assert_eq!(recorder.seen().len(), 1);
}
