//! The programs under test, built once for each run by cargo, found by what cargo says of them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Where the binaries are.
#[derive(Debug)]
pub struct Programs {
    pub sidecar: PathBuf,
    pub engine: PathBuf,
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

/// A folder under `target/` for what the tests set up once: client libraries, locks.
pub fn scratch() -> PathBuf {
    let test = env::current_exe().expect("a test program has a path");
    // target/debug/deps/black_box-…: three up is the target folder.
    let target = test.ancestors().nth(3).expect("cargo's layout");
    let folder = target.join("components");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Runs `work` while no other test process does, for things set up once.
pub fn alone<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let lock = File::create(scratch().join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("a lock on it");
    work()
}

/// Both binaries, of the profile that the tests have, built now if they are not fresh.
pub fn programs() -> &'static Programs {
    static BUILT: OnceLock<Programs> = OnceLock::new();
    BUILT.get_or_init(|| alone("build", build))
}

/// An example of the sidecar's, built now if it is not fresh.
pub fn example(name: &str) -> PathBuf {
    alone("build", || {
        let mut found = cargo_build(&[&format!("--example={name}")]);
        found.remove(name).expect("cargo names what it built")
    })
}

fn build() -> Programs {
    let mut found = cargo_build(&["--bin=sidecar", "--bin=engine"]);
    let mut take = |name| found.remove(name).expect("cargo names the binary it built");
    Programs {
        sidecar: take("sidecar"),
        engine: take("engine"),
    }
}

/// Builds `targets`; each binary's path by its name.
fn cargo_build(targets: &[&str]) -> BTreeMap<String, PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    // What cargo tells this test of its own package would make build scripts that look at the
    // same names run again, and all that depends on them be built once more.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(workspace())
        // As members of the workspace, so that dependencies have the features that
        // `cargo test --workspace` has built them with, and are not built once more.
        .args(["build", "--locked", "--workspace"])
        .args(targets)
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo could not build the programs"
    );
    String::from_utf8(output.stdout)
        .expect("cargo writes UTF-8")
        .lines()
        .filter_map(executable)
        .collect()
}

/// Name and path, when one of cargo's messages tells of a binary.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message = serde_json::from_str::<Value>(message).ok()?;
    let path = message["executable"].as_str()?;
    let name = message["target"]["name"].as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}
