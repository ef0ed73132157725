//! A bounded cache in memory in front of a store.

mod table;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Action, Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore,
    DeleteManyOptions, DeleteOptions, Entry, Error, ErrorKind, GetOptions, Key, MaintainOptions,
    Maintenance, MaintenanceEvent, MaybeSend, PutManyOptions, PutOptions, Result, Timestamp,
    ValueStream, Want, WriteOptions, Written, check_aborted, implement,
};

use self::table::{Cached, Lookup, Table, Ticket, Writing};
use crate::{claims::claims, lock::lock, memory::Clock, pass_on::pass_on, whole_values};

/// Keeps what was read and written last in memory, up to a number of bytes; the least recently used goes first.
///
/// * `get` of a whole value fills the cache; ranges, sizes and existence are answered from it, but do not fill it, and
///   neither do streams and queries. Queries always ask the inner store.
/// * A write forgets the key before it begins, and nothing is cached of the key until it has ended: a read that began
///   before cannot bring the old value back. What was written is cached if no other write of it ran at the same time.
/// * Expired entries are not given.
/// * **Changes that do not come through this cache or its clones are not seen** as long as a value is cached; see
///   [`invalidate`](Self::invalidate). So a clone, not a second cache, is what two users of one store should share.
/// * In an inner store that does not claim [`dropped_writes_settle`](Capabilities::dropped_writes_settle), a write that
///   was dropped or whose outcome is unknown may take effect after a later read was cached.
///
/// ```
/// use datastore_core::{CacheDatastore, MemoryDatastore};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let slow = MemoryDatastore::new();
/// let store = CacheDatastore::new(&slow, 64 << 20);
/// let key = Key::new("/a");
/// slow.put(&key, "1").await?;
/// store.get(&key).await?;
/// store.get(&key).await?;
/// assert_eq!((store.stats().misses, store.stats().hits), (1, 1));
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct CacheDatastore {
    inner: Arc<dyn Datastore>,
    table: Arc<Table>,
    closed: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    remembers_absence: bool,
    /// Entries need versions to be complete, so a write that tells none is not cached.
    versioned: bool,
}

/// What a cache has done so far and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads answered with a cached value.
    pub hits: u64,
    /// Reads answered with a remembered absence.
    pub absent_hits: u64,
    /// Reads that had to ask the inner store.
    pub misses: u64,
    /// Entries that had to go for lack of room.
    pub evictions: u64,
    /// Entries held now.
    pub entries: u64,
    /// Bytes they are reckoned to take: keys, values, and 128 for each entry.
    pub bytes: u64,
}

impl CacheDatastore {
    /// Caches `inner` in at most so many bytes of keys and values (128 are reckoned for each entry besides).
    ///
    /// A value that is a slice of a larger buffer keeps that buffer alive, which is not reckoned.
    pub fn new(inner: &(impl Datastore + ?Sized), max_bytes: u64) -> Self {
        let inner = inner.handle();
        Self {
            versioned: inner.capabilities(&Key::root()).versions.may(),
            inner,
            table: Arc::new(Table::new(max_bytes)),
            closed: Arc::default(),
            clock: Arc::new(Timestamp::now),
            remembers_absence: false,
        }
    }

    /// Also remembers that a key holds no value.
    #[must_use]
    pub fn with_absence(mut self, remember: bool) -> Self {
        self.remembers_absence = remember;
        self
    }

    /// Lets entries expire by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Forgets a key, because somebody else changed it.
    pub fn invalidate(&self, key: &Key) {
        self.table.invalidate(key);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.table.clear();
    }

    /// What the cache has done so far and holds now.
    pub fn stats(&self) -> CacheStats {
        self.table.stats()
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    /// What the cache knows of `key` if that answers the question.
    fn lookup(&self, key: &Key, options: &GetOptions) -> Result<Lookup> {
        let operation = options.operation();
        check_aborted(options.abort.as_ref(), operation, Some(key))?;
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation).with_key(key));
        }
        let found = self.table.lookup(key, || self.clock.now());
        match (&found, &options.if_version) {
            // Somebody else may have changed the key: the inner store decides.
            (Lookup::Hit(Cached::Value { version, .. }), Some(wanted))
                if version.as_ref() != Some(wanted) =>
            {
                Ok(Lookup::Miss(None))
            }
            _ => Ok(found),
        }
    }

    /// The answer from the cache.
    fn answer(key: &Key, cached: Cached, options: &GetOptions) -> Result<Entry> {
        match cached {
            Cached::Absent => Err(Error::not_found(options.operation(), key)),
            Cached::Value {
                value,
                version,
                expires,
            } => {
                let entry = Entry::of_value(options.key_of_entry(key), value)
                    .with_version(version)
                    .with_expires(expires);
                whole_values::cut(key, entry, options.want)
            }
        }
    }

    /// Caches what the inner store said, if the ticket still holds.
    fn learn(&self, key: &Key, ticket: Option<Ticket>, want: Want, outcome: &Result<Entry>) {
        let cached = match outcome {
            Ok(entry) if want == Want::Value => Cached::of(entry),
            Err(error) if error.is_not_found() && self.remembers_absence => Some(Cached::Absent),
            _ => None,
        };
        if let (Some(ticket), Some(cached)) = (ticket, cached) {
            self.table.fill(key, ticket, cached);
        }
    }

    /// Runs a stream of writes whose keys `source` tells: each is forgotten from when it is taken until it is done.
    fn write_many<I: MaybeSend + 'static>(
        &self,
        source: BoxStream<'static, Result<I>>,
        key_of: fn(&I) -> &Key,
        run: impl FnOnce(BoxStream<'static, Result<I>>) -> BoxStream<'static, Result<Key>>,
    ) -> BoxStream<'static, Result<Key>> {
        let under_way: Arc<Mutex<VecDeque<Writing>>> = Arc::default();
        let (table, begun) = (self.table.clone(), under_way.clone());
        let begin = move |item: &I| lock(&begun).push_back(table.begin_write(key_of(item)));
        let keys = run(Box::pin(source.inspect_ok(begin)));
        Box::pin(keys.inspect(move |outcome| {
            let mut under_way = lock(&under_way);
            match outcome {
                // Keys come in the order of the source.
                Ok(_) => drop(under_way.pop_front()),
                Err(_) => under_way.clear(),
            }
        }))
    }
}

impl fmt::Debug for CacheDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheDatastore")
            .field("inner", &self.inner)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for CacheDatastore {
    pass_on! { query_opts get_many_each watch_opts sync_opts disk_usage_opts handle }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        let mut own = claims!(inner: writable retains persistent dropped_writes_settle default_durability max_durability
            if_absent if_match versions expiry ranged_get streaming_put streaming_get atomic_batch batch_conditions
            key_order snapshot_query pushdown watch disk_usage maintenance keys max_value_len);
        own.linearizable = match inner.dropped_writes_settle {
            Claim::Yes => inner.linearizable,
            _ => inner.linearizable.both(Claim::Varies),
        };
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let writing = self.table.begin_write(key);
            let expires = options.expires;
            let written = self.inner.put_opts(key, value.clone(), options).await?;
            if written.version.is_some() || !self.versioned {
                writing.succeeded(Cached::Value {
                    value,
                    version: written.version.clone(),
                    expires,
                });
            }
            Ok(written)
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let ticket = match self.lookup(key, &options)? {
                Lookup::Hit(cached) => return Self::answer(key, cached, &options),
                Lookup::Miss(ticket) => ticket,
            };
            let want = options.want;
            let outcome = self.inner.get_opts(key, options).await;
            self.learn(key, ticket, want, &outcome);
            outcome
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let writing = self.table.begin_write(key);
            self.inner.delete_opts(key, options).await?;
            if self.remembers_absence {
                writing.succeeded(Cached::Absent);
            }
            Ok(())
        })
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let _writing = self.table.begin_write(key);
            self.inner.put_stream_opts(key, body, options).await
        })
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            if !matches!(options.want, Want::Value | Want::Range(_)) {
                return Err(implement::wants_no_value(key));
            }
            match self.lookup(key, &options)? {
                Lookup::Hit(cached) => {
                    let mut entry = Self::answer(key, cached, &options)?;
                    let body = stream::iter(entry.value.take().map(Ok));
                    Ok(ValueStream::new(entry, Box::pin(body)))
                }
                Lookup::Miss(_) => self.inner.get_stream_opts(key, options).await,
            }
        })
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        self.write_many(
            source,
            |(key, _)| key,
            |source| self.inner.put_many_opts(source, options),
        )
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        self.write_many(
            source,
            |key| key,
            |source| self.inner.delete_many_opts(source, options),
        )
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let begin = |op: &interface_datastore::BatchOp| self.table.begin_write(op.key());
            let _writing: Vec<Writing> = batch.ops().iter().map(begin).collect();
            self.inner.write_opts(batch, options).await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let table = self.table.clone();
        let forget = move |event: &MaintenanceEvent| {
            if let MaintenanceEvent::Finding(finding) = event {
                let changed = finding
                    .key
                    .iter()
                    .filter(|_| finding.action != Action::None);
                changed.for_each(|key| table.invalidate(key));
            }
        };
        Box::pin(
            self.inner
                .maintain_opts(task, scope, options)
                .inspect_ok(forget),
        )
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.inner.close_opts(options).await?;
            self.closed.store(true, Ordering::SeqCst);
            self.table.clear();
            Ok(())
        })
    }
}
