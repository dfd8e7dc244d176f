//! The walk from activity to activity until the process rests.
//!
//! In: the first step. Out: the draft at rest, or the failure that stopped it.
//! Rules: Workflow API, execution rules 4 (Auto, again and again, up to a bound), 5 (entering)
//! and 8 (forks first).

use std::sync::Arc;

use super::choose::{self, Candidate};
use super::draft::Draft;
use crate::environment::Environment;
use crate::failure::{ExecutionFault, Failure, Known, Limit};
use crate::instance::Cause;
use crate::provider::{Call, Effect, Error, Kind, SetAfter};
use crate::scheme::{ActionRef, ActivityId, Classifier, Scheme, TransitionId, Trigger};

/// One activity to enter, and why.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) to: ActivityId,
    pub(super) transition: Option<TransitionId>,
    pub(super) classifier: Classifier,
    pub(super) cause: Cause,
    pub(super) allowed_to: Option<Arc<str>>,
}

impl Step {
    /// Along a transition.
    pub(super) fn along(
        scheme: &Scheme,
        id: TransitionId,
        cause: Cause,
        allowed_to: Option<Arc<str>>,
    ) -> Self {
        let transition = &scheme[id];
        Self {
            to: transition.to,
            transition: Some(id),
            classifier: transition.classifier,
            cause,
            allowed_to,
        }
    }

    /// To an activity, whatever leads there.
    pub(super) fn jump(to: ActivityId) -> Self {
        Self {
            to,
            transition: None,
            classifier: Classifier::NotSpecified,
            cause: Cause::SetState,
            allowed_to: None,
        }
    }
}

/// Executes the activity where a new process stands, then goes on from there.
pub(super) async fn start(
    draft: &mut Draft<'_>,
    environment: &Environment<'_>,
) -> Result<(), Failure> {
    match execute(draft, environment).await? {
        Some(step) => walk(draft, step, environment).await,
        None => Ok(()),
    }
}

/// Makes `first`, then every step that follows from it.
pub(super) async fn walk(
    draft: &mut Draft<'_>,
    first: Step,
    environment: &Environment<'_>,
) -> Result<(), Failure> {
    let mut next = Some(first);
    let mut hops = 0;
    while let Some(step) = next {
        let id = step.transition.filter(|id| is_fork(draft.scheme, *id));
        if let Some(id) = id {
            return Err(fork(draft, id));
        }
        if hops > environment.limits.auto_hops {
            return Err(Failure::LimitExceeded {
                limit: Limit::AutoHops {
                    activity: Arc::clone(&draft.standing().name),
                },
                max: environment.limits.auto_hops.into(),
            });
        }
        if draft.records_len() >= environment.limits.history {
            return Err(Failure::LimitExceeded {
                limit: Limit::History,
                max: environment.limits.history as u64,
            });
        }
        draft.enter(step, environment.now);
        next = execute(draft, environment).await?;
        hops += 1;
    }
    Ok(())
}

/// Executes the activity where the process stands: the step that follows, if one does.
async fn execute(
    draft: &mut Draft<'_>,
    environment: &Environment<'_>,
) -> Result<Option<Step>, Failure> {
    refuse_timers(draft)?;
    if let Some(to) = implementation(draft, environment).await? {
        return Ok(Some(Step::jump(to)));
    }
    if draft.standing().is_final {
        return Ok(None);
    }
    let automatic = |wanted: bool| {
        choose::triggered(draft.scheme, draft.activity, |trigger| {
            trigger == Trigger::Auto
        })
        .filter(|id| is_fork(draft.scheme, *id) == wanted)
        .collect::<Vec<Candidate>>()
    };
    let forks = automatic(true);
    if let Some(id) = choose::first(draft, &forks, environment).await? {
        return Err(fork(draft, id));
    }
    let candidates = automatic(false);
    let chosen = choose::first(draft, &candidates, environment).await?;
    Ok(chosen.map(|id| Step::along(draft.scheme, id, Cause::Auto, None)))
}

/// Runs the actions of the activity in order: where they ask the process to go on, if they do.
async fn implementation(
    draft: &mut Draft<'_>,
    environment: &Environment<'_>,
) -> Result<Option<ActivityId>, Failure> {
    let mut jump = None;
    for action in &draft.standing().implementation {
        draft.acted = true;
        let effects = run(draft, action, environment)
            .await
            .map_err(|fault| failed(draft, fault))?;
        for effect in effects {
            match apply(draft, action, effect).map_err(|fault| failed(draft, fault))? {
                Some((to, SetAfter::AfterAction)) => return Ok(Some(to)),
                Some((to, SetAfter::AfterActivity)) => jump = Some(to),
                None => {}
            }
        }
    }
    Ok(jump)
}

async fn run(
    draft: &Draft<'_>,
    action: &ActionRef,
    environment: &Environment<'_>,
) -> Result<Vec<Effect>, ExecutionFault> {
    let provider = environment.providers.find_action(&action.name)?;
    let view = draft.view(environment);
    let call = Call {
        name: &action.name,
        parameter: action.parameter.as_deref(),
        process: &view,
    };
    let answer = provider.execute(call).get().await;
    answer.map_err(|source| ExecutionFault::Provider {
        kind: Kind::Action,
        name: Arc::clone(&action.name),
        source,
    })
}

fn apply(
    draft: &mut Draft<'_>,
    action: &ActionRef,
    effect: Effect,
) -> Result<Option<(ActivityId, SetAfter)>, ExecutionFault> {
    let scheme = draft.scheme;
    let target = |found: Option<ActivityId>, target: &str, names: Vec<&str>| {
        found.ok_or_else(|| ExecutionFault::NoSuchTarget {
            kind: Kind::Action,
            name: Arc::clone(&action.name),
            known: Known::of(names, target),
            target: target.into(),
        })
    };
    let refused = |name: Arc<str>, fault| ExecutionFault::Provider {
        kind: Kind::Action,
        name: Arc::clone(&action.name),
        source: Error::Parameter { name, fault },
    };
    match effect {
        Effect::SetParameter { name, value } => draft
            .set_by_action(&name, &value)
            .map_err(|fault| refused(name, fault))
            .map(|()| None),
        Effect::RemoveParameter { name } => draft
            .remove_by_action(&name)
            .map_err(|fault| refused(name, fault))
            .map(|()| None),
        Effect::SetState { name, after } => {
            let states = scheme.settable_states().map(|state| &**state);
            let to = target(scheme.settable(&name), &name, states.collect())?;
            Ok(Some((to, after)))
        }
        Effect::SetActivity { name, after } => {
            let names = scheme.activities.iter().map(|one| &*one.name);
            let to = target(scheme.activity(&name), &name, names.collect())?;
            Ok(Some((to, after)))
        }
    }
}

/// An activity that a timer would leave cannot be entered while nothing fires timers: the
/// process would wait there for good.
fn refuse_timers(draft: &Draft<'_>) -> Result<(), Failure> {
    let scheme = draft.scheme;
    for id in &draft.standing().outgoing {
        let transition = &scheme[*id];
        for trigger in &transition.triggers {
            match trigger {
                Trigger::Timer(timer) => {
                    let fault = ExecutionFault::TimersNotRun {
                        timer: Arc::clone(&scheme[*timer].name),
                        transition: Arc::clone(&transition.name),
                    };
                    return Err(failed(draft, fault));
                }
                Trigger::Command(_) | Trigger::Auto => {}
            }
        }
    }
    Ok(())
}

fn is_fork(scheme: &Scheme, id: TransitionId) -> bool {
    scheme[id].fork.is_some()
}

fn fork(draft: &Draft<'_>, id: TransitionId) -> Failure {
    let transition = Arc::clone(&draft.scheme[id].name);
    failed(draft, ExecutionFault::ForksNotRun { transition })
}

fn failed(draft: &Draft<'_>, fault: ExecutionFault) -> Failure {
    Failure::ActionFailed {
        activity: Arc::clone(&draft.standing().name),
        fault: Box::new(fault),
    }
}
