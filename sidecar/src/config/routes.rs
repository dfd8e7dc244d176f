//! What is forwarded: `Routes`.
//!
//! Out: [`RouteSettings`], each with the paths, methods and operations that it is for and what it
//! takes to pass. Elsewhere: which of them wins (`gate::route`, docs/policy.md).

mod overlap;
mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use settings::scalar::Rate;
use settings::{Either, Fault, Object, Reading, Text};

pub use pattern::PathPattern;

pub(crate) use pattern::{End, Segment};

use self::overlap::Placed;
use crate::policy::Operations;

/// The path of the Workflow API, whose operations are judged one by one.
const WORKFLOW_API: &str = "/workflowapi";
/// What is needed to pass where nothing else is said.
const SCOPE: &str = "WorkflowApi";
/// First segments of paths that the sidecar answers itself.
const OWN: [&str; 2] = ["connect", ".well-known"];

/// Requests that are forwarded, and what it takes to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// For which paths.
    pub pattern: PathPattern,
    /// Empty: every method.
    pub methods: Vec<http::Method>,
    /// For which operations of the Workflow API; `None`: for all that no other route names.
    pub operations: Option<Operations>,
    /// What it takes to pass.
    pub access: Access,
    /// The Workflow API, whose operations are judged one by one.
    pub workflow_api: bool,
    /// What policy refuses is only counted and logged.
    pub shadow: bool,
    /// Requests that each client may make on it.
    pub rate: Option<Rate>,
}

/// What it takes to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A token with all of these; none of them: any token.
    Scopes(Vec<Arc<str>>),
    /// A token with one of these.
    AnyScope(Vec<Arc<str>>),
}

impl RouteSettings {
    /// A route for all that is below `prefix`; `None` when that is no prefix.
    pub(crate) fn below(prefix: &str, access: Access) -> Option<Self> {
        let pattern = PathPattern::prefix(prefix).ok()?;
        Some(Self {
            workflow_api: pattern.as_str() == WORKFLOW_API,
            pattern,
            methods: Vec::new(),
            operations: None,
            access,
            shadow: false,
            rate: None,
        })
    }

    fn read(object: &Object<'_>, shadow: bool, reading: &mut Reading) -> Option<Placed> {
        let prefix = object.text(reading, "Prefix");
        let path = object.text(reading, "Path");
        let methods = methods(object, reading);
        let access = access(object, reading);
        let operations = operations(object, reading);
        let shadow = object
            .optional_bool(reading, "Shadow")
            .map_or(shadow, |one| one.value);
        let (key, text) = match (prefix, path) {
            (Some(prefix), None) => ("Prefix", prefix),
            (None, Some(path)) => ("Path", path),
            (Some(prefix), Some(path)) => {
                reading.faults.push(
                    Fault::error(path.mark, "a route has both `Prefix` and `Path`")
                        .label("both")
                        .also(prefix.mark, "and this one"),
                );
                return None;
            }
            (None, None) => {
                if object
                    .key_mark("Prefix")
                    .or(object.key_mark("Path"))
                    .is_none()
                {
                    let fault =
                        Fault::error(object.mark(), "a route has no `Prefix` and no `Path`");
                    reading.faults.push(fault.label("in this object"));
                }
                return None;
            }
        };
        let pattern = pattern(key, &text, reading)?;
        let workflow_api = pattern.as_str() == WORKFLOW_API;
        if let (Some(mark), false) = (object.key_mark("Operations"), workflow_api) {
            reading.faults.push(
                Fault::error(mark, "`Operations` are those of the Workflow API")
                    .label("this is another route")
                    .also(text.mark, "which begins with `/workflowapi`"),
            );
        }
        Some(Placed {
            mark: text.mark,
            route: Self {
                pattern,
                methods,
                operations: operations.filter(|_| workflow_api),
                access,
                workflow_api,
                shadow,
                rate: object.optional_rate(reading, "Rate").map(|rate| rate.value),
            },
        })
    }
}

/// Every route; the default one when `Routes` is absent. `shadow` is `Policy.Shadow`.
pub(super) fn read(root: &Object<'_>, shadow: bool, reading: &mut Reading) -> Vec<RouteSettings> {
    if root.key_mark("Routes").is_none() {
        let access = Access::Scopes(vec![SCOPE.into()]);
        let route = RouteSettings::below(WORKFLOW_API, access);
        return route
            .map(|route| RouteSettings { shadow, ..route })
            .into_iter()
            .collect();
    }
    let mut routes: Vec<Placed> = Vec::new();
    for object in root.objects(reading, "Routes") {
        routes.extend(RouteSettings::read(&object, shadow, reading));
    }
    overlap::judge(&routes, reading);
    let mark = root.value_mark("Routes").unwrap_or_else(|| root.mark());
    overlap::workflow_api(&routes, mark, reading);
    routes.into_iter().map(|placed| placed.route).collect()
}

fn pattern(key: &str, text: &Text, reading: &mut Reading) -> Option<PathPattern> {
    let parsed = match key {
        "Prefix" => PathPattern::prefix(&text.value),
        _ => PathPattern::template(&text.value),
    };
    let api = WORKFLOW_API.trim_start_matches('/');
    let (what, help) = match parsed {
        Err(what) => (what, None),
        Ok(pattern) if OWN.into_iter().any(|own| pattern.begins_with(own)) => {
            ("is answered by the sidecar itself", None)
        }
        Ok(pattern)
            if pattern.begins_with(api)
                && (key != "Prefix" || pattern.as_str() != WORKFLOW_API) =>
        {
            (
                "is a part of the Workflow API, whose operations have several spellings",
                Some("write `\"Prefix\": \"/workflowapi\"`, and name operations in `Operations`"),
            )
        }
        Ok(pattern) => return Some(pattern),
    };
    let fault = Fault::error(text.mark, format!("`{key}` {what}"));
    let fault = fault.label(format!("found {}", text.shown()));
    reading.faults.push(match help {
        Some(help) => fault.help(help),
        None => fault,
    });
    None
}

fn operations(object: &Object<'_>, reading: &mut Reading) -> Option<Operations> {
    object.key_mark("Operations")?;
    let texts = object.texts(reading, "Operations")?;
    let operations = super::clients::operations(&texts, object, reading);
    if texts.is_empty() {
        let mark = object
            .value_mark("Operations")
            .unwrap_or_else(|| object.mark());
        reading.faults.push(
            Fault::error(mark, "a route without any operation lets nothing pass")
                .label("empty")
                .help("leave `Operations` out for all of them"),
        );
    }
    Some(operations)
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
    if let Some(any) = object.key_mark("AnyScope") {
        return any_scope(object, any, reading);
    }
    match object.either(reading, "Scopes") {
        Some(Either::Text(text)) if text.value.eq_ignore_ascii_case("Public") => Access::Public,
        Some(Either::Text(text)) if text.value.eq_ignore_ascii_case("Token") => {
            Access::Scopes(Vec::new())
        }
        Some(Either::Text(text)) => {
            let message = "`Scopes` must be a list, or `\"Token\"` or `\"Public\"`";
            let mut fault =
                Fault::error(text.mark, message).label(format!("found {}", text.shown()));
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
                        .label("no scope is asked for")
                        .help("write `\"Token\"` where that is meant"),
                );
            }
            Access::Scopes(super::clients::scopes(&texts, reading))
        }
        Some(Either::Object(_)) | None => Access::Scopes(vec![SCOPE.into()]),
    }
}

fn any_scope(object: &Object<'_>, mark: settings::Mark, reading: &mut Reading) -> Access {
    if let Some(all) = object.key_mark("Scopes") {
        reading.faults.push(
            Fault::error(mark, "a route has both `Scopes` and `AnyScope`")
                .label("both")
                .also(all, "and this one"),
        );
    }
    let texts = object.texts(reading, "AnyScope").unwrap_or_default();
    if texts.is_empty() {
        reading.faults.push(
            Fault::error(
                mark,
                "a route that asks for one of no scopes lets nothing pass",
            )
            .label("empty"),
        );
    }
    Access::AnyScope(super::clients::scopes(&texts, reading))
}
