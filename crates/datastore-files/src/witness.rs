//! Entries that show that a folder is not empty, so that not every removal tries to remove the folder too.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Mutex;

use crate::fs::{Dir, Wait};
use crate::tree::{Tree, lock};

/// So often a folder is tried before an entry is looked for in it: folders of a few files are emptied sooner.
const TRIES: u32 = 4;
/// The entry is one from further back, as those before may be removed in the order in which they are listed.
const ENTRY: usize = 64;
/// Beyond so many folders all are forgotten.
const MAX_REMEMBERED: usize = 4096;

/// What is remembered of folders, by their paths relative to the root.
#[derive(Debug, Default)]
pub(crate) struct Witnesses(Mutex<HashMap<OsString, Seen>>);

#[derive(Debug)]
enum Seen {
    /// So many times it was not empty.
    NotEmpty(u32),
    /// It held this entry.
    Entry(OsString),
}

impl Witnesses {
    fn entry(&self, folder: &OsStr) -> Option<OsString> {
        match lock(&self.0).get(folder) {
            Some(Seen::Entry(name)) => Some(name.clone()),
            _ => None,
        }
    }

    /// Counts a try that found the folder not empty; whether to look for an entry now.
    fn is_due(&self, folder: &OsStr) -> bool {
        let mut seen = lock(&self.0);
        match seen.get_mut(folder) {
            Some(Seen::NotEmpty(tries)) => {
                *tries = tries.saturating_add(1);
                *tries >= TRIES
            }
            // The entry was there and is not any more.
            Some(Seen::Entry(_)) => true,
            None => {
                if seen.len() >= MAX_REMEMBERED {
                    seen.clear();
                }
                seen.insert(folder.to_owned(), Seen::NotEmpty(1));
                false
            }
        }
    }

    fn found(&self, folder: &OsStr, name: OsString) {
        lock(&self.0).insert(folder.to_owned(), Seen::Entry(name));
    }

    fn forget(&self, folder: &OsStr) {
        lock(&self.0).remove(folder);
    }
}

impl Tree {
    /// Whether an open folder is known to hold something. What is remembered is looked at: others may have removed it.
    pub(crate) fn is_seen_not_empty(&self, folder: &Path, dir: &Dir) -> bool {
        let entry = self.inner.witnesses.entry(folder.as_os_str());
        let fs = &self.inner.fs;
        entry.is_some_and(|name| fs.metadata(dir, Path::new(&name), Wait::Yes).is_ok())
    }

    /// Takes note that a folder could not be removed because it is not empty.
    pub(crate) fn note_not_empty(&self, folder: &Path, dir: &Dir) {
        let (fs, witnesses) = (&self.inner.fs, &self.inner.witnesses);
        if !witnesses.is_due(folder.as_os_str()) {
            return;
        }
        let entries = fs.read_dir(dir).into_iter().flatten();
        match entries.take(ENTRY).filter_map(Result::ok).last() {
            Some(entry) => witnesses.found(folder.as_os_str(), entry.name),
            None => witnesses.forget(folder.as_os_str()),
        }
    }

    /// Takes note that a folder is gone.
    pub(crate) fn forget_witness(&self, folder: &Path) {
        self.inner.witnesses.forget(folder.as_os_str());
    }
}
