//! What a run found, for eyes and for `results/`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Result;
use crate::load::{Measured, Shape};
use crate::memory::Memory;

/// Everything measured.
#[derive(Default)]
pub struct Report {
    /// In the order of the run.
    pub rows: Vec<Row>,
    /// By peer.
    pub memory: Vec<(&'static str, Memory)>,
    /// From exec to `/readyz` 200.
    pub ready: Option<Duration>,
    /// Who is missing, and why.
    pub skipped: Vec<String>,
}

/// One peer under one shape of load, over all rounds.
pub struct Row {
    /// The peer's name.
    pub peer: &'static str,
    /// The load.
    pub shape: Shape,
    /// A round each.
    pub rounds: Vec<Measured>,
}

impl Row {
    /// Requests per second of the process's CPU time: the median of the rounds.
    #[must_use]
    pub fn per_cpu_second(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| rate(round.requests, round.cpu)),
        )
    }

    /// Requests per second on the wall, with the load generator on the same cores.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| rate(round.requests, round.wall)),
        )
    }
}

/// So many in a second.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
pub fn rate(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}

/// The middle value, or what lies between the two.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

impl Report {
    /// The rows of one shape.
    fn shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::new();
        for row in &self.rows {
            if !shapes.contains(&row.shape) {
                shapes.push(row.shape);
            }
        }
        shapes
    }

    /// As a file of `results/` holds it.
    fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "peer": row.peer,
                    "load": row.shape.name(),
                    "requestsPerCpuSecond": row.per_cpu_second().round(),
                    "requestsPerSecond": row.per_second().round(),
                    "rounds": row.rounds.iter().map(|round| json!({
                        "requests": round.requests,
                        "cpuMillis": round.cpu.as_millis(),
                        "wallMillis": round.wall.as_millis(),
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|(peer, memory)| {
                json!({
                    "peer": peer,
                    "idleBytes": memory.idle,
                    "bytesPerIdleConnection": memory.connection,
                    "connections": memory.connections,
                })
            })
            .collect();
        json!({
            "rows": rows,
            "memory": memory,
            "readyMillis": self.ready.map(|ready| ready.as_secs_f64() * 1000.0),
            "skipped": self.skipped,
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        })
    }

    /// Writes it into `folder` under the time of now.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        std::fs::create_dir_all(folder)?;
        let file = folder.join(format!("{now}.json"));
        std::fs::write(&file, format!("{:#}\n", self.json()))?;
        Ok(file)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shape in self.shapes() {
            writeln!(f, "\n{}", shape.name())?;
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.shape == shape).collect();
            let unit = rows.first().map_or(0.0, |row| row.per_cpu_second());
            writeln!(
                f,
                "  {:<28} {:>16} {:>8} {:>12}",
                "", "requests/CPU-s", "ratio", "requests/s"
            )?;
            for row in rows {
                let rate = row.per_cpu_second();
                let ratio = if unit > 0.0 { rate / unit } else { 0.0 };
                writeln!(
                    f,
                    "  {:<28} {rate:>16.0} {ratio:>8.2} {:>12.0}",
                    row.peer,
                    row.per_second()
                )?;
            }
        }
        writeln!(f, "\nResident memory")?;
        for (peer, memory) in &self.memory {
            writeln!(
                f,
                "  {peer:<28} {:>9.1} MiB idle, {:>6.1} KiB for each of {} idle TLS connections",
                kib(memory.idle) / 1024.0,
                kib(memory.connection),
                memory.connections,
            )?;
        }
        if let Some(ready) = self.ready {
            writeln!(
                f,
                "\nFrom exec to ready: {:.0} ms",
                ready.as_secs_f64() * 1000.0
            )?;
        }
        for skipped in &self.skipped {
            writeln!(f, "\nSKIPPED: {skipped}")?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a process")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middles() {
        for (values, want) in [
            (&[][..], 0.0),
            (&[3.0], 3.0),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[4.0, 1.0, 2.0, 9.0], 3.0),
        ] {
            let got = median(values.iter().copied());
            assert!((got - want).abs() < f64::EPSILON, "{values:?}: {got}");
        }
    }
}
