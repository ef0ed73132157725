//! What an owner of temporary files that is gone has left behind, for those who can make something of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Action, Result};
use crate::fs::Kind;
use crate::temp::{TempArea, TempFile};
use crate::tree::{Tree, absent_is_none};

/// The temporary files of one owner that is gone. While this is there nobody sweeps them or takes them over.
#[derive(Debug)]
pub struct Leftover {
    area: Arc<TempArea>,
    notes: Vec<PathBuf>,
}

impl Tree {
    /// What owners that are gone left in the folder of temporary files, as far as it has notes: files called as a temporary file with
    /// `suffix` added. To be called before [`sweep`](Self::sweep), which does not know of notes.
    ///
    /// # Errors
    ///
    /// What listing a folder and locking meet.
    pub fn leftovers(&self, suffix: &str) -> Result<Vec<Leftover>> {
        let folder = self.temp_path();
        let Some(dir) = absent_is_none(self.open_dir(folder))? else {
            return Ok(Vec::new());
        };
        let mut owners: BTreeMap<String, Vec<OsString>> = BTreeMap::new();
        let entries = self.entries(folder)?.into_iter().flatten();
        for entry in entries {
            let entry = entry.map_err(|error| self.failed(Action::List, folder, error))?;
            let owner = entry.name.to_str().and_then(|name| owner_of(name, suffix));
            if let (Some(owner), Kind::File) = (owner, entry.kind) {
                let notes = owners.entry(owner.to_owned()).or_default();
                notes.push(entry.name);
            }
        }
        let mut found = Vec::new();
        for (owner, notes) in owners {
            let fs = Arc::clone(&self.inner.fs);
            let path = self.full(folder);
            if let Some(area) = TempArea::take_over(fs, dir.clone(), path, owner)? {
                let notes = notes.into_iter().map(|name| folder.join(name)).collect();
                found.push(Leftover {
                    area: Arc::new(area),
                    notes,
                });
            }
        }
        Ok(found)
    }
}

/// The owner of `OWNER.NUMBERsuffix`.
fn owner_of<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    let (owner, number) = name.strip_suffix(suffix)?.split_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(owner)
}

impl Leftover {
    /// The notes, by their paths relative to the root of the tree.
    #[must_use]
    pub fn notes(&self) -> &[PathBuf] {
        &self.notes
    }

    /// The temporary file with this name, which counts as synced; none if there is none, or it is somebody else's. Dropped, it
    /// stays until it is swept.
    ///
    /// # Errors
    ///
    /// What asking for it meets.
    pub fn temp_file(&self, name: &str) -> Result<Option<TempFile>> {
        match owner_of(name, "") {
            Some(owner) if owner == self.area.id() => self.area.left_behind(OsStr::new(name)),
            _ => Ok(None),
        }
    }
}
