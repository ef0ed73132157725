//! What is empty or left over, and goes if that is asked for.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use datastore_files::{Change, Changed, FileError, Folder, Kind as FileKind, Safety, Step, Wait};
use interface_datastore::Action;

use super::finding::Kind;
use super::round::Round;
use crate::failure::Failure;
use crate::open::TEMP;
use crate::unclean::QUARANTINE;

/// A temporary file that another program may still be writing is as new as this.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// What temporary files and folders of go-ds-flatfs are called, numbers following.
const FOREIGN_TEMP: [&str; 2] = ["temp-", "batch-"];

impl Round {
    /// Looks at temporary files and at what was moved aside.
    pub(super) fn look_at_leftovers(&mut self) -> Result<(), Failure> {
        let tree = self.store.tree.clone();
        let (stale, action) = match self.options.tidy {
            true => (tree.sweep()?, Action::Removed),
            false => (tree.stale_temp_files()?, Action::None),
        };
        for path in stale {
            let finding = Kind::StaleTemporaryFile.at(self.full(&path));
            self.found(finding.with_action(action));
        }
        if let Some(temp) = tree.folder(Path::new(TEMP))? {
            self.look_at_foreign_temp(&temp)?;
        }
        let mut aside = tree.walk(Path::new(QUARANTINE), |_| true);
        while let Some(step) = aside.next(&tree) {
            if let Step::File(path) = step? {
                self.found(Kind::Quarantined.at(self.full(&path)));
            }
        }
        Ok(())
    }

    /// go-ds-flatfs empties the folder when it opens a directory; if it never comes back, nobody does.
    fn look_at_foreign_temp(&mut self, temp: &Folder) -> Result<(), Failure> {
        for entry in temp.entries()? {
            let entry = entry.map_err(|error| temp.listing_failed(error))?;
            let name = entry.name.to_string_lossy();
            let path = Path::new(TEMP).join(&entry.name);
            let is_foreign = FOREIGN_TEMP.iter().any(|start| name.starts_with(start));
            if !is_foreign || !self.is_old(&path)? {
                continue;
            }
            let removed = match entry.kind {
                FileKind::Dir => self.remove_folder(&path)?,
                _ => self.remove(&path)?,
            };
            self.left_over(Kind::StaleTemporaryFile, &path, removed);
        }
        Ok(())
    }

    /// A temporary file of an old release in a folder of values.
    pub(super) fn old_temp(&mut self, path: PathBuf) -> Result<(), Failure> {
        let store = &self.store;
        let folder = path.parent().unwrap_or(Path::new(""));
        let removed = self.is_old(&path)?
            && store.usage.remove_file(folder, || {
                let found = store.tree.metadata(&path, Wait::Yes)?;
                let removed = self.remove(&path)?;
                Ok::<_, Failure>(found.filter(|_| removed).map(|found| found.len))
            })?;
        if removed {
            store.usage.nudge(&store.tree, &store.background);
        }
        self.left_over(Kind::OldTemporaryFile, &path, removed);
        Ok(())
    }

    /// A folder without anything in it. A put at the same time makes it again.
    pub(super) fn empty_folder(&mut self, name: &str) -> Result<(), Failure> {
        let path = Path::new(name);
        let removed = self.options.tidy && self.prune(path)?;
        self.left_over(Kind::EmptyFolder, path, removed);
        Ok(())
    }

    /// Removes a folder if nothing is in it; whether it did.
    fn prune(&self, path: &Path) -> Result<bool, FileError> {
        let tree = &self.store.tree;
        self.store.usage.remove_folder(path, || {
            let own = tree.folder_metadata(path)?;
            let removed = tree.remove_empty_dir(path)?;
            Ok(own.filter(|_| removed).map(|own| own.len))
        })
    }

    fn left_over(&mut self, kind: Kind, path: &Path, removed: bool) {
        let action = if removed {
            Action::Removed
        } else {
            Action::None
        };
        let finding = kind.at(self.full(path)).with_action(action);
        self.found(finding);
    }

    fn is_old(&self, path: &Path) -> Result<bool, Failure> {
        let Some(found) = self.store.tree.metadata(path, Wait::Yes)? else {
            return Ok(false);
        };
        let changed = SystemTime::UNIX_EPOCH + Duration::from_nanos(found.modified);
        // What changed in the future is not old.
        Ok(changed.elapsed().is_ok_and(|age| age >= A_DAY))
    }

    /// Removes a file if that is asked for; whether it did.
    fn remove(&self, path: &Path) -> Result<bool, Failure> {
        if !self.options.tidy {
            return Ok(false);
        }
        let change = Change::Remove {
            path: path.to_owned(),
            first: None,
        };
        let outcome = self.store.tree.apply(vec![change], Safety::Process).pop();
        Ok(matches!(outcome.transpose()?, Some(Changed::Removed(_))))
    }

    /// Removes a folder and the files in it.
    fn remove_folder(&self, path: &Path) -> Result<bool, Failure> {
        let Some(folder) = self.store.tree.folder(path)? else {
            return Ok(false);
        };
        for entry in folder.entries()? {
            let entry = entry.map_err(|error| folder.listing_failed(error))?;
            self.remove(&path.join(&entry.name))?;
        }
        Ok(self.options.tidy && self.store.tree.remove_empty_dir(path)?)
    }
}
