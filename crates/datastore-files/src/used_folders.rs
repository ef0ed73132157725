//! The folders that changes of one call use.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use crate::error::Result;
use crate::fs::Dir;
use crate::tree::Tree;

/// How many folders are kept open while changes are applied.
const MAX_FOLDERS: usize = 64;

/// Handles of the folders used last, so that files of one folder share its handle.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// The last one: changes often come folder by folder, or alone.
    last: Option<(OsString, Dir)>,
    others: HashMap<OsString, Dir>,
}

impl Folders {
    pub(crate) fn get(&mut self, tree: &Tree, folder: &Path, create: bool) -> Result<Dir> {
        if let Some(dir) = self.open(folder) {
            return Ok(dir);
        }
        let dir = match tree.known_dir(folder) {
            Some(dir) => dir,
            None => {
                let opened = match create {
                    true => tree.ensure_dir(folder)?,
                    false => tree.open_dir(folder)?,
                };
                tree.keep_dir(folder, &opened);
                opened
            }
        };
        let new = (folder.as_os_str().to_owned(), dir.clone());
        if let Some((before, dir)) = self.last.replace(new) {
            if self.others.len() >= MAX_FOLDERS {
                self.others.clear();
            }
            self.others.insert(before, dir);
        }
        Ok(dir)
    }

    pub(crate) fn open(&self, folder: &Path) -> Option<Dir> {
        match &self.last {
            Some((last, dir)) if last == folder.as_os_str() => Some(dir.clone()),
            _ if self.others.is_empty() => None,
            _ => self.others.get(folder.as_os_str()).cloned(),
        }
    }

    pub(crate) fn has(&self, folder: &Path) -> bool {
        self.open(folder).is_some()
    }

    pub(crate) fn forget(&mut self, folder: &Path) {
        self.last.take_if(|(last, _)| last == folder.as_os_str());
        self.others.remove(folder.as_os_str());
    }
}
