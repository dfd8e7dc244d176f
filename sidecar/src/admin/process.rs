//! What the process uses, under the names that every Prometheus dashboard knows. Linux only:
//! elsewhere there is no `/proc`, and the metrics are absent.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};

use super::exposition::Writer;

/// Read anew on each scrape.
#[derive(Debug)]
pub(super) struct Usage;

impl Collector for Usage {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        if let Some(stat) = Stat::read() {
            writer.counter_seconds("cpu", "User and system time", stat.cpu_seconds)?;
            writer.gauge_bytes("resident_memory", "Resident memory", stat.resident_bytes)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
            writer.gauge("open_fds", "Open file descriptors", open)?;
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        writer.gauge("max_fds", "Most file descriptors that may be open", limit)
    }
}

struct Stat {
    cpu_seconds: f64,
    resident_bytes: i64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        Self::parse(
            &text,
            rustix::param::clock_ticks_per_second(),
            rustix::param::page_size(),
        )
    }

    /// Fields 14, 15 and 24 of `proc_pid_stat(5)`; the name in field 2 may hold anything.
    fn parse(text: &str, ticks_per_second: u64, page: usize) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.trim().parse::<u32>().ok();
        let ticks = f64::from(field(14)?) + f64::from(field(15)?);
        let per_second = f64::from(u32::try_from(ticks_per_second).ok()?);
        Some(Self {
            cpu_seconds: ticks / per_second,
            resident_bytes: i64::from(field(24)?) * i64::try_from(page).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_read_behind_any_name() {
        let text = "7 (a) b) S 1 7 7 0 -1 4 9 0 0 0 150 50 0 0 20 0 4 0 99 1000 300 1844";
        let stat = Stat::parse(text, 100, 4096).unwrap();
        assert!((stat.cpu_seconds - 2.0).abs() < 1e-9);
        assert_eq!(stat.resident_bytes, 300 * 4096);
    }
}
