//! One request through all stages, and one answer whatever happens.
//!
//! A panic in any stage is a 500 for this request and is counted; every answer carries the
//! request's id; counters and access log see every outcome.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use hyper::body::Incoming;

use super::admit::{self, admit};
use super::canonical::{Canonical, canonical};
use super::cors::{self, Granted};
use super::prepared::{Prepared, Ready};
use super::route::Route;
use super::{check, log, proxies, trace};
use crate::Worker;
use crate::admin::{ClientLabel, Counters, RouteLabel};
use crate::body::{Arriving, ResponseBody};
use crate::clock::unix_time;
use crate::config::Snapshot;
use crate::listener::Connection;
use crate::oauth;
use crate::refusal::{self, Reason, Refusal};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request on its way through the stages: what they need, and what is known of it so far.
pub(super) struct Asked<'a> {
    pub(super) worker: &'a Worker,
    pub(super) counters: &'a Counters,
    pub(super) connection: &'a Connection,
    pub(super) snapshot: &'a Arc<Snapshot>,
    /// The client's, as far as trusted.
    pub(super) address: IpAddr,
    pub(super) arrived: Instant,
    /// Seconds since the epoch, read once.
    pub(super) unix_time: u64,
    pub(super) client: ClientLabel,
    /// For the client's next proof.
    pub(super) next_nonce: Option<Box<str>>,
    route: RouteLabel,
    /// Errors have the token endpoint's form.
    oauth_form: bool,
}

/// Answers one request; never fails, and a panic inside is a 500 for this request only.
pub async fn serve(
    worker: &Worker,
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let snapshot = worker.shared.live.snapshot();
    let ready = Prepared::of(&snapshot);
    let mut asked = Asked {
        worker,
        counters: worker.counters(),
        connection,
        snapshot: &snapshot,
        address: proxies::client(
            connection.peer.ip(),
            request.headers(),
            &snapshot.trusted_proxies,
        ),
        arrived: Instant::now(),
        unix_time: unix_time(),
        client: ClientLabel::NONE,
        next_nonce: None,
        route: RouteLabel::OTHER,
        oauth_form: false,
    };
    let request_id = trace::request_id();
    let to_head = request.method() == Method::HEAD;
    let granted = ready.cors.judge(request.headers());
    let line = log::Line::begin(&snapshot.log, &request);

    let outcome = {
        let stages = pin!(stages(&mut asked, ready, &granted, request, &request_id));
        caught(stages).await
    };
    let outcome = outcome.unwrap_or_else(|| {
        asked.counters.panicked();
        Err(Reason::Panic.into())
    });
    let (mut response, refusal) = match outcome {
        Ok(response) => (response, None),
        Err(refusal) => {
            asked.counters.refused(refusal.reason);
            worker.shared.pauses.before(refusal.reason).await;
            let response = if asked.oauth_form {
                refusal::oauth_error(&refusal, &ready.manner)
            } else {
                refusal::envelope(&refusal, &ready.manner, &request_id)
            };
            (response, Some(refusal))
        }
    };
    if to_head {
        without_body(&mut response);
    }
    if let Some(nonce) = asked.next_nonce.take()
        && let Ok(nonce) = HeaderValue::try_from(&*nonce)
    {
        response.headers_mut().insert(&refusal::DPOP_NONCE, nonce);
    }
    granted.mark(response.headers_mut());
    let duration = asked.arrived.elapsed();
    let status = response.status();
    asked
        .counters
        .request(asked.route, status, asked.client, duration);
    line.end(&log::End {
        peer: asked.address,
        status,
        duration,
        request_id: &request_id,
        refusal: refusal.as_ref(),
    });
    response.headers_mut().insert(&X_REQUEST_ID, request_id);
    response
}

/// The stages in their order.
async fn stages(
    asked: &mut Asked<'_>,
    ready: &Ready,
    granted: &Granted,
    request: Request<Incoming>,
    request_id: &HeaderValue,
) -> Result<Response<ResponseBody>, Refusal> {
    let (head, incoming) = request.into_parts();
    let incoming = Arriving::new(incoming, head.version);
    // hyper counts the fields of HTTP/1.1 only.
    if head.headers.len() > asked.snapshot.limits.header_count {
        return Err(Reason::HeaderTooLarge.into());
    }
    if asked.snapshot.forward_auth.is_some()
        && let Some(rest) = check::rest(&head.uri, &asked.snapshot.path_base)
    {
        asked.route = RouteLabel::OTHER;
        let rest = rest.to_owned();
        return check::answer(asked, ready, &head, &rest, request_id);
    }
    let canonical = canonical(head, &ready.table, asked.connection.tls).map_err(|reason| {
        let refusal = Refusal::new(reason);
        match reason {
            Reason::MethodRefused => refusal.allows("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            _ => refusal,
        }
    })?;
    let snapshot = asked.snapshot;
    let published = &ready.published;
    let route = match canonical.route {
        // With the token side off its paths lead nowhere.
        Route::Discovery
        | Route::Jwks
        | Route::Token
        | Route::Introspection
        | Route::Revocation
            if snapshot.token_server.is_none() =>
        {
            Route::Unknown
        }
        route => route,
    };
    asked.route = label(asked, route);
    if route != Route::Unknown && ready.cors.is_preflight(&canonical.head) {
        return Ok(cors::preflight(granted));
    }
    match route {
        Route::Discovery => oauth::document(&canonical.head, published.discovery()),
        Route::Resource => oauth::document(&canonical.head, published.resource()),
        Route::Jwks => {
            let server = snapshot.token_server.as_ref().ok_or(Reason::RouteUnknown)?;
            oauth::document(&canonical.head, server.keys.jwks(asked.unix_time))
        }
        Route::Token => {
            asked.oauth_form = true;
            token(asked, ready, canonical, incoming).await
        }
        Route::Introspection | Route::Revocation => {
            asked.oauth_form = true;
            // Boxed: rare, and every connection would have room for it.
            Box::pin(about_token(asked, ready, route, canonical, incoming)).await
        }
        Route::Forward(index) | Route::Closed(index) => {
            let route = snapshot.routes.get(index).ok_or(Reason::RouteUnknown)?;
            let arriving = admit::Arrived {
                canonical,
                incoming,
                table: &ready.table,
                request_id,
            };
            let admitted = admit(asked, arriving, route).await?;
            // Boxed: hyper keeps room for the whole future in every connection, and this one is
            // 11 KiB that an idle connection would hold for nothing.
            Box::pin(asked.worker.upstream.forward(admitted, asked.worker)).await
        }
        Route::Unknown => Err(Reason::RouteUnknown.into()),
    }
}

async fn token(
    asked: &Asked<'_>,
    ready: &Ready,
    canonical: Canonical,
    incoming: Arriving,
) -> Result<Response<ResponseBody>, Refusal> {
    let exchange = exchange(asked, ready, &canonical);
    // Boxed: big and rare, as for what is forwarded.
    let answer = Box::pin(exchange.answer(&canonical.head, incoming)).await;
    asked.counters.token(oauth::outcome(&answer));
    answer
}

/// Introspection and revocation.
async fn about_token(
    asked: &Asked<'_>,
    ready: &Ready,
    route: Route,
    canonical: Canonical,
    incoming: Arriving,
) -> Result<Response<ResponseBody>, Refusal> {
    let exchange = exchange(asked, ready, &canonical);
    if route == Route::Revocation {
        return Box::pin(exchange.revoke(&canonical.head, incoming)).await;
    }
    Box::pin(exchange.introspect(&canonical.head, incoming)).await
}

fn exchange<'a>(
    asked: &'a Asked<'_>,
    ready: &'a Ready,
    canonical: &'a Canonical,
) -> oauth::Exchange<'a> {
    oauth::Exchange {
        asking: oauth::Asking {
            shared: &asked.worker.shared,
            counters: asked.counters,
            snapshot: asked.snapshot,
            certificate: asked.connection.certificate().map(|one| &**one),
            address: asked.address,
            arrived: asked.arrived,
            unix_time: asked.unix_time,
        },
        resource: ready.published.resource_id(),
        path: canonical.sent.path(),
    }
}

fn label(asked: &Asked<'_>, route: Route) -> RouteLabel {
    match route {
        Route::Discovery | Route::Resource => RouteLabel::DISCOVERY,
        Route::Jwks => RouteLabel::JWKS,
        Route::Token => RouteLabel::TOKEN,
        Route::Introspection => RouteLabel::INTROSPECT,
        Route::Revocation => RouteLabel::REVOKE,
        Route::Forward(index) | Route::Closed(index) => match asked.snapshot.routes.get(index) {
            Some(route) => {
                let pattern = route.pattern.as_str();
                asked.worker.shared.metrics.route_label(pattern)
            }
            None => RouteLabel::OTHER,
        },
        Route::Unknown => RouteLabel::OTHER,
    }
}

/// Runs a future; `None` when it panicked. What it leaves behind is dropped with it, and what it
/// shares with others is atomics and locks that a panic does not poison.
async fn caught<F, T>(mut future: Pin<&mut F>) -> Option<T>
where
    F: Future<Output = T>,
{
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_panic) => Poll::Ready(None),
        }
    })
    .await
}

/// RFC 9110 §9.3.2: a HEAD has the header of the GET and no body. hyper leaves the body out over
/// HTTP/1 only.
fn without_body(response: &mut Response<ResponseBody>) {
    let body = std::mem::replace(response.body_mut(), ResponseBody::Empty);
    if let Some(length @ 1..) = body.size_hint().exact() {
        let headers = response.headers_mut();
        headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
}

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
