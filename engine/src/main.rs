//! The engine's command line.
//!
//! `engine [run]` serves the Workflow API on loopback or a Unix socket until SIGTERM or SIGINT;
//! `engine check SCHEME.xml…` draws every fault of scheme files.

use std::error::Error;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use engine::Engine;
use engine::admin::Admin;
use engine::config::{EngineSettings, Log, LogFormat};
use engine::scheme::Scheme;
use engine::server::{Bound, Listening, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Read where no `--config` is given, if it is there.
const CONFIG_FILE: &str = "config.json";
/// A broken configuration, and wrong arguments, as clap has it.
const EXIT_CONFIG: u8 = 2;

/// An in-memory workflow engine that speaks the Workflow API.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Workflow API (what happens without a command, too).
    Run(Run),
    /// Draw every fault of scheme files; exit 1 when there are any.
    Check {
        /// Scheme files.
        #[arg(required = true, value_name = "SCHEME.xml")]
        files: Vec<PathBuf>,
    },
}

#[derive(Args, Debug)]
struct Run {
    /// The configuration [default: config.json, where there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set a key of the configuration, such as Engine.Url=http://127.0.0.1:9000.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Check { files }) => check(&files),
        Some(Command::Run(options)) => run(&options),
        None => run(&cli.run),
    }
}

/// Draws every fault of every file.
fn check(files: &[PathBuf]) -> ExitCode {
    let colours = std::io::stderr().is_terminal();
    let mut broken = 0;
    for path in files {
        let shown = path.display();
        let name = path.to_string_lossy();
        match std::fs::read(path) {
            Err(fault) => {
                broken += 1;
                complain(format_args!("cannot read `{shown}`: {fault}"));
            }
            Ok(content) => match Scheme::parse_bytes(&content, Some(&name)) {
                Err(faults) => {
                    broken += 1;
                    complain(faults.draw(colours));
                }
                Ok(parsed) => {
                    for warning in &parsed.warnings {
                        complain(format_args!("warning: {shown}: {warning}"));
                    }
                    say(format_args!(
                        "{shown}: scheme `{}` is valid",
                        parsed.scheme.code
                    ));
                }
            },
        }
    }
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(options: &Run) -> ExitCode {
    let here = Path::new(CONFIG_FILE);
    let file = options
        .config
        .as_deref()
        .or_else(|| here.exists().then_some(here));
    let loaded = EngineSettings::load(file, &options.set);
    let colours = std::io::stderr().is_terminal();
    if !loaded.warnings.is_empty() {
        complain(loaded.warnings.render(colours));
    }
    let settings = match loaded.outcome {
        Ok(settings) => settings,
        Err(faults) => {
            complain(faults.render(colours));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let human = start_log(&settings.log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(fault) => return fail(&fault),
    };
    let ended = runtime.block_on(live(settings, human));
    // What still blocks (a folder that hangs) does not keep the program.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fail(&*fault),
    }
}

/// A closed standard output does not stop an engine.
fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Nor does a closed standard error.
fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Tells an error with its causes.
fn fail(fault: &dyn Error) -> ExitCode {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(fault) = cause {
        text.push_str(": ");
        text.push_str(&fault.to_string());
        cause = fault.source();
    }
    complain(format_args!("engine: {text}"));
    ExitCode::FAILURE
}

/// From listening to the end of the drain.
async fn live(settings: EngineSettings, human: bool) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new()?;
    let bound = Bound::new(&settings.listen, workers(&settings))?;
    let admin = Admin::bind(&settings.admin)?;
    let probes = admin.addresses();
    let drain_timeout = settings.drain_timeout;

    // Callers get 503 until the schemes are there, rather than no answer.
    let engine = Engine::new(settings);
    let mut server = bound.serve(&engine)?;
    let admin = tokio::spawn(admin.serve(engine.clone()));
    let loading = tokio::task::spawn_blocking({
        let engine = engine.clone();
        move || engine.load()
    });
    let face = Face {
        human,
        listening: server.listening().clone(),
        probes,
    };
    let mut loading = std::pin::pin!(loading);
    let mut loaded = false;
    loop {
        tokio::select! {
            outcome = loading.as_mut(), if !loaded => {
                outcome??;
                loaded = true;
                face.show(&engine);
            }
            request = signals.next() => match request {
                Request::Reload => engine.reload_schemes(),
                Request::End => break,
            },
            () = server.ended() => return Err("every worker has ended; see the log".into()),
        }
    }
    engine.begin_drain();
    end(server, drain_timeout, &mut signals).await;
    admin.abort();
    Ok(())
}

/// As configured, else the cores that the process was granted.
fn workers(settings: &EngineSettings) -> usize {
    settings.workers.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
    })
}

/// Drains; a second signal ends the program at once.
async fn end(server: Server, timeout: std::time::Duration, signals: &mut Signals) {
    let mut drain = std::pin::pin!(server.drain(timeout));
    loop {
        tokio::select! {
            finished = drain.as_mut() => {
                if !finished {
                    tracing::warn!("drain timed out; what was in flight is cut off");
                }
                return;
            }
            request = signals.next() => if let Request::End = request {
                tracing::warn!("second signal: ending at once");
                std::process::exit(1);
            },
        }
    }
}

/// What a signal asks for.
enum Request {
    Reload,
    End,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::End,
            _ = self.interrupt.recv() => Request::End,
            _ = self.hangup.recv() => Request::Reload,
        }
    }
}

/// What somebody who starts the engine wants to know first.
struct Face {
    human: bool,
    listening: Listening,
    probes: Vec<std::net::SocketAddr>,
}

impl Face {
    fn show(&self, engine: &Engine) {
        let state = engine.state();
        let probes: Vec<String> = self
            .probes
            .iter()
            .map(|at| format!("http://{at}"))
            .collect();
        let probes = probes.join(" ");
        if !self.human {
            tracing::info!(
                url = %self.listening, admin = probes, schemes = state.schemes,
                broken = state.schemes_broken, "listening"
            );
            return;
        }
        say(format_args!(
            "engine {} serves the Workflow API on {}/workflowapi",
            env!("CARGO_PKG_VERSION"),
            self.listening
        ));
        say("  It checks no tokens: put the sidecar in front.");
        if !probes.is_empty() {
            say(format_args!("  Probes and metrics: {probes}"));
        }
        say(format_args!(
            "  Schemes: {} loaded, {} with faults and left out",
            state.schemes, state.schemes_broken
        ));
    }
}

/// Human on a terminal, JSON otherwise, on standard error. True when it is for humans.
fn start_log(settings: &Log) -> bool {
    let human = match settings.format {
        Some(LogFormat::Human) => true,
        Some(LogFormat::Json) => false,
        None => std::io::stderr().is_terminal(),
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(settings.level)
        .with_writer(std::io::stderr);
    if human {
        log.with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .init();
    } else {
        log.json().flatten_event(true).init();
    }
    human
}
