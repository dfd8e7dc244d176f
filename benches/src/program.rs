//! A server process of this run: started, waited for, and gone with its value.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How long a server may take to stand.
const START_MAX: Duration = Duration::from_secs(20);

/// A running child, killed on drop.
pub struct Program {
    child: Child,
    /// Where it serves what is measured.
    pub address: SocketAddr,
}

impl Program {
    /// Starts `command` and waits until `address` accepts. What it says is kept out of the report,
    /// errors excepted.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or does not listen in time.
    pub fn start(mut command: Command, address: SocketAddr) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|cause| {
                format!("cannot start {}: {cause}", command.get_program().display())
            })?;
        let mut program = Self { child, address };
        program.wait_for(|address| TcpStream::connect(address).is_ok())?;
        Ok(program)
    }

    /// Polls until `ready`; what cannot tell us must be asked.
    ///
    /// # Errors
    /// The program has ended, or is not ready in time.
    pub fn wait_for(&mut self, ready: impl Fn(SocketAddr) -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready(self.address) {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended at once: {status}").into());
            }
            if start.elapsed() > START_MAX {
                return Err(format!("it does not listen on {}", self.address).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The process whose time and memory count.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address that was free a moment ago.
///
/// # Errors
/// No port is free.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
