//! The operations on processes, decoded.
//!
//! In: what the service read from a request. Out: values with names, so that no two texts can
//! be swapped. Whether an empty text is an absent one is the decoder's to tell; only a blank
//! tenant is absent here too, because configuration can forbid it.

use std::sync::Arc;

use uuid::Uuid;

use crate::instance::Instance;
use crate::interpreter::{Caller, Given};

/// The process that an operation is for.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Its id.
    pub process_id: Uuid,
    /// `tenantId`: asserted to be the instance's.
    pub tenant: Option<Box<str>>,
}

impl Target {
    /// The process with this id, whatever its tenant.
    pub fn process(process_id: Uuid) -> Self {
        Self {
            process_id,
            tenant: None,
        }
    }
}

/// `createinstance`.
#[derive(Debug, Default)]
pub struct CreateInstance {
    /// None: one is made.
    pub process_id: Option<Uuid>,
    /// The newest version of this scheme is walked.
    pub scheme_code: Box<str>,
    /// Who creates it; the actor is its creator.
    pub caller: Caller,
    /// The tenant that the instance will belong to.
    pub tenant: Option<Box<str>>,
    /// Process parameters.
    pub parameters: Given,
}

/// `executecommand`.
#[derive(Debug, Default)]
pub struct ExecuteCommand {
    /// The process.
    pub target: Target,
    /// The command's name; it has case.
    pub command: Box<str>,
    /// Who gives it.
    pub caller: Caller,
    /// Process parameters.
    pub parameters: Given,
}

/// `setstate`.
#[derive(Debug, Default)]
pub struct SetState {
    /// The process.
    pub target: Target,
    /// The state's name; it has case.
    pub state: Box<str>,
    /// Who sets it.
    pub caller: Caller,
    /// Process parameters.
    pub parameters: Given,
}

/// The answer to `executecommand`.
#[derive(Clone, Debug)]
pub struct Executed {
    /// False when the conditions of every transition said no.
    pub was_executed: bool,
    /// The instance afterwards.
    pub instance: Arc<Instance>,
}

/// `getavailablecommands`.
#[derive(Clone, Debug, Default)]
pub struct CommandsQuery {
    /// The process.
    pub target: Target,
    /// For whom.
    pub caller: Caller,
    /// Which language the localized names are in; the scheme's default without.
    pub culture: Option<Box<str>>,
    /// `commandName`: only this command.
    pub command: Option<Box<str>>,
}
