//! What the interpreter may know of the world beyond its scheme and instance.
//!
//! In: the engine's clock, users, providers and limits. Out: one value per operation, so that
//! the interpreter has no clock, randomness or I/O of its own and a simulation can drive it.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::instance::Instance;
use crate::provider::Providers;
use crate::scheme::Scheme;
use crate::users::Users;

/// Where time and new ids come from.
pub trait Source: Send + Sync + 'static {
    /// The time, UTC.
    fn now(&self) -> OffsetDateTime;
    /// An id that no process has.
    fn id(&self) -> Uuid;
}

/// The system's clock and version 7 ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Source for System {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Finds other instances.
pub trait Instances: Send + Sync {
    /// The newest committed snapshot.
    fn find(&self, id: Uuid) -> Option<Arc<Instance>>;
}

/// The world during one operation.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The one time of everything in this operation, UTC.
    pub now: OffsetDateTime,
    /// Who has which role.
    pub users: &'a Users,
    /// Actions, conditions and rules by name.
    pub providers: &'a Providers,
    /// Other instances.
    pub instances: &'a dyn Instances,
    /// The bounds in force.
    pub limits: Limits,
    /// The newest version of the instance's scheme, for activities that follow it.
    pub newest: Option<&'a Arc<Scheme>>,
}

/// Bounds of the engine (`Engine.Limits`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Process instances. The default fits a few GiB of small ones.
    pub instances: usize,
    /// Transition records of one instance; well above `auto_hops`, so that a loop is named as one.
    pub history: usize,
    /// Bytes of one instance's stored parameters.
    pub parameter_bytes: usize,
    /// Process parameters given with one operation; taking many holds up the others of a core.
    pub given: usize,
    /// Auto transitions in one operation.
    pub auto_hops: u32,
    /// Operations that wait for one instance; beyond it a caller does better to come back.
    pub waiting: usize,
    /// Scheme codes in the registry.
    pub schemes: usize,
    /// Users.
    pub users: usize,
    /// Identities listed with a command, and names in a history item.
    pub identities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 1_000_000,
            history: 100_000,
            parameter_bytes: 1 << 20,
            given: 10_000,
            auto_hops: 10_000,
            waiting: 64,
            schemes: 10_000,
            users: 1_000_000,
            identities: 100,
        }
    }
}
