//! [`MemoryDatastore`]: everything in memory, in byte order of keys.

mod clock;
mod shared;
mod table;
mod walk;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use interface_datastore::{
    Action, Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition,
    ConditionScope, Datastore, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry,
    Error, ErrorKind, Finding, GetOptions, Key, KeyRules, MaintainOptions, Maintenance,
    MaintenanceEvent, Operation, PutOptions, Query, QueryOptions, Result, Severity, SyncOptions,
    Timestamp, WatchEvent, WatchOptions, WriteOptions, Written, abortable_stream, check_aborted,
    implement,
};

pub use self::clock::Clock;
use self::shared::Shared;
use crate::pass_on::pass_on;

/// A datastore in memory: ordered, with snapshots, conditions, expiry, atomic batches and watching.
///
/// Clones are handles on one store. Every call is answered when its future is first polled; no lock is held while a
/// query streams. A query sees the store as it was when its stream was first polled; what is changed meanwhile is kept
/// beside the map for as long as that stream lives.
///
/// Values are shared, not copied: one put as a slice of a larger buffer keeps that buffer in memory.
///
/// An expired entry is not found from its moment on. It is removed, and watchers are told, when it is next noticed: by
/// a read of it, by a write of anything, by a query or by [`Maintenance::Gc`].
///
/// ```
/// use datastore_core::MemoryDatastore;
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let store = MemoryDatastore::new();
/// store.put(&Key::new("/a"), "1").await?;
/// assert_eq!(store.get(&Key::new("/a")).await?, "1");
/// # Ok::<(), interface_datastore::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryDatastore(Arc<Shared>);

impl MemoryDatastore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_clock(Timestamp::now)
    }

    /// An empty store whose entries expire by this clock, so that tests need not wait.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self(Arc::new(Shared::new(clock)))
    }
}

impl Default for MemoryDatastore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDatastore")
            .field("bytes", &self.0.read().bytes())
            .finish_non_exhaustive()
    }
}

/// What the store can do: the same for all keys.
fn abilities() -> Capabilities {
    let mut can = Capabilities::none();
    can.writable = Claim::Yes;
    can.retains = Claim::Yes;
    can.linearizable = Claim::Yes;
    can.dropped_writes_settle = Claim::Yes;
    can.default_durability = Durability::Volatile;
    can.max_durability = Durability::Volatile;
    can.if_absent = ConditionScope::InProcess;
    can.if_match = ConditionScope::InProcess;
    can.versions = Claim::Yes;
    can.expiry = Claim::Yes;
    can.ranged_get = Claim::Yes;
    can.atomic_batch = Claim::Yes;
    can.batch_conditions = Claim::Yes;
    can.key_order = Claim::Yes;
    can.snapshot_query = Claim::Yes;
    can.pushdown.prefix = Claim::Yes;
    can.pushdown.range = Claim::Yes;
    can.pushdown.reverse = Claim::Yes;
    can.pushdown.sizes = Claim::Yes;
    can.watch = Claim::Yes;
    can.disk_usage = Claim::Yes;
    can.maintenance.gc = Claim::Yes;
    can.keys = KeyRules::any();
    can
}

/// Refuses a durability that memory cannot give.
fn check_durability(
    operation: Operation,
    key: Option<&Key>,
    wanted: Option<Durability>,
) -> Result<()> {
    match wanted {
        None | Some(Durability::Volatile) => Ok(()),
        wanted => abilities()
            .durability(operation, wanted)
            .map(drop)
            .map_err(|error| error.with_key_opt(key)),
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for MemoryDatastore {
    pass_on! { handle get_stream_whole put_many_each get_many_each delete_many_each }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        abilities()
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            check_durability(Operation::Put, Some(key), options.durability)?;
            let number = self
                .0
                .put(key, value, options.expires, &options.condition)?;
            Ok(Written::with_version(number.into()))
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), options.operation(), Some(key))?;
            self.0.get(key, &options)
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            check_durability(Operation::Delete, Some(key), options.durability)?;
            if options.condition == Condition::IfAbsent {
                return Err(Error::new(ErrorKind::InvalidArgument, Operation::Delete)
                    .with_key(key)
                    .with_detail("deleting what is absent makes no sense"));
            }
            self.0.delete(key, &options.condition)
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let entries = walk::query(self.0.clone(), query);
        abortable_stream(options.abort, Operation::Query, entries)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(implement::put_stream(self, key, body, options))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            check_durability(Operation::Write, None, options.durability)?;
            let (ops, requirements) = batch.into_parts();
            let puts = ops.iter().filter(|op| matches!(op, BatchOp::Put { .. }));
            let one_value = puts.count() == 1;
            let number = self.0.apply(ops, &requirements)?;
            Ok(match number.filter(|_| one_value) {
                Some(number) => Written::with_version(number.into()),
                None => Written::default(),
            })
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            self.0.watch(scope, options)
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Sync, Some(scope))?;
            self.0.check_open(Operation::Sync)?;
            Ok(Durability::Volatile)
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::DiskUsage, Some(scope))?;
            self.0.disk_usage(scope)
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let events = if task == Maintenance::Gc {
            collect(self.0.clone(), scope.clone())
        } else {
            refuse_task(self.0.clone(), task, scope.clone())
        };
        abortable_stream(options.abort, Operation::Maintain, events)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            self.0.close();
            Ok(())
        })
    }
}

/// Refuses a task that memory does not need; an aborted signal and a closed store outrank that.
fn refuse_task(
    store: Arc<Shared>,
    task: Maintenance,
    scope: Key,
) -> BoxStream<'static, Result<MaintenanceEvent>> {
    Box::pin(stream::once(async move {
        store.check_open(Operation::Maintain)?;
        let what = format!("maintenance of kind {task}");
        Err(Error::unsupported(Operation::Maintain, what).with_key(&scope))
    }))
}

/// Removes the expired entries at or under `scope`, some at each step.
fn collect(store: Arc<Shared>, scope: Key) -> BoxStream<'static, Result<MaintenanceEvent>> {
    let steps = stream::unfold(Some(0), move |done| {
        let (store, scope) = (store.clone(), scope.clone());
        async move {
            let done: u64 = done?;
            match store.collect(&scope) {
                Err(error) => Some((vec![Err(error)], None)),
                Ok(None) => None,
                Ok(Some(keys)) => {
                    let done = done + keys.len() as u64;
                    let mut events: Vec<_> = keys.into_iter().map(|key| Ok(expired(key))).collect();
                    events.push(Ok(MaintenanceEvent::Progress { done, total: None }));
                    Some((events, Some(done)))
                }
            }
        }
    });
    Box::pin(steps.flat_map(stream::iter))
}

fn expired(key: Key) -> MaintenanceEvent {
    let finding = Finding::new(Severity::Info, "expired-entry", "the entry had expired")
        .with_key(key)
        .with_action(Action::Removed);
    MaintenanceEvent::Finding(finding)
}
