//! The objects of answers, borrowed from whoever holds the truth.
//!
//! Fields are in `PascalCase`, and a null field is present as null. Type parameters stand where
//! an engine writes from its own form: parameters of a process, lists that are mapped as they
//! are written.

use std::fmt;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use uuid::Uuid;

/// A process instance; `P` writes the object of its parameters.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct ProcessInstance<'a, P> {
    pub id: Uuid,
    pub state_name: Option<&'a str>,
    pub activity_name: &'a str,
    /// Exactly this version of the scheme.
    pub scheme_id: Uuid,
    pub scheme_code: &'a str,
    pub previous_state: Option<&'a str>,
    pub previous_state_for_direct: Option<&'a str>,
    pub previous_state_for_reverse: Option<&'a str>,
    pub previous_activity: Option<&'a str>,
    pub previous_activity_for_direct: Option<&'a str>,
    pub previous_activity_for_reverse: Option<&'a str>,
    pub parent_process_id: Option<Uuid>,
    /// Its own id for one without a parent.
    pub root_process_id: Uuid,
    pub process_parameters: P,
}

/// An instance with its status and its past; `T` and `H` write arrays of [`Transition`] and
/// [`HistoryItem`].
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct ProcessInfo<'a, P, T, H> {
    pub instance: ProcessInstance<'a, P>,
    pub instance_status: InstanceStatus,
    pub transitions: T,
    pub history: H,
}

// By hand: serde's `flatten` would buffer the instance before writing it.
impl<P: Serialize, T: Serialize, H: Serialize> Serialize for ProcessInfo<'_, P, T, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let instance = &self.instance;
        let mut s = serializer.serialize_struct("ProcessInfo", 17)?;
        s.serialize_field("Id", &instance.id)?;
        s.serialize_field("StateName", &instance.state_name)?;
        s.serialize_field("ActivityName", instance.activity_name)?;
        s.serialize_field("SchemeId", &instance.scheme_id)?;
        s.serialize_field("SchemeCode", instance.scheme_code)?;
        s.serialize_field("PreviousState", &instance.previous_state)?;
        s.serialize_field(
            "PreviousStateForDirect",
            &instance.previous_state_for_direct,
        )?;
        s.serialize_field(
            "PreviousStateForReverse",
            &instance.previous_state_for_reverse,
        )?;
        s.serialize_field("PreviousActivity", &instance.previous_activity)?;
        s.serialize_field(
            "PreviousActivityForDirect",
            &instance.previous_activity_for_direct,
        )?;
        s.serialize_field(
            "PreviousActivityForReverse",
            &instance.previous_activity_for_reverse,
        )?;
        s.serialize_field("ParentProcessId", &instance.parent_process_id)?;
        s.serialize_field("RootProcessId", &instance.root_process_id)?;
        s.serialize_field("ProcessParameters", &instance.process_parameters)?;
        s.serialize_field("InstanceStatus", &self.instance_status)?;
        s.serialize_field("Transitions", &self.transitions)?;
        s.serialize_field("History", &self.history)?;
        s.end()
    }
}

/// What an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum InstanceStatus {
    /// Created, not yet run.
    Initialized = 0,
    /// An operation is executing.
    Running = 1,
    /// Waiting.
    Idled = 2,
    /// In a final activity.
    Finalized = 3,
    /// Ended by an operator.
    Terminated = 4,
    /// An action failed.
    Error = 5,
    /// Not to be told.
    Unknown = 254,
    /// There is no such instance.
    NotFound = 255,
}

impl Serialize for InstanceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// A step that an instance has taken.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct Transition<'a> {
    pub process_id: Uuid,
    /// Whose rights counted.
    pub actor_identity_id: Option<&'a str>,
    /// Who called.
    pub executor_identity_id: Option<&'a str>,
    pub from_activity_name: &'a str,
    pub from_state_name: Option<&'a str>,
    pub is_finalised: bool,
    pub to_activity_name: &'a str,
    pub to_state_name: Option<&'a str>,
    pub transition_classifier: TransitionClassifier,
    pub transition_time: Timestamp,
    pub trigger_name: Option<&'a str>,
}

/// The direction of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the variants are the specification's words")]
pub enum TransitionClassifier {
    NotSpecified,
    Direct,
    Reverse,
}

/// A line of an instance's approval history.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct HistoryItem<'a> {
    pub id: Uuid,
    pub process_id: Uuid,
    pub identity_id: Option<&'a str>,
    pub allowed_to_employee_names: Option<&'a str>,
    /// Null while pending.
    pub transition_time: Option<Timestamp>,
    pub order: u64,
    pub initial_state: Option<&'a str>,
    pub destination_state: Option<&'a str>,
    pub command: Option<&'a str>,
}

/// A command that can be given now; `I` writes an array of identities, `P` one of
/// [`CommandParameter`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct Command<'a, I, P> {
    pub command_name: &'a str,
    pub localized_name: &'a str,
    pub classifier: TransitionClassifier,
    pub is_for_subprocess: bool,
    pub valid_for_state_name: Option<&'a str>,
    pub valid_for_activity_name: &'a str,
    /// The instance that will execute it.
    pub process_id: Uuid,
    pub identities: I,
    pub parameters: P,
}

/// A parameter that a command takes; `V` writes its default, or null.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct CommandParameter<'a, V> {
    pub parameter_name: &'a str,
    pub localized_name: &'a str,
    pub type_name: &'a str,
    pub is_required: bool,
    pub default_value: V,
}

/// What a command led to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct ExecutedCommand<'a, P> {
    /// False when every transition's conditions said no.
    pub was_executed: bool,
    pub process_instance: ProcessInstance<'a, P>,
}

/// The id of a new instance.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct CreatedInstance {
    pub process_id: Uuid,
}

/// A state that can be set.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct State<'a> {
    pub name: &'a str,
    /// In the language asked for.
    pub visible_name: &'a str,
    pub scheme_code: &'a str,
}

/// An instance that waits for an identity.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct InboxItem<'a> {
    pub process_id: Uuid,
    pub identity_id: &'a str,
}

/// An instance that an identity has moved.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct OutboxItem<'a> {
    pub process_id: Uuid,
    pub executor_identity_id: &'a str,
}

/// The scheme version in force; `E` writes an array of [`SchemeFault`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct StoredScheme<'a, E> {
    pub scheme_code: &'a str,
    /// Counts up with every change; null where there is no version any more.
    pub version: Option<u64>,
    pub errors: E,
}

/// `data` of the failure `SchemeInvalid`; `E` writes an array of [`SchemeFault`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct SchemeFaults<E> {
    pub errors: E,
}

/// A fault in a scheme, with its place in the XML, counted from 1.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct SchemeFault<'a> {
    pub line: usize,
    pub column: usize,
    pub message: &'a str,
    pub hint: Option<&'a str>,
}

/// A user that rules such as `CheckRole` look at; `R` writes an array of roles.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the fields are the specification's words")]
pub struct User<'a, R> {
    pub id: &'a str,
    pub name: Option<&'a str>,
    pub login: Option<&'a str>,
    pub roles: R,
}

/// An instant, written as ISO 8601 in UTC with microseconds: `2026-02-03T04:05:06.000007Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub OffsetDateTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.0.to_offset(time::UtcOffset::UTC);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            utc.year(),
            u8::from(utc.month()),
            utc.day(),
            utc.hour(),
            utc.minute(),
            utc.second(),
            utc.microsecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::schema;

    fn names(value: &impl Serialize) -> Vec<String> {
        // Text, not `Value`: the order of the fields is compared too.
        let text = serde_json::to_string(value).expect("plain data");
        let object: Value = serde_json::from_str(&text).expect("our own JSON");
        let mut names: Vec<String> = object
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
        names
    }

    fn instance() -> ProcessInstance<'static, [(); 0]> {
        ProcessInstance {
            id: Uuid::nil(),
            state_name: None,
            activity_name: "a",
            scheme_id: Uuid::nil(),
            scheme_code: "c",
            previous_state: None,
            previous_state_for_direct: None,
            previous_state_for_reverse: None,
            previous_activity: None,
            previous_activity_for_direct: None,
            previous_activity_for_reverse: None,
            parent_process_id: None,
            root_process_id: Uuid::nil(),
            process_parameters: [],
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of all objects")]
    fn objects_are_written_as_they_are_described() {
        let epoch = Timestamp(OffsetDateTime::UNIX_EPOCH);
        let transition = Transition {
            process_id: Uuid::nil(),
            actor_identity_id: None,
            executor_identity_id: None,
            from_activity_name: "a",
            from_state_name: None,
            is_finalised: false,
            to_activity_name: "b",
            to_state_name: None,
            transition_classifier: TransitionClassifier::Direct,
            transition_time: epoch,
            trigger_name: None,
        };
        let history = HistoryItem {
            id: Uuid::nil(),
            process_id: Uuid::nil(),
            identity_id: None,
            allowed_to_employee_names: None,
            transition_time: None,
            order: 1,
            initial_state: None,
            destination_state: None,
            command: None,
        };
        let parameter = CommandParameter {
            parameter_name: "p",
            localized_name: "p",
            type_name: "String",
            is_required: false,
            default_value: (),
        };
        let command = Command {
            command_name: "c",
            localized_name: "c",
            classifier: TransitionClassifier::NotSpecified,
            is_for_subprocess: false,
            valid_for_state_name: None,
            valid_for_activity_name: "a",
            process_id: Uuid::nil(),
            identities: [""; 0],
            parameters: [(); 0],
        };
        let info = ProcessInfo {
            instance: instance(),
            instance_status: InstanceStatus::Idled,
            transitions: [(); 0],
            history: [(); 0],
        };
        let executed = ExecutedCommand {
            was_executed: true,
            process_instance: instance(),
        };
        let state = State {
            name: "",
            visible_name: "",
            scheme_code: "",
        };
        let inbox = InboxItem {
            process_id: Uuid::nil(),
            identity_id: "",
        };
        let outbox = OutboxItem {
            process_id: Uuid::nil(),
            executor_identity_id: "",
        };
        let stored = StoredScheme {
            scheme_code: "",
            version: None,
            errors: [(); 0],
        };
        let fault = SchemeFault {
            line: 1,
            column: 1,
            message: "",
            hint: None,
        };
        let user = User {
            id: "",
            name: None,
            login: None,
            roles: [""; 0],
        };
        let created = CreatedInstance {
            process_id: Uuid::nil(),
        };
        for (written, described) in [
            (names(&instance()), &schema::PROCESS_INSTANCE),
            (names(&info), &schema::PROCESS_INFO),
            (names(&transition), &schema::TRANSITION),
            (names(&history), &schema::HISTORY_ITEM),
            (names(&command), &schema::COMMAND),
            (names(&parameter), &schema::COMMAND_PARAMETER),
            (names(&executed), &schema::EXECUTED_COMMAND),
            (names(&state), &schema::STATE),
            (names(&inbox), &schema::INBOX_ITEM),
            (names(&outbox), &schema::OUTBOX_ITEM),
            (names(&stored), &schema::STORED_SCHEME),
            (names(&fault), &schema::SCHEME_FAULT),
            (names(&user), &schema::USER),
            (names(&created), &schema::CREATED_INSTANCE),
        ] {
            let described_names: Vec<_> = described.fields.iter().map(|field| field.name).collect();
            assert_eq!(written, described_names, "{}", described.name);
        }
    }

    #[test]
    fn instants_are_iso_8601_in_utc() {
        let offset = time::UtcOffset::from_hms(2, 0, 0).expect("in range");
        let instant = OffsetDateTime::from_unix_timestamp_nanos(1_770_091_506_000_007_999)
            .expect("in range")
            .to_offset(offset);
        assert_eq!(
            serde_json::to_string(&Timestamp(instant)).expect("text"),
            "\"2026-02-03T04:05:06.000007Z\""
        );
    }
}
