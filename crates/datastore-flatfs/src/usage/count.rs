//! Counting a directory, while it is used: all of it, or a sample of each folder as go-ds-flatfs does at first.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::{Duration, Instant};

use datastore_files::{FileError, Folder, Kind, Tree};

use super::Usage;
use super::accuracy::Accuracy;
use super::cache;
use super::policy::extrapolated;
use crate::background::Stop;
use crate::open::TEMP;
use crate::unclean::OWN_PREFIX;

/// Folders lie at most so deep; what lies deeper was not put there by a flatfs store.
const MAX_DEPTH: usize = 8;
/// So often a folder is counted again because it changed meanwhile.
const TRIES: usize = 8;

/// What limits a count.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// So many entries of a folder are looked at; 0: all.
    pub(crate) sample: usize,
    /// After so long the count is given up.
    pub(crate) time: Option<Duration>,
    /// Whether the file that should hold the number is counted. The original does so when it holds none; later its length does
    /// not matter.
    pub(crate) stored: bool,
}

/// One count. Folders are counted one after another; [`Usage`] is told which, and corrects for what changes elsewhere.
pub(super) struct Count<'a> {
    pub(super) tree: &'a Tree,
    pub(super) usage: &'a Usage,
    pub(super) limits: Limits,
    pub(super) stop: &'a Stop,
    /// Waits until changes that have begun are known to `usage`.
    pub(super) settle: &'a dyn Fn(),
    pub(super) begun: Instant,
    pub(super) accuracy: Accuracy,
}

/// Entries of a folder that are to be counted, and how many there are in all.
struct Entries {
    chosen: Vec<(OsString, Kind)>,
    total: usize,
}

impl Count<'_> {
    /// Counts everything; none if told to stop.
    pub(super) fn run(mut self) -> Option<(i64, Accuracy)> {
        (self.settle)();
        let path = Path::new("");
        let own = self.own_len(path);
        if self.is_late() {
            return Some((own, self.accuracy));
        }
        let root = self.open(path);
        let entries = self.entries(root.as_ref(), path);
        let is_folder = |(_, kind): &(OsString, Kind)| *kind == Kind::Dir;
        let (folders, files): (Vec<_>, Vec<_>) = entries.chosen.into_iter().partition(is_folder);
        let all_chosen = folders.len() + files.len() == entries.total;
        self.usage
            .count_begins(folders.iter().map(|(name, _)| name.clone()));
        let mut processed = files.len();
        let mut sum = self.steadily(OsStr::new(""), |count| {
            // Values may lie there, too, and come and go.
            let again = all_chosen.then(|| count.entries(root.as_ref(), path).chosen);
            count.files(root.as_ref(), again.as_ref().unwrap_or(&files))
        })?;
        for (name, _) in &folders {
            if self.is_late() {
                break;
            }
            let len = self.steadily(name, |count| count.folder(Path::new(name), 1))?;
            sum = sum.saturating_add(len);
            processed += 1;
        }
        let bytes = extrapolated(own, sum, processed, entries.total);
        Some((bytes, self.accuracy))
    }

    /// Counts one folder of the root, again if it changed meanwhile.
    fn steadily(
        &mut self,
        folder: &OsStr,
        count: impl Fn(&mut Self) -> Option<i64>,
    ) -> Option<i64> {
        let before = self.accuracy.clone();
        for _ in 0..TRIES {
            self.accuracy = before.clone();
            self.usage.folder_begins(folder);
            let len = count(self)?;
            // Whoever changed what was just counted has to be known before the folder is done with.
            (self.settle)();
            if self.usage.folder_ends() {
                return Some(len);
            }
        }
        self.accuracy = before.combine(&Accuracy::Approximate);
        let len = count(self);
        self.usage.folder_given_up();
        len
    }

    fn folder(&mut self, path: &Path, depth: usize) -> Option<i64> {
        if let Ok(None) = self.tree.folder_metadata(path) {
            // It takes no space any more.
            return Some(0);
        }
        let own = self.own_len(path);
        // What lies there comes and goes.
        if path == Path::new(TEMP) || self.is_late() {
            return Some(own);
        }
        let folder = self.open(path);
        let entries = self.entries(folder.as_ref(), path);
        let (mut sum, mut processed) = (0_i64, 0);
        for (name, kind) in &entries.chosen {
            if self.stop.is_set() {
                return None;
            }
            if self.is_late() {
                break;
            }
            let len = match kind {
                Kind::Dir if depth < MAX_DEPTH => self.folder(&path.join(name), depth + 1)?,
                _ => self.file(folder.as_ref(), name),
            };
            sum = sum.saturating_add(len);
            processed += 1;
        }
        Some(extrapolated(own, sum, processed, entries.total))
    }

    fn files(&mut self, folder: Option<&Folder>, entries: &[(OsString, Kind)]) -> Option<i64> {
        let mut sum = 0_i64;
        for (name, kind) in entries {
            if self.stop.is_set() {
                return None;
            }
            if *kind != Kind::Dir {
                sum = sum.saturating_add(self.file(folder, name));
            }
        }
        Some(sum)
    }

    /// None for a folder that is gone, or cannot be looked at.
    fn open(&mut self, path: &Path) -> Option<Folder> {
        let folder = self.tree.folder(path).ok().flatten();
        if folder.is_none() {
            self.missed();
        }
        folder
    }

    /// The entries of a folder, or a sample of them.
    fn entries(&mut self, folder: Option<&Folder>, path: &Path) -> Entries {
        let listed = folder.map(|folder| self.listed(folder, path));
        let mut chosen = match listed {
            Some(Ok(entries)) => entries,
            Some(Err(_)) | None => {
                self.missed();
                Vec::new()
            }
        };
        let total = chosen.len();
        if self.limits.sample > 0 && total > self.limits.sample {
            fastrand::shuffle(&mut chosen);
            chosen.truncate(self.limits.sample);
            self.missed();
        }
        Entries { chosen, total }
    }

    fn listed(&self, folder: &Folder, path: &Path) -> Result<Vec<(OsString, Kind)>, FileError> {
        let in_root = path.as_os_str().is_empty();
        let mut names = Vec::new();
        for entry in folder.entries()? {
            let entry = entry.map_err(|error| folder.listing_failed(error))?;
            let is_own = in_root && entry.name.to_string_lossy().starts_with(OWN_PREFIX);
            let is_stored = in_root && !self.limits.stored && entry.name == cache::FILE;
            // Notes of this crate are no part of the store.
            if (is_own || is_stored) && entry.kind == Kind::File {
                continue;
            }
            let kind = match entry.kind {
                Kind::Link if in_root && self.tree.leads_to_folder(Path::new(&entry.name)) => {
                    Kind::Dir
                }
                kind => kind,
            };
            names.push((entry.name, kind));
        }
        Ok(names)
    }

    fn file(&mut self, folder: Option<&Folder>, name: &OsStr) -> i64 {
        self.usage.counted_one();
        let found = folder.map(|folder| folder.metadata(name));
        match found {
            Some(Ok(Some(found))) => {
                // The original counts what a link points to.
                if found.kind == Kind::Link {
                    self.missed();
                }
                i64::try_from(found.len).unwrap_or(i64::MAX)
            }
            // Gone meanwhile, or not ours to look at.
            _ => self.missed(),
        }
    }

    fn own_len(&mut self, path: &Path) -> i64 {
        match self.tree.folder_metadata(path) {
            Ok(Some(found)) => i64::try_from(found.len).unwrap_or(i64::MAX),
            _ => self.missed(),
        }
    }

    fn missed(&mut self) -> i64 {
        self.accuracy = self.accuracy.combine(&Accuracy::Approximate);
        0
    }

    fn is_late(&mut self) -> bool {
        let limit = self.limits.time;
        let late = limit.is_some_and(|limit| self.begun.elapsed() >= limit);
        if late {
            self.accuracy = self.accuracy.combine(&Accuracy::TimedOut);
        }
        late
    }
}
