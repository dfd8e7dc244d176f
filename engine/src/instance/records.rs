//! What an instance remembers of its steps, and how the API shows it.
//!
//! In: one compact [`Record`] for each entered activity. Out: the API's `Transition` and
//! `HistoryItem`, as borrowed views.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Instance, Place};
use crate::scheme::{Classifier, CommandId, TimerId};

/// Why an activity was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Command(CommandId),
    Auto,
    /// No version arms timers yet; the record has its place for them.
    #[allow(dead_code, reason = "made once timers run")]
    Timer(TimerId),
    SetState,
}

/// One step of an instance.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) cause: Cause,
    pub(crate) classifier: Classifier,
    pub(crate) is_final: bool,
    pub(crate) time: OffsetDateTime,
    /// Who did it, and for whom (the same without impersonation).
    pub(crate) executor: Option<Arc<str>>,
    pub(crate) actor: Option<Arc<str>>,
    /// Names of those who might have done it.
    pub(crate) allowed_to: Option<Arc<str>>,
}

/// A step that an instance has made: the API's `Transition`.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    instance: &'a Instance,
    record: &'a Record,
}

impl<'a> Transition<'a> {
    pub(super) fn new(instance: &'a Instance, record: &'a Record) -> Self {
        Self { instance, record }
    }

    /// `ProcessId`.
    pub fn process_id(&self) -> Uuid {
        self.instance.id
    }

    /// `ExecutorIdentityId`: who did it.
    pub fn executor_identity_id(&self) -> Option<&'a str> {
        self.record.executor.as_deref()
    }

    /// `ActorIdentityId`: for whom, the executor without impersonation.
    pub fn actor_identity_id(&self) -> Option<&'a str> {
        self.record.actor.as_deref()
    }

    /// `FromActivityName`.
    pub fn from_activity_name(&self) -> &'a str {
        &self.instance.versions.activity(self.record.from).name
    }

    /// `FromStateName`.
    pub fn from_state_name(&self) -> Option<&'a str> {
        self.instance.state_of(Some(self.record.from))
    }

    /// `ToActivityName`.
    pub fn to_activity_name(&self) -> &'a str {
        &self.instance.versions.activity(self.record.to).name
    }

    /// `ToStateName`.
    pub fn to_state_name(&self) -> Option<&'a str> {
        self.instance.state_of(Some(self.record.to))
    }

    /// `IsFinalised`: the step ended the process.
    pub fn is_finalised(&self) -> bool {
        self.record.is_final
    }

    /// `TransitionClassifier`.
    pub fn classifier(&self) -> Classifier {
        self.record.classifier
    }

    /// `TransitionTime`, UTC.
    pub fn time(&self) -> OffsetDateTime {
        self.record.time
    }

    /// `TriggerName`: the command or timer, `Auto`, or `SetState`.
    pub fn trigger_name(&self) -> &'a str {
        trigger_name(self.instance, self.record)
    }
}

/// A step as the API's `HistoryItem`.
#[derive(Clone, Copy, Debug)]
pub struct HistoryItem<'a> {
    transition: Transition<'a>,
    order: u64,
}

impl<'a> HistoryItem<'a> {
    pub(super) fn new(instance: &'a Instance, order: u64, record: &'a Record) -> Self {
        Self {
            transition: Transition::new(instance, record),
            order,
        }
    }

    /// `Id`: made from the process's id and the order, so it needs no room in the record.
    pub fn id(&self) -> Uuid {
        let mut bytes = *self.transition.instance.id.as_bytes();
        for (byte, order) in bytes[8..].iter_mut().zip(self.order.to_be_bytes()) {
            *byte ^= order;
        }
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// `ProcessId`.
    pub fn process_id(&self) -> Uuid {
        self.transition.process_id()
    }

    /// `IdentityId`: who did it.
    pub fn identity_id(&self) -> Option<&'a str> {
        self.transition.executor_identity_id()
    }

    /// `AllowedToEmployeeNames`: who might have done it, comma-separated; none where everyone.
    pub fn allowed_to_employee_names(&self) -> Option<&'a str> {
        self.transition.record.allowed_to.as_deref()
    }

    /// `TransitionTime`, UTC.
    pub fn time(&self) -> OffsetDateTime {
        self.transition.time()
    }

    /// `Order`, from 1.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// `InitialState`.
    pub fn initial_state(&self) -> Option<&'a str> {
        self.transition.from_state_name()
    }

    /// `DestinationState`.
    pub fn destination_state(&self) -> Option<&'a str> {
        self.transition.to_state_name()
    }

    /// `Command`: the trigger's name.
    pub fn command(&self) -> &'a str {
        self.transition.trigger_name()
    }
}

fn trigger_name<'a>(instance: &'a Instance, record: &Record) -> &'a str {
    let scheme = instance.versions.scheme(record.from.version);
    match record.cause {
        Cause::Command(command) => &scheme[command].name,
        Cause::Timer(timer) => &scheme[timer].name,
        Cause::Auto => "Auto",
        Cause::SetState => "SetState",
    }
}
