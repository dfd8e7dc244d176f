//! The objects of the API, described field by field for whoever generates something from them.

/// An object that stands in `data`.
#[derive(Debug)]
pub struct Object {
    /// Its name in the documentation.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// In the order in which they are written.
    pub fields: &'static [Field],
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    /// As written, in `PascalCase`.
    pub name: &'static str,
    /// What its value looks like.
    pub r#type: Type,
    /// May be null; the member is present all the same.
    pub nullable: bool,
}

/// What a field's value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// A string.
    Text,
    /// A UUID with hyphens in lower case.
    Uuid,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Bool,
    /// ISO 8601 in UTC.
    DateTime,
    /// Any JSON.
    Json,
    /// An array of strings.
    TextList,
    /// An object.
    Object(&'static Object),
    /// An array of objects.
    List(&'static Object),
}

const fn field(name: &'static str, r#type: Type) -> Field {
    Field {
        name,
        r#type,
        nullable: false,
    }
}

const fn nullable(name: &'static str, r#type: Type) -> Field {
    Field {
        name,
        r#type,
        nullable: true,
    }
}

macro_rules! object {
    ($name:ident, $title:literal, $doc:literal, $($field:expr),+ $(,)?) => {
        pub(crate) static $name: Object = Object {
            name: $title,
            doc: $doc,
            fields: &[$($field),+],
        };
    };
}

object!(
    CREATED_INSTANCE,
    "CreatedInstance",
    "The new instance.",
    field("ProcessId", Type::Uuid),
);

object!(
    BULK_CREATED,
    "BulkCreated",
    "How the creation of one of several instances went.",
    field("ProcessId", Type::Uuid),
    field("Success", Type::Bool),
    nullable("Error", Type::Text),
    nullable("Message", Type::Text),
);

object!(
    PROCESS_INSTANCE,
    "ProcessInstance",
    "A process instance.",
    field("Id", Type::Uuid),
    nullable("StateName", Type::Text),
    field("ActivityName", Type::Text),
    field("SchemeId", Type::Uuid),
    field("SchemeCode", Type::Text),
    nullable("PreviousState", Type::Text),
    nullable("PreviousStateForDirect", Type::Text),
    nullable("PreviousStateForReverse", Type::Text),
    nullable("PreviousActivity", Type::Text),
    nullable("PreviousActivityForDirect", Type::Text),
    nullable("PreviousActivityForReverse", Type::Text),
    nullable("ParentProcessId", Type::Uuid),
    field("RootProcessId", Type::Uuid),
    field("ProcessParameters", Type::Json),
);

object!(
    PROCESS_INFO,
    "ProcessInfo",
    "A process instance with its status and its past.",
    field("Id", Type::Uuid),
    nullable("StateName", Type::Text),
    field("ActivityName", Type::Text),
    field("SchemeId", Type::Uuid),
    field("SchemeCode", Type::Text),
    nullable("PreviousState", Type::Text),
    nullable("PreviousStateForDirect", Type::Text),
    nullable("PreviousStateForReverse", Type::Text),
    nullable("PreviousActivity", Type::Text),
    nullable("PreviousActivityForDirect", Type::Text),
    nullable("PreviousActivityForReverse", Type::Text),
    nullable("ParentProcessId", Type::Uuid),
    field("RootProcessId", Type::Uuid),
    field("ProcessParameters", Type::Json),
    field("InstanceStatus", Type::Integer),
    field("Transitions", Type::List(&TRANSITION)),
    field("History", Type::List(&HISTORY_ITEM)),
);

object!(
    TRANSITION,
    "Transition",
    "A step that an instance has taken.",
    field("ProcessId", Type::Uuid),
    nullable("ActorIdentityId", Type::Text),
    nullable("ExecutorIdentityId", Type::Text),
    field("FromActivityName", Type::Text),
    nullable("FromStateName", Type::Text),
    field("IsFinalised", Type::Bool),
    field("ToActivityName", Type::Text),
    nullable("ToStateName", Type::Text),
    field("TransitionClassifier", Type::Text),
    field("TransitionTime", Type::DateTime),
    nullable("TriggerName", Type::Text),
);

object!(
    HISTORY_ITEM,
    "HistoryItem",
    "A line of an instance's approval history.",
    field("Id", Type::Uuid),
    field("ProcessId", Type::Uuid),
    nullable("IdentityId", Type::Text),
    nullable("AllowedToEmployeeNames", Type::Text),
    nullable("TransitionTime", Type::DateTime),
    field("Order", Type::Integer),
    nullable("InitialState", Type::Text),
    nullable("DestinationState", Type::Text),
    nullable("Command", Type::Text),
);

object!(
    COMMAND,
    "Command",
    "A command that can be given now.",
    field("CommandName", Type::Text),
    field("LocalizedName", Type::Text),
    field("Classifier", Type::Text),
    field("IsForSubprocess", Type::Bool),
    nullable("ValidForStateName", Type::Text),
    field("ValidForActivityName", Type::Text),
    field("ProcessId", Type::Uuid),
    field("Identities", Type::TextList),
    field("Parameters", Type::List(&COMMAND_PARAMETER)),
);

object!(
    COMMAND_PARAMETER,
    "CommandParameter",
    "A parameter that a command takes.",
    field("ParameterName", Type::Text),
    field("LocalizedName", Type::Text),
    field("TypeName", Type::Text),
    field("IsRequired", Type::Bool),
    nullable("DefaultValue", Type::Json),
);

object!(
    EXECUTED_COMMAND,
    "ExecutedCommand",
    "What a command led to.",
    field("WasExecuted", Type::Bool),
    field("ProcessInstance", Type::Object(&PROCESS_INSTANCE)),
);

object!(
    STATE,
    "State",
    "A state that can be set.",
    field("Name", Type::Text),
    field("VisibleName", Type::Text),
    field("SchemeCode", Type::Text),
);

object!(
    INBOX_ITEM,
    "InboxItem",
    "An instance that waits for an identity.",
    field("ProcessId", Type::Uuid),
    field("IdentityId", Type::Text),
);

object!(
    OUTBOX_ITEM,
    "OutboxItem",
    "An instance that an identity has moved.",
    field("ProcessId", Type::Uuid),
    field("ExecutorIdentityId", Type::Text),
);

object!(
    FORM,
    "Form",
    "A form by its name.",
    field("Name", Type::Text),
    field("Source", Type::Text),
);

object!(
    STORED_SCHEME,
    "StoredScheme",
    "The scheme version that is in force now.",
    field("SchemeCode", Type::Text),
    nullable("Version", Type::Integer),
    field("Errors", Type::List(&SCHEME_FAULT)),
);

object!(
    SCHEME_FAULT,
    "SchemeFault",
    "A fault in a scheme, with its place in the XML.",
    field("Line", Type::Integer),
    field("Column", Type::Integer),
    field("Message", Type::Text),
    nullable("Hint", Type::Text),
);

object!(
    USER,
    "User",
    "A user that rules such as CheckRole look at.",
    field("Id", Type::Text),
    nullable("Name", Type::Text),
    nullable("Login", Type::Text),
    field("Roles", Type::TextList),
);

object!(
    FOUND_INSTANCES,
    "FoundInstances",
    "A page of instances.",
    field("Items", Type::List(&PROCESS_INSTANCE)),
    nullable("Next", Type::Text),
);
