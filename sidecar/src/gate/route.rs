//! The routing table of a snapshot: what a path leads to.
//!
//! In: the settings. Out: [`Table`], compiled once for each snapshot. Paths are matched on bytes,
//! without ASCII case, at segment ends. The sidecar's own endpoints come before configured routes;
//! with the token side off they lead nowhere rather than to somebody else.

use crate::config::{RouteSettings, Snapshot};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Authorization server metadata, under two names.
    Discovery,
    Jwks,
    /// Protected resource metadata (RFC 9728).
    Resource,
    Token,
    Introspection,
    Revocation,
    /// A configured route, by its place in the snapshot.
    Forward(usize),
    Unknown,
}

/// A path of our own.
struct Own {
    path: Box<str>,
    route: Route,
}

/// A configured prefix.
struct Prefix {
    path: Box<str>,
    index: usize,
    workflow_api: bool,
}

/// The compiled table.
pub(super) struct Table {
    base: Box<str>,
    own: Vec<Own>,
    /// Longest first.
    prefixes: Vec<Prefix>,
}

const CONFIGURATION: &str = "/.well-known/openid-configuration";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const JWKS: &str = "/.well-known/jwks";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const TOKEN: &str = "/connect/token";
const INTROSPECTION: &str = "/connect/introspect";
const REVOCATION: &str = "/connect/revoke";

impl Table {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let public = public_path(&snapshot.authority.base);
        Self::of(&snapshot.path_base, public, &snapshot.routes)
    }

    /// `base` is before every path; `public` is the path of the public base URL, which RFC 8414 §3
    /// and RFC 9728 §3.1 put behind the well-known name.
    pub(super) fn of(base: &str, public: &str, routes: &[RouteSettings]) -> Self {
        let mut own = Vec::new();
        let mut add = |path: String, route| {
            own.push(Own {
                path: path.into(),
                route,
            });
        };
        for (path, route) in [
            (CONFIGURATION, Route::Discovery),
            (SERVER, Route::Discovery),
            (JWKS, Route::Jwks),
            (RESOURCE, Route::Resource),
            (TOKEN, Route::Token),
            (INTROSPECTION, Route::Introspection),
            (REVOCATION, Route::Revocation),
        ] {
            add(format!("{base}{path}"), route);
        }
        add(format!("{base}{RESOURCE}/workflowapi"), Route::Resource);
        if !base.is_empty() || !public.is_empty() {
            add(format!("{SERVER}{public}"), Route::Discovery);
            add(format!("{RESOURCE}{public}/workflowapi"), Route::Resource);
        }
        let mut prefixes: Vec<_> = routes
            .iter()
            .enumerate()
            .map(|(index, route)| Prefix {
                path: route.prefix.trim_end_matches('/').into(),
                index,
                workflow_api: route.workflow_api,
            })
            .collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.path.len()));
        Self {
            base: base.trim_end_matches('/').into(),
            own,
            prefixes,
        }
    }

    /// The route of `path`; where the part that is forwarded begins, and where the route's prefix
    /// ends.
    pub(super) fn find(&self, path: &str) -> Option<(Route, usize, usize)> {
        let own = |own: &&Own| own.path.eq_ignore_ascii_case(path);
        if let Some(own) = self.own.iter().find(own) {
            return Some((own.route, 0, path.len()));
        }
        let start = self.base.len();
        let rest = after(path, &self.base)?;
        let prefix = self
            .prefixes
            .iter()
            .find(|prefix| after(rest, &prefix.path).is_some())?;
        Some((
            Route::Forward(prefix.index),
            start,
            start + prefix.path.len(),
        ))
    }

    pub(super) fn is_workflow_api(&self, route: Route) -> bool {
        match route {
            Route::Forward(index) => self
                .prefixes
                .iter()
                .any(|prefix| prefix.index == index && prefix.workflow_api),
            _ => false,
        }
    }
}

/// What follows `prefix` in `path`: nothing, or a slash and more.
fn after<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    // A prefix is ASCII and so are the bytes of a judged path, so no character is cut.
    let (head, rest) = path.split_at_checked(prefix.len())?;
    (head.eq_ignore_ascii_case(prefix) && (rest.is_empty() || rest.starts_with('/')))
        .then_some(rest)
}

/// The path of a URL without a trailing slash: empty, or `/` and segments.
pub(super) fn public_path(base: &str) -> &str {
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base[host..].find('/').map_or(base.len(), |at| host + at);
    base[path..].trim_end_matches('/')
}
