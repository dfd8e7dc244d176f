//! The engine as one value that answers requests.
//!
//! In: HTTP requests, from the engine's own server or, in process, from the sidecar. Out:
//! responses; never an error, and a panic inside is a 500 for that request only.
//! Rules: Workflow API §2 (envelope, statuses), design §5 (request ─▶ decode ─▶ … ─▶ encode).
//! Elsewhere: sockets and who may connect (`server`), what operations do (`processes`).

mod body;
mod builder;
mod contain;
mod counts;
mod run;
mod schemes;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use workflow_api::{ErrorName, Operation};

pub use body::Body;
pub use builder::Builder;
pub(crate) use counts::Counts;
pub use schemes::SchemesError;

use crate::config::EngineSettings;
use crate::environment::Limits;
use crate::operations::{self, Arguments, Refusal, Target};
use crate::processes::{Processes, Setup, Terms};
use crate::provider::Providers;
use run::Answer;
use schemes::Schemes;

/// A workflow engine. A clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    settings: EngineSettings,
    processes: Processes,
    schemes: Schemes,
    counts: Counts,
    loaded: AtomicBool,
    draining: AtomicBool,
}

/// How an engine is, for probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The schemes folder has been read, so requests are answered.
    pub loaded: bool,
    /// It is about to end.
    pub draining: bool,
    /// Schemes that can be started.
    pub schemes: usize,
    /// Scheme files with faults, left out.
    pub schemes_broken: usize,
    /// Process instances held.
    pub instances: usize,
}

impl Engine {
    /// An engine that is ready: its schemes are loaded, and their folder is watched.
    ///
    /// A broken scheme file is drawn in the log and left out; a folder that cannot be read is
    /// reported there too, and looked at again until it can.
    pub fn start(settings: EngineSettings) -> Result<Self, SchemesError> {
        Self::builder(settings).start()
    }

    /// An engine that answers 503 until [`Engine::load`] has ended.
    pub fn new(settings: EngineSettings) -> Self {
        Self::builder(settings).build()
    }

    /// An engine to register actions, conditions and rules with.
    pub fn builder(settings: EngineSettings) -> Builder {
        Builder::new(settings)
    }

    fn assemble(settings: EngineSettings, providers: Providers) -> Self {
        let setup = Setup {
            providers,
            terms: terms(&settings),
            ..Setup::default()
        };
        let processes = Processes::new(setup);
        Self {
            inner: Arc::new(Inner {
                schemes: Schemes::new(&settings, processes.clone()),
                settings,
                processes,
                counts: Counts::default(),
                loaded: AtomicBool::new(false),
                draining: AtomicBool::new(false),
            }),
        }
    }

    /// Reads the schemes folder, has it watched, and lets requests in. Blocks while it reads.
    pub fn load(&self) -> Result<(), SchemesError> {
        self.inner.schemes.watch()?;
        self.inner.loaded.store(true, Relaxed);
        tracing::info!(
            schemes = self.inner.processes.registry().codes(&[]).len(),
            "memory only: instances, users and uploaded schemes end with this program"
        );
        Ok(())
    }

    /// Has the schemes folder read again soon. Does not wait for it.
    pub fn reload_schemes(&self) {
        self.inner.schemes.read_now();
    }

    /// Shows in [`Engine::state`] that the engine is about to end. Requests are still answered.
    pub fn begin_drain(&self) {
        self.inner.draining.store(true, Relaxed);
    }

    /// How it is now.
    pub fn state(&self) -> State {
        State {
            loaded: self.inner.loaded.load(Relaxed),
            draining: self.inner.draining.load(Relaxed),
            schemes: self.inner.processes.registry().codes(&[]).len(),
            schemes_broken: self.inner.schemes.broken(),
            instances: self.inner.processes.count(),
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.inner.counts
    }

    /// Answers one request.
    ///
    /// The future may be dropped at any time: an operation that has not been committed by then
    /// has not happened.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let mut operation = None;
        let outcome = contain::contained(self.answer(&parts, body, &mut operation)).await;
        let answer = outcome.unwrap_or_else(|contain::Panicked| {
            self.inner.counts.panicked();
            tracing::error!(
                operation = operation.map(|operation: &Operation| operation.name),
                "a request ended in a panic"
            );
            Answer::failure(
                ErrorName::InternalError,
                "the engine failed on this request; whether it changed anything is not known",
            )
        });
        self.inner.counts.answered(operation, answer.error);
        self.respond(&parts.method, answer)
    }

    async fn answer<B>(
        &self,
        parts: &Parts,
        body: B,
        operation: &mut Option<&'static Operation>,
    ) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        match self.decode(parts, body, operation).await {
            Ok(request) => self.run(request).await,
            Err(refusal) => Answer::refusal(&refusal),
        }
    }

    async fn decode<B>(
        &self,
        parts: &Parts,
        body: B,
        operation: &mut Option<&'static Operation>,
    ) -> Result<operations::Request, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let target = Target::of(&parts.uri)?;
        *operation = Some(target.operation);
        let methods = target.operation.methods;
        if !methods.contains(parts.method.as_str()) {
            return Err(Refusal::Method {
                operation: target.operation.name,
                allow: methods.allow(),
            });
        }
        if self.inner.settings.block_user_api && operations::is_about_users(target.operation.id) {
            return Err(Refusal::UserApiBlocked);
        }
        if !self.inner.loaded.load(Relaxed) {
            return Err(Refusal::Unavailable {
                doing: "loading its schemes",
            });
        }
        let body = operations::read(body, self.inner.settings.limits.body as u64).await?;
        let mut arguments = Arguments::of(target, parts, &body).await?;
        operations::Request::decode(&mut arguments)
    }

    /// The answer to who is not listened to at all.
    pub(crate) fn forbidden(&self, reason: &impl fmt::Display) -> Response<Body> {
        let answer = Answer::failure(ErrorName::Forbidden, &reason.to_string());
        self.inner.counts.answered(None, answer.error);
        self.respond(&Method::GET, answer)
    }

    fn respond(&self, method: &Method, answer: Answer) -> Response<Body> {
        let strict = self.inner.settings.strict_http_status;
        let status = answer.error.map_or(200, |error| error.status(strict));
        let length = answer.body.len();
        let is_head = method == Method::HEAD;
        let mut response = Response::new(if is_head {
            Body::default()
        } else {
            Body::full(answer.body)
        });
        // Every status of the table is one.
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // An answer is true for one instant.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if is_head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(allow) = answer.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if answer.error == Some(ErrorName::Unavailable) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn terms(settings: &EngineSettings) -> Terms {
    let limits = &settings.limits;
    Terms {
        limits: Limits {
            instances: limits.instances,
            history: limits.history,
            parameter_bytes: limits.parameter_bytes,
            auto_hops: limits.auto_hops,
            waiting: limits.waiting,
            ..Limits::default()
        },
        assert_absent_tenant: settings.assert_null_or_whitespace_tenant_id,
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
