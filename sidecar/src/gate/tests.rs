//! The pure part of the gate: heads in, canonical heads or reasons out.

use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use proptest::prelude::*;
use workflow_api::Operation;

use super::canonical::{Canonical, canonical};
use super::route::{Route, Table};
use crate::config::{Access, RouteSettings};
use crate::refusal::Reason;

fn table_with(base: &str, public: &str) -> Table {
    let route = |prefix: &str| RouteSettings::below(prefix, Access::Public).expect("a prefix");
    Table::of(
        base,
        public,
        &[route("/workflowapi"), route("/a"), route("/a/b")],
    )
}

fn table() -> Table {
    table_with("", "")
}

/// The one place that touches the API.
fn judged(target: &str, headers: &[(&str, &str)], table: &Table) -> Result<Canonical, Reason> {
    let uri: Uri = target.parse().map_err(|_| Reason::TargetMalformed)?;
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    request
        .headers_mut()
        .append(HOST, HeaderValue::from_static("localhost:8077"));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    canonical(request.into_parts().0, table, true)
}

fn forwarded(target: &str) -> Result<String, Reason> {
    judged(target, &[], &table()).map(|canonical| canonical.head.uri.to_string())
}

#[test]
fn path_is_canonical_or_refused() {
    let encoding = Err(Reason::PathEncodingForbidden);
    let character = Err(Reason::PathCharacterForbidden);
    let segment = Err(Reason::PathSegmentForbidden);
    let malformed = Err(Reason::PathEncodingMalformed);
    for (path, want) in [
        (
            "/workflowapi/createinstance/7",
            Ok("/workflowapi/createinstance/7"),
        ),
        (
            "/WorkflowApi/CreateInstance/Ab",
            Ok("/workflowapi/createinstance/Ab"),
        ),
        (
            "/workflowapi/getscheme/A%20b%c3%A4",
            Ok("/workflowapi/getscheme/A%20b%c3%A4"),
        ),
        ("/workflowapi/x/{7}", Ok("/workflowapi/x/{7}")),
        ("/WORKFLOWAPI?Operation=X", Ok("/workflowapi?Operation=X")),
        ("/a/Deep/%41/B", Ok("/a/Deep/%41/B")),
        ("/A/b/C", Ok("/a/b/C")),
        ("/%77orkflowapi/x", encoding),
        ("/workflowapi%2fx", character),
        ("/workflowapi/create%69nstance", encoding),
        ("/workflowapi/%63reateinstance/7", encoding),
        ("/%61/x", encoding),
        ("//workflowapi/x", segment),
        ("/workflowapi//x", segment),
        ("/workflowapi/x/", segment),
        ("/workflowapi/", Ok("/workflowapi")),
        ("/WorkflowAPI/?Operation=X", Ok("/workflowapi?Operation=X")),
        ("/workflowapi//", segment),
        ("/workflowapi//?operation=x", segment),
        ("/a/", segment),
        ("/workflowapi/../admin", segment),
        ("/workflowapi/./x", segment),
        ("/workflowapi/x/..", segment),
        ("/./workflowapi", segment),
        ("/workflowapi/x/%2e%2e", character),
        ("/workflowapi/x/%2E", character),
        ("/workflowapi/x/a%2Fb", character),
        ("/workflowapi/x/a%5cb", character),
        ("/workflowapi/x/a%25b", character),
        ("/workflowapi/x/a%252fb", character),
        ("/workflowapi/x/a%00", character),
        ("/workflowapi/x/a%0d%0aHost:x", character),
        ("/workflowapi/x/a%7f", character),
        ("/workflowapi/x;a=b", character),
        ("/workflowapi/x/a%3bb", character),
        ("/workflowapi;x/createinstance", character),
        ("/workflowapi\\createinstance", character),
        ("/workflowapi/x/\u{e4}", character),
        ("/workflowapi/x/%c0%af", malformed),
        ("/workflowapi/x/%ff", malformed),
        ("/workflowapi/x/%", malformed),
        ("/workflowapi/x/%4", malformed),
        ("/workflowapi/x/%zz", malformed),
        ("/workflowapi/x/%u002f", malformed),
        ("*", Err(Reason::TargetMalformed)),
    ] {
        assert_eq!(forwarded(path), want.map(str::to_owned), "{path}");
    }
}

#[test]
fn routes_are_found_at_segment_ends() {
    for (path, want) in [
        ("/.well-known/openid-configuration", Route::Discovery),
        ("/.well-known/oauth-authorization-server", Route::Discovery),
        ("/.Well-Known/OpenID-Configuration", Route::Discovery),
        ("/.well-known/jwks", Route::Jwks),
        ("/.well-known/oauth-protected-resource", Route::Resource),
        (
            "/.well-known/oauth-protected-resource/workflowapi",
            Route::Resource,
        ),
        ("/connect/token", Route::Token),
        ("/connect/token/x", Route::Unknown),
        ("/connect/introspect", Route::Introspection),
        ("/connect/revoke", Route::Revocation),
        ("/workflowapi", Route::Forward(0)),
        ("/workflowapi/x/y/z/u", Route::Forward(0)),
        ("/workflowapix", Route::Unknown),
        ("/workflow", Route::Unknown),
        ("/a", Route::Forward(1)),
        ("/a/bc", Route::Forward(1)),
        ("/a/b", Route::Forward(2)),
        ("/a/b/c", Route::Forward(2)),
        ("/", Route::Unknown),
        ("/admin", Route::Unknown),
    ] {
        assert_eq!(judged(path, &[], &table()).unwrap().route, want, "{path}");
    }
}

#[test]
fn path_base_comes_before_every_path_and_is_not_forwarded() {
    let table = table_with("/base", "/base");
    for (path, route, forwarded) in [
        (
            "/base/workflowapi/GetScheme/X",
            Route::Forward(0),
            "/workflowapi/getscheme/X",
        ),
        ("/Base/a?x=/base", Route::Forward(1), "/a?x=/base"),
        ("/base/WorkflowApi/", Route::Forward(0), "/workflowapi"),
        ("/base/connect/token", Route::Token, "/base/connect/token"),
        (
            "/base/.well-known/openid-configuration",
            Route::Discovery,
            "",
        ),
        (
            "/.well-known/oauth-authorization-server/base",
            Route::Discovery,
            "",
        ),
        (
            "/.well-known/oauth-protected-resource/base/workflowapi",
            Route::Resource,
            "",
        ),
        ("/workflowapi/x", Route::Unknown, ""),
        ("/connect/token", Route::Unknown, ""),
        ("/base", Route::Unknown, ""),
        ("/basement/workflowapi", Route::Unknown, ""),
    ] {
        let found = judged(path, &[], &table).unwrap();
        assert_eq!(found.route, route, "{path}");
        if !forwarded.is_empty() {
            assert_eq!(found.head.uri.to_string(), forwarded, "{path}");
        }
    }
}

#[test]
fn operation_is_named_by_path_or_query() {
    let name = |operation: Option<&'static Operation>| operation.map(|one| one.name);
    for (target, want) in [
        ("/workflowapi/CreateInstance", Some("createinstance")),
        ("/workflowapi/isprocessexists/7", Some("isexistprocess")),
        (
            "/workflowapi?operation=CreateInstance",
            Some("createinstance"),
        ),
        (
            "/workflowapi?OPERATION=create%69nstance",
            Some("createinstance"),
        ),
        (
            "/workflowapi?op%65ration=createinstance",
            Some("createinstance"),
        ),
        (
            "/workflowapi?operation=getscheme&operation=GETSCHEME",
            Some("getscheme"),
        ),
        (
            "/workflowapi/getscheme?operation=GetScheme",
            Some("getscheme"),
        ),
        ("/workflowapi?operation=getscheme+", None),
        ("/workflowapi?operation=", None),
        ("/workflowapi?operations=getscheme", None),
        ("/workflowapi/unheardof?x=1", None),
        ("/workflowapi", None),
        // Elsewhere the word means nothing.
        ("/a?operation=getscheme", None),
    ] {
        let found = judged(target, &[], &table()).unwrap();
        assert_eq!(name(found.operation), want, "{target}");
        assert_eq!(
            found.head.uri.query(),
            target.parse::<Uri>().unwrap().query(),
            "byte for byte"
        );
    }
}

#[test]
fn deciding_parameters_do_not_contradict() {
    let id = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let contradiction = Some(Reason::ParameterContradiction);
    let malformed = Some(Reason::QueryMalformed);
    for (target, want) in [
        (
            format!("/workflowapi/getscheme?processId={id}&processid={id}"),
            None,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{id}?processId={id}"),
            None,
        ),
        (
            format!(
                "/workflowapi/getinstanceinfo/{id}?PROCESSID={}",
                id.to_uppercase()
            ),
            None,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{id}?processId=x"),
            contradiction,
        ),
        (
            format!("/workflowapi/getinstanceinfo/{id}?p%72ocessId=x"),
            contradiction,
        ),
        (
            "/workflowapi/getscheme?operation=createuser".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi?operation=getscheme&Operation=createuser".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?identityId=a&identityid=b".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?identityId=a&identityId=A".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?identityId=a&identityId".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?tenantId=a&TENANTID=b".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?impersonatedIdentityId=a&impersonatedidentityid=b".to_owned(),
            contradiction,
        ),
        (
            "/workflowapi/inbox?identityId=a%20b&identityId=a+b".to_owned(),
            None,
        ),
        ("/workflowapi/inbox?tag=a&tag=b".to_owned(), None),
        ("/a?identityId=a&identityId=b".to_owned(), None),
        ("/workflowapi/inbox?x=%".to_owned(), malformed),
        ("/workflowapi/inbox?x=%4".to_owned(), malformed),
        ("/workflowapi/inbox?x=%gg".to_owned(), malformed),
        ("/workflowapi/inbox?x=%ff".to_owned(), malformed),
        ("/workflowapi/inbox?x=%c0%af".to_owned(), malformed),
        ("/workflowapi/inbox?x=%C3%A4".to_owned(), None),
        ("/a?x=%".to_owned(), malformed),
    ] {
        let found = judged(&target, &[], &table()).err();
        assert_eq!(found, want, "{target}");
    }
}

#[test]
fn exactly_one_host_that_agrees_with_the_target() {
    let judge = |target: &str, hosts: &[&str]| {
        let mut request = Request::new(());
        *request.uri_mut() = target.parse().unwrap();
        for host in hosts {
            let value = HeaderValue::from_str(host).unwrap();
            request.headers_mut().append(HOST, value);
        }
        canonical(request.into_parts().0, &table(), true).map(|found| {
            assert!(!found.head.headers.contains_key(HOST));
            assert!(found.head.uri.authority().is_none());
            found.host.to_str().unwrap().to_owned()
        })
    };
    for (target, hosts, want) in [
        ("/a", &["localhost:8077"][..], Ok("localhost:8077")),
        ("/a", &["[::1]:8077"], Ok("[::1]:8077")),
        ("/a", &["10.0.0.1"], Ok("10.0.0.1")),
        (
            "https://localhost:8077/a",
            &["localhost:8077"],
            Ok("localhost:8077"),
        ),
        (
            "https://localhost:8077/a",
            &["LOCALHOST:8077"],
            Ok("LOCALHOST:8077"),
        ),
        (
            "https://localhost/a",
            &["localhost:443"],
            Ok("localhost:443"),
        ),
        ("https://localhost:8077/a", &[], Ok("localhost:8077")),
        (
            "http://localhost:8077/a",
            &["localhost:8077"],
            Ok("localhost:8077"),
        ),
        (
            "https://evil.example/a",
            &["localhost:8077"],
            Err(Reason::HostMismatch),
        ),
        (
            "https://localhost/a",
            &["localhost:8077"],
            Err(Reason::HostMismatch),
        ),
        (
            "ftp://localhost/a",
            &["localhost"],
            Err(Reason::TargetMalformed),
        ),
        ("/a", &[], Err(Reason::HostMissing)),
        ("/a", &["a", "b"], Err(Reason::HostSeveral)),
        ("/a", &["a", "a"], Err(Reason::HostSeveral)),
        ("/a", &[""], Err(Reason::HostMalformed)),
        ("/a", &["user@localhost"], Err(Reason::HostMalformed)),
        (
            "/a",
            &["localhost, evil.example"],
            Err(Reason::HostMalformed),
        ),
        ("/a", &["localhost/x"], Err(Reason::HostMalformed)),
        ("/a", &["localhost:"], Err(Reason::HostMalformed)),
        ("/a", &["localhost:80x"], Err(Reason::HostMalformed)),
        ("/a", &["localhost:123456"], Err(Reason::HostMalformed)),
        ("/a", &["[::1"], Err(Reason::HostMalformed)),
        ("/a", &["[::1]x"], Err(Reason::HostMalformed)),
        ("/a", &["a b"], Err(Reason::HostMalformed)),
        ("/a", &["a%2eb"], Err(Reason::HostMalformed)),
        (
            "https://user@localhost/a",
            &["user@localhost"],
            Err(Reason::HostMalformed),
        ),
    ] {
        assert_eq!(
            judge(target, hosts),
            want.map(str::to_owned),
            "{target} {hosts:?}"
        );
    }
}

#[test]
fn headers_of_this_hop_and_claims_of_identity_are_removed() {
    for name in [
        "keep-alive",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-connection",
        "proxy",
        "te",
        "trailer",
        "http2-settings",
        "x-workflow-client",
        "X-Workflow-Anything",
        "x_workflow_client",
        "x-workflow_client",
        "x_workflow-scopes",
        "x-workflow",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded",
        "x_forwarded_for",
        "x-request-id",
        "x_request_id",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x_http_method_override",
        "content_length",
        "content_type",
        "transfer_encoding",
        "connection_",
    ] {
        let kept = name == "connection_";
        let found = judged("/a", &[(name, "x"), ("accept", "y")], &table()).unwrap();
        assert_eq!(found.head.headers.contains_key(name), kept, "{name}");
        assert!(found.head.headers.contains_key("accept"));
    }
    let found = judged(
        "/a",
        &[("Connection", "close, X-Mine ,,\tTE"), ("x-mine", "1")],
        &table(),
    );
    let headers = found.unwrap().head.headers;
    assert!(headers.is_empty(), "{headers:?}");
}

#[test]
fn headers_that_stay_are_untouched() {
    let sent = [
        ("authorization", "Bearer x"),
        ("content-type", "text/plain"),
        ("content-length", "7"),
        ("cookie", "a=b"),
        ("x-custom", "1"),
        ("x_custom", "2"),
        ("x-forwarding", "3"),
        ("x-workflows", "4"),
        ("user-agent", "curl"),
        ("te-x", "5"),
    ];
    let headers = judged("/a", &sent, &table()).unwrap().head.headers;
    // `x-forwarding` does not start with `x-forwarded`.
    for (name, value) in sent {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[test]
fn tricks_with_the_hop_are_refused() {
    for (name, value, want) in [
        (
            "connection",
            "authorization",
            Some(Reason::ConnectionMalformed),
        ),
        (
            "connection",
            "close, Host",
            Some(Reason::ConnectionMalformed),
        ),
        (
            "connection",
            "content-length",
            Some(Reason::ConnectionMalformed),
        ),
        ("connection", "a b", Some(Reason::ConnectionMalformed)),
        ("connection", "x-request-id", None),
        ("connection", "keep-alive, close", None),
        ("upgrade", "h2c", None),
        ("upgrade", "TLS/1.3, h2c", None),
        ("upgrade", "WebSocket", Some(Reason::UpgradeRefused)),
        ("upgrade", "h2c, websocket", Some(Reason::UpgradeRefused)),
        ("expect", "100-continue", None),
        ("expect", "100-Continue", None),
        ("expect", "200-ok", Some(Reason::ExpectationUnsupported)),
        (
            "expect",
            "100-continue, x",
            Some(Reason::ExpectationUnsupported),
        ),
        ("transfer-encoding", "chunked", None),
        (
            "transfer-encoding",
            "gzip, chunked",
            Some(Reason::TransferEncodingUnsupported),
        ),
        (
            "transfer-encoding",
            "identity",
            Some(Reason::TransferEncodingUnsupported),
        ),
        (
            "transfer-encoding",
            "xchunked",
            Some(Reason::TransferEncodingUnsupported),
        ),
    ] {
        let found = judged("/a", &[(name, value)], &table());
        let kept = found
            .as_ref()
            .is_ok_and(|found| found.head.headers.contains_key(name));
        assert_eq!(found.err(), want, "{name}: {value}");
        assert!(!kept, "{name}: {value}");
    }
    let twice = [
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "chunked"),
    ];
    let found = judged("/a", &twice, &table()).err();
    assert_eq!(found, Some(Reason::TransferEncodingUnsupported));
}

#[test]
fn connect_and_trace_are_refused() {
    for method in [Method::CONNECT, Method::TRACE] {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_static("/a");
        let found = canonical(request.into_parts().0, &table(), true).err();
        assert_eq!(found, Some(Reason::MethodRefused));
    }
}

/// Pieces that attacks are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9]{1,4}",
        "%[0-9a-fA-F]{2}",
        Just("/".to_owned()),
        Just("/workflowapi".to_owned()),
        Just("/WorkflowAPI/GetScheme".to_owned()),
        Just("/createuser".to_owned()),
        Just("..".to_owned()),
        Just("%".to_owned()),
        Just(";".to_owned()),
        Just("\\".to_owned()),
        Just("?".to_owned()),
        Just("&operation=getscheme".to_owned()),
        Just("&Operation=createuser".to_owned()),
        Just("&op%65ration=getscheme".to_owned()),
        Just("&processId=1".to_owned()),
        "[ -~]{1,3}",
    ]
}

/// Every operation that a server could take from a forwarded target, whichever of two equal
/// parameters it prefers.
fn readings(uri: &Uri) -> Vec<Option<&'static str>> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
    };
    let mut segments = uri.path().split('/').skip(2);
    let find = |name: &str| workflow_api::find(name).map(|operation| operation.name);
    if let Some(name) = segments.next() {
        return vec![find(&decode(name))];
    }
    let query = uri.query().unwrap_or_default();
    let named: Vec<_> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| decode(name).eq_ignore_ascii_case("operation"))
        .map(|(_, value)| find(&decode(value)))
        .collect();
    if named.is_empty() { vec![None] } else { named }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_authorised_is_what_is_forwarded(pieces in proptest::collection::vec(piece(), 0..8)) {
        let target = format!("/workflowapi{}", pieces.concat());
        if let Ok(found) = judged(&target, &[], &table()) {
            let uri = &found.head.uri;
            if found.route == Route::Forward(0) {
                for reading in readings(uri) {
                    prop_assert_eq!(reading, found.operation.map(|one| one.name), "{}", uri);
                }
                prop_assert!(uri.path().starts_with("/workflowapi"));
                prop_assert!(!uri.path().contains("/../") && !uri.path().ends_with("/.."));
            }
        }
    }

    #[test]
    fn canonical_form_is_its_own(pieces in proptest::collection::vec(piece(), 0..8)) {
        let target = format!("/{}", pieces.concat());
        if let Ok(found) = judged(&target, &[], &table()) {
            let again = judged(&found.head.uri.to_string(), &[], &table()).unwrap();
            if found.route != Route::Unknown {
                prop_assert_eq!(&again.head.uri, &found.head.uri);
            }
            prop_assert_eq!(again.route, found.route);
            prop_assert_eq!(again.operation.map(|one| one.id), found.operation.map(|one| one.id));
        }
    }

    #[test]
    fn arbitrary_targets_and_headers_never_panic(
        target in proptest::collection::vec(any::<u8>(), 0..64),
        name in "[a-zA-Z_-]{1,80}",
        value in proptest::collection::vec(any::<u8>(), 0..32),
    ) {
        let mut request = Request::new(());
        if let Ok(uri) = Uri::try_from(target) {
            *request.uri_mut() = uri;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            request.headers_mut().append(name, value.clone());
            request.headers_mut().append(HOST, value);
        }
        let _ = canonical(request.into_parts().0, &table(), false);
    }
}
