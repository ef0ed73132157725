//! Doing of changes what can be done before the first takes effect.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::publish::{Change, Contents, Ready, SYNC_GROUP, Safety};
use crate::tree::Tree;

impl Tree {
    /// Makes the folders that changes write to, and their names durable. Or a loss of power could take a new folder, with what was
    /// moved into it.
    ///
    /// # Errors
    ///
    /// What creating and syncing folders meets.
    pub fn make_folders(&self, changes: &[Change]) -> Result<()> {
        let folder_of = |change: &Change| match change {
            Change::Write { path, .. } => path.parent().map(Path::to_owned),
            _ => None,
        };
        let mut folders: HashSet<PathBuf> = changes.iter().filter_map(folder_of).collect();
        folders.retain(|folder| !self.inner.durable.knows(folder));
        for folder in &folders {
            self.ensure_dir(folder)?;
        }
        let mut synced = HashSet::new();
        for folder in &folders {
            self.sync_names_above(folder, &mut synced)?;
        }
        Ok(())
    }

    /// Writes the values of changes to temporary files, synced unless `safety` is [`Safety::Process`], and gives the
    /// changes back in order, to be [applied](Self::apply). Few files are open at a time, however many there are.
    ///
    /// # Errors
    ///
    /// The first failure; then nothing stays of any of them.
    pub fn stage(&self, changes: Vec<Change>, safety: Safety) -> Result<Vec<Change>> {
        let mut staged = Vec::with_capacity(changes.len());
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let group = changes.by_ref().take(SYNC_GROUP).collect();
            if safety == Safety::Process {
                for change in group {
                    staged.push(self.stage_one(change)?);
                }
            } else {
                for ready in self.synced_files(group) {
                    staged.push(back_to_change(ready)?);
                }
            }
        }
        Ok(staged)
    }

    fn stage_one(&self, change: Change) -> Result<Change> {
        match change {
            Change::Write {
                path,
                contents,
                replace,
                obsolete,
            } => Ok(Change::Write {
                path,
                contents: Contents::Temp(self.temp_of(contents)?.closed()?),
                replace,
                obsolete,
            }),
            other => Ok(other),
        }
    }
}

fn back_to_change(ready: Ready) -> Result<Change> {
    Ok(match ready {
        Ready::Write(target, temp) => Change::Write {
            path: target.path,
            contents: Contents::Temp(temp.closed()?),
            replace: target.replace,
            obsolete: target.obsolete,
        },
        Ready::Remove(path, first) => Change::Remove { path, first },
        Ready::Keep(path) => Change::Keep { path },
        Ready::Kept(path, outcome) => outcome.map(|_| Change::Keep { path })?,
        Ready::Failed(_, error) => return Err(error),
    })
}
