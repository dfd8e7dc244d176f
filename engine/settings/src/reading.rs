//! What one reading carries along: faults found, files read, where relative paths start.
//!
//! In: `{"File": …}` and `{"Env": …}` as readers meet them. Out: their text, and a list of files
//! to watch, each with a print of the content that was read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::faults::{Fault, Faults, Mark, quoted};
use crate::mask;
use crate::tree::{Data, Member};
use crate::watch::{Print, Watched};

/// Bytes of a referenced file; a secret, a URL or a password is far shorter.
const REFERENCED_BYTES_MAX: u64 = 64 << 10;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place; for a default, the head of the object that lacks it.
    pub mark: Mark,
}

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the file, in `--set` or in the table of defaults.
    Here,
    /// `{"File": …}`.
    File(PathBuf),
    /// `{"Env": …}`.
    Env(String),
}

/// A string with its place and origin. `Debug` shows no value.
#[derive(Clone)]
pub struct Text {
    /// The string itself.
    pub value: String,
    /// Where it, or the reference to it, stands.
    pub mark: Mark,
    /// Where it came from.
    pub origin: Origin,
    pub(crate) public: bool,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("mark", &self.mark)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Text {
    /// For "found …": the value where it is public and stands here, else what it is.
    pub fn shown(&self) -> String {
        match &self.origin {
            Origin::Here if self.public => quoted(&mask::presentable(&self.value)),
            Origin::Here => "a string".to_owned(),
            Origin::File(path) => format!("the content of {}", quoted(&path.to_string_lossy())),
            Origin::Env(name) => format!("the environment variable {}", quoted(name)),
        }
    }
}

/// The state of one reading.
pub struct Reading {
    /// Everything found so far.
    pub faults: Faults,
    folder: PathBuf,
    watched: Vec<Watched>,
    env: fn(&str) -> Option<OsString>,
}

impl Reading {
    pub(crate) fn new(folder: PathBuf, env: fn(&str) -> Option<OsString>) -> Self {
        Self {
            faults: Faults::default(),
            folder,
            watched: Vec::new(),
            env,
        }
    }

    /// `path` as meant by the file: relative to its folder.
    pub fn absolute(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Has the content of `path` watched from now on. Call it before the file is read, so that
    /// a change in between is seen.
    pub fn watch(&mut self, path: &Path) {
        let print = Print::of(path);
        self.record(path, print);
    }

    pub(crate) fn record(&mut self, path: &Path, print: Print) {
        if self.watched.iter().all(|watched| watched.path != path) {
            self.watched.push(Watched {
                path: path.to_owned(),
                print,
            });
        }
    }

    /// The files that this reading came from, the configuration file first.
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// The text behind `{"File": …}` or `{"Env": …}`.
    pub(crate) fn resolve(
        &mut self,
        members: &[Member],
        mark: Mark,
        public: bool,
        path: &str,
    ) -> Option<Text> {
        let [member] = members else {
            self.faults.push(
                Fault::error(mark.head(), format!("`{path}` has no value"))
                    .label("found an object")
                    .help("write a string, `{\"File\": \"path\"}` or `{\"Env\": \"NAME\"}`"),
            );
            return None;
        };
        let Data::Text(name) = &member.value.data else {
            self.faults.push(
                Fault::error(
                    member.value.mark,
                    format!("{} takes a string", quoted(&member.name)),
                )
                .label(format!("found {}", member.value.data.kind())),
            );
            return None;
        };
        let at = member.value.mark;
        let (value, origin) = if member.name.eq_ignore_ascii_case("File") {
            let file = self.absolute(name);
            (self.referenced_file(&file, at, path)?, Origin::File(file))
        } else if member.name.eq_ignore_ascii_case("Env") {
            let value = self.variable(name, at, path)?;
            (value, Origin::Env(name.to_string()))
        } else {
            // Reported as an unknown name already.
            return None;
        };
        Some(Text {
            value,
            mark: at,
            origin,
            public,
        })
    }

    fn referenced_file(&mut self, file: &Path, at: Mark, path: &str) -> Option<String> {
        let shown = quoted(&file.to_string_lossy());
        let read = crate::document::read_bounded(file, REFERENCED_BYTES_MAX);
        self.record(file, Print::of_read(read.as_deref()));
        let text = read.map_err(|error| error.to_string()).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
        });
        match text {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                let text = text.strip_suffix('\n').unwrap_or(text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Some(text.to_owned())
            }
            Err(reason) => {
                self.faults.push(
                    Fault::error(at, format!("cannot read the file {shown} for `{path}`"))
                        .label(reason),
                );
                None
            }
        }
    }

    fn variable(&mut self, name: &str, at: Mark, path: &str) -> Option<String> {
        let shown = quoted(name);
        let reason = match (self.env)(name).map(OsString::into_string) {
            Some(Ok(value)) => return Some(value),
            Some(Err(_)) => "its value is not UTF-8 text",
            None => "not set",
        };
        self.faults.push(
            Fault::error(
                at,
                format!("no value for `{path}` in the environment variable {shown}"),
            )
            .label(reason),
        );
        None
    }
}
