//! Folders open by their handles, with their paths for messages.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datastore_files::{Action, Dir, FileError, Fs, Kind, Links, Replace, Wait};
use interface_datastore::{Error, Operation};

use crate::failure::file_error;

/// An open folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    fs: Arc<dyn Fs>,
    dir: Dir,
    path: PathBuf,
}

impl Folder {
    pub(super) fn root(fs: &Arc<dyn Fs>, path: &Path) -> Result<Self, Error> {
        let dir = fs
            .open_root(path)
            .map_err(|error| failed(Action::Open, path, error))?;
        Ok(Self {
            fs: Arc::clone(fs),
            dir,
            path: path.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder `name` in this one, if there is one.
    pub(super) fn find(&self, name: &OsStr, links: Links) -> Result<Option<Self>, Error> {
        match self.fs.open_dir(&self.dir, Path::new(name), links) {
            Ok(dir) => Ok(Some(Self {
                fs: Arc::clone(&self.fs),
                dir,
                path: self.path.join(name),
            })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(Action::Open, name, error)),
        }
    }

    /// The folder `name` in this one, which is made if there is none.
    pub(super) fn find_or_make(&self, name: &OsStr, links: Links) -> Result<Self, Error> {
        if let Some(found) = self.find(name, links)? {
            return Ok(found);
        }
        match self.fs.create_dir(&self.dir, name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(self.failed(Action::Create, name, error))
            }
            _ => match self.find(name, links)? {
                Some(made) => Ok(made),
                None => {
                    let error = io::ErrorKind::NotADirectory.into();
                    Err(self.failed(Action::Open, name, error))
                }
            },
        }
    }

    /// What is in the folder, in no order.
    pub(super) fn entries(
        &self,
    ) -> Result<impl Iterator<Item = Result<(OsString, Kind), Error>>, Error> {
        let failed = |error| failed(Action::List, &self.path, error);
        let entries = self.fs.read_dir(&self.dir).map_err(failed)?;
        Ok(entries.map(move |entry| {
            let entry = entry.map_err(failed)?;
            Ok((entry.name, entry.kind))
        }))
    }

    /// What kind of thing `name` is, if there is one, and its number.
    pub(super) fn look(&self, name: &OsStr) -> Result<Option<(Kind, u64)>, Error> {
        match self.fs.metadata(&self.dir, Path::new(name), Wait::Yes) {
            Ok(metadata) => Ok(Some((metadata.kind, metadata.id))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(Action::Inspect, name, error)),
        }
    }

    /// Gives the file `name` a new place. The failure is the system's, as some are no failures to who asked.
    pub(super) fn rename(
        &self,
        name: &OsStr,
        to: (&Self, &OsStr),
        replace: Replace,
    ) -> io::Result<()> {
        self.fs
            .rename((&self.dir, name), (&to.0.dir, to.1), replace)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove_file(&self, name: &OsStr) -> Result<(), Error> {
        match self.fs.remove_file(&self.dir, name) {
            Err(error) if !is_absent(&error) => Err(self.failed(Action::Remove, name, error)),
            _ => Ok(()),
        }
    }

    /// Removes a folder, if it is there and empty; false if it is not empty.
    pub(super) fn remove_folder(&self, name: &OsStr) -> Result<bool, Error> {
        match self.fs.remove_dir(&self.dir, name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) if is_absent(&error) => Ok(true),
            Err(error) => Err(self.failed(Action::Remove, name, error)),
        }
    }

    /// Removes a folder with all that is in it. Folders in it are entered `depth` levels deep.
    pub(super) fn remove_all(&self, name: &OsStr, depth: usize) -> Result<(), Error> {
        let Some(folder) = self.find(name, Links::Refuse)? else {
            return Ok(());
        };
        for entry in folder.entries()? {
            match entry? {
                (name, Kind::Dir) if depth > 0 => folder.remove_all(&name, depth - 1)?,
                (name, _) => folder.remove_file(&name)?,
            }
        }
        self.remove_folder(name).map(|_| ())
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let synced = self.fs.sync_dir(&self.dir);
        synced.map_err(|error| failed(Action::SyncFolder, &self.path, error))
    }

    /// Makes all that is on its file system durable; false if that cannot be relied on or did not work.
    pub(super) fn sync_file_system(&self) -> bool {
        self.fs.sync_file_system(&self.dir).is_ok()
    }

    pub(super) fn failed(&self, action: Action, name: &OsStr, error: io::Error) -> Error {
        failed(action, &self.path.join(name), error)
    }
}

fn failed(action: Action, path: &Path, error: io::Error) -> Error {
    file_error(
        FileError::new(action, path, error),
        Operation::Maintain,
        None,
    )
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a name is one that go-ds-flatfs passes over when it lists.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
