//! Changing files: written aside, synced if asked, moved to their place.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;

use crate::beside::side_by_side;
use crate::error::{Action, FileError, Reason, Result};
use crate::fs::{Dir, File, Kind, Metadata, Replace, Wait};
use crate::ledger::Way;
use crate::names::Renamed;
use crate::paths::split;
use crate::settings::EmptiedFolders;
use crate::temp::{TempFile, Time};
use crate::tree::{FOLDER_RETRIES, Tree, absent_is_none};
use crate::used_folders::Folders;

/// How many files are synced as a group, all of them open meanwhile.
pub(crate) const SYNC_GROUP: usize = 128;
/// How many threads help to sync the files of a group one by one, and then its folders. Syncs that wait together share one
/// commit of the file system's journal; one that comes later waits for another.
pub(crate) const SYNC_HELPERS: usize = 15;
/// Files as long as this start their way to the disk as soon as they are written, even if the whole file system is synced
/// afterwards. For shorter ones the hint costs more than it brings.
const HINT_FROM: u64 = 64 * 1024;
/// So many bytes cost about as much to sync as the file that holds them.
const BYTES_PER_FILE: f64 = 128.0 * 1024.0;
/// How many files stay open until the outcomes are told.
const MAX_FILES: usize = 32;

/// A change of one file. The path is relative to the root.
#[derive(Debug)]
pub enum Change {
    /// The file shall have these contents, whole or not at all.
    Write {
        /// Its path; missing folders are made.
        path: PathBuf,
        /// What it shall hold.
        contents: Contents,
        /// Whether it may replace a file that is there.
        replace: Replace,
        /// A file that this one makes obsolete: removed once this one stands.
        obsolete: Option<PathBuf>,
    },
    /// The file shall not be. Folders that this leaves empty go as [`EmptiedFolders`] says.
    Remove {
        /// Its path.
        path: PathBuf,
        /// A file that must go first, or the removal would bring it to light.
        first: Option<PathBuf>,
    },
    /// The file holds what it shall, but it is not known what that withstands: it is synced as if it were written.
    Keep {
        /// Its path.
        path: PathBuf,
    },
}

/// What a file shall hold.
#[derive(Debug)]
pub enum Contents {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A temporary file of the same tree.
    Temp(TempFile),
}

impl Contents {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Temp(temp) => temp.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A change that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changed {
    /// Written: facts about the new file. Its time of change is unlike that of any other written by this process.
    Written(Metadata),
    /// Written in place of another: facts about both, where the tree [looks at them](Tree::with_compared_replacements).
    Replaced {
        /// As in [`Written`](Self::Written).
        file: Metadata,
        /// What was there.
        before: Metadata,
    },
    /// Removed: facts about the file that is gone, where the tree [looks at them](Tree::with_measured_removals).
    Removed(Option<Metadata>),
    /// There was nothing to remove or keep.
    WasAbsent,
    /// Left as it was: facts about the file.
    Kept(Metadata),
}

/// What an acknowledged change withstands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// The death of the process.
    Process,
    /// Loss of power in so far as the file has its old or its new contents whole: they are synced before the rename.
    Ordered,
    /// Loss of power: the names are synced too.
    Power,
}

impl Tree {
    /// Applies changes one after another and gives each one's outcome, in order. Syncs are shared among all of them. Not atomic as a
    /// whole: each change takes effect or fails by itself.
    ///
    /// After a failure with [`Action::SyncFolder`] the change may have taken effect, but counts as not durable until
    /// the file is written again. After any other failure the file is as it was.
    #[must_use]
    pub fn apply(&self, changes: Vec<Change>, safety: Safety) -> Vec<Result<Changed>> {
        self.apply_before_closing(changes, safety).0
    }

    /// As [`apply`](Self::apply), but leaves it to the caller to close what was opened, once the outcomes are told: nobody
    /// needs to wait for that.
    #[must_use]
    pub fn apply_before_closing(
        &self,
        changes: Vec<Change>,
        safety: Safety,
    ) -> (Vec<Result<Changed>>, Opened) {
        let mut outcomes = Vec::with_capacity(changes.len());
        let mut scratch = Scratch::default();
        if safety == Safety::Process {
            for change in changes {
                outcomes.push(self.apply_now(change, &mut scratch));
            }
            self.prune(std::mem::take(&mut scratch.emptied), &mut scratch.folders);
            return (outcomes, scratch.opened());
        }
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            scratch = Scratch::default();
            let group: Vec<Change> = changes.by_ref().take(SYNC_GROUP).collect();
            self.apply_synced(group, safety, &mut outcomes, &mut scratch);
        }
        (outcomes, scratch.opened())
    }

    /// Writes bytes to a temporary file and sends them on their way to the disk: what several can do side by side before
    /// they share the rest. The result goes to [`apply`](Self::apply).
    ///
    /// # Errors
    ///
    /// What writing meets.
    pub fn prepare(&self, bytes: &[u8]) -> Result<TempFile> {
        let mut temp = self.nameless_file()?;
        temp.write_all(bytes)?;
        let hint = temp.len() >= HINT_FROM || !self.inner.ledgers.files.leans_to_whole();
        temp.sealed(hint)
    }

    fn apply_now(&self, change: Change, scratch: &mut Scratch) -> Result<Changed> {
        match change {
            Change::Write {
                path,
                contents,
                replace,
                obsolete,
            } => {
                let temp = self.temp_of(contents)?;
                let target = Target {
                    path,
                    replace,
                    obsolete,
                };
                self.publish(temp, &target, false, scratch)
            }
            Change::Remove { path, first } => self.remove_both(&path, first.as_deref(), scratch),
            Change::Keep { path } => Ok(match self.metadata(&path, Wait::Yes)? {
                Some(metadata) => Changed::Kept(metadata),
                None => Changed::WasAbsent,
            }),
        }
    }

    fn apply_synced(
        &self,
        group: Vec<Change>,
        safety: Safety,
        outcomes: &mut Vec<Result<Changed>>,
        scratch: &mut Scratch,
    ) {
        let ready = self.synced_files(group);
        let mut touched = Vec::with_capacity(ready.len());
        let first = outcomes.len();
        for step in ready {
            let (path, outcome) = match step {
                Ready::Failed(path, error) => (path, Err(error)),
                Ready::Remove(path, first) => {
                    let outcome = self.remove_both(&path, first.as_deref(), scratch);
                    (path, outcome)
                }
                Ready::Write(target, temp) => {
                    let outcome = self.publish(temp, &target, true, scratch);
                    (target.path, outcome)
                }
                Ready::Keep(path) => (path, Ok(Changed::WasAbsent)),
                Ready::Kept(path, outcome) => (path, outcome),
            };
            touched.push(path);
            outcomes.push(outcome);
        }
        self.prune(std::mem::take(&mut scratch.emptied), &mut scratch.folders);
        if safety == Safety::Power {
            let outcomes = outcomes.get_mut(first..).unwrap_or_default();
            self.sync_names(&touched, outcomes, &scratch.folders, &scratch.renamed);
        }
    }

    /// Writes the temporary files of a group, then syncs them: all are on their way to the disk before the first is waited for.
    /// Files that are kept are synced along with them.
    pub(crate) fn synced_files(&self, group: Vec<Change>) -> Vec<Ready> {
        let several = group.len() > 1;
        let way = self.way_for(&group);
        let mut ready: Vec<Ready> = Vec::with_capacity(group.len());
        for change in group {
            ready.push(match change {
                Change::Remove { path, first } => Ready::Remove(path, first),
                Change::Keep { path } => Ready::Keep(path),
                Change::Write {
                    path,
                    contents,
                    replace,
                    obsolete,
                } => {
                    let hint = several && (way == Way::Each || contents.len() >= HINT_FROM);
                    match self.temp_of(contents).and_then(|temp| temp.sealed(hint)) {
                        Ok(temp) => Ready::Write(
                            Target {
                                path,
                                replace,
                                obsolete,
                            },
                            temp,
                        ),
                        Err(error) => Ready::Failed(path, error),
                    }
                }
            });
        }
        let started = Instant::now();
        let units = ready.iter().map(Ready::units_to_sync).sum();
        if way == Way::Whole {
            self.sync_file_system(&mut ready);
        }
        let synced = self.sync_files(ready);
        let ledger = &self.inner.ledgers.files;
        ledger.record(way, units, started.elapsed());
        synced
    }

    /// How the files of a group shall be synced.
    fn way_for(&self, group: &[Change]) -> Way {
        let mut writes = 0;
        let mut written = 0;
        for change in group {
            match change {
                Change::Write {
                    contents: Contents::Temp(temp),
                    ..
                } if !temp.is_synced() => {
                    writes += 1;
                    written += temp.len();
                }
                Change::Write {
                    contents: Contents::Bytes(_),
                    ..
                } => writes += 1,
                _ => {}
            }
        }
        let by_others = || self.unwritten().saturating_sub(written);
        self.inner.ledgers.files.choose(writes, by_others)
    }

    pub(crate) fn unwritten(&self) -> u64 {
        self.inner.fs.unwritten().unwrap_or(0)
    }

    /// Syncs all files at once, as far as that is possible. Those for which it is not, or failed, are not synced then.
    fn sync_file_system(&self, ready: &mut [Ready]) {
        let temps = || ready.iter().filter_map(Ready::temp);
        let Some(area) = temps().find_map(|temp| temp.area().cloned()) else {
            return;
        };
        match area.sync_file_system() {
            Ok(failures) => {
                for step in ready {
                    if let Ready::Write(_, temp) = step {
                        temp.covered_by(&area, failures);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.inner.ledgers.give_up();
            }
            // Which files it was shows when they are synced one by one.
            Err(_) => {}
        }
    }

    /// Syncs files side by side, unless they are synced.
    fn sync_files(&self, ready: Vec<Ready>) -> Vec<Ready> {
        if !ready.iter().any(Ready::is_to_sync) {
            return ready;
        }
        let tree = self.clone();
        side_by_side(ready, SYNC_HELPERS, move |step| match step {
            Ready::Write(target, mut temp) => match temp.sync() {
                Ok(()) => Ready::Write(target, temp),
                Err(error) => Ready::Failed(target.path, error),
            },
            Ready::Keep(path) => {
                let outcome = tree.sync_path(&path);
                Ready::Kept(path, outcome)
            }
            other => other,
        })
    }

    pub(crate) fn temp_of(&self, contents: Contents) -> Result<TempFile> {
        match contents {
            Contents::Bytes(bytes) => self.fill(&bytes),
            Contents::Temp(temp) => Ok(temp),
        }
    }

    fn fill(&self, bytes: &[u8]) -> Result<TempFile> {
        let mut temp = self.temp_file()?;
        temp.write_all(bytes)?;
        Ok(temp)
    }

    fn publish(
        &self,
        mut temp: TempFile,
        target: &Target,
        synced: bool,
        scratch: &mut Scratch,
    ) -> Result<Changed> {
        let mut metadata = temp.seal(Time::OfOthers)?;
        let path = &target.path;
        let (folder, name) = split(path);
        let mut retries = FOLDER_RETRIES;
        let before = loop {
            let dir = scratch.folders.get(self, folder, true)?;
            if synced {
                scratch.renamed.begin(&temp);
            }
            match self.give_name(&mut temp, &dir, name, target) {
                Ok(Before::Same(found)) => return Ok(Changed::Kept(found)),
                Ok(before) => break before,
                // Somebody removed the folder as empty between our opening it and the rename.
                Err(error) if error.kind() == io::ErrorKind::NotFound && retries > 0 => {
                    retries -= 1;
                    scratch.folders.forget(folder);
                }
                // The folder is a link to another file system.
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices && retries > 0 => {
                    retries -= 1;
                    temp = temp.copied_to(&dir, self.access)?;
                    metadata = temp.seal(Time::OfOthers)?;
                }
                Err(error) => return Err(self.failed(Action::Rename, path, error)),
            }
        };
        if synced {
            scratch.renamed.add(&temp, folder);
        }
        if scratch.files.len() < MAX_FILES {
            scratch.files.extend(temp.take_file());
        }
        self.inner.durable.file_changed(path, synced);
        if let Some(obsolete) = &target.obsolete {
            // The new file hides it, so nothing is wrong if it stays.
            let _ = self.remove(obsolete, scratch);
        }
        Ok(match before {
            Before::Other(before) => Changed::Replaced {
                file: metadata,
                before,
            },
            Before::Unknown | Before::Same(_) => Changed::Written(metadata),
        })
    }

    /// Moves a temporary file to its place, and tells what was there before, where the tree looks at that.
    fn give_name(
        &self,
        temp: &mut TempFile,
        dir: &Dir,
        name: &OsStr,
        target: &Target,
    ) -> io::Result<Before> {
        if target.replace == Replace::No || !self.compares_replacements {
            return temp
                .publish(dir, name, target.replace)
                .map(|()| Before::Unknown);
        }
        match temp.publish(dir, name, Replace::No) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            published => return published.map(|()| Before::Unknown),
        }
        let fs = &self.inner.fs;
        let found = fs.metadata(dir, Path::new(name), Wait::Yes).ok();
        if let Some(found) =
            found.filter(|found| found.kind == Kind::File && found.len == temp.len())
        {
            // What cannot be compared is replaced.
            let opened = fs.open_file(dir, Path::new(name), Wait::Yes);
            let is_same = opened.and_then(|file| temp.is_same_as(&file));
            if is_same.unwrap_or(false) && !self.has_failed(&target.path) {
                return Ok(Before::Same(found));
            }
        }
        temp.publish(dir, name, Replace::Yes)?;
        Ok(found.map_or(Before::Unknown, Before::Other))
    }

    fn remove_both(
        &self,
        path: &Path,
        first: Option<&Path>,
        scratch: &mut Scratch,
    ) -> Result<Changed> {
        let before = match first {
            Some(first) => self.remove(first, scratch)?,
            None => Changed::WasAbsent,
        };
        match self.remove(path, scratch)? {
            Changed::WasAbsent => Ok(before),
            removed => Ok(removed),
        }
    }

    fn remove(&self, path: &Path, scratch: &mut Scratch) -> Result<Changed> {
        let (folder, name) = split(path);
        let known = scratch.folders.has(folder);
        let Some(dir) = absent_is_none(scratch.folders.get(self, folder, false))? else {
            return Ok(Changed::WasAbsent);
        };
        let fs = &self.inner.fs;
        let found = self
            .measures_removals
            .then(|| fs.metadata(&dir, Path::new(name), Wait::Yes).ok())
            .flatten();
        if let Err(error) = fs.remove_file(&dir, name) {
            let error = self.failed(Action::Remove, path, error);
            return match error.reason() {
                Reason::NotFound => {
                    // Perhaps because the folder was removed, and made again, since it was opened.
                    scratch.folders.forget(folder);
                    if known {
                        self.remove(path, scratch)
                    } else {
                        Ok(Changed::WasAbsent)
                    }
                }
                Reason::IsAFolder => Ok(Changed::WasAbsent),
                _ => Err(error),
            };
        }
        self.inner.durable.file_removed(path);
        if self.emptied == EmptiedFolders::Remove
            && !folder.as_os_str().is_empty()
            && !scratch.emptied.contains(folder)
        {
            scratch.emptied.insert(folder.to_owned());
        }
        Ok(Changed::Removed(found))
    }
}

/// What a file met in its place.
enum Before {
    /// Nothing, or nobody looked.
    Unknown,
    /// A file that holds the same, and stays.
    Same(Metadata),
    /// Something that is gone now.
    Other(Metadata),
}

/// Where a file shall stand.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) replace: Replace,
    pub(crate) obsolete: Option<PathBuf>,
}

/// A change whose contents are on the disk.
pub(crate) enum Ready {
    Write(Target, TempFile),
    Remove(PathBuf, Option<PathBuf>),
    Keep(PathBuf),
    Kept(PathBuf, Result<Changed>),
    Failed(PathBuf, FileError),
}

impl Ready {
    fn temp(&self) -> Option<&TempFile> {
        match self {
            Self::Write(_, temp) => Some(temp),
            _ => None,
        }
    }

    fn is_to_sync(&self) -> bool {
        matches!(self, Self::Keep(_)) || self.temp().is_some_and(|temp| !temp.is_synced())
    }

    /// What it costs to sync, in units of a small file.
    fn units_to_sync(&self) -> f64 {
        let units = |temp: &TempFile| 1.0 + temp.len() as f64 / BYTES_PER_FILE;
        self.temp()
            .filter(|temp| !temp.is_synced())
            .map_or(0.0, units)
    }
}

/// What changes of one call share.
#[derive(Default)]
struct Scratch {
    folders: Folders,
    renamed: Renamed,
    /// Folders that lost a file, and may have to go.
    emptied: HashSet<PathBuf>,
    /// Files that stand.
    files: Vec<File>,
}

impl Scratch {
    fn opened(self) -> Opened {
        Opened {
            _files: self.files,
            _folders: self.folders,
        }
    }
}

/// What changes have opened. Dropped, it is closed.
#[derive(Debug, Default)]
pub struct Opened {
    _files: Vec<File>,
    _folders: Folders,
}
