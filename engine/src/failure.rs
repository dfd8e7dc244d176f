//! Why an operation did not do what was asked, in the API's words.
//!
//! In: what the rooms found wrong. Out: a [`Failure`] with a short name that clients branch on
//! and a message that says what was wrong and what would be right.
//! Rules: the list of failures of the Workflow API; each short name is a promise.
//! Elsewhere: HTTP statuses and the envelope (the service).

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::instance::Status;
use crate::provider;

/// Names listed in one message; a longer list helps nobody.
const LISTED_MAX: usize = 20;

/// An operation that was refused or that failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No process has this id, or it was deleted while the operation waited.
    #[error("there is no process `{id}`")]
    ProcessNotFound { id: Uuid },

    /// The id is taken.
    #[error("process `{id}` exists already; use another id, or none to have one made")]
    ProcessAlreadyExists { id: Uuid },

    /// No scheme has this code.
    #[error("there is no scheme `{code}`{known}")]
    SchemeNotFound { code: Box<str>, known: Known },

    /// The command is in the scheme, but not for this caller here and now.
    #[error("command `{command}` is not allowed in activity `{activity}`: {reason}")]
    CommandNotAllowed {
        command: Arc<str>,
        activity: Arc<str>,
        reason: NotAllowed,
    },

    /// The scheme knows no such command.
    #[error("scheme `{scheme}` has no command `{command}`{known}")]
    CommandNotFound {
        command: Box<str>,
        scheme: Arc<str>,
        known: Known,
    },

    /// No activity of this state can be set.
    #[error("scheme `{scheme}` has no state `{state}` that can be set{known}")]
    StateNotFound {
        state: Box<str>,
        scheme: Arc<str>,
        known: Known,
    },

    /// A required parameter was not given.
    #[error("parameter `{name}` is required by command `{command}` and was not given")]
    ParameterMissing { name: Arc<str>, command: Arc<str> },

    /// A parameter's value cannot be taken.
    #[error("parameter `{name}` {fault}")]
    ParameterInvalid {
        name: Arc<str>,
        fault: ParameterFault,
    },

    /// The tenant given is not the instance's.
    #[error("process `{id}` does not belong to tenant `{tenant}`")]
    TenantMismatch { id: Uuid, tenant: Box<str> },

    /// Too many operations wait for this instance; the operation may be sent again.
    #[error("{waiting} operations wait for process `{id}` already; try again later")]
    InstanceBusy { id: Uuid, waiting: usize },

    /// An action, condition or rule failed, or is not there.
    #[error("in activity `{activity}`: {fault}")]
    ActionFailed {
        activity: Arc<str>,
        fault: Box<ExecutionFault>,
    },

    /// A configured bound was reached.
    #[error("{limit}; the limit is {max}")]
    LimitExceeded { limit: Limit, max: u64 },

    /// No user has this id.
    #[error("there is no user `{id}`")]
    UserNotFound { id: Box<str> },

    /// The user's id is taken.
    #[error("user `{id}` exists already")]
    UserAlreadyExists { id: Box<str> },

    /// The store could not make the change durable; nothing changed.
    #[error("the change could not be stored, nothing was changed")]
    StoreFailed {
        #[source]
        source: crate::store::CommitError,
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
    NotHere { available: Known },
    /// It is there, but not for this identity.
    Identity {
        identity: Option<Arc<str>>,
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
    /// It does not fit the declared type.
    #[error("is invalid: {0}")]
    Value(#[from] crate::parameter::Mismatch),
}

/// What went wrong while a process was executed.
#[derive(Debug, Error)]
pub enum ExecutionFault {
    /// Nobody provides it.
    #[error("no {kind} named `{name}` is provided by this engine{hint}")]
    NotProvided {
        kind: provider::Kind,
        name: Arc<str>,
        hint: Known,
    },

    /// The provider reported a failure.
    #[error("{kind} `{name}` failed: {source}")]
    Provider {
        kind: provider::Kind,
        name: Arc<str>,
        source: provider::Error,
    },

    /// An expression could not be evaluated with the values at hand.
    #[error("the expression of transition `{transition}` failed: {source}")]
    Expression {
        transition: Arc<str>,
        source: crate::expression::EvaluationError,
    },

    /// The activity would need a timer.
    #[error(
        "transition `{transition}` waits for timer `{timer}`, and timers are not run by this version"
    )]
    TimersNotRun {
        timer: Arc<str>,
        transition: Arc<str>,
    },

    /// A subprocess would have to start or end.
    #[error("transition `{transition}` is a fork, and subprocesses are not run by this version")]
    ForksNotRun { transition: Arc<str> },

    /// An action asked for a state or activity that the scheme does not have.
    #[error("{kind} `{name}` asked for `{target}`, which the scheme cannot be set to{known}")]
    NoSuchTarget {
        kind: provider::Kind,
        name: Arc<str>,
        target: Box<str>,
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
    /// Auto transitions in one operation.
    AutoHops { activity: Arc<str> },
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
            Self::AutoHops { activity } => write!(
                f,
                "the Auto transitions did not come to rest, the last activity was `{activity}`"
            ),
            Self::Schemes => f.write_str("this engine holds no more schemes"),
            Self::Users => f.write_str("this engine holds no more users"),
        }
    }
}

/// Names that would have been right: the nearest one first, then all, up to a bound.
#[derive(Debug, Default)]
pub struct Known {
    nearest: Option<Box<str>>,
    names: Vec<Box<str>>,
    more: usize,
}

impl Known {
    /// Nothing to suggest: displays as the empty string.
    pub fn none() -> Self {
        Self::default()
    }

    /// The known names, with the one nearest to `wanted` named apart.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>, wanted: &str) -> Self {
        let mut nearest: Option<(f64, &str)> = None;
        let mut known = Self::default();
        for name in names {
            let likeness = strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase());
            if likeness > 0.8 && nearest.is_none_or(|(best, _)| likeness > best) {
                nearest = Some((likeness, name));
            }
            if known.names.len() < LISTED_MAX {
                known.names.push(name.into());
            } else {
                known.more += 1;
            }
        }
        known.nearest = nearest.map(|(_, name)| name.into());
        known
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        let Some((first, rest)) = self.names.split_first() else {
            return Ok(());
        };
        let start = if self.nearest.is_some() { " " } else { "; " };
        write!(f, "{start}known: {first}")?;
        for name in rest {
            write!(f, ", {name}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
