//! What is forwarded: `Routes`.

use std::sync::Arc;

use settings::scalar::Rate;
use settings::{Either, Fault, Object, Reading, Text};

use super::urls::plain_path;

/// The path of the Workflow API, whose operations are judged one by one.
const WORKFLOW_API: &str = "/workflowapi";
/// What is needed to pass where nothing else is said.
const SCOPE: &str = "WorkflowApi";
/// Paths that the sidecar answers itself.
const OWN_PATHS: [&str; 2] = ["/connect", "/.well-known"];

/// A prefix that is forwarded, and what it takes to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// `/` and segments, lower case, no trailing slash; `/` alone is every path.
    pub prefix: Box<str>,
    /// Empty: every method.
    pub methods: Vec<http::Method>,
    /// What it takes to pass.
    pub access: Access,
    /// The Workflow API, whose operations are judged one by one.
    pub workflow_api: bool,
    /// Requests that each client may make on it.
    pub rate: Option<Rate>,
}

/// What it takes to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A token with all of these.
    Scopes(Vec<Arc<str>>),
}

impl RouteSettings {
    fn workflow_api() -> Self {
        Self {
            prefix: WORKFLOW_API.into(),
            methods: Vec::new(),
            access: Access::Scopes(vec![SCOPE.into()]),
            workflow_api: true,
            rate: None,
        }
    }

    fn read(object: &Object<'_>, reading: &mut Reading) -> Option<Self> {
        let prefix = object.text(reading, "Prefix");
        let methods = methods(object, reading);
        let access = access(object, reading);
        let Some(prefix) = prefix else {
            if object.key_mark("Prefix").is_none() {
                let fault = Fault::error(object.mark(), "a route has no `Prefix`");
                reading.faults.push(fault.label("in this object"));
            }
            return None;
        };
        let path = parse_prefix(&prefix, reading)?;
        Some(Self {
            workflow_api: path == WORKFLOW_API,
            prefix: path.into(),
            methods,
            access,
            rate: object.optional_rate(reading, "Rate").map(|rate| rate.value),
        })
    }
}

/// Every route; the default one when `Routes` is absent.
pub(super) fn read(root: &Object<'_>, reading: &mut Reading) -> Vec<RouteSettings> {
    if root.key_mark("Routes").is_none() {
        return vec![RouteSettings::workflow_api()];
    }
    let mut routes: Vec<RouteSettings> = Vec::new();
    for object in root.objects(reading, "Routes") {
        let Some(route) = RouteSettings::read(&object, reading) else {
            continue;
        };
        let mark = object.value_mark("Prefix").unwrap_or_else(|| object.mark());
        if routes.iter().any(|other| other.prefix == route.prefix) {
            let message = format!("two routes have the prefix `{}`", route.prefix);
            reading
                .faults
                .push(Fault::error(mark, message).label("the second one"));
        }
        routes.push(route);
    }
    let covers_all = routes.iter().any(|route| &*route.prefix == "/");
    if covers_all && !routes.iter().any(|route| route.workflow_api) {
        let mark = root.value_mark("Routes").unwrap_or_else(|| root.mark());
        reading.faults.push(
            Fault::error(
                mark,
                "the route `/` covers the Workflow API, whose operations would not be judged",
            )
            .help("add a route with the prefix `/workflowapi`"),
        );
    }
    routes
}

fn parse_prefix(text: &Text, reading: &mut Reading) -> Option<String> {
    let lower = text.value.to_ascii_lowercase();
    let path = lower.trim_end_matches('/');
    let below = |of: &str| {
        path.strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let what = if lower.starts_with('/') && path.is_empty() {
        return Some("/".to_owned());
    } else if let Err(what) = plain_path(path) {
        what
    } else if OWN_PATHS.into_iter().any(below) {
        "is answered by the sidecar itself"
    } else if below(WORKFLOW_API) && path != WORKFLOW_API {
        "is a part of the Workflow API, which is one route: its operations are judged together"
    } else {
        return Some(path.to_owned());
    };
    reading.faults.push(
        Fault::error(text.mark, format!("`Prefix` {what}"))
            .label(format!("found {}", text.shown())),
    );
    None
}

fn methods(object: &Object<'_>, reading: &mut Reading) -> Vec<http::Method> {
    let Some(texts) = object.texts(reading, "Methods") else {
        return Vec::new();
    };
    let mut methods = Vec::new();
    for text in &texts {
        // Methods have case, but nobody means another method by `get`.
        match http::Method::from_bytes(text.value.to_ascii_uppercase().as_bytes()) {
            Ok(method) if method != http::Method::CONNECT && method != http::Method::TRACE => {
                methods.push(method);
            }
            _ => reading.faults.push(
                Fault::error(
                    text.mark,
                    format!("{} is no method to forward", text.shown()),
                )
                .label("not a method"),
            ),
        }
    }
    if texts.is_empty() {
        let mark = object
            .value_mark("Methods")
            .unwrap_or_else(|| object.mark());
        reading.faults.push(
            Fault::error(mark, "a route without any method lets nothing pass")
                .label("empty")
                .help("leave `Methods` out for all of them"),
        );
    }
    methods
}

fn access(object: &Object<'_>, reading: &mut Reading) -> Access {
    match object.either(reading, "Scopes") {
        Some(Either::Text(text)) if text.value.eq_ignore_ascii_case("Public") => Access::Public,
        Some(Either::Text(text)) => {
            let mut fault = Fault::error(text.mark, "`Scopes` must be a list, or `\"Public\"`")
                .label(format!("found {}", text.shown()));
            if super::clients::is_scope(&text.value) {
                fault = fault.help("one scope is a list too, of one string");
            }
            reading.faults.push(fault);
            Access::Scopes(Vec::new())
        }
        Some(Either::List(texts)) => {
            if texts.is_empty() {
                let mark = object.value_mark("Scopes").unwrap_or_else(|| object.mark());
                reading.faults.push(
                    Fault::warning(mark, "any token passes this route, whatever its scopes")
                        .label("no scope is asked for"),
                );
            }
            Access::Scopes(super::clients::scopes(&texts, reading))
        }
        Some(Either::Object(_)) | None => Access::Scopes(vec![SCOPE.into()]),
    }
}
