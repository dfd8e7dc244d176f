//! The file behind revocations: one line for each change, appended and synced before it is
//! acknowledged, written anew when most of it is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::super::deny::Denial;
use crate::keys::{make_folder, write_over};

const FILE: &str = "revocations.jsonl";

/// Changes that wait for the disk; who comes later waits to get in.
const WAITING_MAX: usize = 1024;

/// Lines beyond those that count, before the file is written anew.
const DEAD_LINES_MAX: usize = 4096;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    /// From now on refused.
    Add(Denial),
    /// Not any more.
    Remove(Denial),
}

/// The way to the thread that writes.
pub(super) struct Journal {
    waiting: mpsc::Sender<(Change, oneshot::Sender<io::Result<()>>)>,
}

impl Journal {
    /// Starts the thread; it ends with the value. `live` tells what has to be remembered at an
    /// instant.
    pub(super) fn start(
        data_folder: &Path,
        live: impl Fn(u64) -> Vec<Denial> + Send + 'static,
    ) -> Self {
        let (waiting, receiver) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            path: data_folder.join(FILE),
            folder: data_folder.to_owned(),
            file: None,
            lines: usize::MAX,
            live: Box::new(live),
        };
        let started = std::thread::Builder::new()
            .name("revocations".to_owned())
            .spawn(move || writer.run(receiver));
        if let Err(error) = started {
            tracing::error!(%error, "no thread to keep revocations: they are refused");
        }
        Self { waiting }
    }

    /// Resolves when the change is on the disk.
    pub(super) async fn append(&self, change: Change) -> io::Result<()> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the thread that keeps revocations has ended");
        let sent = self.waiting.send((change, answer)).await;
        sent.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Every change that the file tells, in order.
pub(super) fn read(data_folder: &Path) -> Vec<Change> {
    let path = data_folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::error!(
                path = %path.display(), %error,
                "what was revoked before cannot be read, and is not refused any more"
            );
            return Vec::new();
        }
    };
    let mut changes = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
    let mut number = 0_u32;
    while let Some(line) = lines.next() {
        number += 1;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(change) => changes.push(change),
            // What follows the last newline was being written when the process ended.
            Err(_) if lines.peek().is_none() => {}
            Err(error) => tracing::error!(
                path = %path.display(), line = number, %error,
                "a revocation cannot be read, and is passed over"
            ),
        }
    }
    changes
}

struct Writer {
    path: PathBuf,
    folder: PathBuf,
    file: Option<File>,
    /// In the file; the maximum before the first look at it.
    lines: usize,
    live: Box<dyn Fn(u64) -> Vec<Denial> + Send>,
}

impl Writer {
    fn run(mut self, mut receiver: mpsc::Receiver<(Change, oneshot::Sender<io::Result<()>>)>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut batch = vec![first];
            while let Ok(next) = receiver.try_recv() {
                batch.push(next);
            }
            let written = self.write(batch.iter().map(|(change, _)| change));
            if let Err(error) = &written {
                // The next batch begins with a file of its own making.
                self.file = None;
                self.lines = usize::MAX;
                tracing::error!(path = %self.path.display(), %error, "a revocation cannot be kept");
            }
            for (_, answer) in batch {
                let own = match &written {
                    Ok(()) => Ok(()),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                // Whoever does not wait any more has it all the same.
                let _ = answer.send(own);
            }
        }
    }

    fn write<'a>(&mut self, changes: impl Iterator<Item = &'a Change>) -> io::Result<()> {
        let live = (self.live)(now());
        if self.file.is_none() || self.lines > live.len().saturating_mul(2) + DEAD_LINES_MAX {
            // What is live holds the changes already: they were applied before they were sent.
            return self.rewrite(live);
        }
        let mut text = Vec::new();
        let mut count = 0;
        for change in changes {
            line(&mut text, change)?;
            count += 1;
        }
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("no file"));
        };
        file.write_all(&text)?;
        file.sync_data()?;
        self.lines += count;
        Ok(())
    }

    /// The first time too: a torn line of the last run must not be appended to.
    fn rewrite(&mut self, live: Vec<Denial>) -> io::Result<()> {
        let lines = live.len();
        let mut text = Vec::new();
        for denial in live {
            line(&mut text, &Change::Add(denial))?;
        }
        make_folder(&self.folder).map_err(io::Error::other)?;
        write_over(&self.path, &text)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.lines = lines;
        Ok(())
    }
}

fn line(text: &mut Vec<u8>, change: &Change) -> io::Result<()> {
    serde_json::to_writer(&mut *text, change)?;
    text.push(b'\n');
    Ok(())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
