//! Making names durable that a group of changes gave.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::beside::side_by_side;
use crate::error::Result;
use crate::fs::Dir;
use crate::ledger::Way;
use crate::paths::split;
use crate::publish::{Changed, SYNC_HELPERS};
use crate::temp::{TempArea, TempFile};
use crate::tree::{Tree, absent_is_none};
use crate::used_folders::Folders;
use crate::whole::Failures;

/// Folders into which files were moved out of the area of temporary files, so that they lie on the same file system as it.
#[derive(Debug, Default)]
pub(crate) struct Renamed {
    from: Option<(Arc<TempArea>, Failures)>,
    folders: HashSet<PathBuf>,
}

impl Renamed {
    /// To be called before a file is moved.
    pub(crate) fn begin(&mut self, temp: &TempFile) {
        if let (None, Some(area)) = (&self.from, temp.area()) {
            self.from = Some((Arc::clone(area), area.failures()));
        }
    }

    /// To be called once it was.
    pub(crate) fn add(&mut self, temp: &TempFile, folder: &Path) {
        let Some((own, _)) = &self.from else { return };
        let same = temp.area().is_some_and(|area| Arc::ptr_eq(own, area));
        if same && !self.folders.contains(folder) {
            self.folders.insert(folder.to_owned());
        }
    }
}

/// A folder that was changed, with its handle if it is open.
type Touched = (PathBuf, Option<Dir>);

impl Tree {
    /// Syncs the folders of changes that took effect, each once. A failure fails all changes of that folder.
    pub(crate) fn sync_names(
        &self,
        touched: &[PathBuf],
        outcomes: &mut [Result<Changed>],
        open: &Folders,
        renamed: &Renamed,
    ) {
        let succeeded = touched
            .iter()
            .zip(outcomes.iter())
            .filter(|(_, outcome)| outcome.is_ok());
        let folders: HashSet<&Path> = succeeded.map(|(path, _)| folder_of(path)).collect();
        let with_handle = |folder: &Path| {
            let dir = open.open(folder).or_else(|| self.kept_dir(folder));
            (folder.to_owned(), dir)
        };
        let folders: Vec<Touched> = folders.into_iter().map(with_handle).collect();
        let synced = self.sync_folders(folders, renamed);
        for (path, outcome) in touched.iter().zip(outcomes) {
            match (synced.get(folder_of(path)), &*outcome) {
                (Some(Ok(())), Ok(changed)) => self.inner.durable.name_synced(path, *changed),
                (Some(Err(error)), Ok(_)) => *outcome = Err(self.name_sync_failed(path, error)),
                (_, Err(_)) | (None, Ok(_)) => {}
            }
        }
    }

    fn sync_folders(
        &self,
        folders: Vec<Touched>,
        renamed: &Renamed,
    ) -> HashMap<PathBuf, Result<()>> {
        let ledger = &self.inner.ledgers.names;
        let is_near = |(folder, _): &Touched| renamed.folders.contains(folder);
        let (mut near, mut alone): (Vec<_>, Vec<_>) = folders.into_iter().partition(is_near);
        let (started, count) = (Instant::now(), near.len());
        let way = ledger.choose(count, || self.unwritten());
        let mut synced = HashMap::new();
        if way == Way::Whole && self.sync_all_names(renamed) {
            self.conclude_all(&mut near, &mut synced);
        }
        alone.append(&mut near);
        let tree = self.clone();
        let one = move |touched: Touched| {
            let outcome = tree.sync_touched(&touched, &mut HashSet::new());
            (touched.0, outcome)
        };
        synced.extend(side_by_side(alone, SYNC_HELPERS, one));
        ledger.record(way, count as f64, started.elapsed());
        synced
    }

    /// Makes all names durable by a sync of the file system; false if that proves nothing.
    fn sync_all_names(&self, renamed: &Renamed) -> bool {
        let Some((area, failures_before)) = &renamed.from else {
            return false;
        };
        match area.sync_file_system() {
            Ok(failures) => failures == *failures_before,
            Err(error) => {
                if error.kind() == io::ErrorKind::Unsupported {
                    self.inner.ledgers.give_up();
                }
                false
            }
        }
    }

    /// Takes the folders out whose names are durable after a sync of the file system. If the journal failed before it, and
    /// nobody has used it since, that sync is silent and only the sync of a single folder tells: so one is synced by itself.
    fn conclude_all(&self, near: &mut Vec<Touched>, synced: &mut HashMap<PathBuf, Result<()>>) {
        let Some(witness) = near.pop() else { return };
        let mut above = HashSet::new();
        let outcome = self.sync_touched(&witness, &mut above);
        let told_well = outcome.is_ok();
        synced.insert(witness.0, outcome);
        if told_well {
            for (folder, _) in near.drain(..) {
                let outcome = self.sync_names_above(&folder, &mut above);
                synced.insert(folder, outcome);
            }
        }
    }

    fn sync_touched(&self, (folder, dir): &Touched, above: &mut HashSet<PathBuf>) -> Result<()> {
        match dir {
            Some(dir) => self.sync_open_folder(folder, dir, above),
            None => self.sync_nearest(folder),
        }
    }

    /// Syncs a folder, or the nearest one above it that was not removed as empty.
    fn sync_nearest(&self, folder: &Path) -> Result<()> {
        let mut current = folder;
        while !current.as_os_str().is_empty() && absent_is_none(self.open_dir(current))?.is_none() {
            current = current.parent().unwrap_or(Path::new(""));
        }
        self.sync_folder(current)
    }
}

fn folder_of(path: &Path) -> &Path {
    split(path).0
}
