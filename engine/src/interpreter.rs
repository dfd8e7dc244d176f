//! Walks a scheme: from a snapshot and an input to everything that changes.
//!
//! In: an instance, an [`Input`], the [`Environment`]. Out: an [`Outcome`], or the [`Failure`]
//! that refused the input before anything happened.
//! Rules: Workflow API, execution rules 1 to 7 and 11 to 13, parameters of scheme XML. Timers,
//! forks and subprocesses load but are not run yet: meeting one is `ActionFailed` and names it.
//! No clock, randomness or I/O of its own; it waits only where a provider does.
//! Elsewhere: whose turn it is, tenants, durability (`processes`).

mod choose;
mod draft;
mod input;
mod offers;
mod parameters;
mod restrict;
#[cfg(test)]
pub(crate) mod tests;
mod walk;

pub use draft::View;
pub use input::{Caller, Given, Input, Seed};
pub use offers::{AvailableCommand, AvailableState, CommandParameter};
pub(crate) use offers::{available_commands, available_states};

use std::sync::Arc;

use crate::changes::{Change, Changes};
use crate::environment::Environment;
use crate::failure::{Failure, Known, Limit, NotAllowed, Shown};
use crate::instance::{Cause, Instance, Status, Versions};
use crate::scheme::{ActivityId, Scheme, Trigger};

use choose::Candidate;
use draft::Draft;
use walk::Step;

/// What came of an input that was not refused.
#[derive(Debug)]
pub enum Outcome {
    /// The conditions of every transition said no; nothing changes.
    NotExecuted,
    /// It was executed.
    Done(Changes),
    /// It failed while executing. Its field changes are discarded; what remains to be committed
    /// is the status Error with the reason. A process that was just being made leaves nothing.
    Failed {
        /// What to answer.
        failure: Failure,
        /// What to commit.
        changes: Option<Changes>,
    },
}

/// Makes a process: enters the initial activity and goes on from there.
///
/// A failure while executing is an outcome without changes: the process is not there, its id is
/// free, and the caller may simply try again.
pub async fn create(
    seed: Seed<'_>,
    caller: &Caller,
    given: &Given,
    environment: &Environment<'_>,
) -> Result<Outcome, Failure> {
    check_given(given, environment)?;
    let born = seed.instance(caller, environment.now);
    let mut draft = Draft::new(&born, &born.versions, born.activity, caller);
    draft.initialize();
    draft.take(given, None)?;
    if let Err(failure) = walk::start(&mut draft, environment).await {
        return Ok(Outcome::Failed {
            failure,
            changes: None,
        });
    }
    let after = draft.finish(environment)?;
    Ok(Outcome::Done(Changes::of(Change::Created(Arc::new(after)))))
}

/// Applies an input to an instance.
pub async fn step(
    before: &Arc<Instance>,
    input: Input<'_>,
    environment: &Environment<'_>,
) -> Result<Outcome, Failure> {
    if before.log.len() >= environment.limits.history {
        return Err(Failure::LimitExceeded {
            limit: Limit::History,
            max: environment.limits.history as u64,
        });
    }
    check_given(input.given(), environment)?;
    let (versions, activity) = effective(before, environment);
    let mut draft = Draft::new(before, &versions, activity, input.caller());
    let first = match input {
        Input::Command { name, given, .. } => {
            let Some(first) = command(&mut draft, name, given, environment).await? else {
                return Ok(Outcome::NotExecuted);
            };
            first
        }
        Input::SetState { state, given, .. } => {
            let to = settable(draft.scheme, state)?;
            draft.take(given, None)?;
            Step::jump(to)
        }
    };
    if let Err(failure) = walk::walk(&mut draft, first, environment).await {
        return Ok(failed(before, failure, environment));
    }
    let acted = draft.acted;
    match draft.finish(environment) {
        Ok(after) => Ok(Outcome::Done(Changes::of(Change::Updated {
            before: Arc::clone(before),
            after: Arc::new(after),
        }))),
        Err(failure) if acted => Ok(failed(before, failure, environment)),
        Err(failure) => Err(failure),
    }
}

fn check_given(given: &Given, environment: &Environment<'_>) -> Result<(), Failure> {
    let max = environment.limits.given;
    if given.values.len() > max || given.persist.len() > max {
        return Err(Failure::LimitExceeded {
            limit: Limit::Given,
            max: max as u64,
        });
    }
    Ok(())
}

/// Execution rule 13: the fields stay as they were, the status and the reason are the change.
fn failed(before: &Arc<Instance>, failure: Failure, environment: &Environment<'_>) -> Outcome {
    let after = Instance {
        status: Status::Error,
        fault: Some(failure.to_string().into()),
        version: before.version + 1,
        changed: environment.now,
        ..(**before).clone()
    };
    Outcome::Failed {
        failure,
        changes: Some(Changes::of(Change::Updated {
            before: Arc::clone(before),
            after: Arc::new(after),
        })),
    }
}

/// The scheme version and activity that the next operation starts from (execution rule 11).
pub(crate) fn effective(
    before: &Instance,
    environment: &Environment<'_>,
) -> (Versions, ActivityId) {
    let unmoved = || (before.versions.clone(), before.activity);
    let Some(newest) = environment.newest else {
        return unmoved();
    };
    let activity = before.activity();
    if !activity.is_auto_scheme_update || newest.id == before.scheme().id {
        return unmoved();
    }
    let Some(moved) = newest.activity(&activity.name) else {
        return unmoved();
    };
    (before.versions.moved_to(Arc::clone(newest)), moved)
}

/// The transition that a command fires, its parameters taken; `None` when no condition holds.
async fn command(
    draft: &mut Draft<'_>,
    name: &str,
    given: &Given,
    environment: &Environment<'_>,
) -> Result<Option<Step>, Failure> {
    let scheme = draft.scheme;
    let Some(id) = scheme.command(name) else {
        let names = scheme.commands.iter().map(|command| &*command.name);
        return Err(Failure::CommandNotFound {
            command: name.into(),
            scheme: Arc::clone(&scheme.code),
            known: Known::of(names, name),
        });
    };
    let refused = |reason| Failure::CommandNotAllowed {
        command: Arc::clone(&scheme[id].name),
        activity: Arc::clone(&draft.standing().name),
        reason,
    };
    match draft.before.status {
        Status::Initialized | Status::Running | Status::Idled => {}
        status @ (Status::Finalized | Status::Terminated | Status::Error) => {
            return Err(refused(NotAllowed::Status(status)));
        }
    }
    let candidates = choose::triggered(scheme, draft.activity, |trigger| {
        trigger == Trigger::Command(id)
    });
    let mut allowed: Vec<Candidate> = Vec::new();
    let mut here = false;
    for candidate in candidates {
        here = true;
        if restrict::allows(draft, candidate, environment).await? {
            allowed.push(candidate);
        }
    }
    if allowed.is_empty() {
        let available = offers::names_available(draft, environment).await?;
        let available = Known::of(available.iter().map(|one| &**one), name);
        return Err(refused(if here {
            NotAllowed::Identity {
                identity: draft.actor.as_deref().map(Shown::new),
                available,
            }
        } else {
            NotAllowed::NotHere { available }
        }));
    }
    draft.command = Some(id);
    draft.take(given, Some(id))?;
    let Some(transition) = choose::first(draft, &allowed, environment).await? else {
        return Ok(None);
    };
    let allowed_to = restrict::names_allowed(draft, transition, environment).await?;
    Ok(Some(Step::along(
        scheme,
        transition,
        Cause::Command(id),
        allowed_to,
    )))
}

/// Execution rule 7: the first activity of the state that may be set.
fn settable(scheme: &Scheme, state: &str) -> Result<ActivityId, Failure> {
    scheme
        .settable(state)
        .ok_or_else(|| Failure::StateNotFound {
            state: state.into(),
            scheme: Arc::clone(&scheme.code),
            known: Known::of(scheme.settable_states().map(|one| &**one), state),
        })
}
