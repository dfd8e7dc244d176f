//! Routes that stand in each other's way.
//!
//! In: every route with its place. Out: faults and warnings with both places. Which route wins
//! where several fit: docs/policy.md.

use std::collections::HashMap;

use settings::{Fault, Mark, Reading};

use super::pattern::{PathPattern, Segment};
use super::{RouteSettings, WORKFLOW_API};
use crate::gate::METHODS;

/// A route and where its pattern stands.
pub(super) struct Placed {
    pub(super) route: RouteSettings,
    pub(super) mark: Mark,
}

/// Pairs that are looked at for paths of both; a table of more routes than this has a program
/// behind it, and a reload has to stay quick.
const PAIRS_MAX: usize = 250_000;

/// Judges all of them.
pub(super) fn judge(routes: &[Placed], reading: &mut Reading) {
    same_paths(routes, reading);
    let mut pairs = routes
        .iter()
        .enumerate()
        .flat_map(|(place, one)| routes[place + 1..].iter().map(move |other| (one, other)))
        .take(PAIRS_MAX);
    // One is enough to think the table over.
    let either = pairs.find(|(one, other)| is_ambiguous(&one.route, &other.route));
    if let Some((one, other)) = either {
        let (wins, loses) = winner(one, other);
        let message = format!(
            "a path can be of `{}` and of `{}`, which ask for different things",
            wins.route.pattern.as_str(),
            loses.route.pattern.as_str()
        );
        reading.faults.push(
            Fault::warning(wins.mark, message)
                .label("this one wins: it has a literal where the other has a name")
                .also(loses.mark, "the other one"),
        );
    }
}

/// Routes of the same paths are told apart by method and operation.
fn same_paths(routes: &[Placed], reading: &mut Reading) {
    let mut groups: HashMap<(&[Segment], super::pattern::End), Vec<&Placed>> = HashMap::new();
    for placed in routes {
        let pattern = &placed.route.pattern;
        let group = groups.entry((&pattern.segments, pattern.end)).or_default();
        for first in group.iter() {
            if same_requests(&first.route, &placed.route) {
                let message = format!(
                    "two routes are for the same requests to `{}`",
                    placed.route.pattern.as_str()
                );
                reading.faults.push(
                    Fault::error(placed.mark, message)
                        .label("the second one")
                        .also(first.mark, "the first one")
                        .help("tell them apart by `Methods`, or make them one"),
                );
                break;
            }
        }
        group.push(placed);
    }
    for group in groups.values() {
        unreachable(group, reading);
    }
}

/// Neither is the more special one.
fn same_requests(one: &RouteSettings, other: &RouteSettings) -> bool {
    let operations = match (one.operations, other.operations) {
        (None, None) => true,
        (Some(one), Some(other)) => one.meets(other),
        (None, Some(_)) | (Some(_), None) => false,
    };
    let methods = match (&*one.methods, &*other.methods) {
        ([], []) => true,
        ([], _) | (_, []) => false,
        (one, other) => one.iter().any(|method| other.contains(method)),
    };
    operations && methods
}

/// A route for every method beside routes that name all of them.
fn unreachable(group: &[&Placed], reading: &mut Reading) {
    for placed in group
        .iter()
        .filter(|placed| placed.route.methods.is_empty())
    {
        let mut others = group
            .iter()
            .filter(|other| other.route.operations == placed.route.operations);
        let named = |method| {
            others
                .clone()
                .any(|other| other.route.methods.contains(method))
        };
        if METHODS.iter().all(named)
            && let Some(other) = others.find(|other| !other.route.methods.is_empty())
        {
            reading.faults.push(
                Fault::warning(placed.mark, "no request ever reaches this route")
                    .label("every method is named by another route of this path")
                    .also(other.mark, "such as this one"),
            );
        }
    }
}

/// Some path is of both, and neither is a part of the other.
fn is_ambiguous(one: &RouteSettings, other: &RouteSettings) -> bool {
    let differ = one.access != other.access || one.methods != other.methods;
    let (one, other) = (&one.pattern, &other.pattern);
    differ && one.meets(other) && !one.covers(other) && !other.covers(one)
}

/// The first segment in which they differ decides.
fn winner<'p>(one: &'p Placed, other: &'p Placed) -> (&'p Placed, &'p Placed) {
    let segments = |placed: &'p Placed| placed.route.pattern.segments.iter();
    let differ = segments(one)
        .zip(segments(other))
        .find(|(one, other)| one != other);
    match differ {
        Some((Segment::Any, _)) => (other, one),
        Some(_) | None => (one, other),
    }
}

/// Whatever may be a path of the Workflow API has to be judged by operation.
pub(super) fn workflow_api(routes: &[Placed], mark: Mark, reading: &mut Reading) {
    let Ok(api) = PathPattern::prefix(WORKFLOW_API) else {
        return;
    };
    let general = |placed: &&Placed| placed.route.workflow_api && placed.route.operations.is_none();
    let special = |placed: &&Placed| placed.route.workflow_api;
    if routes.iter().any(|placed| general(&placed)) {
        return;
    }
    if let Some(placed) = routes.iter().find(special) {
        reading.faults.push(
            Fault::error(
                placed.mark,
                "no route is for the other operations of the Workflow API",
            )
            .label("this one is for some")
            .help("add a route with the prefix `/workflowapi` and without `Operations`"),
        );
        return;
    }
    if let Some(covers) = routes
        .iter()
        .find(|placed| placed.route.pattern.meets(&api))
    {
        let message = format!(
            "the route `{}` covers the Workflow API, whose operations would not be judged",
            covers.route.pattern.as_str()
        );
        reading.faults.push(
            Fault::error(mark, message)
                .label("no route for the Workflow API")
                .also(covers.mark, "this one covers it")
                .help("add a route with the prefix `/workflowapi`"),
        );
    }
}
