//! Who may ask for tokens: `OpenIddictServerSettings.ClientCredentials`, and what code registers.
//!
//! Rules: an id or a secret is any non-empty UTF-8 without control characters; code wins over the
//! file for the same id; scopes are RFC 6749 §3.3 tokens.
//! Elsewhere: how a client authenticates (`oauth`), what an operation is (`policy`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use settings::{Fault, Mark, Object, Reading, Severity, Text};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::keys::Secret;
use crate::policy::Operations;

/// The secret of the shipped `config.json`: known to everyone.
const SAMPLE_SECRET: &str = "e3e3506c-1a2e-4e35-b6c6-2ecced416e07";
/// Scope, and audience, where nothing else is said.
const WORKFLOW_API: &str = "WorkflowApi";
/// Bounds of a token's lifetime.
const LIFETIME: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Registered clients by id. Code wins over the file for the same id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Clients {
    pub(crate) by_id: HashMap<Arc<str>, Arc<Client>, foldhash::fast::RandomState>,
}

impl Clients {
    /// The client of that id, compared exactly.
    pub fn find(&self, id: &str) -> Option<&Arc<Client>> {
        self.by_id.get(id)
    }

    /// Every client, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_id.values()
    }
}

/// A registered client. Equality of two means: tokens and checks of one are good for the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// As the client sends it.
    pub id: Arc<str>,
    /// Any of them authenticates, until its end.
    pub secrets: Vec<Secret>,
    /// What the client may ask for, and gets when it asks for none.
    pub scopes: Vec<Arc<str>>,
    /// What it may call of the Workflow API.
    pub operations: Operations,
    /// Of its tokens.
    pub audience: Arc<str>,
    /// 1 s to 24 h.
    pub token_lifetime: Duration,
}

/// A client registered in code, with the defaults of the file.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    id: String,
    secrets: Vec<Secret>,
    scopes: Vec<String>,
    operations: Vec<String>,
    audience: String,
    token_lifetime: Option<Duration>,
    empty_secret: bool,
    sample_secret: bool,
}

impl ClientCredential {
    /// A client with one secret, the scope `WorkflowApi` and the operations `*`.
    pub fn new(id: impl Into<String>, secret: impl AsRef<str>) -> Self {
        let secret = secret.as_ref();
        Self {
            id: id.into(),
            secrets: vec![Secret::new(secret)],
            scopes: vec![WORKFLOW_API.to_owned()],
            operations: vec!["*".to_owned()],
            audience: WORKFLOW_API.to_owned(),
            token_lifetime: None,
            empty_secret: !is_credential(secret),
            sample_secret: secret == SAMPLE_SECRET,
        }
    }

    /// What the client may ask for.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What it may call: names of operations, `read`, `run`, `manage`, `*`.
    #[must_use]
    pub fn operations<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.operations = names.into_iter().map(Into::into).collect();
        self
    }

    /// Audience of its tokens.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long its tokens are good: 1 s to 24 h.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = Some(lifetime);
        self
    }

    /// Faults have no place in a file; they name the client.
    fn validate(&self, default_lifetime: Duration, reading: &mut Reading) -> Client {
        let mut fault = |what: String| {
            let message = format!("client `{}`, registered in code: {what}", self.id);
            reading.faults.push(Fault::placeless(message));
        };
        if !is_credential(&self.id) {
            fault("its id is empty or holds a control character".to_owned());
        }
        if self.empty_secret {
            fault("its secret is empty or holds a control character".to_owned());
        }
        if !is_credential(&self.audience) {
            fault("its audience is empty or holds a control character".to_owned());
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            fault(format!("`{}` is not a scope", scope.escape_debug()));
        }
        let operations = Operations::parse(&self.operations).unwrap_or_else(|unknown| {
            fault(unknown.to_string());
            Operations::NONE
        });
        let token_lifetime = self.token_lifetime.unwrap_or(default_lifetime);
        if !LIFETIME.contains(&token_lifetime) {
            fault("its token lifetime is not from 1 s to 24 h".to_owned());
        }
        Client {
            id: self.id.as_str().into(),
            secrets: self.secrets.clone(),
            scopes: self
                .scopes
                .iter()
                .map(|scope| scope.as_str().into())
                .collect(),
            operations,
            audience: self.audience.as_str().into(),
            token_lifetime,
        }
    }
}

/// All clients of a reading, and what later checks need to know of them.
pub(super) struct Registered {
    pub(super) clients: Clients,
    /// Where the sample secret is used; `None` in the list: in code.
    pub(super) sample_secrets: Vec<Option<Mark>>,
    /// The longest lifetime of any token.
    pub(super) longest_lifetime: Duration,
}

impl Registered {
    /// `object` is `OpenIddictServerSettings`.
    pub(super) fn read(
        object: &Object<'_>,
        in_code: &[ClientCredential],
        reading: &mut Reading,
    ) -> Self {
        let default_lifetime = object.duration(reading, "TokenLifetime").value;
        let mut registered = Self {
            clients: Clients::default(),
            sample_secrets: Vec::new(),
            longest_lifetime: default_lifetime,
        };
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
                registered.sample_secrets.extend(sample.map(Some));
            }
            registered.add(client);
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
                registered.sample_secrets.push(None);
            }
            registered.add(client);
        }
        registered
    }

    fn add(&mut self, client: Client) {
        self.longest_lifetime = self.longest_lifetime.max(client.token_lifetime);
        self.clients
            .by_id
            .insert(Arc::clone(&client.id), Arc::new(client));
    }
}

/// A client with the place of its id and of the sample secret, if it uses that.
fn read_client(
    object: &Object<'_>,
    default_lifetime: Duration,
    reading: &mut Reading,
) -> Option<(Client, Mark, Option<Mark>)> {
    let id = object.text(reading, "ClientId");
    let (secrets, sample) = secrets(object, reading);
    let scope_texts = object.texts(reading, "Scopes").unwrap_or_default();
    let scopes = scopes(&scope_texts, reading);
    let operations = operations(object, reading);
    let audience = object.text(reading, "Audience");
    let lifetime = object.optional_duration(reading, "TokenLifetime");
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
        scopes,
        operations,
        audience: audience.map_or(WORKFLOW_API.into(), |text| text.value.into()),
        token_lifetime: lifetime.map_or(default_lifetime, |lifetime| lifetime.value),
    };
    Some((client, id.mark, sample))
}

fn secrets(object: &Object<'_>, reading: &mut Reading) -> (Vec<Secret>, Option<Mark>) {
    let errors_before = reading.faults.count(Severity::Error);
    let one = object.text(reading, "ClientSecret");
    let several = object.objects(reading, "ClientSecrets");
    let mut sample = None;
    let mut secrets = Vec::new();
    let mut add = |text: &Text, until: Option<SystemTime>| {
        if text.value == SAMPLE_SECRET {
            sample = Some(text.mark);
        }
        let secret = Secret::new(&text.value);
        secrets.push(match until {
            Some(until) => secret.until(until),
            None => secret,
        });
    };
    if let Some(text) = &one {
        add(text, None);
    }
    let now = SystemTime::now();
    let mut over = 0;
    for secret in &several {
        let value = secret.text(reading, "Value");
        let not_after = secret.text(reading, "NotAfter");
        let until = not_after.as_ref().and_then(|text| time_of(text, reading));
        let Some(value) = value else {
            let asks_otherwise = secret.key_mark("Value").or(secret.key_mark("Hash"));
            if asks_otherwise.is_none() {
                let fault = Fault::error(secret.mark(), "a secret has no `Value`");
                reading.faults.push(fault.label("in this object"));
            }
            continue;
        };
        if until.is_some_and(|until| until < now) {
            over += 1;
        }
        add(&value, until);
    }
    if let (Some(one), Some(several)) = (&one, object.key_mark("ClientSecrets")) {
        reading.faults.push(
            Fault::error(
                several,
                "a client has both `ClientSecret` and `ClientSecrets`",
            )
            .label("both")
            .also(one.mark, "and this one")
            .help("move the one secret into the list"),
        );
    }
    let faultless = reading.faults.count(Severity::Error) == errors_before;
    if faultless && secrets.is_empty() {
        let message = "a client has no secret, so nobody can authenticate as it";
        reading.faults.push(
            Fault::error(object.mark(), message)
                .label("in this object")
                .help("give it a `ClientSecret`, or `ClientSecrets`"),
        );
    } else if faultless && over == secrets.len() {
        let message = "every secret of a client is past its `NotAfter`";
        let mark = object.value_mark("ClientSecrets").unwrap_or(object.mark());
        reading
            .faults
            .push(Fault::warning(mark, message).label("nobody can authenticate as it"));
    }
    (secrets, sample)
}

fn time_of(text: &Text, reading: &mut Reading) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(&text.value, &Rfc3339).ok();
    if time.is_none() {
        reading.faults.push(
            Fault::error(text.mark, "`NotAfter` must be an RFC 3339 time")
                .label(format!("found {}", text.shown()))
                .help("such as `2031-01-31T12:00:00Z`"),
        );
    }
    time.map(SystemTime::from)
}

fn operations(object: &Object<'_>, reading: &mut Reading) -> Operations {
    let texts = object.texts(reading, "Operations").unwrap_or_default();
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

/// Scopes without repetition.
pub(super) fn scopes(texts: &[Text], reading: &mut Reading) -> Vec<Arc<str>> {
    let mut scopes: Vec<Arc<str>> = Vec::with_capacity(texts.len());
    for text in texts {
        if !is_scope(&text.value) {
            reading.faults.push(
                Fault::error(text.mark, format!("{} is not a scope", text.shown()))
                    .label("not a scope")
                    .help("visible ASCII without spaces, `\"` and `\\`; one scope each"),
            );
        } else if scopes.iter().all(|scope| **scope != *text.value) {
            scopes.push(text.value.as_str().into());
        }
    }
    scopes
}

/// RFC 6749 §3.3: `scope-token`.
pub(super) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Any non-empty UTF-8 without control characters.
fn is_credential(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
