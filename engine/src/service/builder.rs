//! Registers what schemes may call, before the engine starts.

use super::{Engine, SchemesError};
use crate::config::EngineSettings;
use crate::provider::{Action, Condition, Providers, Rule};

/// An engine in the making: the built-in providers, and what is registered here. A name that is
/// registered again replaces the one before, built-in or not.
///
/// ```no_run
/// use engine::Engine;
/// use engine::config::EngineSettings;
///
/// let settings = EngineSettings::load(None, &[]).outcome?;
/// let engine = Engine::builder(settings).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Builder {
    settings: EngineSettings,
    providers: Providers,
}

impl Builder {
    pub(super) fn new(settings: EngineSettings) -> Self {
        Self {
            settings,
            providers: Providers::builtin(),
        }
    }

    /// What an `ActionRef` of an activity may name.
    #[must_use]
    pub fn action(mut self, name: &str, action: impl Action + 'static) -> Self {
        self.providers.action(name, action);
        self
    }

    /// What conditions of type Action may name.
    #[must_use]
    pub fn condition(mut self, name: &str, condition: impl Condition + 'static) -> Self {
        self.providers.condition(name, condition);
        self
    }

    /// What actors may name.
    #[must_use]
    pub fn rule(mut self, name: &str, rule: impl Rule + 'static) -> Self {
        self.providers.rule(name, rule);
        self
    }

    /// An engine that answers 503 until [`Engine::load`] has ended.
    pub fn build(self) -> Engine {
        Engine::assemble(self.settings, self.providers)
    }

    /// An engine that is ready, as [`Engine::start`] gives it.
    pub fn start(self) -> Result<Engine, SchemesError> {
        let engine = self.build();
        engine.load()?;
        Ok(engine)
    }
}
