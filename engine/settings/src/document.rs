//! A configuration file, read, parsed and overridden.
//!
//! In: where the file is, `--set` arguments. Out: a [`Document`] to read
//! objects from, unless the file does not parse, and the [`Reading`] with what was found.
//! Rules: UTF-8 with or without a byte order mark, 8 MiB at most, a regular file.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::faults::{Drawn, Fault, Faults, Mark, quoted};
use crate::guard;
use crate::keys::ROOT;
use crate::mask;
use crate::names;
use crate::object::Object;
use crate::overrides;
use crate::reading::Reading;
use crate::table::{Kind, Program};
use crate::tree::{self, Data, Node};
use crate::watch::Print;

/// Bytes of a configuration file; 10,000 clients take less.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// What to read.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// `None`: no file, every key has its default.
    pub file: Option<&'a Path>,
    /// `Key.Path=value`, applied in this order.
    pub overrides: &'a [String],
    /// The environment; [`Input::process_env`] but in tests.
    pub env: fn(&str) -> Option<OsString>,
}

impl Input<'_> {
    /// The environment of this process.
    pub fn process_env(name: &str) -> Option<OsString> {
        // `var_os` may panic on names that no variable can have.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var_os(name)
    }
}

/// A file that parsed. `Debug` shows no value.
pub struct Document {
    root: Node,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

impl Document {
    /// Reads the file of `input`; `None` when it cannot be read or does not parse.
    pub fn read(input: Input<'_>) -> (Option<Self>, Reading) {
        let folder = folder_of(input.file);
        let mut reading = Reading::new(folder, input.env);
        let root = match input.file {
            Some(file) => read_file(file, &mut reading),
            None => Some(no_file(&mut reading.faults)),
        };
        let document = root.map(|root| Self::finish(root, input, &mut reading));
        (document, reading)
    }

    /// Takes `text` for the content of a file of that name.
    pub fn parse(text: &str, name: &str, input: Input<'_>) -> (Option<Self>, Reading) {
        let mut reading = Reading::new(folder_of(input.file), input.env);
        let root = parse_source(text, name, &mut reading.faults);
        let document = root.map(|root| Self::finish(root, input, &mut reading));
        (document, reading)
    }

    fn finish(mut root: Node, input: Input<'_>, reading: &mut Reading) -> Self {
        for argument in input.overrides {
            overrides::apply(argument, &mut root, &mut reading.faults);
        }
        Self { root }
    }

    /// Reports unknown names and keys of later versions, as far as they concern `program`.
    pub fn check_names(&self, program: Program, reading: &mut Reading) {
        names::check(&self.root, program, &mut reading.faults);
    }

    /// The object that the file is.
    pub fn root(&self) -> Object<'_> {
        Object::root(&self.root, &ROOT)
    }
}

fn folder_of(file: Option<&Path>) -> PathBuf {
    match file.and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn no_file(faults: &mut Faults) -> Node {
    let source = faults.reserve("defaults");
    faults.set_masked(source, "{}", Drawn::Lines);
    Node {
        mark: Mark::new(source, 0..2),
        data: Data::Object(Vec::new()),
    }
}

fn read_file(file: &Path, reading: &mut Reading) -> Option<Node> {
    let read = read_bounded(file, FILE_BYTES_MAX);
    reading.record(file, Print::of_read(read.as_deref()));
    let name = file.to_string_lossy();
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!(
                "cannot read the configuration file {}: {error}",
                quoted(&name)
            );
            reading
                .faults
                .push(Fault::placeless(message).help("name another one with `--config FILE`"));
            return None;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse_source(text, &name, &mut reading.faults),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|&byte| byte == b'\n').count();
            let hint = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                "it looks like UTF-16; save it as UTF-8"
            } else {
                "save it as UTF-8"
            };
            let message = format!("{} is not UTF-8 text, at line {line}", quoted(&name));
            reading.faults.push(Fault::placeless(message).help(hint));
            None
        }
    }
}

fn parse_source(text: &str, name: &str, faults: &mut Faults) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = faults.reserve(name);
    let broken =
        |faults: &mut Faults, at: std::ops::Range<usize>, what: &str, help: Option<&str>| {
            let masked = mask::masked_whole(text, at.start);
            faults.set_masked(source, &masked, Drawn::Window);
            let fault = Fault::error(
                Mark::new(source, at),
                format!("{}: {what}", "not valid JSON"),
            )
            .label("here");
            faults.push(match help {
                Some(help) => fault.help(help),
                None => fault,
            });
        };
    let comments = match guard::check(text) {
        Ok(comments) => comments,
        Err(found) => {
            broken(faults, found.at, found.what, found.help);
            return None;
        }
    };
    let root = match tree::parse(text, source, 0, faults) {
        Ok(Some(root)) => root,
        Ok(None) => {
            broken(faults, 0..0, "the file is empty", Some("the least is `{}`"));
            return None;
        }
        Err(found) => {
            broken(faults, found.at, found.what, None);
            return None;
        }
    };
    let masked = mask::masked(text, &comments, &root, &Kind::Object(&ROOT), false);
    faults.set_masked(source, &masked, Drawn::Lines);
    if !matches!(root.data, Data::Object(_)) {
        let found = root.data.kind();
        faults.push(
            Fault::error(root.mark.head(), "the file must hold one object")
                .label(format!("found {found}"))
                .help("the least is `{}`"),
        );
        return None;
    }
    Some(root)
}

/// All of a regular file, or an error when it is longer than `max`.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    // A pipe or device could block or never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {}", crate::scalar::size_text(max)),
        ));
    }
    Ok(bytes)
}
