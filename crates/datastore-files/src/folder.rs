//! One folder, opened once for all that is done in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Action, FileError, Result};
use crate::fs::{Dir, Entries, Metadata, Wait};
use crate::patience::patiently;
use crate::read::OpenFile;
use crate::tree::{Tree, absent_is_none};

/// An open folder of a tree. What is done in it looks up one name.
#[derive(Debug, Clone)]
pub struct Folder {
    tree: Tree,
    path: PathBuf,
    dir: Dir,
}

impl Tree {
    /// Facts about a folder; none if there is none. The root is the empty path.
    ///
    /// # Errors
    ///
    /// What opening a folder meets.
    pub fn folder_metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        let Some(dir) = absent_is_none(self.open_dir(path))? else {
            return Ok(None);
        };
        self.inner
            .fs
            .dir_metadata(&dir)
            .map(Some)
            .map_err(|error| self.failed(Action::Inspect, path, error))
    }

    /// Opens a folder; none if there is none. The root is the empty path.
    ///
    /// # Errors
    ///
    /// What opening a folder meets.
    pub fn folder(&self, path: &Path) -> Result<Option<Folder>> {
        let opened = absent_is_none(self.open_dir(path))?;
        Ok(opened.map(|dir| Folder {
            tree: self.clone(),
            path: path.to_owned(),
            dir,
        }))
    }
}

impl Folder {
    /// Its path, relative to the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its entries.
    ///
    /// # Errors
    ///
    /// What listing meets.
    pub fn entries(&self) -> Result<Entries> {
        let entries = self.tree.inner.fs.read_dir(&self.dir);
        entries.map_err(|error| self.tree.failed(Action::List, &self.path, error))
    }

    /// The failure of [`entries`](Self::entries) to give the next one.
    #[must_use]
    pub fn listing_failed(&self, error: std::io::Error) -> FileError {
        self.tree.failed(Action::List, &self.path, error)
    }

    /// Opens a regular file in it for reading; none if nothing or something else is there. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Tree::open_file`].
    pub fn open_file(&self, name: &OsStr) -> Result<Option<OpenFile>> {
        let fs = &self.tree.inner.fs;
        let open = || fs.open_file(&self.dir, Path::new(name), Wait::Yes);
        let opened = patiently(|error| self.tree.is_at_limit(error), open);
        self.tree.opened(opened, || self.path.join(name))
    }

    /// Facts about what is in it by that name; none if nothing is. Blocks.
    ///
    /// # Errors
    ///
    /// What asking meets.
    pub fn metadata(&self, name: &OsStr) -> Result<Option<Metadata>> {
        let fs = &self.tree.inner.fs;
        let found = fs.metadata(&self.dir, Path::new(name), Wait::Yes);
        let failed = |error| {
            self.tree
                .failed(Action::Inspect, &self.path.join(name), error)
        };
        absent_is_none(found.map_err(failed))
    }
}
