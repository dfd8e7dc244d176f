//! All process instances of this engine, and what can be done to them.
//!
//! In: decoded operations. Out: snapshots, or a [`Failure`].
//! Rules: Workflow API, execution rules 2 (one operation per instance at a time, the others in
//! turn up to a bound), 13 (together or not at all) and 14 (tenants).
//! An operation gets its turn, the interpreter says what changes, the store makes it durable,
//! then it is published; readers take the newest snapshot and wait for nobody.
//! Elsewhere: what an operation does (`interpreter`), which schemes there are (`registry`).

mod cells;
mod checks;
mod requests;
mod setup;
#[cfg(test)]
mod tests;

pub use crate::interpreter::{AvailableCommand, AvailableState, Caller, CommandParameter, Given};
pub use requests::{CommandsQuery, CreateInstance, ExecuteCommand, Executed, SetState, Target};
pub use setup::{Setup, Terms};

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use crate::changes::{Change, Changes};
use crate::environment::{Environment, Limits, Source};
use crate::failure::{Failure, Limit};
use crate::instance::Instance;
use crate::interpreter::{self, Input, Outcome, Seed};
use crate::provider::Providers;
use crate::registry::{FolderError, FolderReport, Registry};
use crate::scheme::Scheme;
use crate::store::{Commit, CommitError, Store};
use crate::users::Users;

use cells::{Cells, NoTurn, Reservation, Turn};
use checks::{check_lengths, check_tenant, present};

/// The processes of an engine. A clone is the same engine.
#[derive(Clone)]
pub struct Processes {
    inner: Arc<Inner>,
}

struct Inner {
    cells: Arc<Cells>,
    registry: Registry,
    users: Users,
    providers: Providers,
    store: Box<dyn Store>,
    source: Box<dyn Source>,
    terms: ArcSwap<Terms>,
}

impl Default for Processes {
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

impl Processes {
    /// An engine without schemes, users and instances.
    pub fn new(setup: Setup) -> Self {
        Self {
            inner: Arc::new(Inner {
                cells: Arc::default(),
                registry: Registry::default(),
                users: Users::default(),
                providers: setup.providers,
                store: setup.store,
                source: setup.source,
                terms: ArcSwap::from_pointee(setup.terms),
            }),
        }
    }

    /// The schemes.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The users whom rules ask about.
    pub fn users(&self) -> &Users {
        &self.inner.users
    }

    /// Actions, conditions and rules.
    pub fn providers(&self) -> &Providers {
        &self.inner.providers
    }

    /// Limits and the like, as they are in force.
    pub fn terms(&self) -> Terms {
        **self.inner.terms.load()
    }

    /// Makes a scheme the newest version of its code, under a new id, and warns of what it uses
    /// and nobody provides.
    pub fn add_scheme(&self, scheme: Scheme) -> Result<Arc<Scheme>, Failure> {
        let scheme = scheme.with_id(self.inner.source.id());
        let scheme = self
            .inner
            .registry
            .add(scheme, self.terms().limits.schemes)?;
        self.warn_of_missing(&scheme);
        Ok(scheme)
    }

    /// Loads what is new or changed in a folder of schemes (`Engine.Schemes`); what is broken is
    /// drawn in the log and left out. Blocks on files.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn load_folder(&self, folder: &Path) -> Result<FolderReport, FolderError> {
        let source = &self.inner.source;
        let max = self.terms().limits.schemes;
        let report = self
            .inner
            .registry
            .load_folder(folder, || source.id(), max)?;
        for broken in &report.broken {
            broken.log();
        }
        for loaded in &report.loaded {
            loaded.log();
            self.warn_of_missing(&loaded.scheme);
        }
        Ok(report)
    }

    fn warn_of_missing(&self, scheme: &Scheme) {
        for fault in self.inner.providers.missing_for(scheme) {
            tracing::warn!(
                scheme = &*scheme.code,
                "{fault}; using it will be ActionFailed"
            );
        }
    }

    /// Puts limits and the like in force for operations that begin from now on.
    pub fn set_terms(&self, terms: Terms) {
        self.inner.terms.store(Arc::new(terms));
    }

    /// How many instances there are.
    pub fn count(&self) -> usize {
        self.inner.cells.len()
    }

    /// `createinstance`. Of two with one id, one wins and the other is `ProcessAlreadyExists`.
    /// What fails while executing leaves no instance behind, so the id stays free.
    pub async fn create(&self, request: CreateInstance) -> Result<Arc<Instance>, Failure> {
        check_lengths(&request.caller, request.tenant.as_deref())?;
        let scheme = self.inner.registry.scheme(&request.scheme_code)?;
        let terms = self.terms();
        let id = match request.process_id {
            Some(id) => id,
            None => self.inner.source.id(),
        };
        let turn = self.reserve(id, &terms.limits).await?;
        let seed = Seed {
            id,
            scheme: &scheme,
            tenant: present(request.tenant.as_deref()),
        };
        let environment = self.environment(&terms, None);
        let created = interpreter::create(seed, &request.caller, &request.parameters, &environment);
        match created.await? {
            Outcome::Done(changes) => self.commit(changes, vec![turn]).await,
            Outcome::Failed { failure, .. } => Err(failure),
            // A creation asks no conditions before it executes.
            Outcome::NotExecuted => Err(Failure::ProcessNotFound { id }),
        }
    }

    /// `executecommand`.
    pub async fn execute(&self, request: ExecuteCommand) -> Result<Executed, Failure> {
        let input = Input::Command {
            name: &request.command,
            caller: &request.caller,
            given: &request.parameters,
        };
        let (was_executed, instance) = self.step(&request.target, input).await?;
        Ok(Executed {
            was_executed,
            instance,
        })
    }

    /// `setstate`: the instance afterwards.
    pub async fn set_state(&self, request: SetState) -> Result<Arc<Instance>, Failure> {
        let input = Input::SetState {
            state: &request.state,
            caller: &request.caller,
            given: &request.parameters,
        };
        let (_, instance) = self.step(&request.target, input).await?;
        Ok(instance)
    }

    /// `getavailablecommands`.
    pub async fn available_commands(
        &self,
        query: CommandsQuery,
    ) -> Result<Vec<AvailableCommand>, Failure> {
        let terms = self.terms();
        let instance = self.read(&query.target, &terms)?;
        let newest = self.newest(&instance);
        interpreter::available_commands(
            &instance,
            &query.caller,
            query.culture.as_deref(),
            query.command.as_deref(),
            &self.environment(&terms, newest.as_ref()),
        )
        .await
    }

    /// `getavailablestatetoset`.
    pub fn available_states(
        &self,
        target: &Target,
        culture: Option<&str>,
    ) -> Result<Vec<AvailableState>, Failure> {
        let terms = self.terms();
        let instance = self.read(target, &terms)?;
        let newest = self.newest(&instance);
        let environment = self.environment(&terms, newest.as_ref());
        Ok(interpreter::available_states(
            &instance,
            culture,
            &environment,
        ))
    }

    /// `getinstanceinfo`: the newest committed snapshot.
    pub fn instance(&self, target: &Target) -> Result<Arc<Instance>, Failure> {
        self.read(target, &self.terms())
    }

    /// `isexistprocess`. A process of another tenant is `TenantMismatch`, not absent.
    pub fn exists(&self, target: &Target) -> Result<bool, Failure> {
        match self.instance(target) {
            Ok(_) => Ok(true),
            Err(Failure::ProcessNotFound { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// `deleteinstance`. Waits for its turn; who waits behind it finds the process gone.
    pub async fn delete(&self, target: &Target) -> Result<(), Failure> {
        let terms = self.terms();
        let turn = self.turn(target, &terms).await?;
        self.remove(vec![turn]).await
    }

    /// `deleteinstances`: all of them, or none when one is unknown or of another tenant.
    pub async fn delete_all(&self, ids: &[Uuid], tenant: Option<&str>) -> Result<(), Failure> {
        let terms = self.terms();
        let mut targets: Vec<Target> = ids
            .iter()
            .map(|id| Target {
                process_id: *id,
                tenant: tenant.map(Into::into),
            })
            .collect();
        // Every such call takes its turns in one order, so that no two wait for each other.
        targets.sort_unstable_by_key(|target| target.process_id);
        targets.dedup_by_key(|target| target.process_id);
        for target in &targets {
            self.read(target, &terms)?;
        }
        let mut turns = Vec::with_capacity(targets.len());
        for target in &targets {
            turns.push(self.turn(target, &terms).await?);
        }
        self.remove(turns).await
    }

    async fn step(
        &self,
        target: &Target,
        input: Input<'_>,
    ) -> Result<(bool, Arc<Instance>), Failure> {
        check_lengths(input.caller(), None)?;
        let terms = self.terms();
        let turn = self.turn(target, &terms).await?;
        let Some(before) = turn.before().cloned() else {
            return Err(gone(target));
        };
        let newest = self.newest(&before);
        let environment = self.environment(&terms, newest.as_ref());
        match interpreter::step(&before, input, &environment).await? {
            Outcome::NotExecuted => Ok((false, before)),
            Outcome::Done(changes) => Ok((true, self.commit(changes, vec![turn]).await?)),
            Outcome::Failed { failure, changes } => {
                if let Some(changes) = changes {
                    self.commit(changes, vec![turn]).await?;
                }
                Err(failure)
            }
        }
    }

    async fn remove(&self, turns: Vec<Turn>) -> Result<(), Failure> {
        let mut deleted = turns
            .iter()
            .filter_map(|turn| turn.before().cloned())
            .map(Change::Deleted);
        let Some(own) = deleted.next() else {
            return Ok(());
        };
        let others = deleted.collect();
        self.settle(Changes { own, others }, turns).await
    }

    /// Commits and publishes; the instance that then stands.
    async fn commit(&self, changes: Changes, turns: Vec<Turn>) -> Result<Arc<Instance>, Failure> {
        let id = changes.own.id();
        let after = changes.own.after().cloned();
        self.settle(changes, turns).await?;
        after.ok_or(Failure::ProcessNotFound { id })
    }

    /// Commits, then publishes with the turns of the changed instances, in the order of the
    /// changes. When the caller goes away meanwhile, both still happen: what is durable is seen.
    async fn settle(&self, changes: Changes, turns: Vec<Turn>) -> Result<(), Failure> {
        match self.inner.store.commit(&changes) {
            Commit::Done(result) => conclude(result, &changes, turns),
            Commit::Pending(decided) => {
                let task = tokio::spawn(async move { conclude(decided.await, &changes, turns) });
                // The task ends without its result only when the runtime is shut down.
                let closed = || CommitError::Closed;
                task.await
                    .unwrap_or_else(|_| Err(Failure::StoreFailed { source: closed() }))
            }
        }
    }

    async fn turn(&self, target: &Target, terms: &Terms) -> Result<Turn, Failure> {
        let id = target.process_id;
        let turn = self.inner.cells.turn(id, terms.limits.waiting).await;
        let turn = turn.map_err(|no| match no {
            NoTurn::Gone => gone(target),
            NoTurn::Busy(waiting) => Failure::InstanceBusy { id, waiting },
        })?;
        if let Some(instance) = turn.before() {
            check_tenant(instance, target, terms)?;
        }
        Ok(turn)
    }

    async fn reserve(&self, id: Uuid, limits: &Limits) -> Result<Turn, Failure> {
        let cells = &self.inner.cells;
        match cells.reserve(id, limits.instances, limits.waiting).await {
            Reservation::Reserved(turn) => Ok(turn),
            Reservation::Taken => Err(Failure::ProcessAlreadyExists { id }),
            Reservation::Busy(waiting) => Err(Failure::InstanceBusy { id, waiting }),
            Reservation::Full => Err(Failure::LimitExceeded {
                limit: Limit::Instances,
                max: limits.instances as u64,
            }),
        }
    }

    fn read(&self, target: &Target, terms: &Terms) -> Result<Arc<Instance>, Failure> {
        let instance = self.inner.cells.get(target.process_id);
        let instance = instance.ok_or_else(|| gone(target))?;
        check_tenant(&instance, target, terms)?;
        Ok(instance)
    }

    /// The newest version of the instance's scheme, where its activity follows it.
    fn newest(&self, instance: &Instance) -> Option<Arc<Scheme>> {
        let follows = instance.activity().is_auto_scheme_update;
        let newest = || self.inner.registry.find(&instance.scheme().code);
        follows.then(newest).flatten()
    }

    fn environment<'a>(
        &'a self,
        terms: &Terms,
        newest: Option<&'a Arc<Scheme>>,
    ) -> Environment<'a> {
        Environment {
            now: self.inner.source.now(),
            users: &self.inner.users,
            providers: &self.inner.providers,
            instances: &*self.inner.cells,
            limits: terms.limits,
            newest,
        }
    }
}

/// Publishes what was committed; otherwise the turns end and nothing has changed.
fn conclude(
    result: Result<(), CommitError>,
    changes: &Changes,
    turns: Vec<Turn>,
) -> Result<(), Failure> {
    result.map_err(|source| Failure::StoreFailed { source })?;
    for (change, turn) in changes.iter().zip(turns) {
        turn.publish(change.after().cloned());
    }
    Ok(())
}

fn gone(target: &Target) -> Failure {
    Failure::ProcessNotFound {
        id: target.process_id,
    }
}
