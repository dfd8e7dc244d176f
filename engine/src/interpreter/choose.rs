//! Which transition fires.
//!
//! In: candidates in document order. Out: the first whose conditions hold, `Otherwise` last.
//! Rules: Workflow API, execution rule 4.

use std::sync::Arc;

use super::draft::Draft;
use crate::environment::Environment;
use crate::failure::{ExecutionFault, Failure};
use crate::provider::{Call, Kind};
use crate::scheme::{
    ActivityId, Concatenation, Condition, ConditionKind, Scheme, Transition, TransitionId, Trigger,
};

/// A transition that might fire.
pub(super) type Candidate = TransitionId;

/// The transitions that leave `activity` with a trigger that `wanted` accepts.
pub(super) fn triggered(
    scheme: &Scheme,
    activity: ActivityId,
    wanted: impl Fn(Trigger) -> bool,
) -> impl Iterator<Item = Candidate> {
    let outgoing = scheme[activity].outgoing.iter().copied();
    outgoing.filter(move |id| {
        let triggers = &scheme[*id].triggers;
        triggers.iter().any(|trigger| wanted(*trigger))
    })
}

/// The first candidate whose conditions hold; those with `Otherwise` are asked last.
pub(super) async fn first(
    draft: &Draft<'_>,
    candidates: &[Candidate],
    environment: &Environment<'_>,
) -> Result<Option<Candidate>, Failure> {
    for last in [false, true] {
        for candidate in candidates {
            let transition = &draft.scheme[*candidate];
            if is_otherwise(transition) == last && holds(draft, transition, environment).await? {
                return Ok(Some(*candidate));
            }
        }
    }
    Ok(None)
}

fn is_otherwise(transition: &Transition) -> bool {
    let mut conditions = transition.conditions.iter();
    conditions.any(|condition| matches!(condition.kind, ConditionKind::Otherwise))
}

/// Whether the conditions of a transition, joined, hold. None at all hold always.
pub(super) async fn holds(
    draft: &Draft<'_>,
    transition: &Transition,
    environment: &Environment<'_>,
) -> Result<bool, Failure> {
    let joined = transition.conditions_concatenation;
    for condition in &transition.conditions {
        let holds = one_holds(draft, transition, condition, environment)
            .await
            .map_err(|fault| Failure::ActionFailed {
                activity: Arc::clone(&draft.standing().name),
                fault: Box::new(fault),
            })?;
        match (joined, holds) {
            (Concatenation::And, false) => return Ok(false),
            (Concatenation::Or, true) => return Ok(true),
            (Concatenation::And, true) | (Concatenation::Or, false) => {}
        }
    }
    Ok(transition.conditions.is_empty() || joined == Concatenation::And)
}

async fn one_holds(
    draft: &Draft<'_>,
    transition: &Transition,
    condition: &Condition,
    environment: &Environment<'_>,
) -> Result<bool, ExecutionFault> {
    let holds = match &condition.kind {
        ConditionKind::Always | ConditionKind::Otherwise => return Ok(true),
        ConditionKind::Expression(program) => program
            .evaluate(|name| draft.parameter(name))
            .map_err(|source| ExecutionFault::Expression {
                transition: Arc::clone(&transition.name),
                source,
            })?,
        ConditionKind::Action(action) => {
            let provider = environment.providers.find_condition(&action.name)?;
            let view = draft.view(environment);
            let call = Call {
                name: &action.name,
                parameter: action.parameter.as_deref(),
                process: &view,
            };
            let answer = provider.holds(call).get().await;
            answer.map_err(|source| ExecutionFault::Provider {
                kind: Kind::Condition,
                name: Arc::clone(&action.name),
                source,
            })?
        }
    };
    Ok(holds != condition.inverted)
}
