//! Arguments to typed requests.
//!
//! In: [`Arguments`]. Out: one [`Request`] that owns what it needs, so that nothing of the HTTP
//! request is held while an operation waits for its turn.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;
use workflow_api::Id;

use super::arguments::{Arguments, Given as Value};
use super::refusal::{Problem, Refusal};
use crate::processes::{
    Caller, CommandsQuery, CreateInstance, ExecuteCommand, Given, SetState, Target,
};

/// Entries on a page where `pageSize` is not given.
const PAGE_SIZE: usize = 100;
/// Entries on a page at most: an answer stays within a few hundred KiB.
const PAGE_SIZE_MAX: usize = 1000;

/// An operation that this engine runs, with its parameters.
#[derive(Debug)]
pub(crate) enum Request {
    CreateInstance(CreateInstance),
    GetInstanceInfo(Target),
    GetAvailableCommands(CommandsQuery),
    ExecuteCommand(ExecuteCommand),
    GetAvailableStateToSet {
        target: Target,
        culture: Option<Box<str>>,
    },
    SetState(SetState),
    IsExistProcess(Target),
    DeleteInstance(Target),
    DeleteInstances {
        ids: Vec<Uuid>,
        tenant: Option<Box<str>>,
    },
    GetProcessHistory(Target, Page),
    GetApprovalHistory(Target, Page),
    GetSchemeList {
        tags: Vec<Box<str>>,
    },
    GetScheme {
        code: Box<str>,
    },
    CreateOrUpdateScheme {
        code: Box<str>,
        source: Box<str>,
    },
    DeleteScheme {
        code: Box<str>,
    },
    Log {
        level: Level,
        message: Box<str>,
    },
    User(UserRequest),
}

/// An operation on users.
#[derive(Debug)]
pub(crate) enum UserRequest {
    List(Page),
    Get { id: Box<str> },
    Create(NewUser),
    Update(UserEdit),
    Delete { id: Box<str> },
}

/// `loginfo`, `logerror`, `logdebug`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Info,
    Error,
    Debug,
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) skip: usize,
    pub(crate) size: usize,
}

/// `createuser`.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub(crate) id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) login: Option<Box<str>>,
    pub(crate) roles: Vec<Box<str>>,
}

/// `updateuser`: what is not given stays.
#[derive(Debug)]
pub(crate) struct UserEdit {
    pub(crate) id: Box<str>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) login: Option<Box<str>>,
    pub(crate) roles: Option<Vec<Box<str>>>,
}

impl Request {
    /// Types the arguments; an operation that this engine does not run is `NotSupported`.
    pub(crate) fn decode(arguments: &mut Arguments<'_>) -> Result<Self, Refusal> {
        Ok(match arguments.operation().id {
            Id::CreateInstance => Self::CreateInstance(create_instance(arguments)?),
            Id::ExecuteCommand => Self::ExecuteCommand(execute_command(arguments)?),
            Id::SetState => Self::SetState(SetState {
                target: target(arguments)?,
                state: required(arguments, "state")?,
                caller: caller(arguments)?,
                parameters: given(arguments, Vec::new())?,
            }),
            Id::GetInstanceInfo => Self::GetInstanceInfo(target(arguments)?),
            Id::GetAvailableCommands => Self::GetAvailableCommands(CommandsQuery {
                target: target(arguments)?,
                caller: caller(arguments)?,
                culture: boxed(arguments, "culture")?,
                command: boxed(arguments, "commandName")?,
            }),
            Id::GetAvailableStateToSet => Self::GetAvailableStateToSet {
                target: target(arguments)?,
                culture: boxed(arguments, "culture")?,
            },
            Id::IsExistProcess => Self::IsExistProcess(target(arguments)?),
            Id::DeleteInstance => Self::DeleteInstance(target(arguments)?),
            Id::DeleteInstances => Self::DeleteInstances {
                ids: arguments.required("processIds", Arguments::uuids)?,
                tenant: boxed(arguments, "tenantId")?,
            },
            Id::GetProcessHistory => {
                Self::GetProcessHistory(target(arguments)?, page(arguments, usize::MAX)?)
            }
            Id::GetApprovalHistory => {
                Self::GetApprovalHistory(target(arguments)?, page(arguments, usize::MAX)?)
            }
            Id::GetSchemeList => Self::GetSchemeList {
                tags: texts(arguments, "tags")?.unwrap_or_default(),
            },
            Id::GetScheme => Self::GetScheme {
                code: required(arguments, "schemeCode")?,
            },
            Id::CreateOrUpdateScheme => Self::CreateOrUpdateScheme {
                code: required(arguments, "schemeCode")?,
                source: required(arguments, "scheme")?,
            },
            Id::DeleteScheme => Self::DeleteScheme {
                code: required(arguments, "schemeCode")?,
            },
            Id::LogInfo => log(arguments, Level::Info)?,
            Id::LogError => log(arguments, Level::Error)?,
            Id::LogDebug => log(arguments, Level::Debug)?,
            Id::GetUsers => Self::User(UserRequest::List(page(arguments, PAGE_SIZE)?)),
            Id::GetUser => Self::User(UserRequest::Get {
                id: required(arguments, "id")?,
            }),
            Id::CreateUser => Self::User(UserRequest::Create(NewUser {
                id: boxed(arguments, "id")?,
                name: required(arguments, "name")?,
                login: boxed(arguments, "login")?,
                roles: texts(arguments, "roles")?.unwrap_or_default(),
            })),
            Id::UpdateUser => Self::User(UserRequest::Update(UserEdit {
                id: required(arguments, "id")?,
                name: boxed(arguments, "name")?,
                login: boxed(arguments, "login")?,
                roles: texts(arguments, "roles")?,
            })),
            Id::DeleteUser => Self::User(UserRequest::Delete {
                id: required(arguments, "id")?,
            }),
            Id::BulkCreateInstance
            | Id::Inbox
            | Id::Outbox
            | Id::InboxRecalc
            | Id::GetFormByFlow
            | Id::StartTimers
            | Id::StopTimers
            | Id::IsTimersStarted
            | Id::FindInstances
            | Id::SuspendInstance
            | Id::ResumeInstance
            | Id::TerminateInstance
            | Id::RetryInstance
            | Id::SchemeDiagram
            | Id::InstanceDiagram
            | Id::Events => {
                return Err(Refusal::NotSupported {
                    what: arguments.operation().name,
                });
            }
        })
    }
}

/// Whether `BlockUserApi` switches the operation off.
pub(crate) fn is_about_users(id: Id) -> bool {
    matches!(
        id,
        Id::GetUsers | Id::GetUser | Id::CreateUser | Id::UpdateUser | Id::DeleteUser
    )
}

fn create_instance(arguments: &mut Arguments<'_>) -> Result<CreateInstance, Refusal> {
    if arguments.is_given("schemeParameters") {
        return Err(Refusal::NotSupported {
            what: "createinstance with schemeParameters",
        });
    }
    let persist = texts(arguments, "persist")?.unwrap_or_default();
    Ok(CreateInstance {
        process_id: arguments.uuid("processId")?,
        scheme_code: required(arguments, "schemeCode")?,
        caller: caller(arguments)?,
        tenant: boxed(arguments, "tenantId")?,
        parameters: given(arguments, persist)?,
    })
}

fn execute_command(arguments: &mut Arguments<'_>) -> Result<ExecuteCommand, Refusal> {
    // Refused, not ignored: who asks for a rehearsal must not get the play.
    if arguments.boolean("dryRun")? == Some(true) {
        return Err(Refusal::NotSupported {
            what: "executecommand with dryRun",
        });
    }
    let persist = texts(arguments, "persist")?.unwrap_or_default();
    Ok(ExecuteCommand {
        target: target(arguments)?,
        command: required(arguments, "command")?,
        caller: caller(arguments)?,
        parameters: given(arguments, persist)?,
    })
}

fn log(arguments: &mut Arguments<'_>, level: Level) -> Result<Request, Refusal> {
    Ok(Request::Log {
        level,
        message: required(arguments, "message")?,
    })
}

fn target(arguments: &mut Arguments<'_>) -> Result<Target, Refusal> {
    Ok(Target {
        process_id: arguments.required("processId", Arguments::uuid)?,
        tenant: boxed(arguments, "tenantId")?,
    })
}

fn caller(arguments: &mut Arguments<'_>) -> Result<Caller, Refusal> {
    let mut identity =
        |name| Ok::<_, Refusal>(arguments.text(name)?.map(|text| Arc::from(text.as_ref())));
    Ok(Caller {
        identity: identity("identityId")?,
        impersonated: identity("impersonatedIdentityId")?,
    })
}

/// The process parameters. A text of a form is a JSON string from here on: parameters of every
/// type are also read from strings.
fn given(arguments: &mut Arguments<'_>, persist: Vec<Box<str>>) -> Result<Given, Refusal> {
    let values = arguments
        .take_process_parameters()
        .into_iter()
        .map(|(name, value)| {
            let value: Result<Box<RawValue>, _> = match &value {
                Value::Json(raw) => Ok((*raw).to_owned()),
                Value::Text(text) => to_raw_value(text.as_ref()),
                Value::Texts(texts) => to_raw_value(texts),
            };
            match value {
                Ok(value) => Ok((name.into(), value)),
                Err(_) => Err(Refusal::Invalid {
                    name: Cow::Owned(name.into_owned()),
                    problem: Problem::NotJson,
                }),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Given { values, persist })
}

fn required(arguments: &mut Arguments<'_>, name: &'static str) -> Result<Box<str>, Refusal> {
    Ok(arguments.required(name, Arguments::text)?.into())
}

fn boxed(arguments: &mut Arguments<'_>, name: &'static str) -> Result<Option<Box<str>>, Refusal> {
    Ok(arguments.text(name)?.map(Into::into))
}

fn texts(
    arguments: &mut Arguments<'_>,
    name: &'static str,
) -> Result<Option<Vec<Box<str>>>, Refusal> {
    let texts = arguments.texts(name)?;
    Ok(texts.map(|texts| texts.into_iter().map(Into::into).collect()))
}

/// `default` is the size without `pageSize`; `usize::MAX` gives the whole list.
fn page(arguments: &mut Arguments<'_>, default: usize) -> Result<Page, Refusal> {
    let number = arguments.integer("page")?;
    let size = arguments.integer("pageSize")?;
    let number = number.map_or(0, |number| usize::try_from(number).unwrap_or(usize::MAX));
    let size = match size {
        Some(size) => usize::try_from(size)
            .unwrap_or(usize::MAX)
            .clamp(1, PAGE_SIZE_MAX),
        // A page was asked for, so it has an end.
        None if number > 0 => PAGE_SIZE,
        None => default,
    };
    Ok(Page {
        skip: number.saturating_mul(size),
        size,
    })
}
