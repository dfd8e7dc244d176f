//! The folders in which something must happen before content at a path can change.
//!
//! In: paths. Out: for each, the folder of its name, and the folders of every symbolic link on
//! the way to it. `config.json → ..data/config.json`, `..data → ..2031_01` is a swap of `..data`
//! in the first folder; the file itself is never written.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links followed for one path; the kernel gives up at 40.
const LINKS_MAX: usize = 40;

/// Folders to watch, and the names in them that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    folders: BTreeMap<PathBuf, Names>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    /// The folder itself is watched content.
    all: bool,
    some: BTreeSet<OsString>,
    /// A folder that was removed and made again is another one.
    identity: Option<(u64, u64)>,
}

impl Places {
    pub(super) fn of<'p>(paths: impl Iterator<Item = &'p Path>) -> Self {
        let mut places = Self::default();
        for path in paths {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            places.add(&path);
        }
        for (folder, names) in &mut places.folders {
            names.identity = identity(folder);
        }
        places
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.keys().map(PathBuf::as_path)
    }

    /// Whether an event at `path` is about a name that matters.
    pub(super) fn hold(&self, path: &Path) -> bool {
        if self.folders.contains_key(path) {
            return true;
        }
        let Some(names) = path.parent().and_then(|folder| self.folders.get(folder)) else {
            return false;
        };
        names.all
            || path
                .file_name()
                .is_some_and(|name| names.some.contains(name))
    }

    fn add(&mut self, path: &Path) {
        let mut rest: Vec<OsString> = components(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let target = std::fs::read_link(&next).ok();
            let exists = next.symlink_metadata().is_ok();
            if target.is_some() || rest.is_empty() || !exists {
                // A link can be swapped, a file replaced, a missing name made.
                self.folders
                    .entry(at.clone())
                    .or_default()
                    .some
                    .insert(name);
            }
            if !exists {
                return;
            }
            match target {
                Some(target) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return;
                    }
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    rest.extend(components(&target));
                }
                None => at = next,
            }
        }
        if at.is_dir() {
            self.folders.entry(at).or_default().all = true;
        }
    }
}

/// Names from the last to the first.
fn components(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect();
    names.reverse();
    names
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(folder).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(folder).ok().map(|_| (0, 0))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_link_on_the_way_is_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("..v1")).unwrap();
        std::fs::write(root.join("..v1/config.json"), "{}").unwrap();
        symlink("..v1", root.join("..data")).unwrap();
        symlink("..data/config.json", root.join("config.json")).unwrap();
        let places = Places::of([root.join("config.json").as_path()].into_iter());
        assert_eq!(
            places.folders().collect::<Vec<_>>(),
            [root.as_path(), &root.join("..v1")]
        );
        for (name, want) in [
            ("config.json", true),
            ("..data", true),
            ("..v1/config.json", true),
            ("..v2", false),
            ("other.log", false),
        ] {
            assert_eq!(places.hold(&root.join(name)), want, "{name}");
        }
    }

    #[test]
    fn of_a_missing_path_the_last_folder_there_is_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let places = Places::of([root.join("a/b/c.json").as_path()].into_iter());
        assert_eq!(places.folders().collect::<Vec<_>>(), [root.as_path()]);
        assert!(places.hold(&root.join("a")));
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        let places = Places::of([folder.path().join("a").as_path()].into_iter());
        assert_eq!(places.folders().count(), 1);
    }
}
