//! CPU time and memory of a process, as the kernel counts them.

use std::time::Duration;

use crate::Result;

/// Linux counts in hundredths for programs, whatever the kernel's own tick (proc(5), `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// User and system time of every thread that the process has or had.
///
/// # Errors
/// The process is gone.
pub fn time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, and may hold spaces and parentheses itself.
    let (_, rest) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let mut fields = rest.split_ascii_whitespace();
    let mut ticks = || -> Result<u32> { Ok(fields.next().ok_or("stat is short")?.parse()?) };
    // Fields 14 and 15 of the file, 12th and 13th after the name.
    for _ in 0..11 {
        let _ = ticks();
    }
    Ok(TICK * (ticks()? + ticks()?))
}

/// Resident memory in bytes.
///
/// # Errors
/// The process is gone.
pub fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in status")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse()?;
    Ok(kib * 1024)
}

/// File descriptors that this process may still open, about.
#[must_use]
pub fn descriptors() -> usize {
    std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| {
            let line = limits
                .lines()
                .find(|line| line.starts_with("Max open files"))?;
            line.split_ascii_whitespace().nth(3)?.parse().ok()
        })
        .unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_reads_its_own_time_and_memory() {
        let pid = std::process::id();
        let before = time(pid).unwrap();
        let mut x = 1u64;
        while time(pid).unwrap() < before + TICK * 2 {
            for n in 0..100_000 {
                x = std::hint::black_box(x.wrapping_mul(n | 1));
            }
        }
        assert!(resident(pid).unwrap() > 100_000);
        assert!(descriptors() > 16);
    }
}
