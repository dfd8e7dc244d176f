//! All clients of one reading: the file's and code's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use settings::{Fault, Mark, Object, Reading, Severity, Text};

use super::secrets::secrets;
use super::{
    AuthMethod, BoundTokens, Client, ClientCredential, Clients, Means, WORKFLOW_API, scopes,
};
use crate::config::mandate;
use crate::policy::Operations;

/// The only grant (RFC 6749 §4.4).
const CLIENT_CREDENTIALS: &str = "client_credentials";

/// All clients of a reading, and what later checks need to know of them.
pub(in crate::config) struct Registered {
    pub(in crate::config) clients: Clients,
    /// Where the sample secret is used; `None` in the list: in code.
    pub(in crate::config) sample_secrets: Vec<Option<Mark>>,
    /// The longest lifetime of any token.
    pub(in crate::config) longest_lifetime: Duration,
    /// How long a client assertion may live.
    pub(in crate::config) assertion_lifetime: Duration,
}

impl Registered {
    /// `object` is `OpenIddictServerSettings`.
    pub(in crate::config) fn read(
        object: &Object<'_>,
        in_code: &[ClientCredential],
        reading: &mut Reading,
    ) -> Self {
        let default_lifetime = object.duration(reading, "TokenLifetime").value;
        let mut clients = Vec::new();
        let mut sample_secrets = Vec::new();
        let mut marks: HashMap<Arc<str>, Mark> = HashMap::new();
        for object in object.objects(reading, "ClientCredentials") {
            let Some((client, mark, sample)) = read_client(&object, default_lifetime, reading)
            else {
                continue;
            };
            if let Some(first) = marks.insert(Arc::clone(&client.id), mark) {
                let message = format!("two clients have the id `{}`", client.id.escape_debug());
                reading.faults.push(
                    Fault::error(mark, message)
                        .label("the second one")
                        .also(first, "the first one"),
                );
            }
            let by_code = in_code.iter().any(|code| *code.id == *client.id);
            if !by_code {
                sample_secrets.extend(sample.map(Some));
            }
            clients.push(client);
        }
        let mut seen = std::collections::HashSet::new();
        for credential in in_code {
            if !seen.insert(&credential.id) {
                let message = format!(
                    "two clients registered in code have the id `{}`",
                    credential.id
                );
                reading.faults.push(Fault::placeless(message));
            }
            let client = credential.validate(default_lifetime, reading);
            if credential.sample_secret {
                sample_secrets.push(None);
            }
            clients.push(client);
        }
        let lifetimes = clients.iter().map(|client| client.token_lifetime);
        Self {
            longest_lifetime: lifetimes.fold(default_lifetime, Duration::max),
            clients: clients.into_iter().collect(),
            sample_secrets,
            assertion_lifetime: object.duration(reading, "AssertionLifetime").value,
        }
    }
}

/// A client with the place of its id and of the sample secret, if it uses that.
fn read_client(
    object: &Object<'_>,
    default_lifetime: Duration,
    reading: &mut Reading,
) -> Option<(Client, Mark, Option<Mark>)> {
    let errors_before = reading.faults.count(Severity::Error);
    let id = object.text(reading, "ClientId");
    let (secrets, sample) = secrets(object, reading);
    let scope_texts = object.texts(reading, "Scopes").unwrap_or_default();
    let scopes = scopes(&scope_texts, reading);
    let operation_texts = object.texts(reading, "Operations").unwrap_or_default();
    let operations = operations(&operation_texts, object, reading);
    let audience = object.text(reading, "Audience");
    let lifetime = object.optional_duration(reading, "TokenLifetime");
    let client_credentials = grants(object, reading);
    let means = Means::read(object, reading);
    let method = method(object, reading);
    let bound_tokens = match object.choice(reading, "BoundTokens").map(|one| one.value) {
        Some("dpop") => BoundTokens::Dpop,
        Some("certificate") => BoundTokens::Certificate,
        Some(_) | None => BoundTokens::AsOffered,
    };
    let mandate = mandate::read(object, mandate::Claims::Own, reading);
    let Some(id) = id else {
        if object.key_mark("ClientId").is_none() {
            let fault = Fault::error(object.mark(), "a client has no `ClientId`");
            reading.faults.push(fault.label("in this object"));
        }
        return None;
    };
    let client = Client {
        id: id.value.into(),
        secrets,
        means,
        method: method.map(|(method, _)| method),
        client_credentials,
        scopes,
        operations,
        audience: audience.map_or(WORKFLOW_API.into(), |text| text.value.into()),
        token_lifetime: lifetime.map_or(default_lifetime, |lifetime| lifetime.value),
        bound_tokens,
        mandate,
        introspect: object.bool(reading, "Introspect").value,
        rate: object.optional_rate(reading, "Rate").map(|rate| rate.value),
    };
    if reading.faults.count(Severity::Error) == errors_before {
        has_means(&client, method.map(|(_, mark)| mark), object, reading);
    }
    Some((client, id.mark, sample))
}

/// A set of operations by the names of a list of `object`.
pub(in crate::config) fn operations(
    texts: &[Text],
    object: &Object<'_>,
    reading: &mut Reading,
) -> Operations {
    let names: Vec<_> = texts.iter().map(|text| text.value.as_str()).collect();
    match Operations::parse(&names) {
        Ok(operations) => operations,
        Err(unknown) => {
            let mark = texts
                .get(unknown.index)
                .map_or(object.mark(), |text| text.mark);
            let fault = Fault::error(mark, unknown.to_string()).label("not known");
            reading.faults.push(match unknown.nearest {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault,
            });
            Operations::NONE
        }
    }
}

/// Whether `GrantTypes` has the one that there is.
fn grants(object: &Object<'_>, reading: &mut Reading) -> bool {
    let grants = object.texts(reading, "GrantTypes").unwrap_or_default();
    for grant in &grants {
        if grant.value != CLIENT_CREDENTIALS {
            let message = format!("no such grant is served: {}", grant.shown());
            reading.faults.push(
                Fault::error(grant.mark, message).label("not served").help(
                    "`client_credentials`, or an empty list for a client that gets no tokens",
                ),
            );
        }
    }
    !grants.is_empty()
}

/// The one method that a client must use.
fn method(object: &Object<'_>, reading: &mut Reading) -> Option<(AuthMethod, Mark)> {
    let word = object.choice(reading, "TokenEndpointAuthMethod")?;
    Some((AuthMethod::named(word.value)?, word.mark))
}

/// Whether somebody can authenticate as `client`; what is missing is a fault unless something of
/// it is faulty already.
fn has_means(client: &Client, method: Option<Mark>, object: &Object<'_>, reading: &mut Reading) {
    if AuthMethod::ALL.into_iter().any(|one| client.offers(one)) {
        return;
    }
    let fault = if let Some((method, mark)) = client.method.zip(method) {
        let name = method.name();
        let message = format!("a client must use `{name}` and has nothing for it");
        Fault::error(mark, message).label("nobody can authenticate as it")
    } else {
        let message = "a client has no secret, so nobody can authenticate as it";
        Fault::error(object.mark(), message)
            .label("in this object")
            .help("give it a `ClientSecret`, or `ClientSecrets`; or `Jwks`, `TlsSubject`, …")
    };
    reading.faults.push(fault);
}
