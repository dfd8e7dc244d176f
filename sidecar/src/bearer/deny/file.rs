//! The watched file of the deny list: what replicas share.
//!
//! In: a path. Out: the last good list that was read from it, whatever became of the file since.
//! It is watched apart from the configuration, so that neither keeps the other from being read: a
//! token can be denied while somebody repairs `config.json`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use settings::watch::{Print, Timing, Trigger, Watched, Watcher};

use super::{Denial, Denials, Principal};
use crate::Shared;

/// Bytes of the file: some 100,000 entries.
const BYTES_MAX: u64 = 16 << 20;

/// Where the system tells of no changes, such as on a network's volume, they are to be seen within a
/// second all the same.
const POLL: Duration = Duration::from_millis(500);

/// A file and the last good list that it held.
#[derive(Debug)]
pub struct DenyFile {
    path: PathBuf,
    list: ArcSwap<Denials>,
    status: Mutex<Status>,
}

/// How reading went, for probes.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// When the list in force was last found good.
    pub(crate) good_at: SystemTime,
    /// What is wrong with the content that is there now.
    pub(crate) fault: Option<Arc<str>>,
    print: Print,
}

/// Why a content is no list. It tells places, never content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    #[error("it is larger than 16 MiB")]
    TooLarge,
    #[error("it is empty; an empty list is `[]`")]
    Empty,
    #[error("it is no list of entries: line {line}, column {column}")]
    Malformed { line: usize, column: usize },
    #[error(
        "entry {number} names nothing, so it would refuse everybody; name `Token`, `Client`, \
         `Subject`, `Key`, `Issuer` or `IssuedBefore`"
    )]
    NamesNothing { number: usize },
}

impl DenyFile {
    /// Reads it for the first time.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let (print, list) = read(path);
        Ok(Self {
            path: path.to_owned(),
            list: ArcSwap::from_pointee(list?),
            status: Mutex::new(Status {
                good_at: SystemTime::now(),
                fault: None,
                print,
            }),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The list in force.
    pub fn list(&self) -> Arc<Denials> {
        self.list.load_full()
    }

    /// Whether a token of `principal` is refused at `now`, in seconds.
    pub(crate) fn cover(&self, principal: &Principal, now: u64) -> bool {
        self.list.load().cover(principal, now)
    }

    pub(crate) fn status(&self) -> Status {
        self.status.lock().clone()
    }

    fn watched(&self) -> Watched {
        Watched {
            path: self.path.clone(),
            print: self.status.lock().print.clone(),
        }
    }

    /// Reads it again. What is no list changes nothing, and is told once for each content.
    fn read_again(&self, shared: &Shared) {
        let (print, list) = read(&self.path);
        let told = std::mem::replace(&mut self.status.lock().print, print.clone()) == print;
        let path = self.path.display();
        match list {
            Ok(list) => {
                let entries = list.entries().len();
                if **self.list.load() != list {
                    self.list.store(Arc::new(list));
                    shared.changes.happened();
                    tracing::info!(%path, entries, "the changed deny list is in force");
                }
                let mut status = self.status.lock();
                status.good_at = SystemTime::now();
                status.fault = None;
            }
            Err(fault) => {
                let what = crate::config::chain(&fault);
                if !told {
                    tracing::error!(
                        %path, fault = %what,
                        "the changed deny list is refused; the last good one stays in force"
                    );
                }
                self.status.lock().fault = Some(what.into());
            }
        }
    }
}

/// Keeps the file of the configuration in force up to date, on a thread of its own; without a file
/// it waits for one. Dropping it ends the thread.
pub(crate) struct DenyWatcher {
    _watcher: Watcher,
}

impl DenyWatcher {
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let timing = Timing {
            poll: POLL,
            ..Timing::default()
        };
        let weak = Arc::downgrade(shared);
        let first = in_force(shared).map(|file| file.watched());
        let watcher = Watcher::start("deny-watch", first.into_iter().collect(), timing, {
            let weak = weak.clone();
            move |_| {
                let Some(shared) = weak.upgrade() else {
                    return Vec::new();
                };
                let Some(file) = in_force(&shared) else {
                    return Vec::new();
                };
                file.read_again(&shared);
                vec![file.watched()]
            }
        })?;
        let trigger: Trigger = watcher.trigger();
        shared.live.on_swap(move |before, next| {
            let path = |file: &Option<Arc<DenyFile>>| file.as_ref().map(|file| file.path.clone());
            if path(&before.deny.file) != path(&next.deny.file) {
                trigger.read_now();
            }
        });
        Ok(Self { _watcher: watcher })
    }
}

fn in_force(shared: &Shared) -> Option<Arc<DenyFile>> {
    shared.live.snapshot().deny.file.clone()
}

/// A JSON array of entries. An empty file is none: it is what a write leaves that failed half-way.
fn read(path: &Path) -> (Print, Result<Denials, Fault>) {
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(fault) => return (Print::of(path), Err(fault)),
    };
    (Print::of_bytes(&bytes), parse(&bytes))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "it is not a regular file").into());
    }
    if metadata.len() > BYTES_MAX {
        return Err(Fault::TooLarge);
    }
    Ok(std::fs::read(path)?)
}

fn parse(bytes: &[u8]) -> Result<Denials, Fault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::Empty);
    }
    let entries: Vec<Denial> = serde_json::from_slice(bytes).map_err(|error| Fault::Malformed {
        line: error.line(),
        column: error.column(),
    })?;
    match entries.iter().position(|entry| !entry.names_something()) {
        Some(place) => Err(Fault::NamesNothing { number: place + 1 }),
        None => Ok(Denials::new(entries)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_list_is_refused_with_its_place_and_not_its_content() {
        for (content, want) in [
            ("[]", None),
            (r#"[{"Client":"a"}]"#, None),
            ("", Some("it is empty; an empty list is `[]`")),
            (" \n", Some("it is empty; an empty list is `[]`")),
            ("{}", Some("line 1,")),
            (
                "[{\"Client\":\"a\"},\n {\"Klient\":\"b\"}]",
                Some("line 2,"),
            ),
            (r#"[{"Client":"a","Client":"b"}]"#, Some("line 1,")),
            (r#"[{"Client":"a"}"#, Some("line 1,")),
            (
                r#"[{"Until":"2096-01-01T00:00:00Z"}]"#,
                Some("entry 1 names nothing"),
            ),
            (r#"[{"Client":"a"},{}]"#, Some("entry 2 names nothing")),
        ] {
            match (parse(content.as_bytes()), want) {
                (Ok(_), None) => {}
                (Err(fault), Some(want)) => {
                    let told = fault.to_string();
                    assert!(told.contains(want), "{content}: {told}");
                    assert!(!told.contains("Klient"), "{told}");
                }
                (found, want) => panic!("{content}: {found:?}, not {want:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
