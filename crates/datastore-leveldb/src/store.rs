//! The store: one face over reading, listing and checking. Everything that writes is refused.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datastore_files::{Blocking, FileError};
use interface_datastore::implement::fail_stream;
use interface_datastore::{
    AbortSignal, Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore,
    DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error,
    ErrorKind, GetManyOptions, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent,
    MaybeSend, Operation, PutManyOptions, PutOptions, Query, QueryOptions, Result, SyncOptions,
    ValueStream, WatchEvent, WatchOptions, WriteOptions, Written, abortable, abortable_stream,
    check_aborted, implement,
};

use crate::database::Database;
use crate::failure::file_error;
use crate::lock::{self, Held};
use crate::options::LevelOptions;

/// A datastore over a LevelDB database, which it reads as it was when opened. A cheap handle: clones share one store.
///
/// See the crate's documentation for what it reads and what it refuses.
#[derive(Clone)]
pub struct LevelDatastore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Database,
    pub(crate) blocking: Blocking,
    held: Mutex<Option<Held>>,
    closed: AtomicBool,
}

impl fmt::Debug for LevelDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelDatastore")
            .field("path", &self.path())
            .field("salvage", &self.inner.db.salvage)
            .finish_non_exhaustive()
    }
}

impl LevelDatastore {
    /// Opens the database in the folder `path`, for reading. Writes nothing, not even a lock file.
    ///
    /// Reads the manifest and the logs; tables are opened as they are needed.
    ///
    /// # Errors
    ///
    /// All name the path and most what to do. [`NotFound`](ErrorKind::NotFound): there is no database.
    /// [`Foreign`](ErrorKind::Foreign): something else is there. [`Locked`](ErrorKind::Locked): another program has it open,
    /// unless the [options](crate::Lock) say otherwise. [`Damaged`](ErrorKind::Damaged): see
    /// [`with_salvage`](LevelOptions::with_salvage). [`Unsupported`](ErrorKind::Unsupported): its keys are in another order
    /// than that of their bytes, or its logs are larger than the options allow. [`Unavailable`](ErrorKind::Unavailable): another program kept changing it meanwhile.
    pub async fn open(path: impl AsRef<Path>, options: LevelOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let at = path.clone();
        let blocking = options.blocking;
        let opened = blocking.run(&at, move || -> Result<_> {
            // Before anything is read: what the holder does meanwhile would be read half.
            let held = lock::take(&path, options.lock)?;
            let db = Database::open(&path, &options);
            let db = db.map_err(|failure| failure.during(Operation::Open, None))?;
            Ok((db, held))
        });
        let opened = opened.await;
        let (db, held) = opened.map_err(|error| file_error(error, Operation::Open, None))??;
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                blocking,
                held: Mutex::new(Some(held)),
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// The folder, as it was given to [`open`](Self::open).
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.db.tree.path()
    }

    /// Refuses to write.
    fn read_only(
        &self,
        operation: Operation,
        abort: Option<&AbortSignal>,
        key: Option<&Key>,
    ) -> Error {
        let refused =
            check_aborted(abort, operation, key).and_then(|()| self.inner.check_open(operation));
        let error = || {
            Error::new(ErrorKind::ReadOnly, operation)
                .with_key_opt(key)
                .with_path(self.path())
                .with_detail("databases of LevelDB are read, never written")
                .with_remedy("copy the entries into another store")
        };
        refused.err().unwrap_or_else(error)
    }

    fn refuse<'a, T: MaybeSend + 'a>(
        &self,
        operation: Operation,
        abort: Option<AbortSignal>,
        key: Option<&Key>,
    ) -> BoxFuture<'a, Result<T>> {
        let error = self.read_only(operation, abort.as_ref(), key);
        Box::pin(std::future::ready(Err(error)))
    }
}

impl Inner {
    pub(crate) fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation).with_path(self.db.tree.path()));
        }
        Ok(())
    }

    /// Runs blocking work in one hop.
    pub(crate) async fn hop<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let ran: Result<T, FileError> = self.blocking.run(self.db.tree.path(), work).await;
        ran.map_err(|error| file_error(error, operation, None))
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.db.release();
        // Dropping it ends the lock.
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for LevelDatastore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut own = Capabilities::none();
        own.retains = Claim::Yes;
        own.persistent = Claim::Yes;
        // Nothing changes, and no write ever begins.
        own.linearizable = Claim::Yes;
        own.dropped_writes_settle = Claim::Yes;
        own.versions = Claim::Yes;
        own.key_order = Claim::Yes;
        own.snapshot_query = Claim::Yes;
        own.pushdown.prefix = Claim::Yes;
        own.pushdown.range = Claim::Yes;
        own.pushdown.reverse = Claim::Yes;
        own.disk_usage = Claim::Yes;
        own.maintenance.check = Claim::Yes;
        own.maintenance.scrub = Claim::Yes;
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        _value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(Operation::Put, options.abort, Some(key))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(self.get(key, options))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        self.refuse(Operation::Delete, options.abort, Some(key))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let entries = crate::query::query(Arc::clone(&self.inner), query);
        abortable_stream(options.abort, Operation::Query, entries)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        _body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(Operation::Put, options.abort, Some(key))
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        // A value lies in one block, which is read whole.
        Box::pin(implement::get_stream(self, key, options))
    }

    fn put_many_opts(
        &self,
        _source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        fail_stream(self.read_only(Operation::Put, options.abort.as_ref(), None))
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let entries = self.get_many(source, options.concurrency);
        abortable_stream(options.abort, Operation::Get, entries)
    }

    fn delete_many_opts(
        &self,
        _source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        fail_stream(self.read_only(Operation::Delete, options.abort.as_ref(), None))
    }

    fn write_opts<'a>(
        &'a self,
        _batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(Operation::Write, options.abort, None)
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        _options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            self.inner.check_open(Operation::Watch)?;
            implement::refuse(Operation::Watch, Some(scope), "watching").await
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(implement::sync_nothing(self, scope, options))
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            let work = self.disk_usage(scope);
            let signal = options.abort.as_ref();
            abortable(signal, Operation::DiskUsage, Some(scope), work).await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let events = crate::check::maintain(Arc::clone(&self.inner), task, scope);
        abortable_stream(options.abort, Operation::Maintain, events)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        let checked = check_aborted(options.abort.as_ref(), Operation::Close, None);
        if checked.is_ok() {
            self.inner.close();
        }
        Box::pin(std::future::ready(checked))
    }
}
