//! Drives the sidecar, HAProxy and bare hyper programs side by side and prints what each makes of
//! a second of CPU time.
//!
//! `cargo bench -p benches` takes about two minutes, `-- --quick` about twenty seconds, `-- --save`
//! keeps the figures in `benches/results/`, `-- --only sidecar` leaves out whose name lacks that.
//! Rounds are interleaved, A B C A B C, so that what
//! slows the machine down slows everyone; each figure is a median.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report is for a terminal"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use benches::Result;
use benches::keys::Keys;
use benches::load::{Shape, Span, Target, drive};
use benches::memory::{self, Memory};
use benches::peers::{Peer, Peers};
use benches::report::{Report, Row};

/// The loads: enough in flight that no server waits for us.
const SHAPES: [Shape; 2] = [
    Shape::Http1 { connections: 64 },
    Shape::Http2 {
        connections: 8,
        streams: 16,
    },
];

/// How much of it.
struct Plan {
    rounds: usize,
    span: Span,
    idle_connections: usize,
}

const FULL: Plan = Plan {
    rounds: 5,
    span: Span {
        warm_up: Duration::from_millis(300),
        measured: Duration::from_millis(1500),
    },
    idle_connections: 1000,
};

const QUICK: Plan = Plan {
    rounds: 2,
    span: Span {
        warm_up: Duration::from_millis(150),
        measured: Duration::from_millis(500),
    },
    idle_connections: 200,
};

fn main() -> ExitCode {
    benches::main(run)
}

fn run(arguments: &[String]) -> Result<()> {
    let (mut plan, mut save, mut only) = (&FULL, false, "");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => only = rest.next().ok_or("--only needs a part of a name")?,
            "--quick" => plan = &QUICK,
            "--save" => save = true,
            // Cargo says so to every bench.
            "--bench" => {}
            other => {
                return Err(format!(
                    "unknown argument {other}; there are --quick, --save and --only NAME"
                )
                .into());
            }
        }
    }
    let keys = Keys::make()?;
    let mut started = Peers::start(&keys)?;
    started.peers.retain(|peer| peer.name.contains(only));
    for skipped in &started.skipped {
        eprintln!("SKIPPED: {skipped}");
    }
    let mut report = Report {
        ready: started.ready,
        skipped: started.skipped.clone(),
        ..Report::default()
    };
    // Before the load: the process is as idle as it gets.
    for peer in &started.peers {
        let measured = hold(&keys, &started, peer, plan)?;
        report.memory.push((peer.name, measured));
    }
    for shape in SHAPES {
        let first = report.rows.len();
        for round in 0..plan.rounds {
            for (place, peer) in started.peers.iter().enumerate() {
                eprint!(
                    "\r{} {}/{} {:<28}",
                    shape.name(),
                    round + 1,
                    plan.rounds,
                    peer.name
                );
                let target = target(&keys, &started, peer, shape.protocol())?;
                let measured = drive(&target, shape, plan.span, peer.program.pid())
                    .map_err(|cause| format!("{}: {cause}", peer.name))?;
                if round == 0 {
                    report.rows.push(Row {
                        peer: peer.name,
                        shape,
                        rounds: Vec::new(),
                    });
                }
                report.rows[first + place].rounds.push(measured);
            }
        }
    }
    eprintln!();
    println!("{report}");
    if save {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        println!("saved as {}", report.save(&folder)?.display());
    }
    Ok(())
}

fn target(keys: &Keys, started: &Peers, peer: &Peer, protocol: &[u8]) -> Result<Target> {
    Ok(Target {
        address: peer.program.address,
        tls: keys.client(protocol)?,
        path: peer.path.to_owned(),
        token: started.token.clone(),
        form: None,
    })
}

fn hold(keys: &Keys, started: &Peers, peer: &Peer, plan: &Plan) -> Result<Memory> {
    let target = target(keys, started, peer, b"http/1.1")?;
    memory::measure(&target, plan.idle_connections, peer.program.pid())
        .map_err(|cause| format!("{}: {cause}", peer.name).into())
}
