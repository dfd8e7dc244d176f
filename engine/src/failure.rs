//! Why an operation did not do what was asked, in the API's words.
//!
//! In: what the rooms found wrong. Out: a [`Failure`] with a short name that clients branch on
//! and a message that says what was wrong and what would be right.
//! Rules: the list of failures of the Workflow API; each short name is a promise.
//! Elsewhere: HTTP statuses and the envelope (the service).

mod names;

pub use names::{Known, Shown};

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::expression::EvaluationError;
use crate::instance::Status;
use crate::parameter::Mismatch;
use crate::provider;
use crate::scheme::SchemeFaults;
use crate::store::CommitError;

/// An operation that was refused or that failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No process has this id, or it was deleted while the operation waited.
    #[error("there is no process `{id}`")]
    ProcessNotFound {
        /// The id asked for.
        id: Uuid,
    },

    /// The id is taken.
    #[error("process `{id}` exists already; use another id, or none to have one made")]
    ProcessAlreadyExists {
        /// The id asked for.
        id: Uuid,
    },

    /// No scheme has this code.
    #[error("there is no scheme `{code}`{known}")]
    SchemeNotFound {
        /// The code asked for.
        code: Shown,
        /// The codes there are.
        known: Known,
    },

    /// The command is in the scheme, but not for this caller here and now.
    #[error("command `{command}` is not allowed in activity `{activity}`: {reason}")]
    CommandNotAllowed {
        /// The command.
        command: Arc<str>,
        /// Where the process stands.
        activity: Arc<str>,
        /// Why not.
        reason: NotAllowed,
    },

    /// The scheme knows no such command.
    #[error("scheme `{scheme}` has no command `{command}`{known}")]
    CommandNotFound {
        /// The command asked for.
        command: Shown,
        /// The scheme's code.
        scheme: Arc<str>,
        /// The commands of the scheme.
        known: Known,
    },

    /// The XML is no valid scheme; nothing was stored.
    #[error("{faults}")]
    SchemeInvalid {
        /// All of them, with their places.
        faults: SchemeFaults,
    },

    /// No activity of this state can be set.
    #[error("scheme `{scheme}` has no state `{state}` that can be set{known}")]
    StateNotFound {
        /// The state asked for.
        state: Shown,
        /// The scheme's code.
        scheme: Arc<str>,
        /// The states that can be set.
        known: Known,
    },

    /// A required parameter was not given.
    #[error("parameter `{name}` is required by command `{command}` and was not given")]
    ParameterMissing {
        /// The parameter, as a caller names it.
        name: Arc<str>,
        /// The command that takes it.
        command: Arc<str>,
    },

    /// A parameter's value cannot be taken.
    #[error("parameter `{name}` {fault}")]
    ParameterInvalid {
        /// The parameter, as the caller named it.
        name: Shown,
        /// What is wrong with its value.
        fault: ParameterFault,
    },

    /// The tenant given is not the instance's.
    #[error("process `{id}` does not belong to tenant `{tenant}`")]
    TenantMismatch {
        /// The process.
        id: Uuid,
        /// The tenant that was given.
        tenant: Shown,
    },

    /// Too many operations wait for this instance; the operation may be sent again.
    #[error("{waiting} operations wait for process `{id}` already; try again later")]
    InstanceBusy {
        /// The process.
        id: Uuid,
        /// How many wait.
        waiting: usize,
    },

    /// An action, condition or rule failed, or is not there.
    #[error("in activity `{activity}`: {fault}")]
    ActionFailed {
        /// Where the process stood.
        activity: Arc<str>,
        /// What went wrong.
        fault: Box<ExecutionFault>,
    },

    /// A configured bound was reached.
    #[error("{limit}; the limit is {max}")]
    LimitExceeded {
        /// Which one.
        limit: Limit,
        /// Where it lies.
        max: u64,
    },

    /// No user has this id.
    #[error("there is no user `{id}`")]
    UserNotFound {
        /// The id asked for.
        id: Shown,
    },

    /// The user's id is taken.
    #[error("user `{id}` exists already")]
    UserAlreadyExists {
        /// The id asked for.
        id: Shown,
    },

    /// The store could not make the change durable; nothing changed.
    #[error("the change could not be stored, nothing was changed")]
    StoreFailed {
        /// Why.
        source: CommitError,
    },
}

impl Failure {
    /// The short name in the answer's `error`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProcessNotFound { .. } => "ProcessNotFound",
            Self::ProcessAlreadyExists { .. } => "ProcessAlreadyExists",
            Self::SchemeNotFound { .. } => "SchemeNotFound",
            Self::CommandNotAllowed { .. } => "CommandNotAllowed",
            Self::CommandNotFound { .. } => "CommandNotFound",
            Self::SchemeInvalid { .. } => "SchemeInvalid",
            Self::StateNotFound { .. } => "StateNotFound",
            Self::ParameterMissing { .. } => "ParameterMissing",
            Self::ParameterInvalid { .. } => "ParameterInvalid",
            Self::TenantMismatch { .. } => "TenantMismatch",
            Self::InstanceBusy { .. } => "InstanceBusy",
            Self::ActionFailed { .. } => "ActionFailed",
            Self::LimitExceeded { .. } => "LimitExceeded",
            Self::UserNotFound { .. } => "UserNotFound",
            Self::UserAlreadyExists { .. } => "UserAlreadyExists",
            Self::StoreFailed { .. } => "StoreFailed",
        }
    }
}

/// Why a known command cannot be given.
#[derive(Debug)]
pub enum NotAllowed {
    /// Nothing that leaves the activity is triggered by it.
    NotHere {
        /// What the caller could give here.
        available: Known,
    },
    /// It is there, but not for this identity.
    Identity {
        /// Whose rights count.
        identity: Option<Shown>,
        /// What the caller could give here.
        available: Known,
    },
    /// The instance takes no commands in this status.
    Status(Status),
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere { available } => {
                write!(
                    f,
                    "no transition from here has it as its trigger{available}"
                )
            }
            Self::Identity {
                identity: Some(identity),
                available,
            } => write!(
                f,
                "the restrictions do not let identity `{identity}` through{available}"
            ),
            Self::Identity {
                identity: None,
                available,
            } => write!(f, "it is restricted and no identityId was given{available}"),
            Self::Status(Status::Error) => f.write_str(
                "the process is in status Error; setstate or deleteinstance lead out of it",
            ),
            Self::Status(status) => {
                write!(f, "a process in status {} takes no commands", status.name())
            }
        }
    }
}

/// Why a parameter's value cannot be taken.
#[derive(Debug, Error)]
pub enum ParameterFault {
    /// The engine sets it.
    #[error("is a System parameter, which is set by the engine and cannot be given")]
    System,
    /// It is stored with every step, so it must be short.
    #[error("is longer than {max} bytes")]
    TooLong {
        /// How long it may be.
        max: usize,
    },
    /// It does not fit the declared type.
    #[error("is invalid: {0}")]
    Value(#[from] Mismatch),
}

/// What went wrong while a process was executed.
#[derive(Debug, Error)]
pub enum ExecutionFault {
    /// Nobody provides it.
    #[error("no {kind} named `{name}` is provided by this engine{hint}")]
    NotProvided {
        /// What was sought.
        kind: provider::Kind,
        /// Its name.
        name: Arc<str>,
        /// What is provided.
        hint: Known,
    },

    /// The provider reported a failure.
    #[error("{kind} `{name}` failed: {source}")]
    Provider {
        /// What it is.
        kind: provider::Kind,
        /// Its name.
        name: Arc<str>,
        /// What it reported.
        source: provider::Error,
    },

    /// An expression could not be evaluated with the values at hand.
    #[error("the expression of transition `{transition}` failed: {source}")]
    Expression {
        /// The transition with the expression.
        transition: Arc<str>,
        /// Why.
        source: EvaluationError,
    },

    /// The activity would need a timer.
    #[error(
        "transition `{transition}` waits for timer `{timer}`, and timers are not run by this version"
    )]
    TimersNotRun {
        /// The timer.
        timer: Arc<str>,
        /// The transition that it triggers.
        transition: Arc<str>,
    },

    /// A subprocess would have to start or end.
    #[error("transition `{transition}` is a fork, and subprocesses are not run by this version")]
    ForksNotRun {
        /// The transition.
        transition: Arc<str>,
    },

    /// An action asked for a state or activity that the scheme does not have.
    #[error("{kind} `{name}` asked for `{target}`, which the scheme cannot be set to{known}")]
    NoSuchTarget {
        /// What asked.
        kind: provider::Kind,
        /// Its name.
        name: Arc<str>,
        /// What it asked for.
        target: Shown,
        /// What there is.
        known: Known,
    },
}

/// A bound that was reached, as the start of a sentence.
#[derive(Debug)]
pub enum Limit {
    /// Instances in this engine.
    Instances,
    /// Transition records of one instance.
    History,
    /// Bytes of one instance's stored parameters.
    ParameterBytes,
    /// Process parameters given with one operation.
    Given,
    /// Auto transitions in one operation.
    AutoHops {
        /// Where the walk was stopped.
        activity: Arc<str>,
    },
    /// Schemes in the registry.
    Schemes,
    /// Users in this engine.
    Users,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances => f.write_str("this engine holds no more process instances"),
            Self::History => f.write_str("the history of this process is full"),
            Self::ParameterBytes => {
                f.write_str("the stored parameters of this process take too many bytes")
            }
            Self::Given => f.write_str("too many process parameters were given at once"),
            Self::AutoHops { activity } => write!(
                f,
                "the Auto transitions did not come to rest, the last activity was `{activity}`"
            ),
            Self::Schemes => f.write_str("this engine holds no more schemes"),
            Self::Users => f.write_str("this engine holds no more users"),
        }
    }
}
