//! The public documents: rendered once for each snapshot, served as they are.
//!
//! Rules: OIDC Discovery 1.0 §3–4, RFC 8414 §2–3, RFC 9728 §2–3, RFC 9110 §13.1.2 (If-None-Match).
//! Only what is really on is published.

use std::collections::BTreeSet;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use crate::body::ResponseBody;
use crate::config::{AuthMethod, Snapshot};
use crate::keys::{Algorithm, Document};
use crate::refusal::{Reason, Refusal};

/// How long a client may go without asking again. A key that is new to a client makes it ask
/// sooner, so this is about changed endpoints.
const CACHED: &str = "public, max-age=300";

/// The documents of a snapshot.
pub(crate) struct Published {
    discovery: Document,
    resource: Document,
    resource_id: Box<str>,
}

/// RFC 8414 §2; a name that is not here is not on.
#[derive(Serialize)]
struct Server<'a> {
    issuer: &'a str,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    grant_types_supported: [&'static str; 1],
    /// No authorization endpoint, so no response type; OIDC does not allow an empty list.
    response_types_supported: [&'static str; 1],
    scopes_supported: BTreeSet<&'a str>,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: &'a [&'static str],
    introspection_endpoint_auth_methods_supported: &'a [&'static str],
    revocation_endpoint_auth_methods_supported: &'a [&'static str],
    /// RFC 8414 §2: these are there when `private_key_jwt` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg_values_supported: Option<&'a [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_signing_alg_values_supported: Option<&'a [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint_auth_signing_alg_values_supported: Option<&'a [&'static str]>,
    /// RFC 9449 §5.1.
    dpop_signing_alg_values_supported: Vec<&'static str>,
    /// RFC 8705 §3.3; there are no other endpoints for it, so no `mtls_endpoint_aliases`.
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    claims_supported: [&'static str; 10],
}

/// RFC 9728 §2.
#[derive(Serialize)]
struct Resource<'a> {
    #[serde(rename = "resource")]
    id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    scopes_supported: BTreeSet<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    dpop_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    dpop_bound_access_tokens_required: bool,
}

/// Absent means the same.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The methods that some client can use now. `certificates`: clients are asked for theirs.
fn methods(snapshot: &Snapshot, certificates: bool) -> Vec<&'static str> {
    let clients = snapshot.token_server.iter();
    let clients: Vec<_> = clients.flat_map(|server| server.clients.iter()).collect();
    let authorities = snapshot.client_certificates.authorities.is_some();
    let on = |method| match method {
        AuthMethod::Basic | AuthMethod::Post | AuthMethod::PrivateKeyJwt => true,
        AuthMethod::Tls => certificates && authorities,
        AuthMethod::SelfSignedTls => certificates,
        // The registry has no name for it.
        AuthMethod::Federated => false,
    };
    AuthMethod::ALL
        .into_iter()
        .filter(|method| on(*method) && clients.iter().any(|client| client.offers(*method)))
        .map(AuthMethod::name)
        .collect()
}

impl Published {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let (issuer, base) = (&*snapshot.authority.issuer, &snapshot.authority.base);
        let clients = snapshot.token_server.iter();
        let scopes: BTreeSet<&str> = clients
            .flat_map(|server| server.clients.by_id.values())
            .flat_map(|client| client.scopes.iter().map(|scope| &**scope))
            .collect();
        let algorithms = snapshot.dpop.algorithm_names();
        let tls = snapshot.listen.iter().any(|url| url.tls);
        let certificates = tls && snapshot.client_certificates.asked;
        let methods = methods(snapshot, certificates);
        let names = Algorithm::ALL.map(Algorithm::name);
        let by_key = methods.contains(&AuthMethod::PrivateKeyJwt.name());
        let signing = by_key.then_some(&names[..]);
        let resource_id = format!("{base}/workflowapi");
        let resource = Resource {
            id: &resource_id,
            authorization_servers: authorization_servers(snapshot),
            scopes_supported: scopes.clone(),
            bearer_methods_supported: ["header"],
            tls_client_certificate_bound_access_tokens: certificates,
            dpop_signing_alg_values_supported: algorithms.clone(),
            dpop_bound_access_tokens_required: snapshot.dpop.required,
        };
        let algorithms_in_use = snapshot
            .token_server
            .iter()
            .flat_map(|server| server.keys.algorithms())
            .map(Algorithm::name)
            .collect();
        let server = Server {
            issuer,
            token_endpoint: format!("{base}/connect/token"),
            introspection_endpoint: format!("{base}/connect/introspect"),
            revocation_endpoint: format!("{base}/connect/revoke"),
            jwks_uri: format!("{base}/.well-known/jwks"),
            grant_types_supported: ["client_credentials"],
            response_types_supported: ["none"],
            scopes_supported: scopes,
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms_in_use,
            token_endpoint_auth_methods_supported: &methods,
            introspection_endpoint_auth_methods_supported: &methods,
            revocation_endpoint_auth_methods_supported: &methods,
            token_endpoint_auth_signing_alg_values_supported: signing,
            introspection_endpoint_auth_signing_alg_values_supported: signing,
            revocation_endpoint_auth_signing_alg_values_supported: signing,
            dpop_signing_alg_values_supported: algorithms,
            tls_client_certificate_bound_access_tokens: certificates,
            claims_supported: [
                "iss",
                "sub",
                "aud",
                "client_id",
                "jti",
                "iat",
                "nbf",
                "exp",
                "scope",
                "cnf",
            ],
        };
        Self {
            discovery: json(&server),
            resource: json(&resource),
            resource_id: resource_id.into(),
        }
    }

    pub(crate) fn discovery(&self) -> &Document {
        &self.discovery
    }

    pub(crate) fn resource(&self) -> &Document {
        &self.resource
    }

    /// The one `resource` of RFC 8707 that is known.
    pub(crate) fn resource_id(&self) -> &str {
        &self.resource_id
    }
}

/// Ours first, then the others by name. RFC 9728 §2: issuers as RFC 8414 has them, so https URLs.
fn authorization_servers(snapshot: &Snapshot) -> Vec<&str> {
    let own = snapshot.token_server.is_some();
    let own = own.then_some(&*snapshot.authority.issuer);
    let mut others: Vec<&str> = snapshot
        .issuers
        .iter()
        .filter(|issuer| issuer.settings.access_tokens)
        .map(|issuer| &*issuer.settings.issuer)
        .filter(|issuer| issuer.starts_with("https://"))
        .collect();
    others.sort_unstable();
    own.into_iter().chain(others).collect()
}

fn json(document: &impl Serialize) -> Document {
    Document::new(serde_json::to_vec(document).expect("documents of strings are JSON"))
}

/// Serves a public document to GET and HEAD.
pub(crate) fn document(
    head: &Parts,
    document: &Document,
) -> Result<Response<ResponseBody>, Refusal> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Refusal::new(Reason::MethodNotAllowed).allows("GET, HEAD"));
    }
    let known = is_known(&head.headers, &document.etag);
    let body = if known {
        ResponseBody::Empty
    } else {
        ResponseBody::Full(document.body.clone())
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(ETAG, document.etag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHED));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

/// Whether the client has it already: weak comparison, or `*`.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else {
        return false;
    };
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim_matches([' ', '\t']))
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
