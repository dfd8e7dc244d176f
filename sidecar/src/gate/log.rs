//! The access log: one event for each request that `Log.Access` asks for.
//!
//! What is in it: method, path, status, duration, peer, request id, and of a refusal its code and
//! detail. What is never in it: query, header values, bodies; so no token and no secret.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::config::{AccessLog, LogSettings};
use crate::refusal::Refusal;

/// Longest part of a path that is logged.
const PATH_MAX: usize = 256;

/// What is kept of a request until it is answered; nothing when the log is off.
pub(super) struct Line {
    access: AccessLog,
    kept: Option<(Method, Uri)>,
}

/// How it ended.
pub(super) struct End<'a> {
    pub(super) peer: IpAddr,
    pub(super) status: StatusCode,
    pub(super) duration: Duration,
    pub(super) request_id: &'a HeaderValue,
    pub(super) refusal: Option<&'a Refusal>,
}

impl Line {
    pub(super) fn begin<B>(settings: &LogSettings, request: &Request<B>) -> Self {
        let access = settings.access;
        // A clone of an Uri counts references; nothing is copied.
        let kept =
            (access != AccessLog::Off).then(|| (request.method().clone(), request.uri().clone()));
        Self { access, kept }
    }

    pub(super) fn end(self, end: &End<'_>) {
        let Some((method, uri)) = self.kept else {
            return;
        };
        let request_id = end.request_id.to_str().unwrap_or_default();
        let path = shortened(uri.path());
        let micros = u64::try_from(end.duration.as_micros()).unwrap_or(u64::MAX);
        let status = end.status.as_u16();
        match end.refusal {
            Some(refusal) if refusal.reason.status().is_server_error() => tracing::warn!(
                target: "access",
                %method, path, status, micros, peer = %end.peer, request_id,
                reason = refusal.reason.code(), detail = refusal.detail.as_deref(), "refused"
            ),
            Some(refusal) => tracing::info!(
                target: "access",
                %method, path, status, micros, peer = %end.peer, request_id,
                reason = refusal.reason.code(), detail = refusal.detail.as_deref(), "refused"
            ),
            None if self.access == AccessLog::All => tracing::info!(
                target: "access",
                %method, path, status, micros, peer = %end.peer, request_id, "answered"
            ),
            None => {}
        }
    }
}

/// A request that passes in shadow mode only.
pub(super) struct Passed<'a> {
    pub(super) settings: &'a LogSettings,
    pub(super) peer: IpAddr,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) request_id: &'a HeaderValue,
    pub(super) refusal: &'a Refusal,
}

/// What would have been refused, as it is written when it is.
pub(super) fn would_refuse(passed: &Passed<'_>) {
    if passed.settings.access == AccessLog::Off {
        return;
    }
    tracing::info!(
        target: "access",
        method = %passed.method, path = shortened(passed.path), peer = %passed.peer,
        request_id = passed.request_id.to_str().unwrap_or_default(),
        would_refuse = passed.refusal.reason.code(), detail = passed.refusal.detail.as_deref(),
        "passed in shadow mode"
    );
}

/// On a character's boundary.
fn shortened(path: &str) -> &str {
    let mut end = path.len().min(PATH_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}
