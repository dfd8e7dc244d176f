//! Resident memory: of the idle process, and of each idle TLS connection that has served a request.

use crate::load::{Target, finish, http1_connection, request};
use crate::{Result, cpu};

/// Descriptors left for everything else.
const SPARE: usize = 64;

/// What one process takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Before the first connection.
    pub idle: u64,
    /// For each idle connection.
    pub connection: u64,
    /// As many as were held open.
    pub connections: usize,
}

/// Opens `connections` to `target`, asks once on each, and looks at `pid` while all are idle.
/// Fewer where the descriptor limit stands in the way.
///
/// # Errors
/// A connection or request fails.
pub fn measure(target: &Target, connections: usize, pid: u32) -> Result<Memory> {
    let connections = connections.min(cpu::descriptors().saturating_sub(SPARE));
    let idle = cpu::resident(pid)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            let mut sender = http1_connection(target).await?;
            finish(sender.send_request(request(target, false)?).await?).await?;
            open.push(sender);
        }
        let full = cpu::resident(pid)?;
        Ok(Memory {
            idle,
            connection: full.saturating_sub(idle) / connections.max(1) as u64,
            connections,
        })
    })
}
