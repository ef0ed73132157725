//! Making earlier writes durable, and counting space.

use std::path::Path;
use std::sync::Arc;

use datastore_files::{Step, Wait};
use interface_datastore::{DiskUsage, Durability, Error, ErrorKind, Key, Operation, Result};

use crate::failure::{Failure, file_error};
use crate::layout::{Layout, Scope};
use crate::store::{FsDatastore, Inner};

impl FsDatastore {
    pub(crate) async fn sync(&self, scope: &Key) -> Result<Durability> {
        self.inner.check_open(Operation::Sync)?;
        // Steps in flight are acknowledged later, if at all, but may be what a dropped caller left behind.
        self.inner.gates.all_settled().await;
        let store = Arc::clone(&self.inner);
        let wanted_scope = scope.clone();
        let step = move || {
            let everything = wanted_scope.is_root();
            store
                .tree
                .sync(&|path| everything || is_in(&store.layout, &wanted_scope, path))
        };
        let synced = self.inner.hop(Operation::Sync, step).await?;
        synced.map_err(|error| sync_error(&self.inner, error))?;
        Ok(Durability::Power)
    }

    pub(crate) async fn disk_usage(&self, scope: &Key) -> Result<DiskUsage> {
        self.inner.check_open(Operation::DiskUsage)?;
        let store = Arc::clone(&self.inner);
        let wanted_scope = scope.clone();
        let step = move || store.allocated(&wanted_scope);
        let counted = self.inner.hop(Operation::DiskUsage, step).await?;
        let bytes = counted.map_err(|failure| failure.during(Operation::DiskUsage, Some(scope)))?;
        Ok(DiskUsage::exact(bytes))
    }
}

/// Whether a file is of a key at or under `scope`.
pub(crate) fn is_in(layout: &Layout, scope: &Key, path: &Path) -> bool {
    layout
        .key_of(path)
        .is_some_and(|found| contains(scope, &found.key))
}

/// Whether a key is at or under `scope`.
pub(crate) fn contains(scope: &Key, key: &Key) -> bool {
    scope == key || scope.is_ancestor_of(key)
}

fn sync_error(store: &Inner, error: datastore_files::FileError) -> Error {
    let relative = error.path().strip_prefix(store.tree.path()).ok();
    let key = relative
        .and_then(|path| store.layout.key_of(path))
        .map(|found| found.key);
    let out = file_error(error, Operation::Sync, key.as_ref());
    if out.kind() == ErrorKind::SyncFailed {
        return out.with_remedy("check the disk, then write the value again");
    }
    out
}

impl Inner {
    /// Bytes that the values at or under a key take on the disk. Blocks.
    fn allocated(&self, scope: &Key) -> Result<u64, Failure> {
        let mut bytes: u64 = 0;
        for (start, enter) in Scope::of_key(&self.layout, scope).walks() {
            let mut walk = self.tree.walk(&start, enter);
            while let Some(step) = walk.next(&self.tree) {
                let Step::File(path) = step? else { continue };
                if !is_in(&self.layout, scope, &path) {
                    continue;
                }
                if let Some(metadata) = self.tree.metadata(&path, Wait::Yes)? {
                    bytes = bytes.saturating_add(metadata.allocated);
                }
            }
        }
        Ok(bytes)
    }
}
