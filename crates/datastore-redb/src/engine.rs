//! The engine.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, RangeDelete, Result, Scan, ScanCost,
    implement::{Handle, MayWait, check_batch},
};
use datastore_files::Blocking;
use redb::{Database, TableDefinition};

use crate::{
    commit::{Group, group},
    error::{interrupted, translate},
    newest::Opened,
    read::{self, Snapshot, scan_of},
};

/// The one table: keys and values as they are.
pub(crate) const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("entries");

/// Together below the 3.75 GiB that redb takes of a pair.
const MAX_KEY: u64 = 512 << 20;
const MAX_VALUE: u64 = 3 << 30;

/// A redb database as an ordered engine. A cheap handle: clones share the database.
#[derive(Clone)]
pub struct RedbEngine {
    handle: Arc<Handle<Opened>>,
    group: Group,
    /// None for a backend of the caller's.
    file: Option<Arc<Path>>,
    blocking: Blocking,
}

impl RedbEngine {
    pub(crate) fn new(
        database: Database,
        name: &Path,
        file: Option<PathBuf>,
        quick_repair: bool,
        blocking: Blocking,
    ) -> Self {
        let handle = Arc::new(Handle::new(Opened::new(database), name));
        Self {
            group: group(Arc::clone(&handle), quick_repair),
            handle,
            file: file.map(Arc::from),
            blocking,
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

    /// Upkeep of redb needs the file for itself, snapshots included.
    async fn upkeep<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let translated = move |path: &Path, error| match error {
            redb::Error::TransactionInProgress => {
                Error::unsupported(format!("{what} while snapshots or scans are open"))
                    .with_path(path)
                    .with_remedy("drop them and try again")
            }
            error => translate(path, error),
        };
        self.hop(move |handle| {
            handle.with_mut(|opened| {
                work(opened.release()).map_err(|error| translated(handle.path(), error))
            })
        })
        .await
    }

    async fn submit(&self, batch: Batch, durability: Durability) -> Result<()> {
        let job = (batch, durability);
        let done = self
            .group
            .submit(self.blocking, self.handle.path(), job)
            .await;
        done.map_err(interrupted)?
    }
}

impl EngineReader for RedbEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            let work =
                |opened: &Opened| read::get(&self.handle, &*opened.newest(&self.handle)?, key);
            if let Some(answer) = self.handle.try_with(work) {
                return answer;
            }
            let key = Bytes::copy_from_slice(key);
            let work = move |handle: &Handle<Opened>| {
                handle.with(|opened| read::get(handle, &*opened.newest(handle)?, &key))
            };
            self.hop(work).await
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(async move {
            let work = |opened: &Opened| {
                read::get_many(&self.handle, &*opened.newest(&self.handle)?, keys)
            };
            if let Some(answer) = self.handle.try_with(work) {
                return answer;
            }
            let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
            let work = move |handle: &Handle<Opened>| {
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                handle.with(|opened| read::get_many(handle, &*opened.newest(handle)?, &keys))
            };
            self.hop(work).await
        })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let newest = |handle: &Handle<Opened>, may_wait| match may_wait {
            MayWait::No => handle.try_with(|opened| opened.newest(handle)),
            MayWait::Yes => Some(handle.with(|opened| opened.newest(handle))),
        };
        scan_of(Arc::clone(&self.handle), self.blocking, scan, newest)
    }
}

impl Engine for RedbEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = EngineCapabilities::none();
        can.persistent = true;
        can.default_durability = Durability::Power;
        can.max_durability = Durability::Power;
        can.snapshots = true;
        can.range_delete = RangeDelete::Native;
        can.scan_cost = ScanCost::Seek;
        can.inline_reads = true;
        can.size_on_disk = self.file.is_some();
        can.compact = true;
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

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        let snapshot = |handle: Arc<Handle<Opened>>, blocking: Blocking| {
            let rows = handle.with(|opened| opened.newest(&handle))?;
            Ok(Arc::new(Snapshot::new(handle, rows, blocking)) as Arc<dyn EngineReader>)
        };
        Box::pin(async move {
            let (handle, blocking) = (Arc::clone(&self.handle), self.blocking);
            match self.handle.try_with(|opened| opened.newest(&self.handle)) {
                Some(rows) => {
                    Ok(Arc::new(Snapshot::new(handle, rows?, blocking)) as Arc<dyn EngineReader>)
                }
                None => self.hop(move |_| snapshot(handle, blocking)).await,
            }
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        // A synced commit of nothing takes along all that came before.
        Box::pin(async {
            self.submit(Batch::new(), Durability::Power).await?;
            Ok(Durability::Power)
        })
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async {
            let file = self.file.clone();
            self.hop(move |handle| {
                handle.with(|_| match file {
                    Some(file) => {
                        let metadata = fs::metadata(&file);
                        metadata
                            .map(|metadata| metadata.len())
                            .map_err(|error| Error::io(error).with_path(&*file))
                    }
                    None => Err(Error::unsupported("a size on disk, without a file")),
                })
            })
            .await
        })
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(
            self.upkeep("a compaction", |database| {
                Ok(database.compact().map(drop)?)
            }),
        )
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        Box::pin(async {
            let checked = self
                .upkeep("a check", |database| Ok(database.check_integrity()?))
                .await;
            let mut report = CheckReport::default();
            match checked {
                Ok(true) => {}
                Ok(false) => report
                    .damage
                    .push("it was damaged, and redb has repaired it".to_owned()),
                Err(error) if error.kind() == datastore_engine::ErrorKind::Damaged => {
                    report.damage.push(error.to_string());
                    return Ok(report);
                }
                Err(error) => return Err(error),
            }
            report.entries = self
                .hop(|handle| handle.with(|opened| count(handle, opened)))
                .await?;
            Ok(report)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        let close = |handle: &Handle<Opened>| {
            let closed = |opened: Opened| {
                let closed = opened.database.close();
                closed.map_err(|error| translate(handle.path(), error))
            };
            handle.close(closed)
        };
        Box::pin(self.hop(close))
    }
}

fn count(handle: &Handle<Opened>, opened: &Opened) -> Result<u64> {
    use redb::ReadableTableMetadata;
    opened
        .newest(handle)?
        .len()
        .map_err(|error| translate(handle.path(), error))
}

impl fmt::Debug for RedbEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedbEngine").field(&self.handle).finish()
    }
}
