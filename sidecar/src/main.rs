//! The `sidecar` program.
//!
//! Exit codes: 0 as asked; 1 a check, a probe or a start that failed; 2 a command line or a
//! configuration that is not good.

mod ask;
mod cli;
mod face;
mod local;
mod socket;
mod trust;

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use sidecar::config::{self, Source};
use sidecar::keys::{self, HashAlgorithm, State};
use sidecar::{BuildError, Sidecar, Signals, logging};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use cli::{Check, Cli, Command, Health, KeysCommand, Token, Wait};
use local::Local;

/// The command line or the configuration is not good.
const EXIT_CONFIG: u8 = 2;

/// Bytes of a secret; a form that presents one has no more.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Between two looks of `sidecar wait`.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let source = Source {
        file: Some(cli.source.config),
        overrides: cli.source.set,
        ..Source::default()
    };
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => run(source),
        Command::Check(check) => self::check(source, check),
        Command::Schema => print(&config::schema()),
        Command::Token(token) => self::token(&source, &token),
        Command::HashSecret(asked) => hash_secret(asked.algorithm),
        Command::Keys(asked) => keys_command(&source, &asked.command),
        Command::Deny(deny) => self::deny(&source, &deny),
        Command::Health(health) => self::health(&source, &health),
        Command::Wait(wait) => self::wait(&source, &wait),
    }
}

fn run(source: Source) -> ExitCode {
    let log = logging::start();
    // First of all: a reload that is asked for while keys are made must not end the process.
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => return fail(&error),
    };
    let given = face::Given::new(&source);
    let mut builder = Sidecar::builder();
    if let Some(file) = source.file {
        builder = builder.config_file(file);
    }
    for pair in source.overrides {
        builder = builder.set(pair);
    }
    let sidecar = match builder.build() {
        Ok(sidecar) => sidecar,
        Err(BuildError(faults)) => {
            tell(&faults.render(io::stderr().is_terminal()));
            return EXIT_CONFIG.into();
        }
    };
    logging::apply(&sidecar.snapshot().log);
    warn(sidecar.warnings());
    let ran = sidecar.run_with(signals, |running| face::show(running, &given));
    let code = match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("sidecar: {}\n", Chain(&error)));
            ExitCode::FAILURE
        }
    };
    drop(log);
    code
}

/// Drawn for people; for machines each in a line of the log.
fn warn(warnings: &config::Faults) {
    if warnings.is_empty() {
        return;
    }
    if logging::is_json() {
        for warning in warnings.iter() {
            tracing::warn!("{}", warnings.render_one(warning, false));
        }
    } else {
        tell(&warnings.render(io::stderr().is_terminal()));
    }
}

fn check(mut source: Source, check: Check) -> ExitCode {
    if let Some(file) = check.file {
        source.file = Some(file);
    }
    let color = io::stdout().is_terminal();
    let report = config::check(&source, check.strict, color);
    print(&report.text);
    report.exit_code.into()
}

fn token(source: &Source, token: &Token) -> ExitCode {
    let local = match Local::read(source) {
        Ok(local) => local,
        Err(drawn) => {
            tell(&drawn);
            return EXIT_CONFIG.into();
        }
    };
    match ask::token(&local, token) {
        Ok(token) => print(&token),
        Err(error) => fail(&error),
    }
}

/// Reads the configuration as a start would; the keys of a first start are made.
fn keys_command(source: &Source, asked: &KeysCommand) -> ExitCode {
    let snapshot = match source.load(None).outcome {
        Ok(snapshot) => snapshot,
        Err(faults) => {
            tell(&faults.render(io::stderr().is_terminal()));
            return EXIT_CONFIG.into();
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    match asked {
        KeysCommand::List => match &snapshot.token_server {
            Some(server) => {
                let lines = server
                    .keys
                    .states(now)
                    .into_iter()
                    .map(|(kid, algorithm, state)| {
                        let state = match state {
                            State::Next(from) => format!("next     signs from {}", shown(from)),
                            State::Active(0) => "active".to_owned(),
                            State::Active(from) => format!("active   since {}", shown(from)),
                            State::Retired(until) => format!("retired  until {}", shown(until)),
                        };
                        format!("{kid}  {:<5}  {state}\n", algorithm.name())
                    });
                print(&lines.collect::<String>())
            }
            None => fail(&keys::RotateError::Off),
        },
        KeysCommand::Rotate { now: at_once } => match keys::rotate(&snapshot, *at_once, now) {
            Ok(from) => print(&format!("the next key signs from {}\n", shown(from))),
            Err(error) => fail(&error),
        },
    }
}

/// RFC 3339.
fn shown(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "the end of time".to_owned())
}

/// The secret is all that standard input holds, but for a line end after it.
fn hash_secret(algorithm: HashAlgorithm) -> ExitCode {
    let mut secret = String::new();
    let input = io::stdin().lock().take(SECRET_BYTES_MAX + 1);
    if let Err(error) = io::BufReader::new(input).read_to_string(&mut secret) {
        return fail(&error);
    }
    if secret.len() as u64 > SECRET_BYTES_MAX {
        return fail(&keys::HashFault::Secret);
    }
    let secret = secret.strip_suffix('\n').unwrap_or(&secret);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    match keys::hash_secret(secret, algorithm) {
        Ok(hash) => print(&hash),
        Err(fault) => fail(&fault),
    }
}

fn deny(source: &Source, asked: &cli::Deny) -> ExitCode {
    let local = match Local::read(source) {
        Ok(local) => local,
        Err(drawn) => {
            tell(&drawn);
            return EXIT_CONFIG.into();
        }
    };
    match socket::deny(&local.data_folder, asked) {
        Ok(told) => print(&told),
        Err(error) => fail(&error),
    }
}

fn health(source: &Source, health: &Health) -> ExitCode {
    let url = match admin_url(source, health.url.as_deref()) {
        Ok(url) => url,
        Err(code) => return code,
    };
    let path = if health.live { "/livez" } else { "/readyz" };
    match ask::probe(&format!("{url}{path}")) {
        Ok(told) => print(told.trim_end()),
        Err(error) => fail(&error),
    }
}

fn wait(source: &Source, wait: &Wait) -> ExitCode {
    let url = match admin_url(source, wait.url.as_deref()) {
        Ok(url) => url,
        Err(code) => return code,
    };
    let url = format!("{url}/readyz");
    let until = Instant::now() + wait.timeout;
    loop {
        match ask::probe(&url) {
            Ok(_) => return ExitCode::SUCCESS,
            Err(error) if Instant::now() >= until => return fail(&error),
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// `given`, or the admin listener of the configuration.
fn admin_url(source: &Source, given: Option<&str>) -> Result<String, ExitCode> {
    if let Some(url) = given {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    match Local::read(source) {
        Ok(local) => Ok(local.admin),
        Err(drawn) => {
            tell(&drawn);
            Err(EXIT_CONFIG.into())
        }
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    tell(&format!("sidecar: {}\n", Chain(error)));
    ExitCode::FAILURE
}

/// What was asked for, on standard output.
fn print(text: &str) -> ExitCode {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write!(io::stdout().lock(), "{text}{end}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(_) => ExitCode::FAILURE,
    }
}

/// What went wrong, on standard error.
fn tell(text: &str) {
    // Nobody listens: there is nobody to tell that to either.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// An error with its causes.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Where the configuration is looked for when nothing is said.
fn default_config() -> PathBuf {
    PathBuf::from("config.json")
}
