//! Whole requests of a bound caller: what passes, what is filled in, what is refused and why.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::config::ClaimPath;
use crate::policy::{Absent, Mandate, Terms};

fn speaks(identity: Option<Terms>, tenant: Option<Terms>, claimed: &[&str]) -> Speaks {
    let mandate = Mandate::new(identity, tenant).unwrap();
    Speaks::new(mandate, |_| {
        claimed.iter().map(|one| (*one).into()).collect()
    })
}

fn alice() -> Speaks {
    speaks(Some(Terms::values(["alice", "team-*"]).unwrap()), None, &[])
}

fn tenant() -> Speaks {
    speaks(None, Some(Terms::values(["t1"]).unwrap()), &[])
}

/// A request as it comes: method and target, media type, body.
fn parts(line: &str, media_type: &str) -> Parts {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = target.parse::<Uri>().unwrap();
    if !media_type.is_empty() {
        let value = HeaderValue::from_bytes(media_type.as_bytes()).unwrap();
        request.headers_mut().insert(CONTENT_TYPE, value);
    }
    request.into_parts().0
}

fn operation(line: &str) -> Option<&'static Operation> {
    let path = line.split_once(' ').unwrap().1;
    let name = path.split(['/', '?']).nth(2).unwrap_or_default();
    workflow_api::find(name)
}

/// The one place that touches the API: the target to forward, or why not.
fn judged(
    speaks: &Speaks,
    line: &str,
    media_type: &str,
    body: &[u8],
) -> Result<Option<String>, Reason> {
    let head = parts(line, media_type);
    let body = Bytes::copy_from_slice(body);
    let fill = whole(&head, operation(line), &body, speaks).map_err(|refusal| refusal.reason)?;
    let target = filled(&head.uri, &fill).map_err(|refusal| refusal.reason)?;
    Ok(target.map(|target| target.to_string()))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";
const COMMAND: &str = "POST /workflowapi/executecommand/7";

fn field(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn whatever_a_server_could_read_as_an_identity_is_held_against_the_mandate() {
    let speaks = alice();
    let no = Err(Reason::IdentityNotAllowed);
    let missing = Err(Reason::IdentityMissing);
    let alike = Err(Reason::BoundParameterAmbiguous);
    let twice = Err(Reason::ParameterContradiction);
    let not_text = Err(Reason::BoundValueNotText);
    let ambiguous = Err(Reason::BoundBodyAmbiguous);
    let unsupported = Err(Reason::BoundBodyUnsupported);
    let two =
        |one: &str, other: &str| field("identityId", one) + &field("identityId", other) + "--b--";
    let cases: Vec<(&str, &str, String, Result<(), Reason>)> = vec![
        // The query.
        (
            "GET /workflowapi/inbox?identityId=alice",
            "",
            String::new(),
            Ok(()),
        ),
        (
            "GET /workflowapi/inbox?IDENTITYID=%61lice",
            "",
            String::new(),
            Ok(()),
        ),
        (
            "GET /workflowapi/inbox?identityId=team-red",
            "",
            String::new(),
            Ok(()),
        ),
        (
            "GET /workflowapi/inbox?identityId=bob",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identityid=b%6fb",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identit%79Id=bob",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identityId=alice&identityId=bob",
            "",
            String::new(),
            twice,
        ),
        (
            "GET /workflowapi/inbox?identityId=alice%00",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identityId=team-x%0d%0a",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identityId=alice,bob",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identityId=alice+",
            "",
            String::new(),
            no,
        ),
        ("GET /workflowapi/inbox", "", String::new(), missing),
        (
            "GET /workflowapi/inbox?identityId=",
            "",
            String::new(),
            missing,
        ),
        (
            "GET /workflowapi/inbox?identityId[]=bob",
            "",
            String::new(),
            alike,
        ),
        (
            "GET /workflowapi/inbox?identity%2549d=bob",
            "",
            String::new(),
            alike,
        ),
        (
            "GET /workflowapi/inbox?%20identityId=bob",
            "",
            String::new(),
            alike,
        ),
        (
            "GET /workflowapi/inbox?x=1;identityId=bob",
            "",
            String::new(),
            alike,
        ),
        (
            "GET /workflowapi/inbox?identityId=alice;identityId=bob",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/inbox?identity_id=bob&identityId=alice",
            "",
            String::new(),
            alike,
        ),
        // Who is acted for.
        (
            "GET /workflowapi/getavailablecommands/7?identityId=alice&impersonatedIdentityId=bob",
            "",
            String::new(),
            no,
        ),
        (
            "GET /workflowapi/getavailablecommands/7?impersonatedIdentityId=team-a&identityId=alice",
            "",
            String::new(),
            Ok(()),
        ),
        // An operation without the parameter, and one that the table lacks.
        ("GET /workflowapi/getschemelist", "", String::new(), Ok(())),
        (
            "GET /workflowapi/getschemelist?identityId=bob",
            "",
            String::new(),
            no,
        ),
        ("GET /workflowapi/unheardof", "", String::new(), missing),
        (
            "GET /workflowapi/unheardof?identityId=alice",
            "",
            String::new(),
            Ok(()),
        ),
        // Users are identities.
        ("GET /workflowapi/getuser/alice", "", String::new(), Ok(())),
        ("GET /workflowapi/getuser/bob", "", String::new(), no),
        ("GET /workflowapi/getuser/%62ob", "", String::new(), no),
        ("GET /workflowapi/getuser?id=bob", "", String::new(), no),
        (
            "GET /workflowapi/getuser?ID=alice",
            "",
            String::new(),
            Ok(()),
        ),
        (
            "POST /workflowapi/createuser",
            FORM,
            "name=x".to_owned(),
            missing,
        ),
        (
            "POST /workflowapi/createuser",
            FORM,
            "name=x&id=bob".to_owned(),
            no,
        ),
        (
            "POST /workflowapi/updateuser/alice",
            JSON,
            r#"{"id":"bob"}"#.to_owned(),
            no,
        ),
        (
            "POST /workflowapi/updateuser/alice",
            JSON,
            r#"{"roles":["a"]}"#.to_owned(),
            Ok(()),
        ),
        (
            "POST /workflowapi/deleteuser",
            JSON,
            r#"{"Id":["bob"]}"#.to_owned(),
            not_text,
        ),
        // JSON.
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice"}"#.to_owned(),
            Ok(()),
        ),
        (
            COMMAND,
            "text/json; charset=UTF-8",
            r#"{"IdentityId":"alice"}"#.to_owned(),
            Ok(()),
        ),
        (
            COMMAND,
            "application/x+json",
            r#"{"identityId":"alice"}"#.to_owned(),
            Ok(()),
        ),
        (COMMAND, JSON, r#"{"identityId":"bob"}"#.to_owned(), no),
        (COMMAND, JSON, r#"{"\u0069dentityId":"bob"}"#.to_owned(), no),
        (COMMAND, JSON, r#"{"identityId":"\u0062ob"}"#.to_owned(), no),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","identityId":"bob"}"#.to_owned(),
            twice,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","identityId":"alice"}"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","IDENTITYID":"bob"}"#.to_owned(),
            twice,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":["alice"]}"#.to_owned(),
            not_text,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":{"x":"alice"}}"#.to_owned(),
            not_text,
        ),
        (COMMAND, JSON, r#"{"identityId":7}"#.to_owned(), not_text),
        (COMMAND, JSON, r#"{"identityId":null}"#.to_owned(), missing),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","impersonatedIdentityId":null}"#.to_owned(),
            Ok(()),
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","a":1,"a":2}"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","a":{"b":1,"b":2}}"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"[{"identityId":"alice"}]"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice"} {}"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice",}"#.to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r"{'identityId':'alice'}".to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            "\u{feff}{\"identityId\":\"alice\"}".to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            "{\0\"identityId\":\"alice\"}".to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","x":{"identityId":"bob"}}"#.to_owned(),
            no,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","x":[[{"IdentityID":"bob"}]]}"#.to_owned(),
            no,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","x":"{\"identityId\":\"bob\"}"}"#.to_owned(),
            no,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","x":"{no JSON, a text"}"#.to_owned(),
            Ok(()),
        ),
        (
            COMMAND,
            JSON,
            r#"{"x":{"identityId":"alice"}}"#.to_owned(),
            missing,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","operation":"setstate"}"#.to_owned(),
            twice,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","processId":"8"}"#.to_owned(),
            twice,
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","processId":"7"}"#.to_owned(),
            Ok(()),
        ),
        (
            COMMAND,
            JSON,
            r#"{"identityId":"alice","tenantId":"any"}"#.to_owned(),
            Ok(()),
        ),
        (
            "POST /workflowapi/executecommand/7?identityId=alice",
            JSON,
            r#"{"identityId":"team-a"}"#.to_owned(),
            twice,
        ),
        // Bulk creation.
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            JSON,
            r#"{"instances":[{"processId":"1"},{"processId":"2","identityId":"bob"}]}"#.to_owned(),
            no,
        ),
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            JSON,
            r#"{"instances":"[{\"identityId\":\"bob\"}]"}"#.to_owned(),
            no,
        ),
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            FORM,
            "instances=%5B%7B%22identityId%22%3A%22bob%22%7D%5D".to_owned(),
            no,
        ),
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            FORM,
            "instances=%5B%7B'identityId'%3A'bob'%7D%5D".to_owned(),
            ambiguous,
        ),
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            FORM,
            "instances%5B0%5D%5BidentityId%5D=bob".to_owned(),
            alike,
        ),
        (
            "POST /workflowapi/bulkcreateinstance?identityId=alice",
            JSON,
            r#"{"instances":[{"processId":"1"},{"processId":"2","identityId":"team-a"}]}"#
                .to_owned(),
            Ok(()),
        ),
        // Forms.
        (
            COMMAND,
            FORM,
            "identityId=alice&command=go".to_owned(),
            Ok(()),
        ),
        (COMMAND, FORM, "identity%49d=al%69ce".to_owned(), Ok(())),
        (COMMAND, FORM, "identityId=bob".to_owned(), no),
        (
            COMMAND,
            FORM,
            "identityId=alice&IdentityId=bob".to_owned(),
            twice,
        ),
        (COMMAND, FORM, "identity+Id=alice".to_owned(), alike),
        (COMMAND, FORM, "identityId=%zz".to_owned(), ambiguous),
        (
            COMMAND,
            FORM,
            "identityId=alice&x=%ff".to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            FORM,
            "identityId=alice&_charset_=utf-7".to_owned(),
            ambiguous,
        ),
        (
            COMMAND,
            FORM,
            "\u{feff}identityId=alice".to_owned(),
            ambiguous,
        ),
        (COMMAND, FORM, "identityId=alice\r\n".to_owned(), ambiguous),
        (
            COMMAND,
            FORM,
            "identityId=alice&x=1;identityId=bob".to_owned(),
            alike,
        ),
        // Multipart.
        (
            COMMAND,
            MULTIPART,
            field("identityId", "alice") + "--b--",
            Ok(()),
        ),
        (COMMAND, MULTIPART, field("identityId", "bob") + "--b--", no),
        (COMMAND, MULTIPART, field("IDENTITYID", "bob") + "--b--", no),
        (COMMAND, MULTIPART, two("alice", "bob"), twice),
        (COMMAND, MULTIPART, two("alice", "alice"), Ok(())),
        (
            COMMAND,
            MULTIPART,
            field("identity%49d", "bob") + "--b--",
            alike,
        ),
        (
            COMMAND,
            MULTIPART,
            field("identityId\"; filename=\"f", "alice") + "--b--",
            ambiguous,
        ),
        (
            COMMAND,
            MULTIPART,
            field("a", "1") + &field("identityId", "alice").replace("name", "name*") + "--b--",
            ambiguous,
        ),
        (
            COMMAND,
            MULTIPART,
            format!(
                "{}{}--b--",
                field("identityId", "alice"),
                field("identityId", "bob").replace("--b", "--b ")
            ),
            ambiguous,
        ),
        (
            COMMAND,
            "multipart/form-data; boundary=b; boundary=c",
            field("identityId", "alice") + "--b--",
            unsupported,
        ),
        (
            COMMAND,
            "multipart/form-data",
            field("identityId", "alice") + "--b--",
            ambiguous,
        ),
        (
            COMMAND,
            "multipart/mixed; boundary=b",
            field("identityId", "alice") + "--b--",
            unsupported,
        ),
        // What is not read at all.
        (
            COMMAND,
            "",
            r#"{"identityId":"alice"}"#.to_owned(),
            unsupported,
        ),
        (
            COMMAND,
            "text/plain",
            r#"{"identityId":"alice"}"#.to_owned(),
            unsupported,
        ),
        (COMMAND, "application/xml", "<a/>".to_owned(), unsupported),
        (
            COMMAND,
            "application/json; charset=utf-16",
            "{}".to_owned(),
            unsupported,
        ),
        (
            COMMAND,
            "application/json; charset=utf-7",
            "{}".to_owned(),
            unsupported,
        ),
        (
            COMMAND,
            "application/json, text/plain",
            "{}".to_owned(),
            unsupported,
        ),
        (
            "GET /workflowapi/inbox",
            FORM,
            "identityId=alice".to_owned(),
            unsupported,
        ),
        (
            "PUT /workflowapi/inbox",
            FORM,
            "identityId=alice".to_owned(),
            unsupported,
        ),
    ];
    for (line, media_type, body, want) in cases {
        let found = judged(&speaks, line, media_type, body.as_bytes());
        assert_eq!(found, want.map(|()| None), "{line} {media_type} {body}");
    }
}

#[test]
fn a_body_with_a_coding_or_two_types_is_not_read() {
    let speaks = alice();
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("content-encoding", "identity"),
        ("content-type", JSON),
    ] {
        let mut head = parts(COMMAND, JSON);
        head.headers.append(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        let body = Bytes::from_static(br#"{"identityId":"alice"}"#);
        let found = whole(&head, operation(COMMAND), &body, &speaks);
        let reason = found.err().map(|refusal| refusal.reason);
        assert_eq!(
            reason,
            Some(Reason::BoundBodyUnsupported),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_tenant_is_named_wherever_an_instance_has_one() {
    let speaks = tenant();
    for (line, body, want) in [
        (
            "GET /workflowapi/getinstanceinfo/7?tenantId=t1",
            "",
            Ok(None),
        ),
        (
            "GET /workflowapi/getinstanceinfo/7?tenantId=t2",
            "",
            Err(Reason::TenantNotAllowed),
        ),
        (
            "GET /workflowapi/getinstanceinfo/7",
            "",
            Err(Reason::TenantMissing),
        ),
        (
            "POST /workflowapi/deleteinstances",
            r#"{"processIds":["7"]}"#,
            Err(Reason::TenantMissing),
        ),
        (
            "POST /workflowapi/deleteinstances",
            r#"{"processIds":["7"],"TenantId":"t1"}"#,
            Ok(None),
        ),
        (
            "POST /workflowapi/setstate/7",
            r#"{"tenantId":"t1","identityId":"any"}"#,
            Ok(None),
        ),
        (
            "POST /workflowapi/bulkcreateinstance?tenantId=t1",
            r#"{"instances":[{"tenantId":"t2"}]}"#,
            Err(Reason::TenantNotAllowed),
        ),
        ("GET /workflowapi/getschemelist", "", Ok(None)),
    ] {
        let media_type = if body.is_empty() { "" } else { JSON };
        assert_eq!(
            judged(&speaks, line, media_type, body.as_bytes()),
            want,
            "{line} {body}"
        );
    }
}

#[test]
fn what_is_absent_is_filled_in_at_the_end_of_the_query() {
    let claim = || Terms::claim(ClaimPath::parse("sub").unwrap()).when_absent(Absent::Fill);
    let both = speaks(
        Some(claim()),
        Some(Terms::values(["t 1&"]).unwrap().when_absent(Absent::Fill)),
        &["a=\u{e4}"],
    );
    for (line, body, want) in [
        (
            "GET /workflowapi/inbox",
            "",
            Ok(Some(
                "/workflowapi/inbox?identityId=a%3D%C3%A4&tenantId=t%201%26",
            )),
        ),
        (
            "GET /workflowapi/inbox?x=1",
            "",
            Ok(Some(
                "/workflowapi/inbox?x=1&identityId=a%3D%C3%A4&tenantId=t%201%26",
            )),
        ),
        (
            "GET /workflowapi/inbox?x=1&",
            "",
            Ok(Some(
                "/workflowapi/inbox?x=1&identityId=a%3D%C3%A4&tenantId=t%201%26",
            )),
        ),
        (
            "GET /workflowapi/getinstanceinfo/7",
            "",
            Ok(Some("/workflowapi/getinstanceinfo/7?tenantId=t%201%26")),
        ),
        (
            "POST /workflowapi/setstate/7",
            r#"{"tenantId":"t 1&"}"#,
            Ok(Some("/workflowapi/setstate/7?identityId=a%3D%C3%A4")),
        ),
        (
            "POST /workflowapi/setstate/7",
            r#"{"tenantId":"t"}"#,
            Err(Reason::TenantNotAllowed),
        ),
        // Named, and as nobody.
        (
            "POST /workflowapi/setstate/7",
            r#"{"identityId":""}"#,
            Err(Reason::IdentityMissing),
        ),
        (
            "POST /workflowapi/setstate/7",
            r#"{"identityId":null}"#,
            Err(Reason::IdentityMissing),
        ),
        ("GET /workflowapi/getschemelist", "", Ok(None)),
    ] {
        let media_type = if body.is_empty() { "" } else { JSON };
        let found = judged(&both, line, media_type, body.as_bytes());
        assert_eq!(
            found,
            want.map(|target| target.map(str::to_owned)),
            "{line} {body}"
        );
    }
    let lacking = speaks(Some(claim()), None, &[]);
    let found = judged(&lacking, "GET /workflowapi/inbox", "", b"");
    assert_eq!(found, Err(Reason::BoundClaimMissing));
    let found = judged(&lacking, "GET /workflowapi/inbox?identityId=a", "", b"");
    assert_eq!(found, Err(Reason::BoundClaimMissing));
}

#[test]
fn nobody_may_be_spoken_for_where_that_is_allowed() {
    let terms = Terms::values(["alice"]).unwrap().when_absent(Absent::Allow);
    let speaks = speaks(Some(terms), None, &[]);
    for (line, want) in [
        ("GET /workflowapi/inbox", Ok(None)),
        ("GET /workflowapi/inbox?identityId=", Ok(None)),
        ("POST /workflowapi/createuser?name=x", Ok(None)),
        (
            "GET /workflowapi/inbox?identityId=bob",
            Err(Reason::IdentityNotAllowed),
        ),
    ] {
        assert_eq!(judged(&speaks, line, "", b""), want, "{line}");
    }
}

/// How servers read a parameter, written down apart from the code that is tested: by library
/// decoders, with every habit that is known.
mod readers {
    use super::Value;

    fn is(name: &str) -> bool {
        name.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}' || c == '?')
            .trim_end_matches("[]")
            .eq_ignore_ascii_case("identityid")
    }

    fn again(text: &str) -> String {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    }

    /// Everything that some server could take for the identity.
    pub(super) fn of_pairs(text: &str) -> Vec<String> {
        let mut read = Vec::new();
        for separators in [&['&'][..], &['&', ';']] {
            for pair in text.split(separators) {
                for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
                    if is(&name) || is(&again(&name)) {
                        read.push(value.into_owned());
                    }
                }
            }
        }
        read
    }

    pub(super) fn of_json(value: &Value) -> Vec<String> {
        match value {
            Value::Object(members) => members
                .iter()
                .flat_map(|(name, value)| match value {
                    Value::String(text) if is(name) => vec![text.clone()],
                    Value::Null if is(name) => Vec::new(),
                    other if is(name) => vec![other.to_string()],
                    other => of_json(other),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(of_json).collect(),
            Value::String(text) => serde_json::from_str(text)
                .ok()
                .filter(|inner: &Value| inner.is_object() || inner.is_array())
                .map(|inner| of_json(&inner))
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "identityId",
        "IDENTITYID",
        "identityid",
        "identity%49d",
        "%69dentityId",
        "identity%2549d",
        "identityId[]",
        "+identityId",
        "identityId%00",
        "?identityId",
        "command",
        "x",
    ])
}

fn value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "alice",
        "al%69ce",
        "bob",
        "b%6Fb",
        "",
        "alice;identityId=bob",
        "a",
    ])
}

fn pairs_text() -> impl Strategy<Value = String> {
    let pair = (name(), value()).prop_map(|(name, value)| format!("{name}={value}"));
    let separator = prop::sample::select(vec!["&", "&", "&&", ";"]);
    prop::collection::vec((pair, separator), 0..4).prop_map(|pairs| {
        let mut text = String::new();
        for (pair, separator) in pairs {
            text.push_str(&pair);
            text.push_str(separator);
        }
        text
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "identityId",
        "IdentityID",
        "identityId ",
        "identityId[]",
        "x",
        "instances",
    ]);
    let leaf = prop_oneof![
        prop::sample::select(vec!["alice", "bob", "", r#"{"identityId":"bob"}"#])
            .prop_map(|text| Value::String(text.to_owned())),
        Just(Value::Null),
        Just(Value::from(7)),
    ];
    let tree = leaf.prop_recursive(3, 12, 3, move |inner| {
        let names = names.clone();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((names, inner), 0..3).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    });
    prop::collection::vec(
        (
            prop::sample::select(vec!["identityId", "IDENTITYID", "x", "instances"]),
            tree,
        ),
        0..4,
    )
    .prop_map(|members| {
        let members = members.into_iter();
        Value::Object(
            members
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_reader_of_query_and_form_finds_another_identity(query in pairs_text(), form in pairs_text()) {
        let speaks = speaks(Some(Terms::values(["alice"]).unwrap()), None, &[]);
        let line = format!("POST /workflowapi/executecommand/7?{query}");
        let passed = judged(&speaks, &line, FORM, form.as_bytes()) == Ok(None);
        let mut read = readers::of_pairs(&query);
        read.extend(readers::of_pairs(&form));
        if passed {
            prop_assert!(!read.is_empty(), "one has to be named");
            prop_assert!(read.iter().all(|one| one == "alice"), "{read:?}");
        }
    }

    #[test]
    fn no_reader_of_json_finds_another_identity(query in pairs_text(), body in json_value()) {
        let speaks = speaks(Some(Terms::values(["alice"]).unwrap()), None, &[]);
        let line = format!("POST /workflowapi/executecommand/7?{query}");
        let passed = judged(&speaks, &line, JSON, body.to_string().as_bytes()) == Ok(None);
        let mut read = readers::of_pairs(&query);
        read.extend(readers::of_json(&body));
        if passed {
            prop_assert!(read.iter().all(|one| one == "alice" || one.is_empty()), "{read:?}");
            prop_assert!(read.iter().any(|one| one == "alice"), "{read:?}");
        }
    }

    #[test]
    fn an_allowed_identity_alone_passes(query in "(x=[a-z]{1,3}&){0,3}", place in 0..3_usize) {
        let speaks = speaks(Some(Terms::values(["alice"]).unwrap()), None, &[]);
        let named = format!("{query}identityId=alice");
        let (line, media_type, body) = match place {
            0 => (format!("{COMMAND}?{named}"), "", String::new()),
            1 => (COMMAND.to_owned(), FORM, named),
            _ => (COMMAND.to_owned(), JSON, r#"{"identityId":"alice","x":[1]}"#.to_owned()),
        };
        prop_assert_eq!(judged(&speaks, &line, media_type, body.as_bytes()), Ok(None));
    }

    #[test]
    fn any_body_is_judged_without_a_panic(
        media_type in prop::sample::select(vec![JSON, FORM, MULTIPART]),
        body in prop::collection::vec(any::<u8>(), 0..200),
        text in "(--b|\r\n|Content-Disposition: form-data|; name=|identityId|\"|=|&|%4|[\\[\\]{}:,]){0,30}",
    ) {
        let _ = judged(&alice(), COMMAND, media_type, &body);
        let _ = judged(&alice(), COMMAND, media_type, text.as_bytes());
    }
}
