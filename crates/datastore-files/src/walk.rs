//! Listing a tree without holding it in memory.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Action, Result};
use crate::fs::{Entries, Kind};
use crate::tree::Tree;

/// One thing met by a [`Walk`], with its path relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A regular file.
    File(PathBuf),
    /// A folder into which the walk will go.
    Folder(PathBuf),
    /// A link, a device and the like; not followed.
    Other(PathBuf),
}

/// A walk over part of a tree, in no particular order.
///
/// One folder is open at a time and no file is held in memory: of folders still to come only the names are. What comes
/// or goes meanwhile may be met or not; a folder that vanishes is no error.
pub struct Walk {
    open: Option<(PathBuf, Entries)>,
    pending: Vec<Pending>,
    enter: Box<dyn FnMut(&Path) -> bool + Send>,
}

/// Subfolders of one folder that are still to be listed, their names end to end.
struct Pending {
    parent: PathBuf,
    names: Vec<u8>,
    ends: Vec<u32>,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Walk")
    }
}

impl Tree {
    /// A walk of the folder `start` (the empty path is the root) and of those folders below it that `enter` accepts by
    /// their paths.
    pub fn walk(&self, start: &Path, enter: impl FnMut(&Path) -> bool + Send + 'static) -> Walk {
        let mut walk = Walk {
            open: None,
            pending: Vec::new(),
            enter: Box::new(enter),
        };
        walk.pending.push(Pending {
            parent: start.to_owned(),
            names: Vec::new(),
            ends: vec![0],
        });
        walk
    }
}

impl Walk {
    /// The next thing; none at the end. Blocks. `tree` must be the one that the walk was made of.
    ///
    /// # Errors
    ///
    /// What listing a folder meets. The walk can go on afterwards, without that folder.
    pub fn next(&mut self, tree: &Tree) -> Option<Result<Step>> {
        loop {
            if let Some((folder, entries)) = &mut self.open {
                let entry = match entries.next() {
                    Some(Ok(entry)) => entry,
                    Some(Err(error)) => {
                        let error = tree.failed(Action::List, folder, error);
                        self.open = None;
                        return Some(Err(error));
                    }
                    None => {
                        self.open = None;
                        continue;
                    }
                };
                let path = folder.join(&entry.name);
                let kind = match entry.kind {
                    Kind::Link if tree.leads_to_folder(&path) => Kind::Dir,
                    kind => kind,
                };
                match kind {
                    Kind::File => return Some(Ok(Step::File(path))),
                    Kind::Dir if (self.enter)(&path) => {
                        let parent = folder.clone();
                        self.push(parent, &entry.name);
                        return Some(Ok(Step::Folder(path)));
                    }
                    Kind::Dir => {}
                    Kind::Link | Kind::Other => return Some(Ok(Step::Other(path))),
                }
                continue;
            }
            let folder = self.pop()?;
            match tree.entries(&folder) {
                Ok(Some(entries)) => self.open = Some((folder, entries)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn push(&mut self, parent: PathBuf, name: &OsStr) {
        let fits =
            |last: &&mut Pending| last.parent == parent && u32::try_from(last.names.len()).is_ok();
        let bytes = name.as_encoded_bytes();
        match self.pending.last_mut().filter(fits) {
            Some(last) => {
                // `fits` has checked that the old length is a u32.
                last.ends.push(u32::try_from(last.names.len()).unwrap_or(0));
                last.names.extend_from_slice(bytes);
            }
            None => self.pending.push(Pending {
                parent,
                names: bytes.to_vec(),
                ends: vec![0],
            }),
        }
    }

    fn pop(&mut self) -> Option<PathBuf> {
        loop {
            let last = self.pending.last_mut()?;
            let Some(start) = last.ends.pop() else {
                self.pending.pop();
                continue;
            };
            let name = last.names.split_off(usize::try_from(start).unwrap_or(0));
            return Some(if name.is_empty() {
                last.parent.clone()
            } else {
                last.parent.join(name_of(name))
            });
        }
    }
}

#[cfg(unix)]
fn name_of(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn name_of(bytes: Vec<u8>) -> OsString {
    // Names that are not Unicode belong to no store of ours.
    String::from_utf8_lossy(&bytes).into_owned().into()
}
