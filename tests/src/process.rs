//! A program under test: started, listened to, signalled, and ended with the test.
//!
//! Everything it writes is kept, shown when a test fails, and searched for secrets at the end.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tokio::sync::watch;

use crate::secrets;
use crate::wait::{until, within};

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: watch::Receiver<Vec<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` without input, in an environment without our own variables.
    pub fn start(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("RUST_LOG")
            .spawn()
            .unwrap_or_else(|fault| panic!("{name} cannot be started: {fault}"));
        let (sender, lines) = watch::channel(Vec::new());
        let readers = vec![
            follow(child.stdout.take().expect("piped"), sender.clone()),
            follow(child.stderr.take().expect("piped"), sender),
        ];
        Self {
            name: name.to_owned(),
            child,
            lines,
            readers,
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything written so far, by line.
    pub fn output(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// How many written lines contain `text`.
    pub fn count(&self, text: &str) -> usize {
        let lines = self.lines.borrow();
        lines.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line of which `pick` makes something, past lines included.
    pub async fn line<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let mut lines = self.lines.clone();
        let waited = lines.wait_for(|lines| lines.iter().any(|line| pick(line).is_some()));
        let awaited = format!("{} writes {what}", self.name);
        let found = within(&awaited, async {
            let lines = waited.await.ok()?;
            lines.iter().find_map(|line| pick(line))
        });
        match found.await {
            Some(found) => found,
            None => panic!(
                "{} ended without writing {what}\n{}",
                self.name,
                self.story()
            ),
        }
    }

    /// Waits for a JSON log line with this message and this field, and gives the field.
    pub async fn logged(&self, message: &str, field: &str) -> Value {
        self.line(&format!("`{message}` with `{field}`"), |line| {
            let event = serde_json::from_str::<Value>(line).ok()?;
            // Fields may stand beside the message or in an object of their own.
            let fields = match &event["fields"] {
                Value::Null => &event,
                fields => fields,
            };
            (fields["message"] == message)
                .then(|| fields.get(field).cloned())
                .flatten()
        })
        .await
    }

    /// Sends a signal by name: `TERM`, `HUP`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        // The shell's own `kill` is everywhere; no other program is needed.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -s {signal} {}", self.child.id())])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{signal} to {} cannot be sent",
            self.name
        );
    }

    /// Waits for the end and for the last line, and gives the status.
    pub async fn exit(&mut self) -> ExitStatus {
        let what = format!("{} exits", self.name);
        let child = &mut self.child;
        let status = until(&what, || {
            let exited = child.try_wait();
            async { exited.expect("a child can be waited for") }
        })
        .await;
        // What it wrote last may still be on its way.
        let readers = &self.readers;
        until("its output ends", || async {
            readers.iter().all(JoinHandle::is_finished).then_some(())
        })
        .await;
        status
    }

    /// Whether it is still running.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The output, indented for a failure message.
    pub fn story(&self) -> String {
        let mut story = format!("--- output of {}\n", self.name);
        for line in self.lines.borrow().iter() {
            let _ = writeln!(story, "    {line}");
        }
        story
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let output = self.lines.borrow().join("\n");
        if thread::panicking() {
            eprintln!("{}", self.story());
            return;
        }
        if let Some(secret) = secrets::found_in(&output) {
            panic!("{} wrote a secret: {secret}\n{}", self.name, self.story());
        }
        assert!(
            !output.contains("panicked at"),
            "{} panicked\n{}",
            self.name,
            self.story()
        );
    }
}

/// Copies lines as they come; a last one without an end counts too.
fn follow(from: impl Read + Send + 'static, to: watch::Sender<Vec<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            to.send_modify(|lines| lines.push(text));
            line.clear();
        }
    })
}

/// What a program that ran to its end left.
#[derive(Debug)]
pub struct Finished {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end. Its stderr is searched for secrets; its stdout may be a token.
pub async fn run(mut command: Command) -> Finished {
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    let name = format!("{command:?}");
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = within(&name, ran)
        .await
        .expect("the thread lives")
        .unwrap_or_else(|fault| panic!("{name} cannot be run: {fault}"));
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    if let Some(secret) = secrets::found_in(&finished.stderr) {
        panic!("{name} wrote a secret: {secret}\n{}", finished.stderr);
    }
    finished
}
