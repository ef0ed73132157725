//! Looking at every file in doubt, once.

use datastore_files::{FileError, Gates, Tree, Wait};
use interface_datastore::Key;

use super::Unclean;
use crate::background::Stop;
use crate::files::{ValueFile, value_files};

impl Unclean {
    /// Looks at all values and moves the damaged ones aside; then nothing is in doubt any more. Where something cannot be looked at,
    /// doubt remains.
    pub(crate) fn look_at_all(&self, tree: &Tree, gates: &Gates<Key>, stop: &Stop) {
        let mut complete = true;
        for file in value_files(tree, &self.sharding) {
            if stop.is_set() {
                return;
            }
            let looked = file.and_then(|file| self.look_at(tree, &file, gates, stop));
            complete &= looked.is_ok();
        }
        if complete {
            stop.unless_set(|| self.pass_ended(tree));
        }
    }

    fn look_at(
        &self,
        tree: &Tree,
        file: &ValueFile,
        gates: &Gates<Key>,
        stop: &Stop,
    ) -> Result<(), FileError> {
        if !self.is_damaged(tree, file)? {
            return Ok(());
        }
        // Writers of the key have to wait, and it may have been written meanwhile.
        let _pass = pollster::block_on(gates.pass(&file.key));
        if self.is_damaged(tree, file)? {
            stop.unless_set(|| self.set_aside(tree, &file.path))
                .transpose()?;
        }
        Ok(())
    }

    fn is_damaged(&self, tree: &Tree, file: &ValueFile) -> Result<bool, FileError> {
        match tree.metadata(&file.path, Wait::Yes)? {
            Some(metadata) if metadata.kind == datastore_files::Kind::File => {
                self.is_torn(tree, &file.path, &file.key, &metadata, Wait::Yes)
            }
            _ => Ok(false),
        }
    }
}
