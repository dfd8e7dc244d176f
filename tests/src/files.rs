//! The ways in which people and programs write a configuration file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// How a file gets its new content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Truncated and written, as a shell's `>` does.
    InPlace,
    /// A temporary file in the same folder, renamed over, as careful programs do.
    RenameOver,
    /// The old one renamed to a backup, a new one made, the backup removed, as editors do.
    EditorDance,
    /// Removed, and made anew.
    RemoveAndCreate,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 4] = [
        Self::InPlace,
        Self::RenameOver,
        Self::EditorDance,
        Self::RemoveAndCreate,
    ];

    /// Gives `file` the content `text`.
    pub fn write(self, file: &Path, text: &str) {
        let beside = |suffix: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            name
        };
        match self {
            Self::InPlace => put(file, text),
            Self::RenameOver => {
                let temporary = beside(".new");
                put(Path::new(&temporary), text);
                fs::rename(temporary, file).expect("renamed over");
            }
            Self::EditorDance => {
                let backup = beside("~");
                fs::rename(file, &backup).expect("the backup");
                put(file, text);
                fs::remove_file(backup).expect("the backup goes");
            }
            Self::RemoveAndCreate => {
                fs::remove_file(file).expect("removed");
                put(file, text);
            }
        }
    }
}

/// A folder as Kubernetes mounts a `ConfigMap`: names are links through `..data`, which is a link
/// to the version in force and is replaced whole.
#[derive(Debug)]
pub struct Mount<'folder> {
    folder: &'folder Path,
    version: u32,
}

impl<'folder> Mount<'folder> {
    /// Mounts the first version of these files.
    pub fn new(folder: &'folder Path, files: &[(&str, &str)]) -> Self {
        let mut mount = Self { folder, version: 0 };
        mount.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), folder.join(name)).expect("a link");
        }
        mount
    }

    /// Swaps in another version, as a kubelet does.
    pub fn swap(&mut self, files: &[(&str, &str)]) {
        let old = format!("..v{}", self.version);
        self.version += 1;
        let new = format!("..v{}", self.version);
        fs::create_dir(self.folder.join(&new)).expect("a folder");
        for (name, text) in files {
            put(&self.folder.join(&new).join(name), text);
        }
        let temporary = self.folder.join("..data_tmp");
        symlink(&new, &temporary).expect("a link");
        fs::rename(temporary, self.folder.join("..data")).expect("swapped");
        let _ = fs::remove_dir_all(self.folder.join(old));
    }
}

fn put(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
}
