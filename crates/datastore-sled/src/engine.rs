//! The engine.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use datastore_engine::{
    Batch, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, ErrorKind, RangeDelete, Result, Scan, ScanCost,
    implement::{Handle, check_batch},
};
use datastore_files::Blocking;

use crate::{
    SledOptions,
    commit::{Group, group},
    error::interrupted,
    opened::Opened,
    read,
};

/// sled keeps neighbouring keys in one page, and looks for the last key with one of 1 MiB.
const MAX_KEY: u64 = 64 << 10;
/// A value is written anew whenever its page is.
const MAX_VALUE: u64 = 64 << 20;

/// A sled database as an ordered engine. A cheap handle: clones share the database.
#[derive(Clone)]
pub struct SledEngine {
    handle: Arc<Handle<Opened>>,
    group: Group,
    max_range_delete: u64,
    blocking: Blocking,
}

impl SledEngine {
    pub(crate) fn new(opened: Opened, folder: &Path, options: &SledOptions) -> Self {
        let handle = Arc::new(Handle::new(opened, folder));
        Self {
            group: group(Arc::clone(&handle), options.max_range_delete),
            handle,
            max_range_delete: options.max_range_delete,
            blocking: options.blocking,
        }
    }

    /// Runs work that may take long in a hop.
    async fn hop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Handle<Opened>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let handle = Arc::clone(&self.handle);
        let hopped = self
            .blocking
            .run(self.handle.path(), move || work(&handle))
            .await;
        hopped.map_err(interrupted)?
    }

    async fn submit(&self, batch: Batch, durability: Durability) -> Result<()> {
        let job = (batch, durability);
        let done = self
            .group
            .submit(self.blocking, self.handle.path(), job)
            .await;
        done.map_err(interrupted)?
    }

    async fn get_all(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
        if let Some(answer) = self.handle.try_with(|opened| read::get_many(opened, keys)) {
            return answer;
        }
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
        self.hop(move |handle| {
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            handle.with(|opened| read::get_many(opened, &keys))
        })
        .await
    }

    fn refused<T: Send + 'static>(&self, what: &'static str) -> BoxFuture<'_, Result<T>> {
        Box::pin(async move {
            self.handle.beside(|| Ok(()))?;
            Err(Error::unsupported(what))
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl EngineReader for SledEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move { Ok(self.get_all(&[key]).await?.pop().flatten()) })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(self.get_all(keys))
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        read::scan(Arc::clone(&self.handle), self.blocking, scan)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Engine for SledEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = EngineCapabilities::none();
        can.persistent = true;
        can.default_durability = Durability::Process;
        can.max_durability = Durability::Process;
        can.range_delete = RangeDelete::Emulated {
            max_keys: self.max_range_delete,
        };
        can.scan_cost = ScanCost::Seek;
        can.inline_reads = true;
        can.size_on_disk = true;
        can.check = true;
        can.max_key_len = Some(MAX_KEY);
        can.max_value_len = Some(MAX_VALUE);
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let capabilities = self.capabilities();
            let durability = capabilities.durability(options.durability)?;
            check_batch(&capabilities, batch)?;
            self.submit(batch.clone(), durability).await
        })
    }

    /// Refused: sled has none.
    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        self.refused("snapshots, which sled has not")
    }

    /// Flushes, and has the system write all files. Commits hold [`Durability::Process`] all the same.
    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        Box::pin(async {
            // Behind the commits that were begun before.
            self.submit(Batch::new(), Durability::Process).await?;
            self.hop(|handle| handle.with(Opened::sync)).await?;
            Ok(Durability::Process)
        })
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.hop(|handle| handle.with(Opened::size)))
    }

    /// Refused: sled moves what it must on its own.
    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        self.refused("compaction, which sled does as it writes")
    }

    /// Reads every entry. What is in memory is not read from the disk again.
    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        Box::pin(async {
            let (entries, error) = self.hop(|handle| handle.with(read::count)).await?;
            let mut report = CheckReport::sound(entries);
            match error {
                Some(error) if error.kind() == ErrorKind::Damaged => {
                    report.damage.push(error.to_string());
                }
                Some(error) => return Err(error),
                None => {}
            }
            Ok(report)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.hop(|handle| handle.close(Opened::end)))
    }
}

impl fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SledEngine").field(&self.handle).finish()
    }
}
