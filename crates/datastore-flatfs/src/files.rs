//! The files of a store's values, one after another.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use datastore_files::{Entries, FileError, Folder, Kind, Tree};
use interface_datastore::Key;

use crate::sharding::Sharding;

/// A file in the place where the value of its key belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueFile {
    pub(crate) key: Key,
    pub(crate) path: PathBuf,
}

/// The files of all values, in no order. Shards that vanish meanwhile are no error; one that cannot be listed is, and the rest follows.
pub(crate) fn value_files(tree: &Tree, sharding: &Sharding) -> ValueFiles {
    ValueFiles {
        tree: tree.clone(),
        sharding: *sharding,
        shards: None,
        open: None,
    }
}

/// See [`value_files`].
pub(crate) struct ValueFiles {
    tree: Tree,
    sharding: Sharding,
    /// Those still to be listed; none before the root was listed.
    shards: Option<Vec<String>>,
    open: Option<(String, Folder, Entries)>,
}

impl Iterator for ValueFiles {
    type Item = Result<ValueFile, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.shards.is_none() {
            self.shards = Some(Vec::new());
            match shards(&self.tree) {
                Ok(shards) => self.shards = Some(shards),
                Err(error) => return Some(Err(error)),
            }
        }
        loop {
            if let Some(found) = self.next_in_folder() {
                return Some(found);
            }
            let name = self.shards.as_mut()?.pop()?;
            let opened = self.tree.folder(Path::new(&name)).and_then(|folder| {
                folder
                    .map(|folder| folder.entries().map(|entries| (name, folder, entries)))
                    .transpose()
            });
            match opened {
                Ok(open) => self.open = open,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl ValueFiles {
    fn next_in_folder(&mut self) -> Option<Result<ValueFile, FileError>> {
        let (name, folder, entries) = self.open.as_mut()?;
        loop {
            let entry = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    let error = folder.listing_failed(error);
                    self.open = None;
                    return Some(Err(error));
                }
                None => {
                    self.open = None;
                    return None;
                }
            };
            if entry.kind != Kind::File {
                continue;
            }
            if let Some(key) = self.sharding.key_of(OsStr::new(name), &entry.name) {
                let path = Path::new(name).join(&entry.name);
                return Some(Ok(ValueFile { key, path }));
            }
        }
    }
}

/// The names of the folders in the root that may hold values: the root itself, as the empty name, and those that are not hidden.
pub(crate) fn shards(tree: &Tree) -> Result<Vec<String>, FileError> {
    let mut names = vec![String::new()];
    let Some(root) = tree.folder(Path::new(""))? else {
        return Ok(names);
    };
    for entry in root.entries()? {
        let entry = entry.map_err(|error| root.listing_failed(error))?;
        let Ok(name) = entry.name.into_string() else {
            continue;
        };
        let is_folder = match entry.kind {
            Kind::Dir => true,
            Kind::Link => tree.leads_to_folder(Path::new(&name)),
            Kind::File | Kind::Other => false,
        };
        if is_folder && !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}
