//! Gathering single writes into batches.

mod buffer;
mod listing;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    AbortSignal, Batch, BatchOp, BatchReport, BoxFuture, BoxStream, Capabilities, Claim,
    CloseOptions, Condition, ConditionScope, Datastore, DeleteOptions, DiskUsage, DiskUsageOptions,
    Durability, Entry, Error, GetOptions, Key, Operation, PutOptions, Query, QueryOptions, Result,
    SyncOptions, ValueStream, Want, WatchEvent, WatchOptions, WriteOptions, Written, abortable,
    abortable_stream, check_aborted,
    implement::{self, Watchers},
    query::evaluate,
};

use self::{
    buffer::{Buffer, Waiting, Which},
    listing::Walk,
};
use crate::{
    claims::claims,
    key_gates::{KeyGates, Turn},
    lock::lock,
    pass_on::pass_on,
    whole_values,
};

/// Holds single puts and deletes in memory and writes them to the inner store in batches.
///
/// * A put or delete that asks for nothing more than [`Durability::Volatile`] is acknowledged when it is in memory: that
///   is the default here. Dropping the last handle without [`close`](Datastore::close_opts) loses it.
/// * Reads and queries see what is held, and watchers are told of it at once; they are told of changes made through this
///   store and its clones only.
/// * What is acknowledged before it is stored has no version, so this store has none, even if the inner store has:
///   conditions on versions are [`Unsupported`](interface_datastore::ErrorKind::Unsupported).
/// * When a write finds no room, all that is held is written first. `sync(scope)` and `disk_usage(scope)` first write
///   what is at or under the scope, `close` writes everything.
/// * A write with a condition or a higher durability, a batch and a `put_stream` go to the inner store at once, after
///   what is held of their keys; so their promises are those of the inner store.
/// * If writing fails, whoever caused it gets the error, and what has not taken effect stays held, to be written at the
///   next occasion: the write that found no room is then refused, and `close` leaves the store open. Should the inner
///   store refuse an operation for good, [`discard`](Self::discard) lets go of it.
///
/// ```
/// use datastore_core::{AutoBatchDatastore, MemoryDatastore};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let inner = MemoryDatastore::new();
/// let store = AutoBatchDatastore::new(&inner);
/// let key = Key::new("/a");
/// store.put(&key, "1").await?;
/// assert!(store.has(&key).await? && !inner.has(&key).await?);
/// store.sync(&Key::root()).await?;
/// assert!(inner.has(&key).await?);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AutoBatchDatastore {
    inner: Arc<dyn Datastore>,
    buffer: Arc<Mutex<Buffer>>,
    /// Held by who flushes: one batch at a time is in flight.
    flight: Arc<async_lock::Mutex<()>>,
    /// Keeps writes of a key from entering the buffer while one of it goes to the inner store at once.
    gates: KeyGates,
    watchers: Watchers,
}

impl AutoBatchDatastore {
    /// How many operations are held, unless told otherwise.
    pub const DEFAULT_MAX_OPERATIONS: usize = 1024;
    /// How many bytes of keys and values are held, unless told otherwise: 16 MiB.
    pub const DEFAULT_MAX_BYTES: u64 = 16 << 20;

    /// Gathers the writes to `inner`.
    pub fn new(inner: &(impl Datastore + ?Sized)) -> Self {
        Self {
            inner: inner.handle(),
            buffer: Arc::new(Mutex::new(Buffer::new(
                Self::DEFAULT_MAX_OPERATIONS,
                Self::DEFAULT_MAX_BYTES,
            ))),
            flight: Arc::default(),
            gates: KeyGates::default(),
            watchers: Watchers::new(),
        }
    }

    /// Holds at most so many operations, and so many bytes of keys and values with 64 for each operation besides. What
    /// is larger than that by itself goes to the inner store at once.
    #[must_use]
    pub fn with_limits(self, operations: usize, bytes: u64) -> Self {
        {
            let mut buffer = lock(&self.buffer);
            buffer.max_operations = operations;
            buffer.max_bytes = bytes;
        }
        self
    }

    /// How many operations are held, and how many bytes they are reckoned to take.
    pub fn held(&self) -> (usize, u64) {
        lock(&self.buffer).len()
    }

    /// Writes all that is held.
    ///
    /// # Errors
    /// Those of the inner store's [`write_opts`](Datastore::write_opts); what has not taken effect is still held.
    pub async fn flush(&self) -> Result<()> {
        self.flush_some(Which::All, Operation::Write, None).await
    }

    /// Lets go of the operation on a key that is held, as if it had not been asked for; whether there was one.
    pub fn discard(&self, key: &Key) -> bool {
        lock(&self.buffer).discard(key)
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    async fn flush_some(
        &self,
        which: Which<'_>,
        operation: Operation,
        abort: Option<&AbortSignal>,
    ) -> Result<()> {
        let flushing = async {
            let _one_at_a_time = self.flight.lock().await;
            let mut flight = Flight {
                buffer: &self.buffer,
                landed: false,
            };
            let batch = lock(&self.buffer).launch(which);
            if batch.is_empty() {
                return Ok(());
            }
            tracing::trace!(target: "datastore", operations = batch.len(), "writing what is held");
            let written = self.inner.write_opts(batch, WriteOptions::default()).await;
            flight.end(&written);
            written.map(drop)
        };
        abortable(abort, operation, None, flushing)
            .await
            .map_err(|error| error.with_operation(operation))
    }

    /// Takes the gates of keys and writes what is held of them, so that the next write of them may go to the inner
    /// store at once.
    async fn settle(
        &self,
        keys: &[Key],
        operation: Operation,
        abort: Option<&AbortSignal>,
    ) -> Result<Vec<Turn>> {
        check_aborted(abort, operation, keys.first())?;
        lock(&self.buffer).check_open(operation, keys.first())?;
        let turns = async { Ok(self.gates.enter_all(keys.iter()).await) };
        let turns = abortable(abort, operation, keys.first(), turns).await?;
        self.flush_some(Which::Keys(keys), operation, abort).await?;
        Ok(turns)
    }

    /// Holds an operation, making room first if need be.
    async fn hold(
        &self,
        key: &Key,
        mut waiting: Waiting,
        operation: Operation,
        abort: Option<&AbortSignal>,
    ) -> Result<()> {
        let turn = async { Ok(self.gates.enter(key).await) };
        let _turn = abortable(abort, operation, Some(key), turn).await?;
        loop {
            {
                let mut buffer = lock(&self.buffer);
                buffer.check_open(operation, Some(key))?;
                let puts = matches!(waiting, Waiting::Put { .. });
                match buffer.try_add(key, waiting) {
                    None => {
                        self.tell(key, puts);
                        return Ok(());
                    }
                    Some(back) => waiting = back,
                }
            }
            self.flush_some(Which::All, operation, abort).await?;
        }
    }

    /// Tells watchers that a key was put or deleted. Its gate is held, so that they hear of its writes in order.
    fn tell(&self, key: &Key, put: bool) {
        if !self.watchers.any() {
            return;
        }
        let key = key.clone();
        self.watchers.tell(&match put {
            true => WatchEvent::Put { key, version: None },
            false => WatchEvent::Delete { key },
        });
    }

    /// Whether an operation may wait: if not, the inner store does it or refuses it now.
    fn may_wait(
        &self,
        key: &Key,
        waiting: &Waiting,
        condition: &Condition,
        durability: Option<Durability>,
    ) -> bool {
        let asks_more = durability.is_some_and(|wanted| wanted > Durability::Volatile);
        if asks_more || !condition.is_none() {
            return false;
        }
        let fits = {
            let buffer = lock(&self.buffer);
            buffer.max_operations > 0 && waiting.cost(key) <= buffer.max_bytes
        };
        // What the inner store would refuse must not wait: it would fail every flush.
        let able = self.inner.capabilities(key);
        let (len, expires) = match waiting {
            Waiting::Put { value, expires } => (value.len() as u64, expires.is_some()),
            Waiting::Delete => (0, false),
        };
        fits && able.writable.may()
            && able.keys.allows(key)
            && (!expires || able.expiry.may())
            && able.max_value_len.is_none_or(|max| len <= max)
    }

    /// What the buffer says of a key: nothing, that it holds no value, or its entry.
    fn look(&self, key: &Key, operation: Operation) -> Result<Option<Option<Entry>>> {
        let buffer = lock(&self.buffer);
        buffer.check_open(operation, Some(key))?;
        Ok(buffer.look(key).map(|waiting| waiting.entry(key)))
    }

    /// The stream of entries that a query is answered from.
    fn entries(&self, query: &Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let buffered = {
            let buffer = lock(&self.buffer);
            if let Err(error) = buffer.check_open(Operation::Query, None) {
                return implement::fail_stream(error);
            }
            buffer.covered_by(query)
        };
        let ordered = self.inner.capabilities(&Key::root()).key_order == Claim::Yes;
        let walk = if query.reverse {
            Walk::Descending
        } else if query.start_after.is_some() || ordered {
            Walk::Ascending
        } else {
            Walk::Unordered
        };
        let mut keys = whole_values::key_query(query);
        let hidden = buffered.len() as u64;
        keys.limit = keys.limit.map(|limit| limit.saturating_add(hidden));
        let inner = self.inner.query_opts(keys, options);
        let inner = inner.map_ok(|entry| entry.with_version(None));
        listing::merge(Box::pin(inner), buffered, walk)
    }
}

/// Operations in flight; dropped before the end, they wait again.
struct Flight<'a> {
    buffer: &'a Mutex<Buffer>,
    landed: bool,
}

impl Flight<'_> {
    fn end(&mut self, written: &Result<Written>) {
        self.landed = true;
        let mut buffer = lock(self.buffer);
        match written {
            Ok(_) => buffer.land(),
            Err(error) => buffer.turn_back(error.report()),
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            lock(self.buffer).turn_back(None::<&BatchReport>);
        }
    }
}

impl fmt::Debug for AutoBatchDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoBatchDatastore")
            .field("inner", &self.inner)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for AutoBatchDatastore {
    pass_on! {
        put_many_each get_many_each delete_many_each maintain_opts handle
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        let mut own = claims!(inner: writable retains persistent linearizable dropped_writes_settle max_durability expiry
            ranged_get streaming_put streaming_get atomic_batch batch_conditions key_order pushdown disk_usage
            maintenance keys max_value_len);
        own.default_durability = Durability::Volatile;
        // Other processes do not see what is held.
        own.if_absent = inner.if_absent.min(ConditionScope::InProcess);
        // What is held has no version.
        own.versions = Claim::No;
        own.if_match = ConditionScope::None;
        own.watch = Claim::Yes;
        // The buffer and the inner store are looked at one after the other.
        own.snapshot_query = Claim::No;
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            check_aborted(abort.as_ref(), Operation::Put, Some(key))?;
            refuse_version(&options.condition, Operation::Put, key)?;
            let waiting = Waiting::Put {
                value: value.clone(),
                expires: options.expires,
            };
            if self.may_wait(key, &waiting, &options.condition, options.durability) {
                self.hold(key, waiting, Operation::Put, abort.as_ref())
                    .await?;
                return Ok(Written::default());
            }
            let keys = [key.clone()];
            let _turns = self.settle(&keys, Operation::Put, abort.as_ref()).await?;
            self.inner.put_opts(key, value, options).await?;
            self.tell(key, true);
            Ok(Written::default())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let operation = options.operation();
            check_aborted(options.abort.as_ref(), operation, Some(key))?;
            if options.if_version.is_some() {
                return Err(no_versions(operation, key));
            }
            let Some(held) = self.look(key, operation)? else {
                let entry = self.inner.get_opts(key, options).await?;
                return Ok(entry.with_version(None));
            };
            let entry = held.ok_or_else(|| Error::not_found(operation, key))?;
            whole_values::cut(key, entry, options.want)
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            check_aborted(abort.as_ref(), Operation::Delete, Some(key))?;
            refuse_version(&options.condition, Operation::Delete, key)?;
            let waiting = Waiting::Delete;
            if self.may_wait(key, &waiting, &options.condition, options.durability) {
                return self
                    .hold(key, waiting, Operation::Delete, abort.as_ref())
                    .await;
            }
            let keys = [key.clone()];
            let _turns = self
                .settle(&keys, Operation::Delete, abort.as_ref())
                .await?;
            self.inner.delete_opts(key, options).await?;
            self.tell(key, false);
            Ok(())
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let (own, abort) = (self.clone(), options.abort.clone());
        let scope = query.clone();
        let entries = stream::once(async move { own.entries(&scope, options) }).flatten();
        let answer = evaluate(Box::pin(entries), query.without_key_scope(true));
        abortable_stream(abort, Operation::Query, answer)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let keys = [key.clone()];
            refuse_version(&options.condition, Operation::Put, key)?;
            let abort = options.abort.as_ref();
            let _turns = self.settle(&keys, Operation::Put, abort).await?;
            self.inner.put_stream_opts(key, body, options).await?;
            self.tell(key, true);
            Ok(Written::default())
        })
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Get, Some(key))?;
            if options.if_version.is_some() {
                return Err(no_versions(Operation::Get, key));
            }
            let held = self.look(key, Operation::Get)?.is_some();
            if held && matches!(options.want, Want::Value | Want::Range(_)) {
                return implement::get_stream(self, key, options).await;
            }
            let mut value = self.inner.get_stream_opts(key, options).await?;
            value.entry.version = None;
            Ok(value)
        })
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let written = batch.ops().iter().map(BatchOp::key);
            let required = batch.requirements().iter().map(|(key, _)| key);
            let keys: Vec<Key> = written.chain(required).cloned().collect();
            let abort = options.abort.as_ref();
            check_aborted(abort, Operation::Write, None)?;
            for (key, condition) in batch.requirements() {
                refuse_version(condition, Operation::Write, key)?;
            }
            let _turns = self.settle(&keys, Operation::Write, abort).await?;
            let ops = batch.clone().into_parts().0;
            let outcome = self.inner.write_opts(batch, options).await;
            let report = outcome.as_ref().err().map(Error::report);
            let done = |key: &Key| match report {
                None => true,
                Some(report) => report.is_some_and(|report| report.applied.contains(key)),
            };
            for op in ops.iter().filter(|op| done(op.key())) {
                self.tell(op.key(), matches!(op, BatchOp::Put { .. }));
            }
            outcome.map(|_| Written::default())
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            let abort = options.abort.as_ref();
            check_aborted(abort, Operation::Sync, Some(scope))?;
            self.flush_some(Which::Under(scope), Operation::Sync, abort)
                .await?;
            self.inner.sync_opts(scope, options).await
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            lock(&self.buffer).check_open(Operation::Watch, Some(scope))?;
            Ok(self.watchers.subscribe(scope, options))
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            let abort = options.abort.as_ref();
            check_aborted(abort, Operation::DiskUsage, Some(scope))?;
            self.flush_some(Which::Under(scope), Operation::DiskUsage, abort)
                .await?;
            self.inner.disk_usage_opts(scope, options).await
        })
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            check_aborted(abort.as_ref(), Operation::Close, None)?;
            // Closed first, so that nothing enters behind the last flush.
            lock(&self.buffer).closed = true;
            let flushed = self
                .flush_some(Which::All, Operation::Close, abort.as_ref())
                .await;
            if let Err(error) = flushed {
                lock(&self.buffer).closed = false;
                return Err(error);
            }
            self.watchers.close();
            self.inner.close_opts(options).await
        })
    }
}

fn refuse_version(condition: &Condition, operation: Operation, key: &Key) -> Result<()> {
    match condition {
        Condition::IfMatch(_) => Err(no_versions(operation, key)),
        _ => Ok(()),
    }
}

fn no_versions(operation: Operation, key: &Key) -> Error {
    Error::unsupported(
        operation,
        "versions: writes are acknowledged before they are stored",
    )
    .with_key(key)
}
