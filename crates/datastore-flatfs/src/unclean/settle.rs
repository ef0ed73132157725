//! Doubt about one key, ended before the key is written.

use std::sync::Arc;

use datastore_files::{FileError, Kind, Wait};
use interface_datastore::{Key, Operation, Result};

use super::SyncMark;
use crate::failure::file_error;
use crate::names::Place;
use crate::store::{FlatfsDatastore, Inner};

impl Inner {
    /// A sync of everything begins. None if the time cannot be told; then the sync makes nothing less doubtful.
    pub(crate) async fn sync_begins(&self) -> Result<Option<SyncMark>> {
        let (unclean, tree) = (Arc::clone(&self.unclean), self.tree.clone());
        self.hop(Operation::Sync, move || unclean.sync_begins(&tree).ok())
            .await
    }

    /// Moves a damaged value aside, so that its key holds none: what a condition sees then is what a read sees. Under the key's pass.
    /// Costs nothing while nothing is in doubt. Blocks.
    pub(crate) fn settle_doubt(
        &self,
        operation: Operation,
        key: &Key,
        place: &Place,
    ) -> Result<()> {
        if !self.unclean.is_active() {
            return Ok(());
        }
        self.settle(key, place)
            .map_err(|error| file_error(error, operation, Some(key)))
    }

    fn settle(&self, key: &Key, place: &Place) -> Result<(), FileError> {
        let found = self.tree.metadata(&place.path, Wait::Yes)?;
        let Some(file) = found.filter(|found| found.kind == Kind::File) else {
            return Ok(());
        };
        let unclean = &self.unclean;
        if unclean.is_torn(&self.tree, &place.path, key, &file, Wait::Yes)? {
            unclean.set_aside(&self.tree, &place.path)?;
        }
        Ok(())
    }
}

impl FlatfsDatastore {
    /// Whether a loss of power may have damaged values that were not looked at yet. Meanwhile each is looked at before it is
    /// served, and a damaged one counts as not there. In the background all are; that ends the doubt.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.inner.unclean.is_active()
    }

    /// Waits until all values in doubt were looked at; false if some could not be, so that doubt remains. A store that is opened
    /// read-only does not do so. Cancel-safe.
    pub async fn looked_over(&self) -> bool {
        self.inner.unclean.looked_over().await;
        !self.in_doubt()
    }

    /// How many damaged values were moved to the folder `.flatfs-quarantine` since the store was opened.
    #[must_use]
    pub fn set_aside(&self) -> u64 {
        self.inner.unclean.torn()
    }
}
