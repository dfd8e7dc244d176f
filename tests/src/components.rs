//! Programs of others that some tests talk through: found on the machine, else skipped loudly.
//!
//! Nothing is installed on the system. Libraries of Python and Node, pinned, go into a folder under
//! `target/`. With `CI` set in the environment a skip is a failure.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::programs::{alone, scratch, workspace};

/// A program on the path, or a loud skip.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Python with the client libraries of `clients/python/requirements.txt`.
pub fn python() -> Option<PathBuf> {
    static READY: OnceLock<Option<PathBuf>> = OnceLock::new();
    READY
        .get_or_init(|| {
            let python = find("python3")?;
            let wanted = clients("python").join("requirements.txt");
            let folder = scratch().join("python");
            let interpreter = folder.join("bin/python3");
            alone("python", || {
                set_up(&folder, &wanted, || {
                    let _ = fs::remove_dir_all(&folder);
                    let mut venv = Command::new(python);
                    succeeds(venv.args(["-m", "venv"]).arg(&folder))?;
                    let mut install = Command::new(&interpreter);
                    install.args(["-m", "pip", "install", "--quiet", "--requirement"]);
                    succeeds(install.arg(&wanted))
                })
            })
            .then_some(interpreter)
        })
        .clone()
}

/// Node's executable, and a folder with the client libraries of `clients/node/package-lock.json`.
pub fn node() -> Option<(PathBuf, PathBuf)> {
    static READY: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    READY
        .get_or_init(|| {
            let (node, npm) = (find("node")?, find("npm")?);
            let wanted = clients("node");
            let folder = scratch().join("node");
            alone("node", || {
                set_up(&folder, &wanted.join("package-lock.json"), || {
                    let _ = fs::remove_dir_all(&folder);
                    fs::create_dir_all(&folder).expect("a folder under target/");
                    for file in ["package.json", "package-lock.json"] {
                        fs::copy(wanted.join(file), folder.join(file)).expect("a copy");
                    }
                    let mut install = Command::new(npm);
                    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
                    succeeds(install.current_dir(&folder))
                })
            })
            .then_some((node, folder))
        })
        .clone()
}

/// A folder of client programs.
pub fn clients(language: &str) -> PathBuf {
    workspace().join("tests/clients").join(language)
}

/// Says that a test, or a part of one, does not run here.
pub fn skip(why: &str) {
    let strict = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!strict, "cannot be skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Does `work` unless it was done for this content of `wanted`; false, with a skip, if it fails.
fn set_up(folder: &Path, wanted: &Path, work: impl FnOnce() -> Result<(), String>) -> bool {
    let wanted = fs::read_to_string(wanted).expect("the pinned versions");
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return true;
    }
    match work() {
        Ok(()) => {
            fs::write(stamp, wanted).expect("the stamp");
            true
        }
        Err(fault) => {
            skip(&fault);
            false
        }
    }
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|fault| format!("{command:?}: {fault}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}", said.trim()))
}
