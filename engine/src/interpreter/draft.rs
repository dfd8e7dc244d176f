//! An instance in the middle of an operation.
//!
//! In: the snapshot before, and each step of the walk. Out: what providers may see of it
//! ([`View`]), and the next snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::input::Caller;
use super::walk::Step;
use crate::environment::Environment;
use crate::failure::{Failure, Limit};
use crate::instance::{Instance, Place, Previous, Record, Status, Versions};
use crate::parameter::Value;
use crate::scheme::{
    Activity, ActivityId, Classifier, CommandId, ParameterDefinition, Scheme, TransitionId,
};
use crate::users::Users;

/// The working state of one operation.
pub(super) struct Draft<'a> {
    pub(super) before: &'a Instance,
    pub(super) versions: &'a Versions,
    pub(super) scheme: &'a Scheme,
    pub(super) activity: ActivityId,
    shown: Place,
    previous: Previous,
    pub(super) executor: Option<Arc<str>>,
    pub(super) impersonated: Option<Arc<str>>,
    pub(super) actor: Option<Arc<str>>,
    pub(super) command: Option<CommandId>,
    pub(super) transition: Option<TransitionId>,
    /// Values for this operation only.
    pub(super) temporary: BTreeMap<Arc<str>, Value>,
    /// What becomes of stored values; `None` removes.
    pub(super) edits: BTreeMap<Arc<str>, Option<Value>>,
    records: Vec<Record>,
    /// Whether an action has run: from then on a failure is one of execution.
    pub(super) acted: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        before: &'a Instance,
        versions: &'a Versions,
        activity: ActivityId,
        caller: &Caller,
    ) -> Self {
        let place = Place {
            version: versions.number(),
            activity,
        };
        Self {
            before,
            versions,
            scheme: &versions.current,
            activity,
            shown: if before.shown == before.place() {
                place
            } else {
                before.shown
            },
            previous: before.previous,
            executor: caller.identity.clone(),
            impersonated: caller.impersonated.clone(),
            actor: caller.actor().cloned(),
            command: None,
            transition: None,
            temporary: BTreeMap::new(),
            edits: BTreeMap::new(),
            records: Vec::new(),
            acted: false,
        }
    }

    /// The activity where the process stands now.
    pub(super) fn standing(&self) -> &'a Activity {
        &self.scheme[self.activity]
    }

    pub(super) fn view<'v>(&'v self, environment: &'v Environment<'v>) -> View<'v> {
        View {
            draft: self,
            environment,
        }
    }

    /// Execution rule 5: the fields, and the record of the step.
    pub(super) fn enter(&mut self, step: Step, now: OffsetDateTime) {
        let from = self.place();
        self.activity = step.to;
        self.transition = step.transition;
        let to = self.place();
        let activity = self.standing();
        if activity.persist_transition_history {
            self.records.push(Record {
                from,
                to,
                cause: step.cause,
                classifier: step.classifier,
                is_final: activity.is_final,
                time: now,
                executor: self.executor.clone(),
                actor: self.actor.clone(),
                allowed_to: step.allowed_to,
            });
        }
        if activity.persist_state {
            let left = Some(self.shown);
            self.shown = to;
            self.previous.any = left;
            match step.classifier {
                Classifier::NotSpecified => {}
                Classifier::Direct => self.previous.direct = left,
                Classifier::Reverse => self.previous.reverse = left,
            }
        }
    }

    pub(super) fn records_len(&self) -> usize {
        self.before.log.len() + self.records.len()
    }

    /// The next snapshot.
    pub(super) fn finish(self, environment: &Environment<'_>) -> Result<Instance, Failure> {
        let is_final = self.standing().is_final;
        let parameters = self.before.parameters.with(self.edits);
        let max = environment.limits.parameter_bytes;
        // What was stored under an earlier, wider limit may stay and shrink.
        if parameters.bytes() > max && parameters.bytes() > self.before.parameters.bytes() {
            return Err(Failure::LimitExceeded {
                limit: Limit::ParameterBytes,
                max: max as u64,
            });
        }
        let before = self.before;
        Ok(Instance {
            id: before.id,
            root: before.root,
            parent: before.parent,
            version: before.version + 1,
            versions: self.versions.clone(),
            status: if is_final {
                Status::Finalized
            } else {
                Status::Idled
            },
            activity: self.activity,
            shown: self.shown,
            previous: self.previous,
            fault: None,
            tenant: before.tenant.clone(),
            creator: before.creator.clone(),
            created: before.created,
            changed: environment.now,
            parameters,
            log: before.log.with(self.records),
        })
    }

    pub(super) fn definition(&self, name: &str) -> Option<&'a ParameterDefinition> {
        self.scheme.parameter(name).map(|id| &self.scheme[id])
    }

    fn place(&self) -> Place {
        Place {
            version: self.versions.number(),
            activity: self.activity,
        }
    }

    /// A System parameter's value; `None` for names that are none.
    fn system(&self, name: &str) -> Option<Value> {
        let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::String(text.into()));
        let shared =
            |text: Option<&Arc<str>>| text.map_or(Value::Null, |text| Value::String(text.clone()));
        let name_of =
            |place: Option<Place>| shared(place.map(|place| &self.versions.activity(place).name));
        let state_of = |place: Option<Place>| {
            shared(place.and_then(|place| self.versions.activity(place).state.as_ref()))
        };
        let command = self.command.map(|command| &self.scheme[command].name);
        let transition = self
            .transition
            .map(|transition| &self.scheme[transition].name);
        Some(match name {
            "ProcessId" => Value::Guid(self.before.id),
            "RootProcessId" => Value::Guid(self.before.root),
            "ParentProcessId" => self.before.parent.map_or(Value::Null, Value::Guid),
            "SchemeCode" => shared(Some(&self.scheme.code)),
            "SchemeId" => Value::Guid(self.scheme.id),
            "TenantId" => text(self.before.tenant()),
            "IdentityId" => shared(self.executor.as_ref()),
            "ImpersonatedIdentityId" => shared(self.impersonated.as_ref()),
            "CurrentActivity" | "ExecutedActivity" => shared(Some(&self.standing().name)),
            "CurrentState" => state_of(Some(self.shown)),
            "ExecutedActivityState" => shared(self.standing().state.as_ref()),
            "CurrentCommand" | "ExecutedCommand" => shared(command),
            "ExecutedTransition" => shared(transition),
            "PreviousActivity" => name_of(self.previous.any),
            "PreviousActivityForDirect" => name_of(self.previous.direct),
            "PreviousActivityForReverse" => name_of(self.previous.reverse),
            "PreviousState" => state_of(self.previous.any),
            "PreviousStateForDirect" => state_of(self.previous.direct),
            "PreviousStateForReverse" => state_of(self.previous.reverse),
            "IsPreExecution" => Value::Boolean(false),
            _ if crate::parameter::system_type(name).is_some() => Value::Null,
            _ => return None,
        })
    }

    /// A parameter's value as the process sees it now; `None` where there is none.
    pub(super) fn parameter(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.system(name) {
            return Some(value);
        }
        if let Some(value) = self.temporary.get(name) {
            return Some(value.clone());
        }
        let stored = match self.edits.get(name) {
            Some(edit) => return edit.clone(),
            None => self.before.parameters.get(name),
        };
        stored
            .or_else(|| self.definition(name)?.initial.as_ref())
            .cloned()
    }
}

/// The process in the middle of an operation, for providers.
#[derive(Clone, Copy)]
pub struct View<'a> {
    draft: &'a Draft<'a>,
    environment: &'a Environment<'a>,
}

impl<'a> View<'a> {
    /// The instance as it was before the operation.
    pub fn instance(&self) -> &'a Instance {
        self.draft.before
    }

    /// The scheme version that the operation walks.
    pub fn scheme(&self) -> &'a Scheme {
        self.draft.scheme
    }

    /// The activity where the process stands now.
    pub fn activity(&self) -> &'a Activity {
        self.draft.standing()
    }

    /// Who sent the operation.
    pub fn executor(&self) -> Option<&'a str> {
        self.draft.executor.as_deref()
    }

    /// For whom; the executor without impersonation.
    pub fn actor(&self) -> Option<&'a str> {
        self.draft.actor.as_deref()
    }

    /// The command being executed.
    pub fn command(&self) -> Option<&'a str> {
        let command = self.draft.command?;
        Some(&self.draft.scheme[command].name)
    }

    /// A parameter's value now, System parameters included; `None` where there is none.
    pub fn parameter(&self, name: &str) -> Option<Value> {
        self.draft.parameter(name)
    }

    /// The users of the engine.
    pub fn users(&self) -> &'a Users {
        self.environment.users
    }

    /// The time of the operation, UTC.
    pub fn now(&self) -> OffsetDateTime {
        self.environment.now
    }

    /// The newest committed snapshot of another process.
    pub fn other(&self, id: Uuid) -> Option<Arc<Instance>> {
        self.environment.instances.find(id)
    }
}
