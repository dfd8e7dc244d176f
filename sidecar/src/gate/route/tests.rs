//! Which route a path and a method take.

use proptest::prelude::*;

use super::*;
use crate::config::{End, PathPattern, Segment};

/// `*` at the end: a prefix. Several methods are joined by `+`.
fn routes(written: &[(&str, &str)]) -> Vec<RouteSettings> {
    let written = written.iter();
    written
        .map(|(pattern, methods)| {
            let mut route = RouteSettings::below("/", Access::Scopes(Vec::new())).unwrap();
            route.pattern = match pattern.strip_suffix('*') {
                Some(prefix) => PathPattern::prefix(prefix).unwrap(),
                None => PathPattern::template(pattern).unwrap(),
            };
            let methods = methods.split('+').filter(|method| !method.is_empty());
            route.methods = methods.map(|one| one.parse().unwrap()).collect();
            route
        })
        .collect()
}

/// The one place that touches the API.
fn find(table: &Table, method: &str, path: &str) -> Result<Route, Reason> {
    Ok(match table.find(path)? {
        None => Route::Unknown,
        Some(Found::Own(route)) => route,
        Some(Found::Pattern { group, .. }) => table.choose(group, &method.parse().unwrap(), None),
    })
}

#[test]
fn the_most_special_pattern_decides_alone() {
    let routes = routes(&[
        ("/orders/*", ""),
        ("/orders/{id}", "GET"),
        ("/orders/open", "GET"),
        ("/orders/{id}/items", "GET+POST"),
        ("/orders/open/{x}", ""),
        ("/files/{rest...}", ""),
        ("/files", "GET"),
        ("/orders/{id}", "DELETE"),
        ("/{any}", ""),
    ]);
    let table = Table::of("", "", &routes);
    for (method, path, want) in [
        ("GET", "/orders", Route::Forward(0)),
        ("GET", "/orders/7", Route::Forward(1)),
        ("DELETE", "/orders/7", Route::Forward(7)),
        // Not the prefix's, which serves every method.
        ("POST", "/orders/7", Route::Closed(1)),
        ("GET", "/Orders/OPEN", Route::Forward(2)),
        ("DELETE", "/orders/open", Route::Closed(2)),
        ("GET", "/orders/7/items", Route::Forward(3)),
        ("GET", "/orders/7/ITEMS", Route::Forward(3)),
        ("PUT", "/orders/7/items", Route::Closed(3)),
        // A literal counts before what stands right of it.
        ("PUT", "/orders/open/items", Route::Forward(4)),
        ("GET", "/orders/7/items/8", Route::Forward(0)),
        ("GET", "/orders/7/others", Route::Forward(0)),
        ("GET", "/files", Route::Forward(6)),
        ("GET", "/files/a", Route::Forward(5)),
        ("GET", "/files/a/b/c", Route::Forward(5)),
        ("GET", "/x", Route::Forward(8)),
        ("GET", "/x/y", Route::Unknown),
        ("GET", "/connect/token", Route::Token),
        ("BREW", "/orders", Route::Closed(0)),
    ] {
        assert_eq!(find(&table, method, path), Ok(want), "{method} {path}");
    }
    // Who decodes first finds the literal.
    for path in ["/orders/%6fpen", "/orders/7/%49tems", "/%6frders/7"] {
        assert_eq!(
            find(&table, "GET", path),
            Err(Reason::PathEncodingForbidden),
            "{path}"
        );
    }
    assert_eq!(find(&table, "GET", "/orders/a%20b"), Ok(Route::Forward(1)));
    assert_eq!(table.allow(1, None), "GET, DELETE");
    assert_eq!(
        table.allow(0, None),
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    );
}

#[test]
fn operations_are_routed_by_what_they_are_not_by_how_they_are_written() {
    let named = |names: &[&str]| Some(Operations::parse(names).unwrap());
    let mut routes = routes(&[
        ("/workflowapi*", ""),
        ("/workflowapi*", ""),
        ("/workflowapi*", "POST"),
    ]);
    for route in &mut routes {
        route.workflow_api = true;
    }
    routes[1].operations = named(&["manage"]);
    routes[2].operations = named(&["executecommand"]);
    let table = Table::of("", "", &routes);
    let Ok(Some(Found::Pattern { group, .. })) = table.find("/workflowapi") else {
        panic!("it is a route");
    };
    let choose =
        |method: Method, name: &str| table.choose(group, &method, workflow_api::find(name));
    assert_eq!(choose(Method::GET, "inbox"), Route::Forward(0));
    assert_eq!(choose(Method::POST, "CreateUser"), Route::Forward(1));
    assert_eq!(choose(Method::POST, "executecommand"), Route::Forward(2));
    // Not the general one's, which asks for less.
    assert_eq!(choose(Method::GET, "executecommand"), Route::Closed(2));
    assert_eq!(choose(Method::GET, "unheardof"), Route::Forward(0));
    assert_eq!(table.allow(2, workflow_api::find("executecommand")), "POST");
}

/// Whether a path fits, and how special that is, segment by segment: written without the tree.
fn fits(pattern: &PathPattern, path: &str) -> Option<Vec<u8>> {
    let path: Vec<&str> = path
        .split('/')
        .skip(1)
        .filter(|one| !one.is_empty())
        .collect();
    let mut special = Vec::new();
    for (place, segment) in pattern.segments.iter().enumerate() {
        let found = path.get(place)?;
        match segment {
            Segment::Literal(literal) if literal.eq_ignore_ascii_case(found) => special.push(3),
            Segment::Literal(_) => return None,
            Segment::Any => special.push(2),
        }
    }
    let left = path.len() - pattern.segments.len();
    match pattern.end {
        End::Here if left == 0 => special.push(1),
        End::Rest if left > 0 => special.push(1),
        End::Below => special.push(0),
        End::Here | End::Rest => return None,
    }
    Some(special)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_tree_finds_what_a_list_finds(
        written in prop::collection::vec("(/(a|b|c|\\{x\\}|\\{y\\})){1,3}(/\\{r\\.\\.\\.\\})?\\*?", 1..12),
        path in "(/[abcdABC]){1,5}",
    ) {
        let patterns: Vec<PathPattern> = written
            .iter()
            .filter_map(|text| match text.strip_suffix('*') {
                Some(prefix) if prefix.contains('{') => None,
                Some(prefix) => PathPattern::prefix(prefix).ok(),
                None => PathPattern::template(text).ok(),
            })
            .collect();
        let found = Matcher::new(&patterns).find(&path).unwrap();
        let best = patterns
            .iter()
            .filter_map(|pattern| Some((fits(pattern, &path)?, pattern)))
            .max_by(|one, other| one.0.cmp(&other.0));
        let shape = |pattern: &PathPattern| (pattern.segments.clone(), pattern.end);
        prop_assert_eq!(
            found.map(|found| shape(&patterns[found.pattern])),
            best.map(|(_, pattern)| shape(pattern))
        );
    }
}
