//! The store: one face over reading, writing, listing and upkeep.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore_files::{Blocking, FileError, Gates, GroupCommit, Safety, Tell, Tree};
use interface_datastore::implement::Watchers;
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, ConditionScope, Datastore,
    DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error,
    ErrorKind, GetManyOptions, GetOptions, Key, KeyRules, MaintainOptions, Maintenance,
    MaintenanceClaims, MaintenanceEvent, Operation, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written, abortable, abortable_stream,
};

use crate::failure::file_error;
use crate::layout::{Layout, MAX_KEY};
use crate::options::FsOptions;
use crate::write::Job;

/// A datastore in a folder of files. A cheap handle: clones share one store.
///
/// See the crate's documentation for the layout and for what writes withstand.
#[derive(Clone)]
pub struct FsDatastore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) tree: Tree,
    pub(crate) layout: Layout,
    pub(crate) gates: Gates<Key>,
    pub(crate) durable: GroupCommit<Job, Result<Written>>,
    pub(crate) watchers: Watchers,
    pub(crate) blocking: Blocking,
    rules: KeyRules,
    durability: Durability,
    read_only: bool,
    closed: AtomicBool,
}

impl fmt::Debug for FsDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsDatastore")
            .field("path", &self.path())
            .field("read_only", &self.inner.read_only)
            .finish_non_exhaustive()
    }
}

impl FsDatastore {
    /// Opens the folder `path` as a store.
    ///
    /// Temporary files that dead processes left behind are removed. A folder written by the JavaScript store opens as it
    /// is, and gets a marker that the JavaScript store does not see. Opening read-only writes nothing at all.
    ///
    /// # Errors
    ///
    /// All name the path and most what to do. [`NotFound`](ErrorKind::NotFound): there is no folder and none may be
    /// made. [`AlreadyExists`](ErrorKind::AlreadyExists): there is one and none was wanted.
    /// [`Foreign`](ErrorKind::Foreign): a file is there, another store, or a format that this release does not know.
    /// [`InvalidArgument`](ErrorKind::InvalidArgument): the options contradict the store's marker.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied), [`ReadOnly`](ErrorKind::ReadOnly): it cannot be written.
    pub async fn open(path: impl AsRef<Path>, options: FsOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let at = path.clone();
        let (blocking, durability, read_only) =
            (options.blocking, options.durability, options.read_only);
        let opened = blocking
            .run(&at, move || crate::open::open(&path, &options))
            .await;
        let (tree, layout) = opened.map_err(|error| file_error(error, Operation::Open, None))??;
        let group_tree = tree.clone();
        Ok(Self {
            inner: Arc::new(Inner {
                tree,
                layout,
                gates: Gates::default(),
                durable: GroupCommit::of_changes(group_tree),
                watchers: Watchers::new(),
                blocking,
                rules: key_rules(),
                durability,
                read_only,
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// The folder, as it was given to [`open`](Self::open).
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.tree.path()
    }
}

fn key_rules() -> KeyRules {
    let mut rules = KeyRules::any();
    rules.max_len = Some(MAX_KEY);
    rules
}

impl Inner {
    pub(crate) fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation).with_path(self.tree.path()));
        }
        Ok(())
    }

    /// Refuses what cannot be written, and gives what the write shall withstand.
    pub(crate) fn check_write(
        &self,
        operation: Operation,
        durability: Option<Durability>,
        expires: bool,
    ) -> Result<Safety> {
        self.check_open(operation)?;
        if self.read_only {
            let error = Error::new(ErrorKind::ReadOnly, operation).with_path(self.tree.path());
            return Err(error.with_remedy("open the store without the option read_only"));
        }
        if expires {
            return Err(Error::unsupported(operation, "values that expire"));
        }
        match durability.unwrap_or(self.durability) {
            Durability::Volatile | Durability::Process => Ok(Safety::Process),
            Durability::Ordered => Ok(Safety::Ordered),
            Durability::Power => Ok(Safety::Power),
            _ => Err(Error::unsupported(
                operation,
                "a durability that this store does not know",
            )),
        }
    }

    pub(crate) fn check_key(&self, operation: Operation, key: &Key) -> Result<()> {
        self.rules.check(operation, key)
    }

    /// Whether the store can hold the key at all.
    pub(crate) fn takes(&self, key: &Key) -> bool {
        self.rules.allows(key)
    }

    /// Runs blocking work in one hop.
    pub(crate) async fn hop<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let ran: Result<T, FileError> = self.blocking.run(self.tree.path(), work).await;
        ran.map_err(|error| file_error(error, operation, None))
    }

    /// The same for work that tells its outcome before it ends.
    pub(crate) async fn hop_until_told<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce(Tell<'_, T>) + Send + 'static,
    ) -> Result<T> {
        let told = self.blocking.run_until_told(self.tree.path(), work).await;
        told.map_err(|error| file_error(error, operation, None))
    }

    pub(crate) fn tell_put(&self, key: &Key, written: &Written) {
        if self.watchers.any() {
            let (key, version) = (key.clone(), written.version.clone());
            self.watchers.tell(&WatchEvent::Put { key, version });
        }
    }

    pub(crate) fn tell_delete(&self, key: &Key) {
        if self.watchers.any() {
            self.watchers.tell(&WatchEvent::Delete { key: key.clone() });
        }
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.gates.all_settled().await;
        self.watchers.close();
        self.tree.release();
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for FsDatastore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut own = Capabilities::none();
        own.writable = (!self.inner.read_only).into();
        own.retains = Claim::Yes;
        own.persistent = Claim::Yes;
        own.linearizable = Claim::Yes;
        own.dropped_writes_settle = Claim::Yes;
        own.default_durability = self.inner.durability;
        own.max_durability = Durability::Power;
        own.if_absent = ConditionScope::CrossProcess;
        own.if_match = ConditionScope::InProcess;
        own.versions = Claim::Yes;
        own.ranged_get = Claim::Yes;
        own.streaming_put = Claim::Yes;
        own.streaming_get = Claim::Yes;
        own.batch_conditions = Claim::Yes;
        own.pushdown.prefix = Claim::Yes;
        own.pushdown.sizes = Claim::Yes;
        own.watch = Claim::Yes;
        own.disk_usage = Claim::Yes;
        own.maintenance = MaintenanceClaims::default();
        own.maintenance.check = Claim::Yes;
        own.maintenance.repair = (!self.inner.read_only).into();
        own.maintenance.gc = (!self.inner.read_only).into();
        own.keys = self.inner.rules.clone();
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.put(key, value, options))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(self.get(key, options))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.delete(key, options))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let entries = crate::query::query(Arc::clone(&self.inner), query);
        abortable_stream(options.abort, Operation::Query, entries)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.put_stream(key, body, options))
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(self.get_stream(key, options))
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let abort = options.abort.clone();
        abortable_stream(
            abort,
            Operation::Put,
            crate::many::put_many(self.clone(), source, options),
        )
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let entries = crate::many::get_many(self.clone(), source, options.concurrency);
        abortable_stream(options.abort, Operation::Get, entries)
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let abort = options.abort.clone();
        abortable_stream(
            abort,
            Operation::Delete,
            crate::many::delete_many(self.clone(), source, options),
        )
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.write(batch, options))
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            self.inner.check_open(Operation::Watch)?;
            Ok(self.inner.watchers.subscribe(scope, options))
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            let work = self.sync(scope);
            abortable(options.abort.as_ref(), Operation::Sync, Some(scope), work).await
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            let work = self.disk_usage(scope);
            abortable(
                options.abort.as_ref(),
                Operation::DiskUsage,
                Some(scope),
                work,
            )
            .await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let events = crate::maintain::maintain(Arc::clone(&self.inner), task, scope);
        abortable_stream(options.abort, Operation::Maintain, events)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            abortable(
                options.abort.as_ref(),
                Operation::Close,
                None,
                self.inner.close(),
            )
            .await
        })
    }
}
