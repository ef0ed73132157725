//! [`DatastoreEngine`]: an engine over any store.

mod commit;
mod core;
mod error;
mod journal;
mod names;
mod open;
mod queue;
mod read;
mod upkeep;

use std::sync::Arc;

use bytes::Bytes;
use datastore_engine::{
    Batch, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, Result, Scan, implement::check_batch,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::Datastore;

pub use self::open::DatastoreEngineOptions;
use self::{
    core::{Core, Way},
    queue::Queue,
};

/// An ordered [`Engine`] over any [`Datastore`], so that what needs an engine, such as a log, can live in S3 or in a folder
/// of blocks. A cheap handle: clones share the engine.
///
/// Keys are escaped in order, so that a scan is a query of the store. Commits take effect in the order in which they were
/// first polled; those that wait together are carried out as one. Where the store has atomic batches a commit is one. Where it has
/// not, a commit of several changes is a journal that is put, applied and deleted: it takes effect as a whole, whatever
/// stops, as the next commit or the next opening completes it, and readers never see a part. A commit of a single change needs
/// no journal.
///
/// Every commit has the same [durability](DatastoreEngineOptions::durability). There are no snapshots, since a store
/// has none: a scan may see a later commit in part. Range deletes are looked up and become a delete of each key.
///
/// **One writer at a time.** Opening takes the engine over: a user who had it open before gets
/// [`Locked`](datastore_engine::ErrorKind::Locked) from the commit that is under way, which takes effect as a whole or not at all, or from
/// the next one, which has no effect. Where the store has no lock of its own, do not open an
/// engine that is being written to on purpose: a writer that was halted in the middle of applying a commit for longer than the
/// other one needs to open and commit will, woken up, put values of that commit over newer ones. Over a store with
/// atomic batches nobody is sent away, as no commit is ever half applied.
///
/// Closing the engine closes the handle of the store that it was given.
#[derive(Clone)]
pub struct DatastoreEngine(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    queue: Queue,
}

impl DatastoreEngine {
    /// Opens the engine that a store holds, or begins one in a store that is empty. As [`DatastoreEngineOptions::open`] with
    /// default options.
    ///
    /// # Errors
    /// As there.
    pub async fn open(store: &(impl Datastore + ?Sized)) -> Result<Self> {
        DatastoreEngineOptions::new().open(store).await
    }

    /// Refuses what cannot be committed, before it waits for its turn.
    fn check_commit(&self, batch: &Batch, options: &CommitOptions) -> Result<()> {
        let core = &self.0.core;
        core.check_open()?;
        core.can.durability(options.durability)?;
        check_batch(&core.can, batch)?;
        let len = journal::len_at_most(batch);
        match &core.way {
            Way::Journals(journals) if batch.len() > 1 && len > journals.most => {
                Err(commit::too_long(len, journals.most))
            }
            _ => Ok(()),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl EngineReader for DatastoreEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async {
            self.0.core.check_open()?;
            self.0.queue.settle().await;
            self.0.core.get(key).await
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(async move {
            self.0.core.check_open()?;
            self.0.queue.settle().await;
            let values: Vec<_> = keys.iter().map(|key| self.0.core.get(key)).collect();
            stream::iter(values)
                .buffered(read::AT_ONCE)
                .try_collect()
                .await
        })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        read::scan(self.0.clone(), scan)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Engine for DatastoreEngine {
    fn capabilities(&self) -> EngineCapabilities {
        self.0.core.can.clone()
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.check_commit(batch, &options)?;
            self.0.queue.commit(&self.0.core, batch).await
        })
    }

    /// Refused: stores have none.
    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        let refused = || {
            Err(Error::unsupported(
                "snapshots, which the store below has not",
            ))
        };
        Box::pin(async move { self.0.core.check_open().and_then(|()| refused()) })
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        Box::pin(upkeep::sync(&self.0))
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(upkeep::size_on_disk(&self.0.core))
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(upkeep::compact(&self.0.core))
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        Box::pin(upkeep::check(&self.0))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(upkeep::close(&self.0))
    }
}
