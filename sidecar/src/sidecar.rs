//! The sidecar as a library: configured in code and from a file, started or run.
//!
//! In: a file, `Key.Path=value` pairs, clients registered in code. Out: a [`Running`] sidecar, or
//! every fault of the configuration.
//! Elsewhere: what happens while it runs (`running`).

use std::path::PathBuf;

use crate::config::{ClientCredential, Faults, Issuer, Loaded, Snapshot, Source};
use crate::policy::PolicyHook;
use crate::running::Running;
use crate::server::StartError;
use crate::signals::Signals;

/// A sidecar whose configuration is good.
///
/// ```no_run
/// use sidecar::{ClientCredential, Sidecar};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sidecar = Sidecar::builder()
///     .config_file("config.json")
///     .set("Url=https://localhost:0")
///     .register_client_credentials(ClientCredential::new("orders", "a secret of its own"))
///     .build()?;
/// let running = sidecar.start()?;
/// println!("listening on {:?}", running.addresses());
/// running.shutdown();
/// running.wait();
/// # Ok(())
/// # }
/// ```
pub struct Sidecar {
    pub(crate) source: Source,
    pub(crate) loaded: First,
}

/// What the first reading gave.
pub(crate) struct First {
    pub(crate) snapshot: Snapshot,
    pub(crate) warnings: Faults,
    pub(crate) watched: Vec<settings::watch::Watched>,
}

/// Collects where the configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    source: Source,
}

/// The configuration is not good. `Display` draws every fault.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.render(false))]
pub struct BuildError(pub Faults);

impl Builder {
    /// Reads `path`, and watches it. Without a file every key has its default.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source.file = Some(path.into());
        self
    }

    /// Sets one key over the file's value: `Key.Path=value`. A later one wins.
    #[must_use]
    pub fn set(mut self, pair: impl Into<String>) -> Self {
        self.source.overrides.push(pair.into());
        self
    }

    /// Registers a client. For the same id it wins over the file's, before and after reloads.
    #[must_use]
    pub fn register_client_credentials(mut self, client: ClientCredential) -> Self {
        self.source.clients.push(client);
        self
    }

    /// Registers a rule in code. It is asked about every request that the configuration lets
    /// through, and may refuse it; all registered rules have to agree. It runs on the thread that
    /// serves, so it must not block; a panic in it refuses the request.
    ///
    /// ```
    /// use sidecar::Sidecar;
    /// use sidecar::policy::{Denial, HookRequest};
    ///
    /// let builder = Sidecar::builder().policy_hook(|request: &HookRequest<'_>| {
    ///     if request.method == "DELETE" && request.path.starts_with("/orders/") {
    ///         return Err(Denial::new("orders are not deleted from outside"));
    ///     }
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn policy_hook(mut self, hook: impl PolicyHook) -> Self {
        self.source.hooks.add(hook);
        self
    }

    /// Trusts an issuer. For the same name it wins over the file's, before and after reloads; it is
    /// validated as the file's are.
    #[must_use]
    pub fn register_issuer(mut self, issuer: Issuer) -> Self {
        self.source.issuers.push(issuer);
        self
    }

    /// Reads and validates everything. Makes signing key and development certificate where none
    /// is configured and none was made before.
    ///
    /// # Errors
    /// Every fault of the configuration at once.
    pub fn build(self) -> Result<Sidecar, BuildError> {
        let Loaded {
            outcome,
            warnings,
            watched,
            ..
        } = self.source.load(None);
        let snapshot = outcome.map_err(BuildError)?;
        Ok(Sidecar {
            source: self.source,
            loaded: First {
                snapshot,
                warnings,
                watched,
            },
        })
    }
}

impl Sidecar {
    /// Nothing configured yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The configuration that it will start with.
    pub fn snapshot(&self) -> &Snapshot {
        &self.loaded.snapshot
    }

    /// What was found that is worth a word, though it is no fault.
    pub fn warnings(&self) -> &Faults {
        &self.loaded.warnings
    }

    /// Starts on threads of its own, and returns when it is ready.
    ///
    /// # Errors
    /// An address cannot be listened on, or the system lacks what it takes to run.
    pub fn start(self) -> Result<Running, StartError> {
        Running::start(self)
    }

    /// Starts, and runs until SIGTERM or SIGINT; SIGHUP reads the configuration again.
    ///
    /// # Errors
    /// As for [`Sidecar::start`].
    pub fn run(self) -> Result<(), StartError> {
        self.run_with(Signals::install()?, |_| {})
    }

    /// As [`Sidecar::run`], with signals that were taken over earlier; `started` is called once
    /// it is ready.
    ///
    /// # Errors
    /// As for [`Sidecar::start`].
    pub fn run_with(
        self,
        signals: Signals,
        started: impl FnOnce(&Running),
    ) -> Result<(), StartError> {
        let running = self.start()?;
        started(&running);
        signals.steer(&running);
        running.wait();
        Ok(())
    }
}
