//! The log: human on a terminal, JSON lines otherwise, on standard error.
//!
//! In: `tracing` events. Out: lines, written by a thread of their own so that no worker waits for
//! a slow reader; a full queue drops lines and counts them. Secrets and tokens are kept out where
//! events are made, not here.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt as lines, reload};

use crate::config::{LogFormat, LogSettings};

/// Lines that may wait for a slow reader: about a second of a busy access log.
const QUEUE: usize = 4096;

/// The end waits so long for the last lines.
const FLUSH: Duration = Duration::from_millis(500);

static DROPPED: AtomicU64 = AtomicU64::new(0);
static JSON: AtomicBool = AtomicBool::new(false);
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Lines that were dropped because they could not be written in time.
pub fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

/// Starts logging for the whole process; until [`apply`] says otherwise, informative events and
/// worse. Once: a second call, or a subscriber of somebody else's, leaves things as they are.
pub fn start() -> Log {
    JSON.store(!io::stderr().is_terminal(), Relaxed);
    let (sender, receiver) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&receiver))
        .is_ok();
    let sink = Sink {
        lines: writer.then_some(sender),
    };
    let log = Log { sink: sink.clone() };
    let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
    let printed = lines::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Either::new())
        .with_writer(sink);
    let subscriber = Registry::default().with(filter).with(printed);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        // Only the first call gets here.
        let _ = LEVEL.set(handle);
        std::panic::set_hook(Box::new(log_panic));
    }
    log
}

/// Where it happened, not what was said: the message of a panic may show the text that it was
/// about, a token for one.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = captured.then(|| backtrace.to_string());
    tracing::error!(
        at,
        thread = thread.name(),
        backtrace,
        "a panic: please report it"
    );
}

/// Puts `Log` of a configuration in force.
pub fn apply(settings: &LogSettings) {
    let json = match settings.format {
        Some(LogFormat::Json) => true,
        Some(LogFormat::Human) => false,
        None => !io::stderr().is_terminal(),
    };
    JSON.store(json, Relaxed);
    if let Some(level) = LEVEL.get() {
        // It fails only when the subscriber is gone, and then there is no log.
        let _ = level.modify(|filter| *filter = LevelFilter::from_level(settings.level));
    }
}

/// Whether the log is JSON lines now.
pub fn is_json() -> bool {
    JSON.load(Relaxed)
}

/// Dropped at the end of the process, it waits a moment for the last lines to be written.
#[derive(Debug)]
#[must_use]
pub struct Log {
    sink: Sink,
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = &self.sink.lines else {
            return;
        };
        let (done, written) = sync_channel(1);
        if lines.try_send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

enum Line {
    Text(Box<[u8]>),
    /// Everything before it is written.
    Flush(SyncSender<()>),
}

fn write_lines(lines: &Receiver<Line>) {
    let stderr = io::stderr();
    while let Ok(line) = lines.recv() {
        match line {
            Line::Text(text) => {
                // Whoever closed our standard error does not want the log.
                let _ = stderr.lock().write_all(&text);
            }
            Line::Flush(done) => {
                let _ = stderr.lock().flush();
                let _ = done.try_send(());
            }
        }
    }
}

/// Takes one event at a time, whole.
#[derive(Clone)]
struct Sink {
    /// `None`: there is no thread, and lines are written where they are made.
    lines: Option<SyncSender<Line>>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

impl Write for &Sink {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match &self.lines {
            None => io::stderr().write_all(text)?,
            Some(lines) => {
                if lines.try_send(Line::Text(text.into())).is_err() {
                    DROPPED.fetch_add(1, Relaxed);
                }
            }
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// One of the two forms, by what is in force when an event comes.
struct Either {
    json: Format<Json>,
    color: bool,
}

impl Either {
    fn new() -> Self {
        Self {
            json: lines::format().json(),
            color: io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// `06:22:18.042 WARN what happened key=value`, in UTC.
    fn human(&self, writer: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = time::OffsetDateTime::now_utc();
        let (hour, minute, second, milli) = now.time().as_hms_milli();
        write!(writer, "{hour:02}:{minute:02}:{second:02}.{milli:03} ")?;
        let level = *event.metadata().level();
        let color = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG | Level::TRACE => 90,
        };
        if self.color {
            write!(writer, "\x1b[{color}m{level:5}\x1b[0m")?;
        } else {
            write!(writer, "{level:5}")?;
        }
        let mut fields = Fields {
            message: String::new(),
            rest: String::new(),
        };
        event.record(&mut fields);
        writeln!(writer, " {}{}", fields.message, fields.rest)
    }
}

impl<S> FormatEvent<S, JsonFields> for Either
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if is_json() {
            self.json.format_event(ctx, writer, event)
        } else {
            self.human(&mut writer, event)
        }
    }
}

/// The fields of one event, for the human form.
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            push_shown(&mut self.message, value);
        } else {
            self.rest.push(' ');
            self.rest.push_str(field.name());
            self.rest.push('=');
            push_shown(&mut self.rest, value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.add(field, &text);
    }
}

/// Line breaks stay, for drawn diagnostics; other control characters could steer the terminal.
fn push_shown(to: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            to.extend(character.escape_default());
        } else {
            to.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_strangers_do_not_reach_the_terminal() {
        let mut shown = String::new();
        push_shown(&mut shown, "a\x1b[2Jb\rc\nd\u{9b}e");
        assert_eq!(shown, "a\\u{1b}[2Jb\\rc\nd\\u{9b}e");
    }
}
