//! A running sidecar: the thread that steers it, and the handle by which others do.
//!
//! start ▸ ready ▸ (reload)* ▸ drain: `/readyz` turns false, accepting goes on for `Drain.Delay`,
//! what is under way ends within `Drain.Timeout` ▸ gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use crate::admin::Stage;
use crate::bearer::DenyWatcher;
use crate::clock::unix_time;
use crate::config::{ApplyError, Reloader, Snapshot, Trigger};
use crate::listener::bind_admin;
use crate::server::{MakeUpstream, Server, StartError};
use crate::sidecar::{First, Sidecar};
use crate::upstream::{TokenKeeper, Upstream};
use crate::{Shared, admin, logging};

/// Steering is asked for by few: a reloader, which waits for its answer, and callers who want the
/// end, of which one is enough.
const STEERING: usize = 4;

enum Steer {
    Apply {
        next: Box<Snapshot>,
        answer: blocking::SyncSender<Result<(), StartError>>,
    },
    Shutdown,
}

/// A sidecar that is ready. Dropping the handle leaves it running.
pub struct Running {
    shared: Arc<Shared>,
    admin: Vec<SocketAddr>,
    #[cfg(feature = "embedded")]
    engine: Option<engine::Engine>,
    steering: mpsc::Sender<Steer>,
    trigger: Trigger,
    gone: watch::Receiver<bool>,
    thread: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(sidecar: Sidecar) -> Result<Self, StartError> {
        raise_descriptor_limit();
        let (answer, started) = blocking::sync_channel(1);
        let (gone_sender, gone) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("steering".to_owned())
            .spawn(move || {
                steer(&runtime, sidecar, &answer);
                runtime.shutdown_background();
                let _ = gone_sender.send(true);
            })?;
        let ready = started.recv().map_err(|_| StartError::Ended)??;
        Ok(Self {
            shared: ready.shared,
            admin: ready.admin,
            #[cfg(feature = "embedded")]
            engine: ready.engine,
            steering: ready.steering,
            trigger: ready.trigger,
            gone,
            thread,
        })
    }

    /// Where it listens now, with real ports.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let listening = self.shared.health.listening();
        listening.into_iter().map(|(address, _)| address).collect()
    }

    /// Where probes and metrics are, with real ports.
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.live.snapshot()
    }

    /// Judges tokens as the gate does, for what else this process serves.
    pub fn validator(&self) -> crate::bearer::Validator {
        crate::bearer::Validator::new(Arc::clone(&self.shared))
    }

    /// The engine in this process, if the upstream is that one.
    #[cfg(feature = "embedded")]
    pub fn engine(&self) -> Option<&engine::Engine> {
        self.engine.as_ref()
    }

    /// Has the configuration read again soon, changed or not. Does not wait for it.
    pub fn reload(&self) {
        self.trigger.reload_now();
        #[cfg(feature = "embedded")]
        if let Some(engine) = &self.engine {
            engine.reload_schemes();
        }
    }

    /// Begins the end: drain, then gone. Does not wait for it.
    pub fn shutdown(&self) {
        // Full or closed: the end is near already.
        let _ = self.steering.try_send(Steer::Shutdown);
    }

    /// Resolves when everything has ended.
    pub async fn gone(&self) {
        let mut gone = self.gone.clone();
        // An error means that the thread is gone without a word.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    /// Waits until everything has ended. Blocks.
    pub fn wait(self) {
        if self.thread.join().is_err() {
            tracing::error!("the steering thread panicked");
        }
    }
}

/// What is known once everything stands.
struct Ready {
    shared: Arc<Shared>,
    admin: Vec<SocketAddr>,
    #[cfg(feature = "embedded")]
    engine: Option<engine::Engine>,
    steering: mpsc::Sender<Steer>,
    trigger: Trigger,
}

fn steer(
    runtime: &Runtime,
    sidecar: Sidecar,
    answer: &blocking::SyncSender<Result<Ready, StartError>>,
) {
    runtime.block_on(async {
        let standing = match Standing::start(sidecar).await {
            Ok((standing, ready)) => {
                let _ = answer.send(Ok(ready));
                standing
            }
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        };
        standing.run().await;
    });
}

/// Everything that stands while the sidecar runs.
struct Standing {
    server: Server,
    steering: mpsc::Receiver<Steer>,
    reloader: Reloader,
    /// Until the last request is over.
    _token: TokenKeeper,
    deny_watcher: DenyWatcher,
    #[cfg(feature = "embedded")]
    engine: Option<engine::Engine>,
}

impl Standing {
    async fn start(sidecar: Sidecar) -> Result<(Self, Ready), StartError> {
        let Sidecar { source, loaded } = sidecar;
        let First {
            snapshot,
            warnings,
            watched,
        } = loaded;
        // Before the engine: what is only a wrong port should not wait for schemes.
        let admin_sockets = bind_admin(&snapshot.admin_url.addresses)?;
        #[cfg(feature = "embedded")]
        let engine = match &snapshot.engine {
            Some(settings) => Some(engine::Engine::start(settings.as_ref().clone())?),
            None => None,
        };
        let make_upstream: MakeUpstream = {
            #[cfg(feature = "embedded")]
            let engine = engine.clone();
            Arc::new(move |shared: &Shared| {
                Upstream::new(
                    &shared.live,
                    #[cfg(feature = "embedded")]
                    engine.clone(),
                )
            })
        };
        warn_of_certificate(&snapshot);
        let server = Server::start(snapshot, &make_upstream).await?;
        let shared = Arc::clone(server.shared());
        let admin = admin::start(admin_sockets, &shared)?;
        let deny_watcher = DenyWatcher::start(&shared)?;
        shared.issuers.follow(&shared.live.snapshot(), &shared);
        let follower = Arc::downgrade(&shared);
        shared.live.on_swap(move |_, next| {
            if let Some(shared) = follower.upgrade() {
                shared.issuers.follow(next, &shared);
            }
        });
        let token = TokenKeeper::start(&shared.live);
        let (sender, steering) = mpsc::channel(STEERING);
        let apply = sender.clone();
        let apply = move |next| ask_to_apply(&apply, next);
        let live = shared.live.clone();
        let reloader = Reloader::start(source, live, watched, &warnings, apply)?;
        tokio::spawn(replace_keys(Arc::clone(&shared), reloader.trigger()));
        shared.health.enter(Stage::Ready);
        let ready = Ready {
            admin,
            #[cfg(feature = "embedded")]
            engine: engine.clone(),
            steering: sender,
            trigger: reloader.trigger(),
            shared,
        };
        let standing = Self {
            server,
            steering,
            reloader,
            _token: token,
            deny_watcher,
            #[cfg(feature = "embedded")]
            engine,
        };
        Ok((standing, ready))
    }

    async fn run(mut self) {
        while let Some(steer) = self.steering.recv().await {
            match steer {
                Steer::Apply { next, answer } => {
                    let _ = answer.send(self.apply(*next).await);
                }
                Steer::Shutdown => break,
            }
        }
        let shared = Arc::clone(self.server.shared());
        let drain = shared.live.snapshot().drain;
        shared.health.enter(if drain.delay.is_zero() {
            Stage::Closing
        } else {
            Stage::Draining
        });
        #[cfg(feature = "embedded")]
        if let Some(engine) = &self.engine {
            engine.begin_drain();
        }
        // A reload that waits for its answer gets an error, so that the reloader can end.
        drop(self.steering);
        tokio::task::spawn_blocking(move || {
            drop(self.reloader);
            drop(self.deny_watcher);
        });
        tracing::info!(delay = ?drain.delay, timeout = ?drain.timeout, "draining");
        if !drain.delay.is_zero() {
            tokio::time::sleep(drain.delay).await;
            shared.health.enter(Stage::Closing);
        }
        self.server.drain(drain.timeout).await;
        shared.issuers.stop();
        tracing::info!("stopped");
    }

    async fn apply(&mut self, next: Snapshot) -> Result<(), StartError> {
        warn_of_certificate(&next);
        let log = next.log.clone();
        self.server.apply(next).await?;
        logging::apply(&log);
        Ok(())
    }
}

/// How often the age of the signing key is looked at.
const KEYS_LOOK: Duration = Duration::from_secs(10);

/// Makes the next signing key when it is time, and has it read. Ends with the runtime.
async fn replace_keys(shared: Arc<Shared>, trigger: Trigger) {
    loop {
        let snapshot = shared.live.snapshot();
        let rotation = snapshot.token_server.as_ref().and_then(|one| one.rotation);
        if let Some(rotation) = rotation {
            let folder = snapshot.data_folder.clone();
            let now = unix_time();
            let tended = tokio::task::spawn_blocking(move || rotation.tend(&folder, now)).await;
            match tended {
                Ok(Ok(true)) => {
                    tracing::info!("the next signing key is made");
                    trigger.reload_now();
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the next signing key cannot be made"),
                Err(_) => return,
            }
        }
        drop(snapshot);
        tokio::time::sleep(KEYS_LOOK).await;
    }
}

/// Runs on the reloader's thread, which waits until the server has taken `next` or not.
fn ask_to_apply(steering: &mpsc::Sender<Steer>, next: Snapshot) -> Result<(), ApplyError> {
    let (answer, answered) = blocking::sync_channel(1);
    let steer = Steer::Apply {
        next: Box::new(next),
        answer,
    };
    steering
        .blocking_send(steer)
        .map_err(|_| StartError::Ended)?;
    Ok(answered.recv().map_err(|_| StartError::Ended)??)
}

fn warn_of_certificate(snapshot: &Snapshot) {
    let warning = snapshot
        .certificate
        .as_ref()
        .and_then(|certificate| certificate.warning(time::OffsetDateTime::now_utc()));
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
}

/// A connection takes a descriptor, and so does one to the engine: the soft limit of 1,024 that
/// most systems give is raised to the hard one.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of file descriptors stays as it is");
        }
    }
}
