//! What a fuzz target drives: heads of anybody's making.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that something does not hold"
)]

use http::{HeaderName, HeaderValue, Method, Request, Uri};

use super::canonical::{Canonical, canonical};
use super::route::{Route, Table};
use crate::config::{Access, RouteSettings};

fn table() -> Table {
    let route = |prefix: &str| RouteSettings::below(prefix, Access::Public).expect("a prefix");
    let routes = [
        route("/workflowapi"),
        route("/orders"),
        route("/orders/open"),
    ];
    Table::of("", "", &routes)
}

fn head(method: &str, target: &str, lines: &[&[u8]]) -> Option<http::request::Parts> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    for line in lines.iter().take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request.into_parts().0)
}

/// The first line is method and target, the others are header fields.
pub fn request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let Ok(first) = std::str::from_utf8(first) else {
        return;
    };
    let (method, target) = first.split_once(' ').unwrap_or(("GET", first));
    let lines: Vec<_> = lines.collect();
    let Some(parts) = head(method, target, &lines) else {
        return;
    };
    let table = table();
    let Ok(found) = canonical(parts, &table, true) else {
        return;
    };
    holds(&found);
    if !matches!(found.route, Route::Forward(_)) {
        return;
    }
    // What is forwarded means the same when it is judged again.
    let mut again = found.head.clone();
    again.headers.insert(http::header::HOST, found.host.clone());
    let again = canonical(again, &table, true).expect("what was let through");
    assert_eq!(again.head.uri, found.head.uri);
    assert_eq!(again.route, found.route);
    let names = |canonical: &Canonical| canonical.operation.map(|operation| operation.name);
    assert_eq!(names(&again), names(&found));
}

/// No second reader can take it for something else.
fn holds(found: &Canonical) {
    let path = found.head.uri.path();
    if matches!(found.route, Route::Forward(_)) {
        assert!(path.starts_with('/'));
        assert!(!path.contains("//") && !path.contains(['\\', ';']));
        let lower = path.to_ascii_lowercase();
        for encoded in ["%2f", "%5c", "%2e", "%25", "%00"] {
            assert!(!lower.contains(encoded));
        }
        assert!(
            !path
                .split('/')
                .any(|segment| segment == "." || segment == "..")
        );
    }
    for name in found.head.headers.keys() {
        let name = name.as_str().replace('_', "-");
        assert!(
            !name.starts_with("x-workflow-"),
            "an identity of the client's own"
        );
        assert!(!["connection", "host", "keep-alive", "te", "upgrade"].contains(&&*name));
    }
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    use crate::bearer::fuzz::seeds;

    for seed in seeds("request") {
        request(&seed);
    }
}
