//! What is known about the durability of files and folders.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{Action, FileError, Result};
use crate::fs::{Dir, Metadata, SyncWhat, Wait};
use crate::paths::split;
use crate::publish::Changed;
use crate::tree::{Tree, absent_is_none, lock};
use crate::walk::Step;

/// Beyond so many unsynced paths the next sync looks at the whole tree instead.
const MAX_REMEMBERED: usize = 16 * 1024;

/// What is known about the durability of files and folders of a tree. All paths are relative to its root; as strings of the
/// system they are compared much faster.
#[derive(Debug, Default)]
pub(crate) struct Durable(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Folders whose own name is durable.
    known: HashSet<OsString>,
    unsynced: Unsynced,
    /// Files that withstand a loss of power, as far as they are remembered, with number and time of change.
    settled: HashMap<OsString, (u64, u64)>,
    /// Files whose sync failed. The kernel reports such a failure once and then forgets it; we do not.
    failed: HashSet<OsString>,
    /// A sync of everything failed: what it covered is not known file by file, so nothing of it can be trusted again.
    everything_failed: bool,
}

#[derive(Debug, Default)]
struct Unsynced {
    /// What happened last, to be [sorted](Self::sort) in: most stores are written to for a long time before anybody asks.
    latest: Vec<(OsString, Event)>,
    files: HashSet<OsString>,
    /// Files whose contents are durable and whose names may not be.
    named: HashSet<OsString>,
    folders: HashSet<OsString>,
    /// There were too many to remember.
    everything: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// It has its name, with contents that may not be durable.
    Written,
    /// It has its name, with durable contents.
    Named,
    Removed,
}

impl Unsynced {
    /// Takes note of what became of a file.
    fn add(&mut self, path: &Path, event: Event) {
        if self.everything {
            return;
        }
        self.latest.push((path.into(), event));
        if self.latest.len() + self.len() > MAX_REMEMBERED {
            self.sort();
            self.check_size();
        }
    }

    /// Sorts in what happened last.
    fn sort(&mut self) {
        for (path, event) in std::mem::take(&mut self.latest) {
            self.add_folder(split(Path::new(&path)).0);
            match event {
                Event::Written => {
                    self.files.insert(path);
                }
                Event::Named => {
                    self.files.remove(&path);
                    self.named.insert(path);
                }
                Event::Removed => {
                    self.files.remove(&path);
                    self.named.remove(&path);
                }
            }
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        if !self.folders.contains(folder.as_os_str()) {
            self.folders.insert(folder.into());
        }
    }

    fn len(&self) -> usize {
        self.files.len() + self.named.len() + self.folders.len()
    }

    fn check_size(&mut self) {
        if self.len() > MAX_REMEMBERED {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }
}

impl State {
    /// Forgets what was known of a file that is another now, or gone.
    fn forget(&mut self, path: &Path) {
        if !self.failed.is_empty() {
            self.failed.remove(path.as_os_str());
        }
        if !self.settled.is_empty() {
            self.settled.remove(path.as_os_str());
        }
    }
}

impl Durable {
    /// A file was given its name, with contents that may not be durable.
    pub(crate) fn file_changed(&self, path: &Path, contents_synced: bool) {
        let mut state = lock(&self.0);
        state.forget(path);
        let event = match contents_synced {
            true => Event::Named,
            false => Event::Written,
        };
        state.unsynced.add(path, event);
    }

    /// A name was created or removed in a folder.
    pub(crate) fn folder_changed(&self, folder: &Path) {
        let unsynced = &mut lock(&self.0).unsynced;
        if !unsynced.everything {
            unsynced.add_folder(folder);
            unsynced.check_size();
        }
    }

    /// A file was removed: there is nothing of it left to sync.
    pub(crate) fn file_removed(&self, path: &Path) {
        let mut state = lock(&self.0);
        state.forget(path);
        state.unsynced.add(path, Event::Removed);
    }

    /// The name of a file is durable, as its contents are.
    pub(crate) fn name_synced(&self, path: &Path, changed: Changed) {
        let mut state = lock(&self.0);
        state.unsynced.sort();
        state.unsynced.named.remove(path.as_os_str());
        if let Changed::Written(file) | Changed::Replaced { file, .. } | Changed::Kept(file) =
            changed
        {
            if state.settled.len() >= MAX_REMEMBERED {
                state.settled.clear();
            }
            let known = (file.id, file.modified);
            state.settled.insert(path.into(), known);
        }
    }

    /// The names in a folder could not be made durable: what the sync was to cover counts as failed.
    fn folder_sync_failed(&self, taken: &Unsynced) {
        let covered = taken.files.iter().chain(&taken.named).cloned();
        lock(&self.0).failed.extend(covered);
    }

    /// Syncing failed, so the file's durability is unknown until it is written again.
    pub(crate) fn sync_failed(&self, path: &Path) {
        lock(&self.0).failed.insert(path.into());
    }

    /// Runs `remove` on a folder and forgets that its name is durable. Both happen under one lock, or a writer could
    /// take a folder created right afterwards for the old one.
    pub(crate) fn forget_folder(
        &self,
        folder: &Path,
        remove: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = lock(&self.0);
        if !state.known.contains(folder.as_os_str()) {
            drop(state);
            return remove();
        }
        remove()?;
        state.known.remove(folder.as_os_str());
        Ok(())
    }

    fn is_settled(&self, path: &Path, file: &Metadata) -> bool {
        let state = lock(&self.0);
        let known = state.settled.get(path.as_os_str());
        known == Some(&(file.id, file.modified)) && !state.failed.contains(path.as_os_str())
    }

    fn has_failed(&self, path: &Path) -> bool {
        let state = lock(&self.0);
        state.everything_failed || state.failed.contains(path.as_os_str())
    }

    pub(crate) fn knows(&self, folder: &Path) -> bool {
        lock(&self.0).known.contains(folder.as_os_str())
    }

    fn learn(&self, folder: &Path) {
        let known = &mut lock(&self.0).known;
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(folder.into());
    }

    fn first_failed(&self, wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
        let state = lock(&self.0);
        if state.everything_failed {
            return Some(PathBuf::new());
        }
        let found = state.failed.iter().find(|path| wanted(Path::new(path)));
        found.map(PathBuf::from)
    }

    /// Takes what is to be synced; what is not wanted stays.
    fn take(&self, wanted: &dyn Fn(&Path) -> bool) -> Unsynced {
        let unsynced = &mut lock(&self.0).unsynced;
        if unsynced.everything {
            // Another part of the tree may still be unsynced, so this is only forgotten by a sync of everything.
            return Unsynced {
                everything: true,
                ..Unsynced::default()
            };
        }
        unsynced.sort();
        let (files, others) = std::mem::take(&mut unsynced.files)
            .into_iter()
            .partition(|path| wanted(Path::new(path)));
        unsynced.files = others;
        // Folders are few and shared by names that are wanted and names that are not.
        Unsynced {
            latest: Vec::new(),
            files,
            named: std::mem::take(&mut unsynced.named),
            folders: std::mem::take(&mut unsynced.folders),
            everything: false,
        }
    }

    fn remember_everything(&self) {
        lock(&self.0).unsynced = Unsynced {
            everything: true,
            ..Unsynced::default()
        };
    }

    fn forget_everything(&self) {
        lock(&self.0).unsynced.everything = false;
    }

    fn put_back(&self, again: Unsynced) {
        if again.everything {
            return self.remember_everything();
        }
        let unsynced = &mut lock(&self.0).unsynced;
        if !unsynced.everything {
            unsynced.files.extend(again.files);
            unsynced.named.extend(again.named);
            unsynced.folders.extend(again.folders);
            unsynced.check_size();
        }
    }
}

impl Tree {
    /// Whether a file, of which these are the facts, is known to withstand a loss of power: this tree wrote it so, or kept
    /// it so.
    #[must_use]
    pub fn is_settled(&self, path: &Path, file: &Metadata) -> bool {
        self.inner.durable.is_settled(path, file)
    }

    /// Whether syncing a file failed, so that only writing it again can make it durable.
    #[must_use]
    pub fn has_failed(&self, path: &Path) -> bool {
        self.inner.durable.has_failed(path)
    }

    /// Takes all that is in the tree for changed through it, so that the next [`sync`](Self::sync) covers what others wrote before it was
    /// opened. That one opens every file.
    pub fn assume_unsynced(&self) {
        self.inner.durable.remember_everything();
    }

    /// Makes the files for which `wanted` is true, and the names of all files and folders, durable; those changed through
    /// this tree before the call.
    ///
    /// # Errors
    ///
    /// The first failure. A file that failed once fails every later call that wants it, until it is written or removed.
    pub fn sync(&self, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
        let durable = &self.inner.durable;
        let taken = durable.take(wanted);
        let done = if taken.everything {
            self.sync_everything()
        } else {
            self.sync_these(&taken)
        };
        if done.is_err() {
            durable.put_back(taken);
        }
        done?;
        match durable.first_failed(wanted) {
            None => Ok(()),
            Some(path) => Err(self.failed(Action::Sync, &path, io::Error::other(FAILED_BEFORE))),
        }
    }

    fn sync_these(&self, taken: &Unsynced) -> Result<()> {
        let mut outcome = Ok(());
        for path in &taken.files {
            outcome = outcome.and(self.sync_path(Path::new(path)).map(drop));
        }
        for folder in &taken.folders {
            let synced = self.sync_folder(Path::new(folder));
            if synced.is_err() {
                self.inner.durable.folder_sync_failed(taken);
            }
            outcome = outcome.and(synced);
        }
        outcome
    }

    fn sync_everything(&self) -> Result<()> {
        self.inner.durable.forget_everything();
        let own = self.own_folders.clone();
        let is_own = move |folder: &Path| own.as_ref().is_none_or(|own| own(folder));
        let mut walk = self.walk(Path::new(""), is_own);
        let mut outcome = self.sync_folder(Path::new(""));
        while let Some(step) = walk.next(self) {
            outcome = match step? {
                Step::File(path) => outcome.and(self.sync_path(&path).map(drop)),
                Step::Folder(path) => outcome.and(self.sync_folder(&path)),
                Step::Other(_) => outcome,
            };
        }
        if outcome.is_err() {
            lock(&self.inner.durable.0).everything_failed = true;
        }
        outcome
    }

    /// Makes the contents of a file durable.
    pub(crate) fn sync_path(&self, path: &Path) -> Result<Changed> {
        let fs = &self.inner.fs;
        let opened = self.beneath(path, Wait::Yes, |at, path| {
            fs.open_file(at, path, Wait::Yes)
        });
        let Some(file) =
            absent_is_none(opened.map_err(|error| self.failed(Action::Sync, path, error)))?
        else {
            return Ok(Changed::WasAbsent);
        };
        let metadata = self.inner.fs.file_metadata(&file);
        let metadata = metadata.map_err(|error| self.failed(Action::Inspect, path, error))?;
        let synced = self.inner.fs.sync_file(&file, SyncWhat::Data);
        synced.map_err(|error| {
            self.inner.durable.sync_failed(path);
            self.failed(Action::Sync, path, error)
        })?;
        Ok(Changed::Kept(metadata))
    }

    /// Makes the names in a folder durable, and the folder's own and those above; a folder that is gone by now makes no
    /// difference, as its removal is a change of the one above.
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.sync_reopened(folder)?;
        self.sync_names_above(folder, &mut HashSet::new())
    }

    /// The same for a folder that is open, except for names in folders among `synced`, which were synced just now.
    pub(crate) fn sync_open_folder(
        &self,
        folder: &Path,
        dir: &Dir,
        synced: &mut HashSet<PathBuf>,
    ) -> Result<()> {
        let done = self.inner.fs.sync_dir(dir);
        done.map_err(|error| self.failed(Action::SyncFolder, folder, error))?;
        self.sync_names_above(folder, synced)
    }

    fn sync_reopened(&self, folder: &Path) -> Result<()> {
        let opened = absent_is_none(self.open_dir(folder));
        let Some(dir) = opened.map_err(|error| error.during(Action::SyncFolder))? else {
            return Ok(());
        };
        let synced = self.inner.fs.sync_dir(&dir);
        synced.map_err(|error| self.failed(Action::SyncFolder, folder, error))
    }

    /// Makes the folder's own name durable, and those above, and adds the folders that this syncs to `synced`.
    pub(crate) fn sync_names_above(
        &self,
        folder: &Path,
        synced: &mut HashSet<PathBuf>,
    ) -> Result<()> {
        let mut child = folder;
        while let Some(parent) = child.parent() {
            if !self.inner.durable.knows(child) {
                if !synced.contains(parent) {
                    self.sync_reopened(parent)?;
                    synced.insert(parent.to_owned());
                }
                self.inner.durable.learn(child);
            }
            child = parent;
        }
        Ok(())
    }

    /// Records that a file whose name could not be made durable counts as failed.
    pub(crate) fn name_sync_failed(&self, path: &Path, error: &FileError) -> FileError {
        self.inner.durable.sync_failed(path);
        error.duplicate().during(Action::SyncFolder)
    }
}

const FAILED_BEFORE: &str = "an earlier sync of this file failed; write it again";
