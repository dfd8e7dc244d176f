//! Each way of writing a file, seen by a real watcher.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// Long enough for any machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A way of writing a file, by name.
type Way = (&'static str, fn(&Path));

/// Events only: the poll is too late to help.
fn by_events() -> Timing {
    Timing {
        poll: PATIENCE * 10,
        ..Timing::default()
    }
}

fn seen(paths: &[PathBuf]) -> Vec<Watched> {
    paths
        .iter()
        .map(|path| Watched {
            path: path.clone(),
            print: Print::of(path),
        })
        .collect()
}

/// Sends what the files hold at each reading.
fn watch(paths: Vec<PathBuf>, timing: Timing) -> (Watcher, Receiver<Vec<Option<String>>>) {
    let (sender, receiver) = channel();
    let first = seen(&paths);
    let watcher = Watcher::start("test-watch", first, timing, move |_| {
        let now = seen(&paths);
        let texts = paths.iter().map(|path| fs::read_to_string(path).ok());
        let _ = sender.send(texts.collect());
        now
    });
    (watcher.unwrap(), receiver)
}

/// Waits for a reading that gave `want`; halves of a write may come before it.
fn wait_for(receiver: &Receiver<Vec<Option<String>>>, want: &[Option<&str>]) {
    loop {
        let got = receiver.recv_timeout(PATIENCE).expect("a reading in time");
        let got: Vec<_> = got.iter().map(Option::as_deref).collect();
        if got == want {
            return;
        }
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, "one").unwrap();
    (folder, file)
}

#[test]
fn each_way_of_writing_is_seen() {
    let ways: [Way; 5] = [
        ("in place", |file| fs::write(file, "two").unwrap()),
        ("rename over", |file| {
            let other = file.with_extension("tmp");
            fs::write(&other, "two").unwrap();
            fs::rename(other, file).unwrap();
        }),
        ("moved away, made anew", |file| {
            fs::rename(file, file.with_extension("json~")).unwrap();
            fs::write(file, "two").unwrap();
        }),
        ("removed, made anew", |file| {
            fs::remove_file(file).unwrap();
            fs::write(file, "two").unwrap();
        }),
        ("truncated, then written", |file| {
            fs::File::create(file).unwrap();
            fs::write(file, "two").unwrap();
        }),
    ];
    for (name, write) in ways {
        let (_folder, file) = folder();
        let (_watcher, receiver) = watch(vec![file.clone()], by_events());
        write(&file);
        wait_for(&receiver, &[Some("two")]);
        // And again: the watch outlives what it watched.
        fs::write(&file, name).unwrap();
        wait_for(&receiver, &[Some(name)]);
    }
}

#[cfg(unix)]
#[test]
fn the_swap_of_a_mounted_folder_is_seen() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let publish = |version: &str| {
        fs::create_dir(root.join(version)).unwrap();
        fs::write(root.join(version).join("config.json"), version).unwrap();
        fs::write(root.join(version).join("secret"), version).unwrap();
        symlink(version, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    publish("..v1");
    let files: Vec<_> = ["config.json", "secret"]
        .into_iter()
        .map(|name| {
            symlink(format!("..data/{name}"), root.join(name)).unwrap();
            root.join(name)
        })
        .collect();
    let (_watcher, receiver) = watch(files, by_events());
    for version in ["..v2", "..v3"] {
        publish(version);
        wait_for(&receiver, &[Some(version), Some(version)]);
    }
    fs::remove_dir_all(root.join("..v1")).unwrap();
    publish("..v4");
    wait_for(&receiver, &[Some("..v4"), Some("..v4")]);
}

#[test]
fn a_file_that_vanishes_and_returns_is_seen() {
    let (_folder, file) = folder();
    let (_watcher, receiver) = watch(vec![file.clone()], by_events());
    fs::remove_file(&file).unwrap();
    wait_for(&receiver, &[None]);
    fs::write(&file, "back").unwrap();
    wait_for(&receiver, &[Some("back")]);
}

#[test]
fn a_folder_that_is_replaced_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("etc");
    let file = inner.join("config.json");
    fs::create_dir(&inner).unwrap();
    fs::write(&file, "one").unwrap();
    let timing = Timing {
        poll: Duration::from_millis(100),
        ..Timing::default()
    };
    let (_watcher, receiver) = watch(vec![file.clone()], timing);
    fs::rename(&inner, folder.path().join("old")).unwrap();
    fs::create_dir(&inner).unwrap();
    fs::write(&file, "two").unwrap();
    wait_for(&receiver, &[Some("two")]);
    fs::write(&file, "three").unwrap();
    wait_for(&receiver, &[Some("three")]);
}

#[test]
fn what_is_not_content_is_not_a_change() {
    let (folder, file) = folder();
    let (watcher, receiver) = watch(vec![file.clone()], by_events());
    fs::write(folder.path().join("other"), "x").unwrap();
    fs::write(&file, "one").unwrap();
    // The next reading is the one that was asked for, and there is none before it.
    watcher.trigger().read_now();
    wait_for(&receiver, &[Some("one")]);
    fs::write(&file, "two").unwrap();
    let got = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(got, [Some("two".to_owned())]);
}

#[test]
fn files_of_a_folder_are_its_content() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.xml"), "a").unwrap();
    let (sender, receiver) = channel();
    let path = folder.path().to_owned();
    let _watcher = Watcher::start(
        "test-watch",
        seen(std::slice::from_ref(&path)),
        by_events(),
        {
            let path = path.clone();
            move |_| {
                let now = seen(std::slice::from_ref(&path));
                let _ = sender.send(());
                now
            }
        },
    );
    for change in [
        |path: &Path| fs::write(path.join("b.xml"), "b").unwrap(),
        |path: &Path| fs::write(path.join("a.xml"), "c").unwrap(),
        |path: &Path| fs::remove_file(path.join("b.xml")).unwrap(),
    ] {
        while receiver.try_recv().is_ok() {}
        let before = Print::of(&path);
        change(&path);
        assert_ne!(Print::of(&path), before);
        receiver.recv_timeout(PATIENCE).unwrap();
    }
    fs::write(path.join(".a.xml.swp"), "x").unwrap();
}

#[test]
fn a_reading_that_panics_leaves_the_watch_alive() {
    let (_folder, file) = folder();
    let (sender, receiver) = channel();
    let paths = vec![file.clone()];
    let _watcher = Watcher::start("test-watch", seen(&paths), by_events(), move |_| {
        let now = seen(&paths);
        let text = fs::read_to_string(&paths[0]).unwrap_or_default();
        let _ = sender.send(text.clone());
        assert_ne!(text, "panic", "as the test wants it");
        now
    });
    for text in ["panic", "calm"] {
        fs::write(&file, text).unwrap();
        while receiver.recv_timeout(PATIENCE).unwrap() != text {}
    }
}
