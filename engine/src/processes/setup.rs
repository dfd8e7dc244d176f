//! What an engine is made of, and what of it may change while it runs.

use crate::environment::{Limits, Source, System};
use crate::provider::Providers;
use crate::store::{Memory, Store};

/// What may change while the engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `Engine.Limits`.
    pub limits: Limits,
    /// `AssertNullOrWhitespaceTenantId`: an absent tenant matches only instances without one.
    pub assert_absent_tenant: bool,
}

/// What an engine is made of.
pub struct Setup {
    /// Actions, conditions and rules.
    pub providers: Providers,
    /// Where changes become durable.
    pub store: Box<dyn Store>,
    /// Time and ids.
    pub source: Box<dyn Source>,
    /// Limits and the like.
    pub terms: Terms,
}

impl Default for Setup {
    /// Built-in providers, memory, the system's clock.
    fn default() -> Self {
        Self {
            providers: Providers::builtin(),
            store: Box::new(Memory),
            source: Box::new(System),
            terms: Terms::default(),
        }
    }
}
