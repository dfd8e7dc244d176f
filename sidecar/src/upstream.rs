//! Admitted requests go to the engine; responses stream back.
//!
//! In: an [`Admitted`] request, its snapshot's endpoint. Out: the engine's answer, or a refusal
//! that says whether a retry is safe: 503 nothing was sent, 504 no answer in time, 502 the
//! exchange broke. Rules: RFC 9112 (connections), `retry` (what is sent twice).
//! Elsewhere: what may pass (`gate`), how a refusal looks (`refusal`).
//!
//! ```text
//! forward ─▶ head::request ─▶ pool: permit ─▶ idle or connect ─▶ wire::exchange ─▶ head::response ─▶ Outbound
//!                                   ▲                                  │                              │
//!                                   └──────────── retry ◀──────────────┴───────── give back ◀─────────┘
//! ```

mod connect;
#[cfg(feature = "embedded")]
mod embedded;
mod forwarded;
mod head;
mod identity;
mod outbound;
mod outcome;
mod pool;
mod retry;
mod shown;
mod socket;
pub(crate) mod source;
mod token;
mod wire;

#[cfg(test)]
mod tests;

pub use connect::reachable;
pub use outbound::Outbound;
pub use token::TokenStore;

pub(crate) use identity::Signed;
pub(crate) use token::{SecretIn, TokenKeeper, TokenPlan};

pub(crate) use outcome::of_client;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::pool::{Bounds, Lease, Permit, Pool};
use self::retry::{Facts, Progress};
use self::shown::Shown;
use self::wire::{Care, Cause, Outgoing, Patience};
use crate::Worker;
use crate::admin::{Counters, UpstreamOutcome};
use crate::bearer::Leash;
use crate::body::{RequestBody, ResponseBody};
use crate::config::{Endpoint, Live, UpstreamSettings};
use crate::gate::{Admitted, CanonicalRequest};
#[cfg(not(feature = "embedded"))]
use crate::refusal::Reason;
use crate::refusal::Refusal;

/// One worker's way to the engine: its own connection pool.
pub struct Upstream {
    current: Mutex<Current>,
    bounds: Bounds,
    memory: forwarded::Memory,
    #[cfg(feature = "embedded")]
    engine: Option<engine::Engine>,
}

/// The endpoint in force, as far as this worker has heard.
struct Current {
    generation: u64,
    /// `None` while it is the embedded engine.
    pool: Option<Arc<Pool>>,
}

impl Upstream {
    /// For the endpoint in force now; each request's snapshot says which one it goes to.
    pub fn new(live: &Live, #[cfg(feature = "embedded")] engine: Option<engine::Engine>) -> Self {
        let snapshot = live.snapshot();
        Self {
            #[cfg(feature = "embedded")]
            engine,
            ..Self::to(
                snapshot.generation,
                &snapshot.upstream.endpoint,
                Bounds::default(),
            )
        }
    }

    fn to(generation: u64, endpoint: &Endpoint, bounds: Bounds) -> Self {
        Self {
            current: Mutex::new(Current {
                generation,
                pool: Pool::new(endpoint, bounds),
            }),
            bounds,
            memory: forwarded::Memory::new(),
            #[cfg(feature = "embedded")]
            engine: None,
        }
    }

    /// Only the gate makes an `Admitted`: nothing unchecked leaves from here.
    ///
    /// # Errors
    /// A refusal: the upstream cannot be had, does not answer in time or breaks off; or the
    /// request's own body breaks a limit while it is sent.
    pub fn forward<'a>(
        &'a self,
        admitted: Admitted,
        worker: &'a Worker,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Refusal>> + Send + 'a {
        let Admitted {
            mut request,
            principal,
            snapshot,
        } = admitted;
        async move {
            let now = Instant::now();
            let counters = worker.counters();
            let mut attempt = Attempt {
                counters,
                started: now,
                outcome: UpstreamOutcome::Abandoned,
            };
            let to = Destination {
                generation: snapshot.generation,
                settings: &snapshot.upstream,
            };
            let shown = match request.body.settle() {
                Ok(()) => Shown::of(principal.as_deref(), &snapshot, now),
                Err(fault) => Err(of_client(&fault)),
            };
            let answer = match shown {
                Ok(shown) => {
                    if let Some(principal) = &principal {
                        let body = &mut request.body;
                        body.hold_by(|| Leash::new(&worker.shared, principal));
                    }
                    let sent = shown.authorization.clone();
                    let answer = self.deliver(&to, request, shown, now, counters).await;
                    answer.and_then(|answer| shown::judge(answer, sent.as_ref(), &snapshot, now))
                }
                Err(refusal) => Err(refusal),
            };
            attempt.outcome = outcome::of(&answer);
            match principal {
                Some(principal) => answer.map(|answer| {
                    answer.map(|body| body.held_by(|| Leash::new(&worker.shared, &principal)))
                }),
                None => answer,
            }
        }
    }

    async fn deliver(
        &self,
        to: &Destination<'_>,
        mut request: CanonicalRequest,
        shown: Shown<'_>,
        now: Instant,
        counters: &Counters,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let settings = to.settings;
        let Some(pool) = self.pool(to) else {
            #[cfg(feature = "embedded")]
            {
                // Boxed: the engine's future is 8 KiB, which the way to a socket would carry along.
                return Box::pin(embedded::call(self, settings, request, shown, now)).await;
            }
            #[cfg(not(feature = "embedded"))]
            return Err(outcome::refuse(
                Reason::UpstreamUnavailable,
                "this sidecar was built without the engine",
            ));
        };
        request.body.settle().map_err(|fault| of_client(&fault))?;
        let to_head = request.head.method == Method::HEAD;
        let harmless = is_read_only(&request) && matches!(request.body, RequestBody::Empty);
        let request = head::request(request, shown, settings, &pool.host, &self.memory);

        let permit = pool
            .permit(settings, now)
            .await
            .map_err(outcome::unavailable)?;
        let again = Again::of(&request);
        let care = if harmless {
            Care::Repeatable
        } else {
            Care::OnlyChance
        };
        let mut lease = match pool.take_idle(now, care) {
            Some(wire) => Lease { wire, permit },
            None => Box::pin(connect(permit, settings)).await?,
        };
        if again.is_some() {
            lease.wire.keep(request.headers());
        }
        let patience = Patience {
            until: now + settings.response_timeout,
            time: settings.response_timeout,
        };
        let failed = match lease.wire.exchange(request, patience).await {
            Ok(answer) => return respond(answer, lease, to_head),
            Err(failed) => failed,
        };
        let facts = Facts {
            progress: lease.wire.progress(&failed),
            reused: lease.wire.reused,
            harmless,
        };
        let second = match failed.unsent {
            Some(unsent) => Some(unsent.map(Outgoing::into_body)),
            None => again.map(|again| again.into_request(lease.wire.kept())),
        };
        let permit = lease.into_permit();
        let retry = retry::is_safe(facts) && failed.cause.fault().is_none();
        let Some(second) = second.filter(|_| retry && pool.may_retry()) else {
            return Err(outcome::failed(failed.cause, facts.progress));
        };
        counters.upstream_retried();
        Box::pin(second_try(second, permit, settings, patience, to_head)).await
    }

    /// The pool for a request's endpoint.
    fn pool(&self, to: &Destination<'_>) -> Option<Arc<Pool>> {
        let mut current = self.current.lock();
        if current.generation == to.generation {
            return current.pool.clone();
        }
        let endpoint = &to.settings.endpoint;
        let same = match &current.pool {
            Some(pool) => pool.endpoint == *endpoint,
            None => *endpoint == Endpoint::Embedded,
        };
        if to.generation < current.generation {
            if same {
                return current.pool.clone();
            }
            // It was admitted before the change and goes where it was admitted to, once.
            let pool = Pool::new(endpoint, self.bounds);
            if let Some(pool) = &pool {
                pool.retire();
            }
            return pool;
        }
        current.generation = to.generation;
        if !same {
            let old = std::mem::replace(&mut current.pool, Pool::new(endpoint, self.bounds));
            if let Some(old) = old {
                old.retire();
            }
        }
        current.pool.clone()
    }
}

/// Where a request goes, by its own snapshot.
struct Destination<'a> {
    generation: u64,
    settings: &'a UpstreamSettings,
}

/// Counts the attempt when it is over, also when the client left before.
struct Attempt<'a> {
    counters: &'a Counters,
    started: Instant,
    outcome: UpstreamOutcome,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.counters.upstream(self.outcome, self.started.elapsed());
    }
}

/// What is needed, beside the headers, to send a request a second time once hyper has taken it.
struct Again {
    method: Method,
    uri: Uri,
    body: Bytes,
}

impl Again {
    /// `None` for a body that streams: what has been read of it is gone.
    fn of(request: &Request<RequestBody>) -> Option<Self> {
        let body = match request.body() {
            RequestBody::Empty => Bytes::new(),
            RequestBody::Full(body) => body.clone(),
            RequestBody::Stream(_) => return None,
        };
        Some(Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            body,
        })
    }

    fn into_request(self, headers: HeaderMap) -> Request<RequestBody> {
        let mut request = Request::new(match self.body {
            body if body.is_empty() => RequestBody::Empty,
            body => RequestBody::Full(body),
        });
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = headers;
        request
    }
}

/// By the operation where the table knows it: a GET that creates something is no read.
fn is_read_only(request: &CanonicalRequest) -> bool {
    match request.operation {
        Some(operation) => operation.read_only,
        None => matches!(request.head.method, Method::GET | Method::HEAD),
    }
}

async fn connect(permit: Permit, settings: &UpstreamSettings) -> Result<Lease, Refusal> {
    let wire = permit
        .pool()
        .connect(settings)
        .await
        .map_err(outcome::unavailable)?;
    Ok(Lease { wire, permit })
}

/// On a connection of its own: what broke the first one has likely broken every idle one.
async fn second_try(
    request: Request<RequestBody>,
    permit: Permit,
    settings: &UpstreamSettings,
    patience: Patience,
    to_head: bool,
) -> Result<Response<ResponseBody>, Refusal> {
    let mut lease = connect(permit, settings).await?;
    match lease.wire.exchange(request, patience).await {
        Ok(answer) => respond(answer, lease, to_head),
        Err(failed) => {
            let progress = lease.wire.progress(&failed);
            Err(outcome::failed(failed.cause, progress))
        }
    }
}

/// The answer's head is here; its body may be.
fn respond(
    answer: Response<Incoming>,
    mut lease: Lease,
    to_head: bool,
) -> Result<Response<ResponseBody>, Refusal> {
    let (mut parts, mut incoming) = answer.into_parts();
    let length = incoming.size_hint().exact();
    head::response(&mut parts, length, to_head).map_err(|why| outcome::unfit(&why))?;
    lease.wire.answered(Instant::now());

    // Most answers are here whole: the connection is free before the client has seen a byte.
    let mut idle = Context::from_waker(Waker::noop());
    let first = match Pin::new(&mut incoming).poll_frame(&mut idle) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        Poll::Ready(Some(Err(cause))) => {
            return Err(outcome::failed(Cause::Broken(cause), Progress::Answered));
        }
        Poll::Ready(None) => {
            lease.give_back();
            return Ok(Response::from_parts(parts, ResponseBody::Empty));
        }
        Poll::Pending => None,
    };
    let body = if incoming.is_end_stream() {
        lease.give_back();
        first.map_or(ResponseBody::Empty, ResponseBody::Full)
    } else if lease.wire.marks.body_sent.load(Relaxed) {
        ResponseBody::Upstream(Outbound::driving(incoming, first, lease))
    } else {
        ResponseBody::Upstream(Outbound::spawned(incoming, first, lease))
    };
    Ok(Response::from_parts(parts, body))
}
