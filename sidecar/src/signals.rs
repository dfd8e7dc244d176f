//! The signals that steer a process: SIGTERM and SIGINT drain, a second one ends at once, SIGHUP
//! reads the configuration again.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::running::Running;

/// Exit code after a second signal: as a shell reports SIGTERM.
const EXIT_AT_ONCE: i32 = 143;

/// The signals that steer a process.
pub struct Signals {
    runtime: Runtime,
    end: [Signal; 2],
    reload: Signal,
}

impl Signals {
    /// Takes them over: from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn install() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let end = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        ];
        let reload = signal(SignalKind::hangup())?;
        drop(guard);
        Ok(Self {
            runtime,
            end,
            reload,
        })
    }

    /// Until the sidecar is gone: SIGTERM and SIGINT drain, a second one ends at once, SIGHUP
    /// reloads.
    pub(crate) fn steer(self, running: &Running) {
        let Self {
            runtime,
            end: [mut terminate, mut interrupt],
            mut reload,
        } = self;
        runtime.block_on(async {
            let mut asked = false;
            loop {
                // Signals that came and a watched flag: all cancel safe.
                tokio::select! {
                    biased;
                    () = running.gone() => return,
                    Some(()) = terminate.recv() => {}
                    Some(()) = interrupt.recv() => {}
                    Some(()) = reload.recv() => {
                        running.reload();
                        continue;
                    }
                }
                if asked {
                    tracing::warn!("ended at once, as asked a second time");
                    exit_at_once();
                }
                asked = true;
                running.shutdown();
            }
        });
    }
}

/// Nothing is flushed and nobody waited for: that is what was asked.
fn exit_at_once() -> ! {
    std::process::exit(EXIT_AT_ONCE)
}
