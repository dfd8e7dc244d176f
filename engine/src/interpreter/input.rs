//! What an operation brings to an instance.

use std::sync::Arc;

use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::instance::{Instance, Log, Parameters, Place, Previous, Status, Versions};
use crate::scheme::Scheme;

/// Who acts.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// `identityId`: who sends the operation.
    pub identity: Option<Arc<str>>,
    /// `impersonatedIdentityId`: whose rights count instead.
    pub impersonated: Option<Arc<str>>,
}

impl Caller {
    /// Whose rights count, and who is on record as actor.
    pub fn actor(&self) -> Option<&Arc<str>> {
        self.impersonated.as_ref().or(self.identity.as_ref())
    }
}

/// Process parameters as given.
#[derive(Debug, Default)]
pub struct Given {
    /// Names and JSON values; of a name given twice the last counts.
    pub values: Vec<(Box<str>, Box<RawValue>)>,
    /// `persist`: names whose values are kept with the instance.
    pub persist: Vec<Box<str>>,
}

/// What an existing instance is asked to do.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// `executecommand`.
    Command {
        /// Its name.
        name: &'a str,
        /// Who gives it.
        caller: &'a Caller,
        /// Process parameters.
        given: &'a Given,
    },
    /// `setstate`.
    SetState {
        /// Its name.
        state: &'a str,
        /// Who sets it.
        caller: &'a Caller,
        /// Process parameters.
        given: &'a Given,
    },
}

impl<'a> Input<'a> {
    pub(super) fn given(&self) -> &'a Given {
        match self {
            Self::Command { given, .. } | Self::SetState { given, .. } => given,
        }
    }

    pub(crate) fn caller(&self) -> &'a Caller {
        match self {
            Self::Command { caller, .. } | Self::SetState { caller, .. } => caller,
        }
    }
}

/// What a new instance is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The process id.
    pub id: Uuid,
    /// The version that it will walk.
    pub scheme: &'a Arc<Scheme>,
    /// The tenant that it will belong to.
    pub tenant: Option<&'a str>,
}

impl Seed<'_> {
    /// The instance before its first operation: in the initial activity, nothing executed.
    pub(super) fn instance(&self, caller: &Caller, now: OffsetDateTime) -> Instance {
        let initial = self.scheme.initial;
        Instance {
            id: self.id,
            root: self.id,
            parent: None,
            version: 0,
            versions: Versions::new(Arc::clone(self.scheme)),
            status: Status::Initialized,
            activity: initial,
            shown: Place {
                version: 0,
                activity: initial,
            },
            previous: Previous::default(),
            fault: None,
            tenant: self.tenant.map(Arc::from),
            creator: caller.actor().cloned(),
            created: now,
            changed: now,
            parameters: Parameters::default(),
            log: Log::default(),
        }
    }
}
