//! The routing table of a snapshot: what a path leads to.
//!
//! In: the settings. Out: [`Table`], compiled once for each snapshot. Paths are matched on bytes,
//! without ASCII case, at segment ends. The sidecar's own endpoints come before configured routes;
//! with the token side off they lead nowhere rather than to somebody else. The most special pattern
//! that a path fits decides alone (`matcher`); its routes are told apart by operation, then by
//! method. What they do not serve goes to no other pattern.

mod matcher;
#[cfg(test)]
mod tests;

use http::Method;
use workflow_api::Operation;

use self::matcher::{EncodedLiteral, Matcher};
use super::METHODS;
use crate::config::{Access, RouteSettings, Snapshot};
use crate::policy::Operations;
use crate::refusal::Reason;

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
    /// The path is of configured routes, none of which serves the method: 405, for those who may
    /// know as much by this one of them.
    Closed(usize),
    Unknown,
}

/// A path of our own.
struct Own {
    path: Box<str>,
    route: Route,
}

/// The routes of one pattern.
struct Group {
    workflow_api: bool,
    /// Those that name their methods first.
    routes: Vec<Candidate>,
}

struct Candidate {
    /// Its place in the snapshot.
    index: usize,
    /// Empty: every method.
    methods: Box<[Method]>,
    operations: Option<Operations>,
    public: bool,
}

/// The compiled table.
pub(super) struct Table {
    base: Box<str>,
    own: Vec<Own>,
    matcher: Matcher,
    /// By the place of their pattern.
    groups: Vec<Group>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Own(Route),
    Pattern {
        /// Which routes.
        group: usize,
        /// Where the part that is forwarded begins.
        start: usize,
        /// A bit for each of its segments that is matched without case.
        literals: u32,
    },
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

    /// Of what proxies may ask about, where that is not what is forwarded.
    pub(super) fn asked_about(snapshot: &Snapshot) -> Option<Self> {
        let routes = snapshot.forward_auth.as_ref()?.routes.as_deref()?;
        let public = public_path(&snapshot.authority.base);
        Some(Self::of(&snapshot.path_base, public, routes))
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
        // Same patterns become one group, in the order of their first.
        let mut patterns = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            let pattern = &route.pattern;
            let place = *places
                .entry((&pattern.segments, pattern.end))
                .or_insert_with(|| {
                    patterns.push(pattern);
                    groups.push(Group {
                        workflow_api: route.workflow_api,
                        routes: Vec::new(),
                    });
                    groups.len() - 1
                });
            groups[place].routes.push(Candidate {
                index,
                methods: route.methods.as_slice().into(),
                operations: route.operations,
                public: route.access == Access::Public,
            });
        }
        for group in &mut groups {
            group.routes.sort_by_key(|route| route.methods.is_empty());
        }
        Self {
            base: base.trim_end_matches('/').into(),
            own,
            matcher: Matcher::new(patterns),
            groups,
        }
    }

    /// What `path` leads to; `None`: nothing is there.
    pub(super) fn find(&self, path: &str) -> Result<Option<Found>, Reason> {
        let own = |own: &&Own| own.path.eq_ignore_ascii_case(path);
        if let Some(own) = self.own.iter().find(own) {
            return Ok(Some(Found::Own(own.route)));
        }
        let start = self.base.len();
        let Some(rest) = after(path, &self.base).filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        let fits = self.matcher.find(rest);
        let fits = fits.map_err(|EncodedLiteral| Reason::PathEncodingForbidden)?;
        Ok(fits.map(|fits| Found::Pattern {
            group: fits.pattern,
            start,
            literals: fits.literals,
        }))
    }

    /// Whether these routes are the Workflow API's, whose second segment is an operation.
    pub(super) fn is_workflow_api(&self, group: usize) -> bool {
        self.groups
            .get(group)
            .is_some_and(|group| group.workflow_api)
    }

    /// Which of the routes of one pattern a request takes.
    pub(super) fn choose(
        &self,
        group: usize,
        method: &Method,
        operation: Option<&'static Operation>,
    ) -> Route {
        let Some(group) = self.groups.get(group) else {
            return Route::Unknown;
        };
        let serving = group
            .for_operation(operation)
            .find(|one| one.serves(method));
        if let Some(serving) = serving {
            return Route::Forward(serving.index);
        }
        let public = group.for_operation(operation).find(|one| one.public);
        let known = public.or_else(|| group.for_operation(operation).next());
        known.map_or(Route::Unknown, |one| Route::Closed(one.index))
    }

    /// `Allow`: every method that is served where the route at `index` is, for `operation`.
    pub(super) fn allow(&self, index: usize, operation: Option<&'static Operation>) -> String {
        let of_index = |group: &&Group| group.routes.iter().any(|one| one.index == index);
        let Some(group) = self.groups.iter().find(of_index) else {
            return String::new();
        };
        let mut names: Vec<&str> = Vec::new();
        for candidate in group.for_operation(operation) {
            let methods: &[Method] = match &*candidate.methods {
                [] => &METHODS,
                listed => listed,
            };
            for method in methods.iter().map(Method::as_str) {
                if !names.contains(&method) {
                    names.push(method);
                }
            }
        }
        names.join(", ")
    }
}

impl Group {
    /// Routes that name the operation, if any do, else those that name none.
    fn for_operation(
        &self,
        operation: Option<&'static Operation>,
    ) -> impl Iterator<Item = &Candidate> {
        let names = move |one: &Candidate| one.operations.is_some_and(|all| all.allow(operation));
        let special = self.routes.iter().any(names);
        self.routes.iter().filter(move |one| {
            if special {
                names(one)
            } else {
                one.operations.is_none()
            }
        })
    }
}

impl Candidate {
    fn serves(&self, method: &Method) -> bool {
        match &*self.methods {
            [] => METHODS.contains(method),
            named => named.contains(method),
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
