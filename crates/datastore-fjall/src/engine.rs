//! The engine.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use datastore_engine::{
    Batch, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, RangeDelete, Result, Scan, ScanCost,
    implement::{Handle, check_batch},
};
use datastore_files::Blocking;

use crate::{
    FjallOptions,
    commit::Commits,
    error::interrupted,
    read::{self, Snapshot},
    upkeep,
    writes::Writes,
};

/// An open database and its one keyspace. The order of the fields is that of closing.
pub(crate) struct Opened {
    pub(crate) entries: fjall::Keyspace,
    pub(crate) database: fjall::Database,
    pub(crate) writes: Writes,
}

/// A fjall database as an ordered engine. A cheap handle: clones share the database.
#[derive(Clone)]
pub struct FjallEngine {
    handle: Arc<Handle<Opened>>,
    commits: Commits,
    max_range_delete: u64,
    blocking: Blocking,
}

impl FjallEngine {
    pub(crate) fn new(opened: Opened, folder: &Path, options: &FjallOptions) -> Self {
        let handle = Arc::new(Handle::new(opened, folder));
        Self {
            commits: Commits::new(Arc::clone(&handle), options),
            handle,
            max_range_delete: options.max_range_delete,
            blocking: options.blocking,
        }
    }

    /// Bytes of entries in memory that are in no table yet: at most three times
    /// [`memtable_bytes`](FjallOptions::memtable_bytes) and one batch. 0 once the engine is closed.
    pub fn unflushed_bytes(&self) -> u64 {
        let size = self
            .handle
            .with(|opened| Ok(opened.database.write_buffer_size()));
        size.unwrap_or_default()
    }

    /// Runs work that may take long in a hop.
    async fn hop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Handle<Opened>>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let handle = Arc::clone(&self.handle);
        let hopped = self
            .blocking
            .run(self.handle.path(), move || work(&handle))
            .await;
        hopped.map_err(interrupted)?
    }
}

impl EngineReader for FjallEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(read::get_one(&self.handle, self.blocking, None, key))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(read::get_many(&self.handle, self.blocking, None, keys))
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        read::scan(Arc::clone(&self.handle), self.blocking, None, scan)
    }
}

impl Engine for FjallEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = EngineCapabilities::none();
        can.persistent = true;
        can.default_durability = Durability::Process;
        can.max_durability = Durability::Power;
        can.snapshots = true;
        can.range_delete = RangeDelete::Emulated {
            max_keys: self.max_range_delete,
        };
        can.scan_cost = ScanCost::Seek;
        can.inline_reads = true;
        can.inline_commits = Some(Durability::Ordered);
        can.dropped_commits_settle = true;
        can.size_on_disk = true;
        can.compact = true;
        can.check = true;
        can.max_key_len = Some(u16::MAX.into());
        can.max_value_len = Some(u32::MAX.into());
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let capabilities = self.capabilities();
            let durability = capabilities.durability(options.durability)?;
            check_batch(&capabilities, batch)?;
            self.commits.commit(batch, durability).await
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        Box::pin(async {
            let taken = self
                .handle
                .try_with(|opened| Ok(opened.database.snapshot()));
            let moment = match taken {
                Some(moment) => moment?,
                None => {
                    self.hop(|handle| handle.with(|opened| Ok(opened.database.snapshot())))
                        .await?
                }
            };
            let snapshot = Snapshot::new(Arc::clone(&self.handle), moment, self.blocking);
            Ok(Arc::new(snapshot) as Arc<dyn EngineReader>)
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        Box::pin(async { self.commits.sync().await.map(|()| Durability::Power) })
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.hop(|handle| upkeep::size(handle)))
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.hop(|handle| upkeep::compact(handle)))
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        Box::pin(self.hop(upkeep::check))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.hop(|handle| upkeep::close(handle)))
    }
}

impl fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FjallEngine").field(&self.handle).finish()
    }
}
