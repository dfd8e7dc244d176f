//! What becomes of an exchange that came to no answer, for the client and for the counters.

use std::error::Error;
use std::fmt::Write;

use http::Response;

use super::head::Unfit;
use super::pool::Unavailable;
use super::retry::Progress;
use super::wire::Cause;
use crate::admin::UpstreamOutcome;
use crate::body::{Fault, ResponseBody};
use crate::refusal::{Reason, Refusal};

/// For the counters.
pub(super) fn of(answer: &Result<Response<ResponseBody>, Refusal>) -> UpstreamOutcome {
    match answer {
        Ok(_) => UpstreamOutcome::Answered,
        Err(refusal) => match refusal.reason {
            Reason::UpstreamTimeout => UpstreamOutcome::Timeout,
            Reason::UpstreamBroken => UpstreamOutcome::Broken,
            Reason::UpstreamUnavailable
            | Reason::UpstreamOverloaded
            | Reason::UpstreamTokenMissing => UpstreamOutcome::Unavailable,
            // It did, though not to the client.
            Reason::UpstreamTokenRefused => UpstreamOutcome::Answered,
            // The client's own body ended it.
            _ => UpstreamOutcome::Abandoned,
        },
    }
}

/// No connection: nothing was sent, so a client may try again.
pub(super) fn unavailable(why: Unavailable) -> Refusal {
    match why {
        Unavailable::Overloaded => refuse(
            Reason::UpstreamOverloaded,
            "too many requests wait for the upstream",
        ),
        Unavailable::ConnectTimeout => refuse(
            Reason::UpstreamUnavailable,
            "the upstream did not accept a connection in time",
        ),
        Unavailable::Connect(cause) => refuse(
            Reason::UpstreamUnavailable,
            &chain("cannot connect to the upstream", &cause),
        ),
        Unavailable::Handshake(cause) => refuse(
            Reason::UpstreamUnavailable,
            &chain("cannot use the connection to the upstream", &cause),
        ),
    }
}

/// An exchange that began and came to no answer.
pub(super) fn failed(cause: Cause, progress: Progress) -> Refusal {
    if let Some(fault) = cause.fault() {
        return of_client(fault);
    }
    match (cause, progress) {
        (Cause::Timeout, _) => refuse(
            Reason::UpstreamTimeout,
            "the upstream did not answer within ResponseTimeout",
        ),
        (Cause::Broken(cause), Progress::Nothing) => refuse(
            Reason::UpstreamUnavailable,
            &chain("the upstream closed before anything was sent", &cause),
        ),
        (Cause::Broken(cause), Progress::Unanswered) => refuse(
            Reason::UpstreamBroken,
            &chain("the upstream closed without an answer", &cause),
        ),
        (Cause::Broken(cause), Progress::Answered) => refuse(
            Reason::UpstreamBroken,
            &chain("the upstream's answer is broken", &cause),
        ),
    }
}

/// An answer that cannot be passed on.
pub(super) fn unfit(why: &Unfit) -> Refusal {
    match why {
        Unfit::Switching => refuse(
            Reason::UpstreamBroken,
            "the upstream switched protocols unasked",
        ),
    }
}

/// The client's body broke a rule while it was sent on.
pub(crate) fn of_client(fault: &Fault) -> Refusal {
    let reason = match fault {
        Fault::TooLarge { .. } => Reason::BodyTooLarge,
        Fault::TooSlow { .. } => Reason::BodyTooSlow,
        Fault::Revoked => Reason::TokenRevoked,
        Fault::Client(_) => Reason::BodyBroken,
    };
    refuse(reason, &chain("the request's body failed", fault))
}

pub(super) fn refuse(reason: Reason, detail: &str) -> Refusal {
    Refusal::new(reason).with_detail(detail)
}

/// `what`, and its cause with the causes of that: this is where they are handled.
fn chain(what: &str, cause: &dyn Error) -> String {
    let mut text = what.to_owned();
    let mut next = Some(cause);
    while let Some(cause) = next {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
