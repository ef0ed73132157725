//! Making earlier writes durable, and counting space.

use std::sync::Arc;

use datastore_files::FileError;
use futures_util::TryStreamExt;
use interface_datastore::{DiskUsage, Durability, Error, ErrorKind, Key, Operation, Query, Result};

use crate::failure::file_error;
use crate::store::{FlatfsDatastore, Inner};
use crate::usage::{self, Accuracy};

impl FlatfsDatastore {
    pub(crate) async fn sync(&self, scope: &Key) -> Result<Durability> {
        let inner = &self.inner;
        inner.check_open(Operation::Sync)?;
        let everything = scope.is_root();
        let mark = match everything && !inner.is_read_only() {
            true => inner.sync_begins().await?,
            false => None,
        };
        // Steps in flight are acknowledged later, if at all, but may be what a dropped caller left behind.
        inner.gates.all_settled().await;
        let store = Arc::clone(inner);
        let wanted = scope.clone();
        let step = move || {
            let is_wanted = |key: &Key| contains(&wanted, key);
            let synced = store.tree.sync(&|path| {
                (everything && !usage::is_file(path))
                    || store.sharding.key_at(path).as_ref().is_some_and(is_wanted)
            });
            if let Some(mark) = mark {
                store.unclean.sync_ended(&store.tree, mark, synced.is_ok());
            }
            synced
        };
        let synced = inner.hop(Operation::Sync, step).await?;
        synced.map_err(|error| inner.sync_error(error))?;
        Ok(Durability::Power)
    }

    pub(crate) async fn disk_usage(&self, scope: &Key) -> Result<DiskUsage> {
        let inner = &self.inner;
        inner.check_open(Operation::DiskUsage)?;
        if scope.is_root() {
            // Opening does not wait for the first count; who asks for the number does.
            inner.usage.known().await;
            let (bytes, accuracy) = inner.usage.now();
            return Ok(match accuracy {
                Accuracy::Exact => DiskUsage::exact(bytes),
                _ => DiskUsage::approximate(bytes),
            });
        }
        let query = Query::prefix(scope.as_bytes()).sizes_only();
        let entries = crate::query::query(Arc::clone(inner), query);
        let bytes = entries.try_fold(0_u64, |bytes, entry| {
            let counted = entry.size.filter(|_| contains(scope, &entry.key));
            std::future::ready(Ok(bytes.saturating_add(counted.unwrap_or(0))))
        });
        let bytes = bytes.await;
        bytes
            .map(DiskUsage::exact)
            .map_err(|error| error.with_operation(Operation::DiskUsage))
    }
}

/// Whether a key is at or under `scope`.
pub(crate) fn contains(scope: &Key, key: &Key) -> bool {
    scope == key || scope.is_ancestor_of(key)
}

impl Inner {
    fn sync_error(&self, error: FileError) -> Error {
        let relative = error.path().strip_prefix(self.tree.path()).ok();
        let key = relative.and_then(|path| self.sharding.key_at(path));
        let out = file_error(error, Operation::Sync, key.as_ref());
        if out.kind() == ErrorKind::SyncFailed {
            return out.with_remedy("check the disk, then write the value again");
        }
        out
    }
}
