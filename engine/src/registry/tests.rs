//! Versions, tags, and a folder as it changes.

use std::cell::Cell;
use std::fs;

use super::*;

fn source(code: &str, tags: &str, extra: &str) -> String {
    format!(
        r#"<Process Name="{code}" Tags="{tags}"><Activities><Activity Name="A" State="A" IsInitial="true" IsFinal="false" IsForSetState="true" IsAutoSchemeUpdate="false" />{extra}</Activities><Transitions></Transitions></Process>"#
    )
}

fn scheme(code: &str, tags: &str) -> Scheme {
    Scheme::parse(&source(code, tags, ""), None).unwrap().scheme
}

#[test]
fn the_newest_version_of_a_code_counts_and_old_ones_live_on() {
    let registry = Registry::default();
    let old = registry.add(scheme("X", ""), 1).unwrap();
    let new = registry.add(scheme("X", ""), 1).unwrap();
    assert!(Arc::ptr_eq(&registry.scheme("X").unwrap(), &new));
    assert_eq!(&*old.code, "X");
    let full = registry.add(scheme("Y", ""), 1).unwrap_err();
    assert_eq!(full.name(), "LimitExceeded");
    assert_eq!(registry.scheme("x").unwrap_err().name(), "SchemeNotFound");
    assert_eq!(registry.source("X").unwrap(), new.source);
    registry.remove("X").unwrap();
    assert_eq!(registry.remove("X").unwrap_err().name(), "SchemeNotFound");
}

#[test]
fn schemes_are_listed_by_any_of_the_tags() {
    let registry = Registry::default();
    for (code, tags) in [("B", "money,sample"), ("A", "sample"), ("C", "")] {
        registry.add(scheme(code, tags), 9).unwrap();
    }
    for (tags, want) in [
        (&[][..], "A B C"),
        (&["sample"], "A B"),
        (&["money", "other"], "B"),
        (&["other"], ""),
    ] {
        assert_eq!(registry.codes(tags).join(" "), want, "{tags:?}");
    }
}

#[test]
fn a_folder_gives_new_versions_only_of_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::default();
    let number = Cell::new(0);
    let load = || {
        let id = || {
            number.set(number.get() + 1);
            Uuid::from_u128(number.get())
        };
        let report = registry.load_folder(folder.path(), id, 100).unwrap();
        let loaded: Vec<String> = report
            .loaded
            .iter()
            .map(|loaded| {
                loaded
                    .path
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let broken: Vec<String> = report
            .broken
            .iter()
            .map(|broken| {
                broken
                    .path
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        for loaded in &report.loaded {
            loaded.log();
        }
        for broken in &report.broken {
            broken.log();
        }
        (
            loaded.join(" "),
            report.unchanged,
            broken.join(" "),
            report.still_broken,
        )
    };
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    let is = |loaded: &str, unchanged, broken: &str, still| {
        (loaded.to_owned(), unchanged, broken.to_owned(), still)
    };

    assert_eq!(load(), is("", 0, "", 0));
    write("a.xml", &source("A", "", ""));
    write("b.XML", &source("B", "", ""));
    write("broken.xml", "<Process");
    write(".hidden.xml", "<Process");
    write("notes.txt", "none");
    assert_eq!(load(), is("a.xml b.XML", 0, "broken.xml", 0));
    assert_eq!(load(), is("", 2, "", 1), "told once per content");

    let uploaded = registry.add(scheme("A", "uploaded"), 100).unwrap();
    assert_eq!(load(), is("", 2, "", 1));
    assert!(Arc::ptr_eq(&registry.scheme("A").unwrap(), &uploaded));

    write("a.xml", &source("A", "", " "));
    write("broken.xml", "<Proces");
    assert_eq!(load(), is("a.xml", 1, "broken.xml", 0));
    write("a.xml", "<Process");
    assert_eq!(load(), is("", 1, "a.xml", 1));
    assert_eq!(
        &*registry.scheme("A").unwrap().code,
        "A",
        "the old version goes on"
    );

    write("a.xml", &source("A", "", ""));
    write("again.xml", &source("B", "", " "));
    write("broken.xml", &source("Whole", "", ""));
    assert_eq!(load(), is("a.xml broken.xml", 1, "again.xml", 0));
}

#[test]
fn two_files_of_one_code_are_told_and_the_first_counts() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::default();
    let load = || registry.load_folder(folder.path(), Uuid::nil, 100).unwrap();
    let first = folder.path().join("1.xml");
    fs::write(&first, source("A", "one", "")).unwrap();
    fs::write(folder.path().join("2.xml"), source("A", "two", "")).unwrap();
    let report = load();
    assert_eq!((report.loaded.len(), report.broken.len()), (1, 1));
    assert!(report.broken[0].fault.to_string().contains("1.xml"));
    assert_eq!(load().still_broken, 1);
    assert_eq!(&*registry.scheme("A").unwrap().tags[0], "one");
    fs::remove_file(first).unwrap();
    assert_eq!(load().loaded.len(), 1);
    assert_eq!(&*registry.scheme("A").unwrap().tags[0], "two");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let error = Registry::default().load_folder(&gone, Uuid::nil, 1);
    assert!(error.unwrap_err().to_string().contains("gone"));
}
