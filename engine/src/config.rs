//! What the engine needs of `config.json`, validated.
//!
//! In: the file that it shares with the sidecar. Out: [`EngineSettings`], or every fault with its
//! place. Keys of the sidecar are passed over.
//! Rules: `docs/configuration.md`, generated from one table of keys (`settings::keys`).
//! Elsewhere: watching and reloading (`settings::watch`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use settings::url::{Url, is_loopback};
use settings::watch::Watched;
use settings::{Document, Fault, Faults, Input, Object, Program, Reading, Text};

/// Everything that the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// Where it listens when it runs on its own.
    pub listen: Listen,
    /// Probes and metrics when it runs on its own.
    pub admin: Vec<SocketAddr>,
    /// Folder of the schemes, watched.
    pub schemes: PathBuf,
    /// Where instances are kept.
    pub store: Store,
    /// Every bound.
    pub limits: Limits,
    /// Runtimes; `None`: the cores granted.
    pub workers: Option<usize>,
    /// Failures of operations have a 4xx or 5xx status instead of 200.
    pub strict_http_status: bool,
    /// Operations on users are switched off.
    pub block_user_api: bool,
    /// A call without `tenantId` concerns only instances without a tenant.
    pub assert_null_or_whitespace_tenant_id: bool,
    /// A command that runs longer fails; `None`: no bound.
    pub global_command_timeout: Option<Duration>,
    /// How long names of callback servers are remembered.
    pub callback_cache_timeout: Duration,
    /// What is logged, and how, when it runs on its own.
    pub log: Log,
    /// How long what is in flight may take to end.
    pub drain_timeout: Duration,
}

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Plain HTTP on loopback.
    Tcp(Vec<SocketAddr>),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Where instances are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Nowhere: they end with the process.
    Memory,
}

/// Every bound of the engine; sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instances in all.
    pub instances: usize,
    /// Entries of one instance's history.
    pub history: usize,
    /// Of one instance's parameters.
    pub parameter_bytes: usize,
    /// Automatic transitions in a row before a scheme counts as endless.
    pub auto_hops: u32,
    /// Writers that wait for one instance.
    pub waiting: usize,
    /// Of a request body.
    pub body: usize,
    /// Of one scheme file.
    pub scheme_bytes: usize,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `None`: human on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    /// The least important level that is logged.
    pub level: tracing::Level,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// What one reading gave.
pub struct Loaded {
    /// The settings, or every fault.
    pub outcome: Result<EngineSettings, Faults>,
    /// Warnings and notes, in either case.
    pub warnings: Faults,
    /// Every file that was read, with the content that it had.
    pub watched: Vec<Watched>,
}

impl EngineSettings {
    /// Reads `file`, or every default when there is none, with `--set` arguments.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Loaded {
        let (document, mut reading) = Document::read(Input {
            file,
            overrides,
            env: Input::process_env,
        });
        let engine_settings = document.map(|document| {
            document.check_names(Program::Engine, &mut reading);
            Self::read(&document.root(), &mut reading)
        });
        let watched = reading.watched().to_vec();
        let (errors, warnings) = reading.faults.split_errors();
        let outcome = match engine_settings {
            Some(found) if errors.is_empty() => Ok(found),
            _ => Err(errors),
        };
        Loaded {
            outcome,
            warnings,
            watched,
        }
    }

    /// The keys in which `other` would have an engine within another program behave otherwise.
    /// An engine keeps what it was started with.
    pub fn changed_keys(&self, other: &Self) -> Vec<&'static str> {
        let assert_tenant = self.assert_null_or_whitespace_tenant_id;
        [
            (self.schemes == other.schemes, "Engine.Schemes"),
            (self.store == other.store, "Engine.Store"),
            (self.limits == other.limits, "Engine.Limits"),
            (
                self.strict_http_status == other.strict_http_status,
                "WorkflowApi.StrictHttpStatus",
            ),
            (
                self.block_user_api == other.block_user_api,
                "WorkflowApi.BlockUserApi",
            ),
            (
                assert_tenant == other.assert_null_or_whitespace_tenant_id,
                "AssertNullOrWhitespaceTenantId",
            ),
            (
                self.global_command_timeout == other.global_command_timeout,
                "GlobalCommandTimeout",
            ),
            (
                self.callback_cache_timeout == other.callback_cache_timeout,
                "CallBackCacheTimeout",
            ),
        ]
        .into_iter()
        .filter_map(|(same, key)| (!same).then_some(key))
        .collect()
    }

    /// Reads the root object of a file, as the sidecar does for its embedded engine. Complete also
    /// after faults, which are in `reading`.
    pub fn read(root: &Object<'_>, reading: &mut Reading) -> Self {
        let engine = root.object(reading, "Engine");
        let workflow_api = root.object(reading, "WorkflowApi");
        let workers = root.optional_integer(reading, "Workers");
        let schemes = engine.text(reading, "Schemes");
        let schemes = schemes.map_or("schemes".to_owned(), |text| text.value);
        let timeout = root.optional_duration(reading, "GlobalCommandTimeout");
        Self {
            listen: listen(&engine, reading),
            admin: admin(&engine.object(reading, "Admin"), reading),
            schemes: reading.absolute(&schemes),
            store: store(&engine, reading),
            limits: Limits::read(&engine.object(reading, "Limits"), reading),
            workers: workers.map(|workers| workers.value),
            strict_http_status: workflow_api.bool(reading, "StrictHttpStatus").value,
            block_user_api: workflow_api.bool(reading, "BlockUserApi").value,
            assert_null_or_whitespace_tenant_id: root
                .bool(reading, "AssertNullOrWhitespaceTenantId")
                .value,
            global_command_timeout: timeout
                .map(|timeout| timeout.value)
                .filter(|timeout| !timeout.is_zero()),
            callback_cache_timeout: root.duration(reading, "CallBackCacheTimeout").value,
            log: Log::read(&root.object(reading, "Log"), reading),
            drain_timeout: root
                .object(reading, "Drain")
                .duration(reading, "Timeout")
                .value,
        }
    }
}

impl Limits {
    fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        Self {
            instances: object.integer(reading, "Instances").value,
            history: object.integer(reading, "History").value,
            parameter_bytes: object.size(reading, "ParameterBytes").value,
            auto_hops: object.integer(reading, "AutoHops").value,
            waiting: object.integer(reading, "Waiting").value,
            body: object.size(reading, "Body").value,
            scheme_bytes: object.size(reading, "SchemeBytes").value,
        }
    }
}

impl Log {
    fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
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
        Self { format, level }
    }
}

fn listen(engine: &Object<'_>, reading: &mut Reading) -> Listen {
    let none = Listen::Tcp(Vec::new());
    let Some(text) = engine.text(reading, "Url") else {
        return none;
    };
    if let Some(path) = text.value.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            refuse(
                &text,
                "`Engine.Url` names no socket",
                "such as `unix:/run/engine.sock`",
                reading,
            );
            return none;
        }
        return Listen::Unix(reading.absolute(path));
    }
    let Some(addresses) = plain_http(&text, "Engine.Url", reading) else {
        return none;
    };
    if !addresses.iter().all(|address| is_loopback(address.ip())) {
        // The engine checks no tokens: who reaches it may do everything.
        refuse(
            &text,
            "`Engine.Url` is reached from other machines, and the engine checks no tokens",
            "this version has no client certificate or signed identity of the sidecar yet: \
             listen on loopback or on `unix:/path`",
            reading,
        );
    }
    Listen::Tcp(addresses)
}

fn admin(object: &Object<'_>, reading: &mut Reading) -> Vec<SocketAddr> {
    let Some(text) = object.text(reading, "Url") else {
        return Vec::new();
    };
    plain_http(&text, "Engine.Admin.Url", reading).unwrap_or_default()
}

/// The addresses of `http://host:port`; `None` after a fault.
fn plain_http(text: &Text, key: &str, reading: &mut Reading) -> Option<Vec<SocketAddr>> {
    const FORM: &str = "such as `http://127.0.0.1:8078`";
    let url = match Url::parse(&text.value) {
        Ok(url) => url,
        Err(fault) => {
            refuse(
                text,
                &format!("`{key}` cannot be listened on: {fault}"),
                FORM,
                reading,
            );
            return None;
        }
    };
    let what = if !url.is("http") {
        "is plain `http://`; the sidecar speaks TLS"
    } else if !matches!(url.path, "" | "/") {
        "has a path"
    } else if let Some(addresses) = url.host.addresses(url.port.unwrap_or(80)) {
        return Some(addresses);
    } else {
        "must name `localhost` or an address"
    };
    refuse(text, &format!("`{key}` {what}"), FORM, reading);
    None
}

fn store(engine: &Object<'_>, reading: &mut Reading) -> Store {
    let Some(text) = engine.text(reading, "Store") else {
        return Store::Memory;
    };
    let lower = text.value.to_ascii_lowercase();
    let what = if lower == "memory" {
        return Store::Memory;
    } else if lower == "journal" {
        "`Engine.Store` `\"journal\"` is not supported by this version"
    } else if lower.starts_with("postgres:") || lower.starts_with("postgresql:") {
        "`Engine.Store` on PostgreSQL is not supported by this version"
    } else {
        "`Engine.Store` is none that is known"
    };
    let help = "`\"memory\"` is all there is yet: instances end with the process";
    refuse(&text, what, help, reading);
    Store::Memory
}

fn refuse(text: &Text, message: &str, help: &str, reading: &mut Reading) {
    reading.faults.push(
        Fault::error(text.mark, message)
            .label(format!("found {}", text.shown()))
            .help(help),
    );
}

#[cfg(test)]
mod tests;
