//! Runs a decoded request and writes its answer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinError;
use uuid::Uuid;
use workflow_api::{CreatedInstance, ErrorName};

use super::Engine;
use super::schemes::StoreError;
use crate::failure::Failure;
use crate::operations::{Level, NewUser, Page, Refusal, Request, UserEdit, UserRequest, answer};
use crate::processes::Processes;
use crate::users::User;

/// An answer before it becomes a response.
#[derive(Debug)]
pub(super) struct Answer {
    /// None: a success.
    pub(super) error: Option<ErrorName>,
    pub(super) body: Bytes,
    pub(super) allow: Option<&'static str>,
}

impl Answer {
    pub(super) fn failure(error: ErrorName, message: &str) -> Self {
        Self {
            error: Some(error),
            body: answer::failure(error, message),
            allow: None,
        }
    }

    pub(super) fn refusal(refusal: &Refusal) -> Self {
        let allow = match refusal {
            Refusal::Method { allow, .. } => Some(*allow),
            _ => None,
        };
        Self {
            allow,
            ..Self::failure(refusal.name(), &refusal.to_string())
        }
    }
}

/// Why a request has no data to answer with.
enum Fault {
    Failed(Failure),
    Scheme(StoreError),
    /// A result that cannot be written.
    Unwritten(serde_json::Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Fault {
    fn from(fault: StoreError) -> Self {
        Self::Scheme(fault)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(fault: serde_json::Error) -> Self {
        Self::Unwritten(fault)
    }
}

impl Engine {
    pub(super) async fn run(&self, request: Request) -> Answer {
        match self.data(request).await {
            Ok(body) => Answer {
                error: None,
                body,
                allow: None,
            },
            Err(Fault::Scheme(StoreError::OtherName { given, named })) => Answer::failure(
                ErrorName::ParameterInvalid,
                &format!("parameter `schemeCode` is `{given}`, but the scheme's Name is `{named}`"),
            ),
            Err(Fault::Scheme(StoreError::TooLarge { max })) => Answer::failure(
                ErrorName::LimitExceeded,
                &format!("the scheme is larger than the limit of {max} bytes"),
            ),
            Err(
                Fault::Scheme(StoreError::Invalid(faults))
                | Fault::Failed(Failure::SchemeInvalid { faults }),
            ) => match answer::scheme_invalid(&faults) {
                Ok(body) => Answer {
                    error: Some(ErrorName::SchemeInvalid),
                    body,
                    allow: None,
                },
                Err(fault) => unwritten(&fault),
            },
            Err(Fault::Failed(failure) | Fault::Scheme(StoreError::Failed(failure))) => {
                failed(&failure)
            }
            Err(Fault::Unwritten(fault)) => unwritten(&fault),
        }
    }

    async fn data(&self, request: Request) -> Result<Bytes, Fault> {
        let processes = &self.inner.processes;
        let registry = processes.registry();
        Ok(match request {
            Request::CreateInstance(request) => {
                let process_id = processes.create(request).await?.id();
                answer::data(CreatedInstance { process_id })?
            }
            Request::GetInstanceInfo(target) => answer::info(&*processes.instance(&target)?)?,
            Request::GetAvailableCommands(query) => {
                answer::commands(&processes.available_commands(query).await?)?
            }
            Request::ExecuteCommand(request) => {
                answer::executed(&processes.execute(request).await?)?
            }
            Request::GetAvailableStateToSet { target, culture } => {
                answer::states(&processes.available_states(&target, culture.as_deref())?)?
            }
            Request::SetState(request) => {
                processes.set_state(request).await?;
                answer::done()
            }
            Request::IsExistProcess(target) => answer::data(processes.exists(&target)?)?,
            Request::DeleteInstance(target) => {
                processes.delete(&target).await?;
                answer::done()
            }
            Request::DeleteInstances { ids, tenant } => {
                processes.delete_all(&ids, tenant.as_deref()).await?;
                answer::done()
            }
            Request::GetProcessHistory(target, page) => {
                answer::transitions(&*processes.instance(&target)?, page)?
            }
            Request::GetApprovalHistory(target, page) => {
                answer::history(&*processes.instance(&target)?, page)?
            }
            Request::GetSchemeList { tags } => {
                let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
                let codes = registry.codes(&tags);
                answer::data(codes.iter().map(AsRef::as_ref).collect::<Vec<&str>>())?
            }
            Request::GetScheme { code } => answer::data(&*registry.source(&code)?)?,
            Request::CreateOrUpdateScheme { code, source } => {
                let version = self.store_scheme(code.clone(), source).await?;
                answer::scheme(&code, Some(version))?
            }
            Request::DeleteScheme { code } => {
                registry.remove(&code)?;
                answer::scheme(&code, None)?
            }
            Request::Log { level, message } => {
                log(level, &message);
                answer::done()
            }
            Request::User(request) => users(processes, request)?,
        })
    }

    /// Beside the runtime: a scheme of some MiB takes longer than others should wait.
    async fn store_scheme(&self, code: Box<str>, source: Box<str>) -> Result<u64, StoreError> {
        let engine = self.clone();
        let stored =
            tokio::task::spawn_blocking(move || engine.inner.schemes.store(&code, &source)).await;
        match stored.map_err(JoinError::try_into_panic) {
            Ok(stored) => stored,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // Cancelled: the runtime ends, and this request with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

fn users(processes: &Processes, request: UserRequest) -> Result<Bytes, Fault> {
    let users = processes.users();
    Ok(match request {
        UserRequest::List(Page { skip, size }) => {
            let page = users.list(None, skip.saturating_add(size), None);
            answer::users(page.items.get(skip..).unwrap_or_default())?
        }
        UserRequest::Get { id } => answer::user(&*users.get(&id)?)?,
        UserRequest::Create(NewUser {
            id,
            name,
            login,
            roles,
        }) => {
            let user = User {
                id: id.map_or_else(|| Uuid::now_v7().to_string().into(), Arc::from),
                name,
                login,
                roles,
                tenant: None,
            };
            answer::user(&*users.create(user, processes.terms().limits.users)?)?
        }
        UserRequest::Update(UserEdit {
            id,
            name,
            login,
            roles,
        }) => {
            let old = users.get(&id)?;
            let user = User {
                id: Arc::clone(&old.id),
                name: name.unwrap_or_else(|| old.name.clone()),
                login: login.or_else(|| old.login.clone()),
                roles: roles.unwrap_or_else(|| old.roles.clone()),
                tenant: old.tenant.clone(),
            };
            answer::user(&*users.update(user)?)?
        }
        UserRequest::Delete { id } => {
            users.delete(&id)?;
            answer::done()
        }
    })
}

fn log(level: Level, message: &str) {
    match level {
        Level::Info => tracing::info!(target: "workflow", message),
        Level::Error => tracing::error!(target: "workflow", message),
        Level::Debug => tracing::debug!(target: "workflow", message),
    }
}

fn failed(failure: &Failure) -> Answer {
    Answer::failure(name(failure), &Chain(failure).to_string())
}

fn unwritten(fault: &serde_json::Error) -> Answer {
    tracing::error!(%fault, "an answer could not be written");
    Answer::failure(
        ErrorName::InternalError,
        "the operation was carried out, but its answer could not be written",
    )
}

/// The short name of each failure.
fn name(failure: &Failure) -> ErrorName {
    match failure {
        Failure::ProcessNotFound { .. } => ErrorName::ProcessNotFound,
        Failure::ProcessAlreadyExists { .. } => ErrorName::ProcessAlreadyExists,
        Failure::SchemeNotFound { .. } => ErrorName::SchemeNotFound,
        Failure::CommandNotAllowed { .. } => ErrorName::CommandNotAllowed,
        Failure::CommandNotFound { .. } => ErrorName::CommandNotFound,
        Failure::SchemeInvalid { .. } => ErrorName::SchemeInvalid,
        Failure::StateNotFound { .. } => ErrorName::StateNotFound,
        Failure::ParameterMissing { .. } => ErrorName::ParameterMissing,
        Failure::ParameterInvalid { .. } => ErrorName::ParameterInvalid,
        Failure::TenantMismatch { .. } => ErrorName::TenantMismatch,
        Failure::InstanceBusy { .. } => ErrorName::InstanceBusy,
        Failure::ActionFailed { .. } => ErrorName::ActionFailed,
        Failure::LimitExceeded { .. } => ErrorName::LimitExceeded,
        Failure::UserNotFound { .. } => ErrorName::UserNotFound,
        Failure::UserAlreadyExists { .. } => ErrorName::UserAlreadyExists,
        Failure::StoreFailed { .. } => ErrorName::StoreFailed,
    }
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(fault) = cause {
            write!(f, ": {fault}")?;
            cause = fault.source();
        }
        Ok(())
    }
}
