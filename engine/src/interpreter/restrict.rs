//! Who may fire a transition with a command.
//!
//! In: a transition's restrictions and an identity. Out: yes or no, and the identities for whom
//! it would be yes.
//! Rules: Workflow API, execution rule 3.

use std::sync::Arc;

use super::choose::Candidate;
use super::draft::Draft;
use crate::environment::Environment;
use crate::failure::{ExecutionFault, Failure};
use crate::provider::{Call, Kind};
use crate::scheme::{ActorId, Concatenation, RestrictionKind, Transition};

/// Identities asked of one rule before they are checked against the others.
const CANDIDATES_MAX: usize = 1_000;

/// Names in one history item; each is stored with it.
const NAMES_MAX: usize = 20;

/// Whether the restrictions let the acting identity through. Nobody passes only where there are
/// none.
pub(super) async fn allows(
    draft: &Draft<'_>,
    candidate: Candidate,
    environment: &Environment<'_>,
) -> Result<bool, Failure> {
    let transition = &draft.scheme[candidate];
    if transition.restrictions.is_empty() {
        return Ok(true);
    }
    match &draft.actor {
        None => Ok(false),
        Some(identity) => passes(draft, transition, identity, environment)
            .await
            .map_err(|fault| failed(draft, fault)),
    }
}

/// At most `max` identities that the transition's Allow restrictions name and that its
/// restrictions let through; none where everyone is, or where no rule can list.
pub(super) async fn identities(
    draft: &Draft<'_>,
    candidate: Candidate,
    max: usize,
    environment: &Environment<'_>,
) -> Result<Vec<Arc<str>>, Failure> {
    let transition = &draft.scheme[candidate];
    listed(draft, transition, max, environment)
        .await
        .map_err(|fault| failed(draft, fault))
}

/// The names of those who may fire the transition, for its history item.
pub(super) async fn names_allowed(
    draft: &Draft<'_>,
    candidate: Candidate,
    environment: &Environment<'_>,
) -> Result<Option<Arc<str>>, Failure> {
    let identities = identities(draft, candidate, NAMES_MAX, environment).await?;
    if identities.is_empty() {
        return Ok(None);
    }
    let names: Vec<Box<str>> = identities
        .iter()
        .map(|id| environment.users.name(id).unwrap_or_else(|| (&**id).into()))
        .collect();
    Ok(Some(names.join(", ").into()))
}

fn failed(draft: &Draft<'_>, fault: ExecutionFault) -> Failure {
    Failure::ActionFailed {
        activity: Arc::clone(&draft.standing().name),
        fault: Box::new(fault),
    }
}

async fn passes(
    draft: &Draft<'_>,
    transition: &Transition,
    identity: &str,
    environment: &Environment<'_>,
) -> Result<bool, ExecutionFault> {
    let allow = RestrictionKind::Allow;
    let joined = transition.allow_concatenation;
    if named(draft, transition, (allow, joined), identity, environment).await? == Some(false) {
        return Ok(false);
    }
    let restrict = RestrictionKind::Restrict;
    let joined = transition.restrict_concatenation;
    let kept_out = named(draft, transition, (restrict, joined), identity, environment).await?;
    Ok(kept_out != Some(true))
}

/// Whether the rules of one kind, joined, name the identity; `None` without such rules.
async fn named(
    draft: &Draft<'_>,
    transition: &Transition,
    (kind, joined): (RestrictionKind, Concatenation),
    identity: &str,
    environment: &Environment<'_>,
) -> Result<Option<bool>, ExecutionFault> {
    let mut verdict = None;
    for actor in actors(transition, kind) {
        let names = rule_names(draft, actor, identity, environment).await?;
        match (joined, names) {
            (Concatenation::And, false) => return Ok(Some(false)),
            (Concatenation::Or, true) => return Ok(Some(true)),
            (Concatenation::And, true) | (Concatenation::Or, false) => verdict = Some(names),
        }
    }
    Ok(verdict)
}

fn actors(transition: &Transition, kind: RestrictionKind) -> impl Iterator<Item = ActorId> {
    let of_kind = transition
        .restrictions
        .iter()
        .filter(move |restriction| restriction.kind == kind);
    of_kind.map(|restriction| restriction.actor)
}

async fn rule_names(
    draft: &Draft<'_>,
    actor: ActorId,
    identity: &str,
    environment: &Environment<'_>,
) -> Result<bool, ExecutionFault> {
    let actor = &draft.scheme[actor];
    let rule = environment.providers.find_rule(&actor.rule)?;
    let view = draft.view(environment);
    let call = Call {
        name: &actor.rule,
        parameter: Some(&actor.value),
        process: &view,
    };
    let answer = rule.allows(call, identity).get().await;
    answer.map_err(|source| rule_failed(&actor.rule, source))
}

async fn listed(
    draft: &Draft<'_>,
    transition: &Transition,
    max: usize,
    environment: &Environment<'_>,
) -> Result<Vec<Arc<str>>, ExecutionFault> {
    let mut found: Vec<Arc<str>> = Vec::new();
    for actor in actors(transition, RestrictionKind::Allow) {
        let actor = &draft.scheme[actor];
        let rule = environment.providers.find_rule(&actor.rule)?;
        let view = draft.view(environment);
        let call = Call {
            name: &actor.rule,
            parameter: Some(&actor.value),
            process: &view,
        };
        let answer = rule.identities(call, CANDIDATES_MAX).get().await;
        let Some(identities) = answer.map_err(|source| rule_failed(&actor.rule, source))? else {
            continue;
        };
        for identity in identities {
            if found.len() >= max {
                return Ok(found);
            }
            if !found.contains(&identity)
                && passes(draft, transition, &identity, environment).await?
            {
                found.push(identity);
            }
        }
        // Joined by And, whoever passes is named by each rule, so one list is enough.
        if transition.allow_concatenation == Concatenation::And {
            break;
        }
    }
    Ok(found)
}

fn rule_failed(rule: &Arc<str>, source: crate::provider::Error) -> ExecutionFault {
    ExecutionFault::Provider {
        kind: Kind::Rule,
        name: Arc::clone(rule),
        source,
    }
}
