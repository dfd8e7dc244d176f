//! What the table says of one operation.

use crate::ErrorName;
use crate::schema::Object;

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// For a `match` over operations.
    pub id: Id,
    /// In lower case, as in the URL.
    pub name: &'static str,
    /// Other names in lower case that mean the same operation.
    pub aliases: &'static [&'static str],
    /// What a policy may allow together.
    pub group: Group,
    /// How it may be called.
    pub methods: Methods,
    /// Changes nothing, so it is safe to send again when the first answer was lost.
    pub read_only: bool,
    /// Keys of the body that are no parameter of the operation are parameters of the process.
    pub process_parameters: bool,
    /// The parameter that the path's third segment gives (`/workflowapi/{operation}/{id}`).
    pub path_id: Option<&'static str>,
    /// In the order in which a form shows them.
    pub parameters: &'static [Parameter],
    /// `data` of a success.
    pub data: Data,
    /// Failures of the domain that it can answer with.
    pub errors: &'static [ErrorName],
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

impl Operation {
    /// The operation's place in [`OPERATIONS`](crate::OPERATIONS): dense from 0, for sets of bits.
    pub const fn index(&self) -> usize {
        self.id as usize
    }

    /// The parameter of that name, without ASCII case, and its place in `parameters`.
    pub fn parameter(&self, name: &str) -> Option<(usize, &'static Parameter)> {
        self.parameters
            .iter()
            .enumerate()
            .find(|(_, parameter)| parameter.name.eq_ignore_ascii_case(name))
    }
}

macro_rules! ids {
    ($($id:ident)+) => {
        /// Names an operation in code, in the table's order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the table documents each operation under its name")]
        pub enum Id {
            $($id,)+
        }

        impl Id {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$id,)+];

            /// The table's entry.
            pub fn operation(self) -> &'static Operation {
                &crate::OPERATIONS[self as usize]
            }
        }
    };
}

ids! {
    CreateInstance
    BulkCreateInstance
    GetInstanceInfo
    GetAvailableCommands
    ExecuteCommand
    GetAvailableStateToSet
    SetState
    IsExistProcess
    DeleteInstance
    DeleteInstances
    Inbox
    Outbox
    InboxRecalc
    GetFormByFlow
    GetSchemeList
    GetScheme
    CreateOrUpdateScheme
    DeleteScheme
    LogInfo
    LogError
    LogDebug
    StartTimers
    StopTimers
    IsTimersStarted
    GetUsers
    GetUser
    CreateUser
    UpdateUser
    DeleteUser
    FindInstances
    SuspendInstance
    ResumeInstance
    TerminateInstance
    RetryInstance
    SchemeDiagram
    InstanceDiagram
    Events
    GetProcessHistory
    GetApprovalHistory
}

/// Operations that a policy names together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Looks and changes nothing.
    Read,
    /// Drives instances.
    Run,
    /// Administers users, schemes, timers and stuck instances; a wildcard does not cover it.
    Manage,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 3] = [Self::Read, Self::Run, Self::Manage];

    /// As in `Operations` of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Manage => "manage",
        }
    }

    /// The group of that name, without ASCII case.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|group| group.name().eq_ignore_ascii_case(name))
    }
}

/// The HTTP methods that serve an operation. HEAD goes where GET goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// GET without process parameters, and POST.
    GetAndPost,
    /// Only POST.
    Post,
    /// Only GET.
    Get,
}

impl Methods {
    /// The value of `Allow`.
    pub const fn allow(self) -> &'static str {
        match self {
            Self::GetAndPost => "GET, HEAD, POST",
            Self::Post => "POST",
            Self::Get => "GET, HEAD",
        }
    }

    /// True when the method, as in the request line, is served.
    pub fn contains(self, method: &str) -> bool {
        match method {
            "GET" | "HEAD" => self != Self::Post,
            "POST" => self != Self::Get,
            _ => false,
        }
    }
}

/// A parameter of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As documented; matched without ASCII case.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// Its absence is `ParameterMissing`.
    pub required: bool,
    /// Where it may stand.
    pub place: Place,
    /// What it means.
    pub doc: &'static str,
}

impl Parameter {
    pub(crate) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            place: Place::Anywhere,
            doc,
        }
    }

    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    pub(crate) const fn in_body(self) -> Self {
        Self {
            place: Place::Body,
            ..self
        }
    }
}

/// How a parameter's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID in the forms D, N, B or P.
    Uuid,
    /// UUIDs: a JSON array, or one text separated by commas, or the parameter repeated.
    UuidList,
    /// Text.
    Text,
    /// Texts: a JSON array, or one text separated by commas, or the parameter repeated.
    TextList,
    /// Any JSON; in a query or form the JSON's text.
    Json,
    /// `true` or `false`, without case.
    Bool,
    /// A whole number that is not negative.
    Integer,
    /// ISO 8601, UTC unless it names an offset.
    DateTime,
    /// A scheme's XML.
    Xml,
}

/// Where a parameter may stand. The path's third segment is `Operation::path_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query or the body; the query wins.
    Anywhere,
    /// A query is too short for it.
    Body,
}

/// What stands in `data` on success.
#[derive(Clone, Copy, Debug)]
pub enum Data {
    /// The member is absent.
    None,
    /// `true` or `false`.
    Bool,
    /// A string.
    Text,
    /// An array of strings.
    TextList,
    /// One object.
    Object(&'static Object),
    /// An array of objects.
    List(&'static Object),
    /// No envelope: `image/svg+xml`.
    Svg,
    /// No envelope: `text/event-stream`.
    Events,
}
