//! The store: one face over reading, writing, listing and upkeep.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore_files::{Blocking, FileError, Gates, Safety, Tree};
use interface_datastore::{
    BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore, DeleteOptions, Durability,
    Entry, Error, ErrorKind, GetOptions, Key, KeyRules, Operation, PutOptions, Query, QueryOptions,
    Result, Written, abortable, abortable_stream,
};

use crate::failure::file_error;
use crate::names::Place;
use crate::options::FlatfsOptions;
use crate::shard::ShardFunction;
use crate::sharding::Sharding;
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
    pub(crate) usage: Usage,
    pub(crate) blocking: Blocking,
    rules: KeyRules,
    durability: Durability,
    read_only: bool,
    closed: AtomicBool,
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
    /// # Errors
    ///
    /// All name the path and most what to do.
    pub async fn open(path: impl AsRef<Path>, options: FlatfsOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let at = path.clone();
        let (blocking, durability, read_only) =
            (options.blocking, options.durability, options.read_only);
        let opened = blocking
            .run(&at, move || crate::open::open(&path, &options))
            .await;
        let (tree, sharding) =
            opened.map_err(|error| file_error(error, Operation::Open, None))??;
        Ok(Self {
            inner: Arc::new(Inner {
                tree,
                gates: Gates::default(),
                usage: Usage::default(),
                blocking,
                rules: sharding.names.rules(),
                sharding,
                durability,
                read_only,
                closed: AtomicBool::new(false),
            }),
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

    /// Where a key's value is written.
    pub(crate) fn place(&self, operation: Operation, key: &Key) -> Result<Place> {
        self.rules.check(operation, key)?;
        let refused = || Error::new(ErrorKind::InvalidKey, operation).with_key(key);
        self.sharding.place(key).ok_or_else(refused)
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

    async fn close(&self) -> Result<()> {
        self.gates.all_settled().await;
        self.closed.store(true, Ordering::SeqCst);
        self.tree.release();
        Ok(())
    }
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
        own.versions = Claim::Yes;
        own.ranged_get = Claim::Yes;
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

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let work = self.inner.close();
            abortable(options.abort.as_ref(), Operation::Close, None, work).await
        })
    }
}
