//! `/auth/check`: the gate's judgement for a proxy that forwards the request itself.
//!
//! In: a question of a listed proxy, which names the request that it holds. Out: 200 with the
//! caller's identity in the headers that the engine would get, or the refusal that the request would
//! get here. The original request goes through the same stages as one of ours, and nowhere else.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};

use super::admit::{self, judge};
use super::canonical::canonical;
use super::prepared::Ready;
use super::proxies;
use super::route::Route;
use super::serve::Asked;
use crate::body::ResponseBody;
use crate::refusal::{Reason, Refusal};

/// Where proxies ask.
pub(super) const PATH: &str = "/auth/check";

const IDENTITY: [HeaderName; 3] = [
    HeaderName::from_static("x-workflow-client"),
    HeaderName::from_static("x-workflow-subject"),
    HeaderName::from_static("x-workflow-scopes"),
];

/// What follows the path of the question in its target: the original one, or nothing. A query alone
/// is the original's, which Caddy leaves there beside its headers.
pub(super) fn rest<'t>(target: &'t http::Uri, base: &str) -> Option<&'t str> {
    let target = target.path_and_query()?.as_str();
    let rest = target.strip_prefix(base)?.strip_prefix(PATH)?;
    match rest.as_bytes().first() {
        None | Some(b'?') => Some(""),
        Some(b'/') => Some(rest),
        Some(_) => None,
    }
}

/// Answers the question in `head`.
pub(super) fn answer(
    asked: &mut Asked<'_>,
    ready: &Ready,
    head: &Parts,
    rest: &str,
    request_id: &HeaderValue,
) -> Result<Response<ResponseBody>, Refusal> {
    let peer = asked.connection.peer.ip();
    if !asked.snapshot.trusted_proxies.contains(peer) {
        return Err(Reason::ProxyNotTrusted.into());
    }
    let original = proxies::original(head, rest)?;
    let snapshot = asked.snapshot;
    let own = snapshot.forward_auth.as_ref();
    let own = own.and_then(|settings| settings.routes.as_ref());
    let routes = own.unwrap_or(&snapshot.routes);
    let table = ready.asked_about.as_ref().unwrap_or(&ready.table);
    let canonical = canonical(original, table, asked.connection.tls)?;
    let (Route::Forward(index) | Route::Closed(index)) = canonical.route else {
        return Err(Reason::RouteUnknown.into());
    };
    let route = routes.get(index).ok_or(Reason::RouteUnknown)?;
    let principal = judge(asked, &canonical, route, table, request_id)?;
    if admit::speaks(principal.as_deref(), route).is_some() && !route.shadow {
        // The proxy keeps the body, in which identities may stand.
        return Err(Refusal::new(Reason::BoundBodyUnsupported)
            .with_detail("a bound client, asked about by a proxy"));
    }
    let mut response = Response::new(ResponseBody::Empty);
    let headers = response.headers_mut();
    for (place, name) in IDENTITY.into_iter().enumerate() {
        let identity = principal.as_ref().map(|principal| &principal.identity);
        // Nobody is told too: a proxy that copies what is there would leave what the client says.
        let value = identity.and_then(|identity| identity.get(place).cloned());
        let nobody = HeaderValue::from_static("");
        headers.insert(name, value.unwrap_or(nobody));
    }
    Ok(response)
}
