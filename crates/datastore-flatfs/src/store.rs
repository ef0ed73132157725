//! The store: one face over reading, writing, listing and upkeep.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datastore_files::{
    Blocking, FileError, Gates, GroupCommit, Job, OwnFolders, Safety, Tree, TreeLock, Wait,
};
use interface_datastore::implement::Watchers;
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, ConditionScope, Datastore,
    DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error,
    ErrorKind, GetManyOptions, GetOptions, Key, KeyRules, MaintainOptions, Maintenance,
    MaintenanceClaims, MaintenanceEvent, Operation, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written, abortable, abortable_stream,
};

use crate::background::Background;
use crate::failure::file_error;
use crate::names::Place;
use crate::novelty::Novelty;
use crate::open::{Opened, TEMP};
use crate::options::FlatfsOptions;
use crate::shard::ShardFunction;
use crate::sharding::Sharding;
use crate::startup::Start;
use crate::unclean::Unclean;
use crate::usage::{Accuracy, Usage};

/// A datastore in a directory of go-ds-flatfs. A cheap handle: clones share one store.
///
/// See the crate's documentation for the layout and for what writes withstand.
#[derive(Clone)]
pub struct FlatfsDatastore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) tree: Tree,
    pub(crate) sharding: Sharding,
    pub(crate) gates: Gates<Key>,
    pub(crate) durable: GroupCommit<Job<Result<Written>>, Result<Written>>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) unclean: Arc<Unclean>,
    pub(crate) background: Background,
    pub(crate) watchers: Watchers,
    pub(crate) novelty: Novelty,
    pub(crate) blocking: Blocking,
    pub(crate) follows_links: bool,
    pub(crate) lists_unreachable: bool,
    rules: KeyRules,
    durability: Durability,
    read_only: bool,
    closed: AtomicBool,
    /// Whether closing came to its end.
    put_down: tokio::sync::Mutex<bool>,
    /// Held until the store is closed.
    lock: Mutex<Option<TreeLock>>,
}

impl fmt::Debug for FlatfsDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatfsDatastore")
            .field("path", &self.path())
            .field("read_only", &self.inner.read_only)
            .finish_non_exhaustive()
    }
}

impl FlatfsDatastore {
    /// Opens the directory `path` as a store.
    ///
    /// Temporary files that dead processes left behind are removed. Opening read-only writes nothing at all and takes no
    /// lock.
    ///
    /// # Errors
    ///
    /// All name the path and most what to do. [`NotFound`](ErrorKind::NotFound): there is no store and none may be made, or
    /// no directory to make it in. [`AlreadyExists`](ErrorKind::AlreadyExists): there is one and none was wanted.
    /// [`Locked`](ErrorKind::Locked): another user of this crate has it open; the process is named.
    /// [`Foreign`](ErrorKind::Foreign): something else lies there. [`Damaged`](ErrorKind::Damaged): the file `SHARDING` holds no
    /// shard function. [`InvalidArgument`](ErrorKind::InvalidArgument): the options contradict it.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied), [`ReadOnly`](ErrorKind::ReadOnly): it cannot be written.
    pub async fn open(path: impl AsRef<Path>, options: FlatfsOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let at = path.clone();
        let blocking = options.blocking;
        let opened = blocking
            .run(&at, move || {
                let opened = crate::open::open(&path, &options)?;
                let start = Start::new(&opened, &options)?;
                let inner = Inner::new(opened, &start, &options);
                inner.set_going(&start);
                Ok::<_, Error>(inner)
            })
            .await;
        let inner = opened.map_err(|error| file_error(error, Operation::Open, None))??;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The directory, as it was given to [`open`](Self::open).
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.tree.path()
    }

    /// How keys are spread over folders.
    #[must_use]
    pub fn shard(&self) -> ShardFunction {
        self.inner.sharding.shard
    }

    /// The bytes that the directory takes, as go-ds-flatfs counts them, and how well that is known.
    #[must_use]
    pub fn usage(&self) -> (u64, Accuracy) {
        self.inner.usage.now()
    }
}

impl Inner {
    fn new(opened: Opened, start: &Start, options: &FlatfsOptions) -> Self {
        let usage = Arc::clone(&start.usage);
        let own = own_folders(opened.sharding);
        let tree = counting(opened.tree, &usage).with_own_folders(own);
        let mut rules = opened.sharding.names.rules();
        rules.further = opened.sharding.refuses_some();
        Self {
            durable: GroupCommit::of_changes(tree.clone()),
            tree,
            sharding: opened.sharding,
            gates: Gates::default(),
            usage,
            unclean: Arc::clone(&start.unclean),
            background: Background::default(),
            watchers: Watchers::new(),
            novelty: Novelty::default(),
            blocking: options.blocking,
            follows_links: options.follow_shard_links,
            lists_unreachable: options.list_unreachable,
            rules,
            durability: options.durability,
            read_only: options.read_only,
            closed: AtomicBool::new(false),
            put_down: tokio::sync::Mutex::default(),
            lock: Mutex::new(opened.lock),
        }
    }

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
            Durability::Volatile | Durability::Process => {
                self.unclean.note_unsynced();
                Ok(Safety::Process)
            }
            Durability::Ordered => Ok(Safety::Ordered),
            Durability::Power => Ok(Safety::Power),
            _ => Err(Error::unsupported(
                operation,
                "a durability that this store does not know",
            )),
        }
    }

    /// Where a key's value is written.
    pub(crate) fn place(&self, operation: Operation, key: &Key) -> Result<Place> {
        self.sharding
            .place(key)
            .ok_or_else(|| match self.rules.check(operation, key) {
                Err(error) => error,
                Ok(()) => Error::new(ErrorKind::InvalidKey, operation)
                    .with_key(key)
                    .with_detail(
                        "its folder would have the name of the file SHARDING, which says how the store is laid out",
                    )
                    .with_remedy("use another shard function for such keys"),
            })
    }

    /// Counts what a change of a file added and removed.
    pub(crate) fn count(&self, path: &Path, added: u64, removed: u64) {
        if added != removed {
            let folder = || path.parent().unwrap_or(Path::new(""));
            self.usage.changed(folder, added, removed);
            self.usage.nudge(&self.tree, &self.background);
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
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
        self.gates.all_settled().await;
        self.closed.store(true, Ordering::SeqCst);
        // A write that had its pass before may still be under way.
        self.gates.all_settled().await;
        self.watchers.close();
        let mut put_down = self.put_down.lock().await;
        if *put_down {
            return Ok(());
        }
        let noted = self.put_down().await;
        *put_down = true;
        self.tree.release();
        let lock = self
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(lock);
        noted
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Helpers of a sync may hold the tree for a moment more; what they hold must not look used to the next one who opens.
        self.background.stop();
        self.tree.release();
    }
}

/// Shards only: what others keep beside them is none of this store's business.
fn own_folders(sharding: Sharding) -> OwnFolders {
    Arc::new(move |folder| sharding.may_hold(folder.as_os_str(), b""))
}

/// A tree that counts the folders it makes, as go-ds-flatfs does.
fn counting(tree: Tree, usage: &Arc<Usage>) -> Tree {
    let usage = Arc::clone(usage);
    // Folders with nothing in them are all of one size.
    let temp = tree.metadata(Path::new(TEMP), Wait::Yes).ok().flatten();
    let fresh = AtomicU64::new(temp.map_or(0, |temp| temp.len));
    tree.with_folder_made(Arc::new(move |tree, path| {
        let hidden = path.as_os_str().as_encoded_bytes().starts_with(b".");
        if hidden {
            return;
        }
        if let Ok(Some(folder)) = tree.metadata(path, Wait::Yes) {
            fresh.store(folder.len, Ordering::Relaxed);
        }
        // One that was pruned already has been subtracted, so it counts like the one before.
        usage.changed(|| path, fresh.load(Ordering::Relaxed), 0);
    }))
}

impl Datastore for FlatfsDatastore {
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
        own.maintenance.scrub = cfg!(feature = "multihash").into();
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
        let many = crate::many::put_many(self.clone(), source, options);
        abortable_stream(abort, Operation::Put, many)
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
        let many = crate::many::delete_many(self.clone(), source, options);
        abortable_stream(abort, Operation::Delete, many)
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
            let (abort, work) = (options.abort.as_ref(), self.disk_usage(scope));
            abortable(abort, Operation::DiskUsage, Some(scope), work).await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        abortable_stream(
            options.abort,
            Operation::Maintain,
            self.maintain(task, scope),
        )
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let work = self.inner.close();
            abortable(options.abort.as_ref(), Operation::Close, None, work).await
        })
    }
}
