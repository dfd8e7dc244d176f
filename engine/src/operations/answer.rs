//! Results to answers, written straight into one buffer.
//!
//! In: snapshots and lists of the engine's rooms. Out: the envelope as bytes.
//! The objects are views: nothing of a snapshot is copied but into the buffer.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use workflow_api::{
    Command, CommandParameter, ErrorName, ExecutedCommand, Failure, HistoryItem, InstanceStatus,
    ProcessInfo, ProcessInstance, SchemeFault, SchemeFaults as Faults, State, StoredScheme,
    Success, SuccessWithoutData, Timestamp, Transition, TransitionClassifier, User,
};

use crate::instance::{self, Instance, Parameters, Status};
use crate::processes::{self, AvailableCommand, AvailableState, Executed};
use crate::scheme::{Classifier, Fault, SchemeFaults};
use crate::users;

use super::request::Page;

/// Room for most answers, so that the buffer grows seldom.
const SMALL: usize = 256;
/// For those with an instance.
const INSTANCE: usize = 2048;

fn write(answer: &impl Serialize, capacity: usize) -> Result<Bytes, serde_json::Error> {
    let mut buffer = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut buffer, answer)?;
    Ok(buffer.into())
}

/// An answer with data.
pub(crate) fn data(data: impl Serialize) -> Result<Bytes, serde_json::Error> {
    write(&Success(data), SMALL)
}

/// An answer without data.
pub(crate) fn done() -> Bytes {
    static DONE: &[u8] = br#"{"success":true}"#;
    debug_assert_eq!(
        serde_json::to_vec(&SuccessWithoutData).ok().as_deref(),
        Some(DONE)
    );
    Bytes::from_static(DONE)
}

/// A failure.
pub(crate) fn failure(error: ErrorName, message: &str) -> Bytes {
    write(&Failure::new(error, message), SMALL).unwrap_or_else(|_| {
        // Texts are always JSON; an answer is owed all the same.
        Bytes::from_static(br#"{"success":false,"error":"InternalError","message":"no answer"}"#)
    })
}

/// The failure `SchemeInvalid`, with every fault.
pub(crate) fn scheme_invalid(faults: &SchemeFaults) -> Result<Bytes, serde_json::Error> {
    let messages: Vec<String> = faults.faults().iter().map(Fault::message).collect();
    let errors = Each(|| {
        faults
            .faults()
            .iter()
            .zip(&messages)
            .map(|(fault, message)| SchemeFault {
                line: fault.line as usize,
                column: fault.column as usize,
                message,
                hint: fault.hint.as_deref(),
            })
    });
    let failure = Failure {
        error: ErrorName::SchemeInvalid,
        message: &faults.to_string(),
        data: Some(Faults { errors }),
        request_id: None,
    };
    write(&failure, INSTANCE)
}

/// `getinstanceinfo`.
pub(crate) fn info(instance: &Instance) -> Result<Bytes, serde_json::Error> {
    let info = ProcessInfo {
        instance: process_instance(instance),
        instance_status: status(instance.status()),
        transitions: Each(|| instance.transitions().map(transition)),
        history: Each(|| instance.history().map(history_item)),
    };
    write(&Success(info), INSTANCE)
}

/// `executecommand`.
pub(crate) fn executed(executed: &Executed) -> Result<Bytes, serde_json::Error> {
    let answer = ExecutedCommand {
        was_executed: executed.was_executed,
        process_instance: process_instance(&executed.instance),
    };
    write(&Success(answer), INSTANCE)
}

/// `getavailablecommands`.
pub(crate) fn commands(commands: &[AvailableCommand]) -> Result<Bytes, serde_json::Error> {
    write(&Success(Each(|| commands.iter().map(command))), INSTANCE)
}

/// `getavailablestatetoset`.
pub(crate) fn states(states: &[AvailableState]) -> Result<Bytes, serde_json::Error> {
    let states = Each(|| {
        states.iter().map(|state| State {
            name: state.name(),
            visible_name: state.visible_name(),
            scheme_code: state.scheme_code(),
        })
    });
    write(&Success(states), INSTANCE)
}

/// `getprocesshistory`: a page of the steps, oldest first.
pub(crate) fn transitions(instance: &Instance, page: Page) -> Result<Bytes, serde_json::Error> {
    let steps = Each(|| {
        let steps = instance.transitions().map(transition);
        steps.skip(page.skip).take(page.size)
    });
    write(&Success(steps), INSTANCE)
}

/// `getapprovalhistory`: a page of the history, oldest first.
pub(crate) fn history(instance: &Instance, page: Page) -> Result<Bytes, serde_json::Error> {
    let items = Each(|| {
        let items = instance.history().map(history_item);
        items.skip(page.skip).take(page.size)
    });
    write(&Success(items), INSTANCE)
}

/// `createorupdatescheme`, `deletescheme`.
pub(crate) fn scheme(code: &str, version: Option<u64>) -> Result<Bytes, serde_json::Error> {
    data(StoredScheme {
        scheme_code: code,
        version,
        errors: [(); 0],
    })
}

/// A user.
pub(crate) fn user(user: &users::User) -> Result<Bytes, serde_json::Error> {
    data(user_object(user))
}

/// Users.
pub(crate) fn users(users: &[Arc<users::User>]) -> Result<Bytes, serde_json::Error> {
    data(Each(|| users.iter().map(|user| user_object(user))))
}

fn process_instance(instance: &Instance) -> ProcessInstance<'_, ParametersObject<'_>> {
    ProcessInstance {
        id: instance.id(),
        state_name: instance.state_name(),
        activity_name: instance.activity_name(),
        scheme_id: instance.scheme().id,
        scheme_code: &instance.scheme().code,
        previous_state: instance.previous_state(),
        previous_state_for_direct: instance.previous_state_for_direct(),
        previous_state_for_reverse: instance.previous_state_for_reverse(),
        previous_activity: instance.previous_activity(),
        previous_activity_for_direct: instance.previous_activity_for_direct(),
        previous_activity_for_reverse: instance.previous_activity_for_reverse(),
        parent_process_id: instance.parent_process_id(),
        root_process_id: instance.root_process_id(),
        process_parameters: ParametersObject(instance.parameters()),
    }
}

struct ParametersObject<'a>(&'a Parameters);

impl Serialize for ParametersObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

fn transition(step: instance::Transition<'_>) -> Transition<'_> {
    Transition {
        process_id: step.process_id(),
        actor_identity_id: step.actor_identity_id(),
        executor_identity_id: step.executor_identity_id(),
        from_activity_name: step.from_activity_name(),
        from_state_name: step.from_state_name(),
        is_finalised: step.is_finalised(),
        to_activity_name: step.to_activity_name(),
        to_state_name: step.to_state_name(),
        transition_classifier: classifier(step.classifier()),
        transition_time: Timestamp(step.time()),
        trigger_name: Some(step.trigger_name()),
    }
}

fn history_item(item: instance::HistoryItem<'_>) -> HistoryItem<'_> {
    HistoryItem {
        id: item.id(),
        process_id: item.process_id(),
        identity_id: item.identity_id(),
        allowed_to_employee_names: item.allowed_to_employee_names(),
        transition_time: Some(Timestamp(item.time())),
        order: item.order(),
        initial_state: item.initial_state(),
        destination_state: item.destination_state(),
        command: Some(item.command()),
    }
}

fn command(command: &AvailableCommand) -> impl Serialize + '_ {
    Command {
        command_name: command.name(),
        localized_name: command.localized_name(),
        classifier: classifier(command.classifier()),
        is_for_subprocess: command.is_for_subprocess(),
        valid_for_state_name: command.state_name(),
        valid_for_activity_name: command.activity_name(),
        process_id: command.process_id(),
        identities: Each(|| command.identities()),
        parameters: Each(|| command.parameters().map(command_parameter)),
    }
}

fn command_parameter(parameter: processes::CommandParameter<'_>) -> impl Serialize + '_ {
    CommandParameter {
        parameter_name: parameter.name(),
        localized_name: parameter.localized_name(),
        type_name: parameter.type_name(),
        is_required: parameter.is_required(),
        default_value: parameter.default_value(),
    }
}

fn user_object(user: &users::User) -> User<'_, &[Box<str>]> {
    User {
        id: &user.id,
        name: Some(&user.name),
        login: user.login.as_deref(),
        roles: &user.roles,
    }
}

fn classifier(classifier: Classifier) -> TransitionClassifier {
    match classifier {
        Classifier::NotSpecified => TransitionClassifier::NotSpecified,
        Classifier::Direct => TransitionClassifier::Direct,
        Classifier::Reverse => TransitionClassifier::Reverse,
    }
}

fn status(status: Status) -> InstanceStatus {
    match status {
        Status::Initialized => InstanceStatus::Initialized,
        Status::Running => InstanceStatus::Running,
        Status::Idled => InstanceStatus::Idled,
        Status::Finalized => InstanceStatus::Finalized,
        Status::Terminated => InstanceStatus::Terminated,
        Status::Error => InstanceStatus::Error,
    }
}

/// Writes an array from an iterator, made anew whenever it is written.
struct Each<F>(F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
