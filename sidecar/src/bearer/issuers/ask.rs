//! One question for an issuer's key set: metadata first where it is discovered.
//!
//! Rules: OIDC Discovery 1.0 §4.3 and RFC 8414 §3.3 (the `issuer` of the document is exactly the
//! one asked for); RFC 8414 §2 (`jwks_uri` is https).

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::{Held, Plan};
use crate::bearer::json::{Object, Value};
use crate::config::Way;
use crate::fetch::{Client, FetchError, Fetched, Limits, Source, SourceFault};
use crate::keys::{DOCUMENT_BYTES_MAX, DocumentFault, PublicKeys};

/// For one document. Issuers answer within a second; who takes longer is down.
const DEADLINE: Duration = Duration::from_secs(10);

/// Of a key set whose issuer does not say how long it is good.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// However short an issuer says: it is not asked more often than this.
const LIFE_MIN: Duration = Duration::from_secs(30);
/// However long it says: a key that it has withdrawn is not trusted for longer.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

const LIMITS: Limits = Limits {
    deadline: DEADLINE,
    body_bytes_max: DOCUMENT_BYTES_MAX,
};

/// Why no key set was had.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysFault {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{origin} answered {status}")]
    Status {
        origin: Arc<str>,
        status: StatusCode,
    },
    #[error("the metadata of {origin} is not a JSON object with `issuer` and `jwks_uri`")]
    Metadata { origin: Arc<str> },
    #[error("the metadata of {origin} is another issuer's")]
    OtherIssuer { origin: Arc<str> },
    #[error("the `jwks_uri` of {origin} cannot be fetched")]
    JwksUri {
        origin: Arc<str>,
        source: SourceFault,
    },
    #[error("no use in what {origin} answered")]
    Document {
        origin: Arc<str>,
        source: DocumentFault,
    },
}

/// A key set, or that the one held is still good.
pub(super) struct Answer {
    pub(super) fresh: Option<Held>,
    /// How long it is good.
    pub(super) life: Duration,
}

/// Where the key set is, for a plan that needs to be told.
pub(super) async fn discover(plan: &Plan, client: &Client) -> Result<Source, KeysFault> {
    let documents = match &plan.way {
        Way::Uri(source) => return Ok(source.clone()),
        Way::Discovery(documents) => documents,
    };
    let [first, second] = documents;
    let answer = client.get(first, LIMITS, None).await?;
    // Not there, rather than not now: the other place is for those who speak RFC 8414 only.
    if answer.status.is_client_error() {
        let second_answer = client.get(second, LIMITS, None).await?;
        return read_metadata(plan, second, &second_answer);
    }
    read_metadata(plan, first, &answer)
}

fn read_metadata(plan: &Plan, asked: &Source, answer: &Fetched) -> Result<Source, KeysFault> {
    let origin = || Arc::clone(asked.origin());
    is_ok(asked, answer)?;
    let metadata = || KeysFault::Metadata { origin: origin() };
    let document = Object::parse(&answer.body).ok_or_else(metadata)?;
    let text = |name| match document.find(name) {
        Some(Value::String(text)) => Ok(text.as_str()),
        _ => Err(metadata()),
    };
    if text("issuer")? != &*plan.issuer {
        return Err(KeysFault::OtherIssuer { origin: origin() });
    }
    let uri = text("jwks_uri")?;
    // Another host's keys are fetched from that host.
    let from = plan.from.as_ref().filter(|_| asked.same_origin(uri));
    Source::parse(uri, from).map_err(|source| KeysFault::JwksUri {
        origin: origin(),
        source,
    })
}

/// The key set at `source`. With the `ETag` of the one held, the answer may be that it still is.
pub(super) async fn keys(
    plan: &Plan,
    client: &Client,
    source: &Source,
    held: Option<&HeaderValue>,
) -> Result<Answer, KeysFault> {
    let answer = client.get(source, LIMITS, held).await?;
    let life = answer.max_age.unwrap_or(LIFE).clamp(LIFE_MIN, LIFE_MAX);
    if answer.status == StatusCode::NOT_MODIFIED && held.is_some() {
        return Ok(Answer { fresh: None, life });
    }
    is_ok(source, &answer)?;
    let keys = PublicKeys::parse(&answer.body, &plan.algorithms);
    let keys = keys.map_err(|fault| KeysFault::Document {
        origin: Arc::clone(source.origin()),
        source: fault,
    })?;
    Ok(Answer {
        fresh: Some(Held {
            keys,
            document: answer.body,
            etag: answer.etag,
        }),
        life,
    })
}

fn is_ok(source: &Source, answer: &Fetched) -> Result<(), KeysFault> {
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    Err(KeysFault::Status {
        origin: Arc::clone(source.origin()),
        status: answer.status,
    })
}
