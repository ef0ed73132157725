//! Moving a file from one place in a tree to another.

use std::io;
use std::path::Path;

use crate::error::{Action, Result};
use crate::fs::Replace;
use crate::tree::Tree;

impl Tree {
    /// Moves a file to another place, as it is; missing folders are made. A power cut afterwards may undo it.
    ///
    /// # Errors
    ///
    /// [`Reason::NotFound`](crate::Reason::NotFound), [`Reason::AlreadyExists`](crate::Reason::AlreadyExists) if it may not replace
    /// what is there, and what else renaming meets. Nothing is moved then.
    pub fn relocate(&self, from: &Path, to: &Path, replace: Replace) -> Result<()> {
        let invalid = || self.failed(Action::Rename, to, io::ErrorKind::InvalidInput.into());
        let (Some(old_folder), Some(old_name)) = (from.parent(), from.file_name()) else {
            return Err(invalid());
        };
        let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(invalid());
        };
        let old_dir = self.open_dir(old_folder)?;
        let dir = self.ensure_dir(folder)?;
        let renamed = self
            .inner
            .fs
            .rename((&old_dir, old_name), (&dir, name), replace);
        renamed.map_err(|error| self.failed(Action::Rename, to, error))?;
        self.inner.durable.file_removed(from);
        self.inner.durable.file_changed(to, false);
        Ok(())
    }
}
