//! Limits, browser origins, log and drain.

use std::time::Duration;

use settings::scalar::Rate;
use settings::url::Url;
use settings::{Fault, Object, Reading, Text};

/// Every bound at the edge; sizes in bytes. Defaults: `docs/configuration.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A TLS handshake ends within this.
    pub handshake: Duration,
    /// A request's head is in within this.
    pub header: Duration,
    /// A body that is read whole is in within this.
    pub form_body: Duration,
    /// Least bytes a second of a request body, after `body_rate_grace`; 0 asks for none.
    pub body_rate: u64,
    /// How long `body_rate` is not yet asked for.
    pub body_rate_grace: Duration,
    /// A connection without a request is closed after this.
    pub idle: Duration,
    /// Of a request's head.
    pub header_bytes: usize,
    /// Fields of a request's head.
    pub header_count: usize,
    /// Of a request body.
    pub body: u64,
    /// Of a body that a rule has to see whole.
    pub rule_body: u64,
    /// Of a bearer token.
    pub token: usize,
    /// Open connections.
    pub connections: usize,
    /// Open connections of one client address.
    pub connections_per_address: usize,
    /// Concurrent requests on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Failed client authentications, for each client and address.
    pub secret_failures: Rate,
    /// Failed bearer tokens, for each address.
    pub bearer_failures: Rate,
    /// Tokens that a client may ask for; `None`: any number.
    pub token_requests: Option<Rate>,
    /// Requests that a client may make; `None`: any number.
    pub requests: Option<Rate>,
}

impl Limits {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let body_rate = object.flow(reading, "BodyRate").value;
        let limits = Self {
            handshake: object.duration(reading, "Handshake").value,
            header: object.duration(reading, "Header").value,
            form_body: object.duration(reading, "FormBody").value,
            body_rate: body_rate.per_second,
            body_rate_grace: body_rate.after.unwrap_or_default(),
            idle: object.duration(reading, "Idle").value,
            header_bytes: object.size(reading, "HeaderBytes").value,
            header_count: object.integer(reading, "HeaderCount").value,
            body: object.size(reading, "Body").value,
            rule_body: object.size(reading, "RuleBody").value,
            token: object.size(reading, "Token").value,
            connections: object.integer(reading, "Connections").value,
            connections_per_address: object.integer(reading, "ConnectionsPerAddress").value,
            http2_streams: object.integer(reading, "Http2Streams").value,
            secret_failures: object.rate(reading, "SecretFailures").value,
            bearer_failures: object.rate(reading, "BearerFailures").value,
            token_requests: object
                .optional_rate(reading, "TokenRequests")
                .map(|rate| rate.value),
            requests: object
                .optional_rate(reading, "Requests")
                .map(|rate| rate.value),
        };
        if limits.token >= limits.header_bytes {
            let mark = object.value_mark("Token").unwrap_or_else(|| object.mark());
            reading.faults.push(
                Fault::error(
                    mark,
                    "`Limits.Token` must be less than `Limits.HeaderBytes`",
                )
                .label(format!("{} bytes", limits.token))
                .help("a token travels in the head of a request"),
            );
        }
        limits
    }
}

/// Browser pages of other origins that may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None.
    None,
    /// Any of them.
    Any,
    /// Compared exactly.
    Listed(Vec<Box<str>>),
}

impl CorsOrigins {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let Some(texts) = object.texts(reading, "AllowedOrigins") else {
            return Self::None;
        };
        if texts.is_empty() {
            return Self::None;
        }
        if texts.iter().any(|text| text.value == "*") {
            return Self::Any;
        }
        let origins = texts.iter().filter_map(|text| origin(text, reading));
        Self::Listed(origins.collect())
    }
}

/// As a browser writes it: lower case, no default port, no slash at the end.
fn origin(text: &Text, reading: &mut Reading) -> Option<Box<str>> {
    let fault = match Url::parse(&text.value) {
        Ok(url) if !matches!(url.path, "" | "/") => "it has a path",
        Ok(url) => {
            let scheme = url.scheme.to_ascii_lowercase();
            let default_port = match scheme.as_str() {
                "http" => 80,
                "https" => 443,
                // Extensions and apps have schemes of their own, without ports.
                _ => 0,
            };
            return Some(format!("{scheme}://{}", url.authority(default_port)).into());
        }
        Err(_) => "it is not a URL",
    };
    reading.faults.push(
        Fault::error(
            text.mark,
            format!("{} is not an origin: {fault}", text.shown()),
        )
        .label("not an origin")
        .help("an origin is `https://host` or `https://host:port`, or `*` for any"),
    );
    None
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long to go on accepting after `/readyz` turned false.
    pub delay: Duration,
    /// How long what is in flight may take to end.
    pub timeout: Duration,
}

impl Drain {
    /// Load balancers need this long to learn that a replica goes.
    const DELAY: Duration = Duration::from_secs(5);

    pub(super) fn read(object: &Object<'_>, loopback: bool, reading: &mut Reading) -> Self {
        let default = if loopback {
            Duration::ZERO
        } else {
            Self::DELAY
        };
        Self {
            delay: object
                .optional_duration(reading, "Delay")
                .map_or(default, |delay| delay.value),
            timeout: object.duration(reading, "Timeout").value,
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `None`: human on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// Which requests are logged.
    pub access: AccessLog,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    Off,
    /// What was refused or failed.
    Refusals,
    /// Every one.
    All,
}

impl LogSettings {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let format = object
            .choice(reading, "Format")
            .map(|word| match word.value {
                "json" => LogFormat::Json,
                _ => LogFormat::Human,
            });
        let level = match object.choice(reading, "Level").map(|word| word.value) {
            Some("error") => tracing::Level::ERROR,
            Some("warn") => tracing::Level::WARN,
            Some("debug") => tracing::Level::DEBUG,
            Some("trace") => tracing::Level::TRACE,
            _ => tracing::Level::INFO,
        };
        let access = match object.choice(reading, "Access").map(|word| word.value) {
            Some("off") => AccessLog::Off,
            Some("all") => AccessLog::All,
            _ => AccessLog::Refusals,
        };
        Self {
            format,
            level,
            access,
        }
    }
}
