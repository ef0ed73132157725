//! [`KvDatastore`]: the trait over an engine.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use datastore_engine::Engine;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, CloseOptions, Condition, Datastore,
    DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error,
    ErrorKind, GetManyOptions, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent,
    MaybeSend, Operation, PutManyOptions, PutOptions, Query, QueryOptions, Result, SyncOptions,
    ValueStream, WatchEvent, WatchOptions, WriteOptions, Written, abortable, abortable_stream,
    check_aborted, implement,
};

use crate::{
    KvOptions, claims, error::translate, gates::Choice, open::Inner, query, read, upkeep, write,
};

/// So many items of a stream are worked on together at most, whatever the caller allows: their values are in memory.
const MOST_TOGETHER: usize = 256;

/// A datastore over an ordered [`Engine`]. A cheap handle: clones share the store.
///
/// Calls take as few steps as the engine does: what it answers when it is polled is answered so here. Writes are committed as
/// one batch of the engine, those of `put_many` and `delete_many` in groups of those that are ready. Writes without conditions
/// pass side by side, so that an engine with group commits syncs them together.
///
/// A write that depends on what is there waits for the others of its keys that are under way, and beginning to watch waits for all
/// writes: a task must go on polling those that it has begun, or drop them.
///
/// An entry that has expired is not found from its moment on. It is removed, and watchers are told, by a later write, by a
/// [`sweeper`](Self::sweeper) that runs in a task, or by [`Maintenance::Gc`].
///
/// The space of the whole store is what the engine takes, that of a part the bytes of its keys and records, which it reads.
/// [`Maintenance::Compact`] is about the engine as a whole, whatever the scope.
pub struct KvDatastore<E>(Arc<Inner<E>>);

impl<E> Clone for KvDatastore<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> KvDatastore<E> {
    pub(crate) fn new(inner: Inner<E>) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner<E>> {
        &self.0
    }
}

impl<E: Engine> KvDatastore<E> {
    /// Opens the store in an engine, or begins one in an engine that is empty. As [`KvOptions::open`] with default options.
    ///
    /// # Errors
    /// As there.
    pub async fn open(engine: E) -> Result<Self> {
        KvOptions::new().open(engine).await
    }

    /// One operation on one key.
    async fn write_one(
        &self,
        operation: Operation,
        op: BatchOp,
        condition: Condition,
        durability: Option<Durability>,
    ) -> Result<Written> {
        let ops = std::slice::from_ref(&op);
        let written = if condition.is_none() {
            self.0.write(operation, ops, &[], durability).await
        } else {
            let required = [(op.key().clone(), condition)];
            self.0.write(operation, ops, &required, durability).await
        };
        match written {
            Ok(number) => Ok(Written::with_version(number.into())),
            Err(error) if error.key().is_none() => Err(error.with_key(op.key())),
            Err(error) => Err(error),
        }
    }

    /// Writes what is ready of a source as one batch, and gives the keys.
    fn write_many<I: MaybeSend + 'static>(
        &self,
        operation: Operation,
        source: BoxStream<'static, Result<I>>,
        (concurrency, durability): (usize, Option<Durability>),
        op: impl Fn(I) -> BatchOp + Clone + MaybeSend + 'static,
    ) -> BoxStream<'static, Result<Key>> {
        let store = self.0.clone();
        implement::in_groups(source, concurrency.min(MOST_TOGETHER), move |group| {
            let (store, op) = (store.clone(), op.clone());
            Box::pin(async move {
                let mut failed = None;
                let mut ops = Vec::with_capacity(group.len());
                for item in group {
                    let made = item.map(&op);
                    match made.and_then(|op| store.check(operation, &op).map(|()| op)) {
                        Ok(op) => ops.push(op),
                        Err(error) => {
                            failed = Some(Err(error));
                            break;
                        }
                    }
                }
                if !ops.is_empty()
                    && let Err(error) = store.write(operation, &ops, &[], durability).await
                {
                    return vec![Err(error)];
                }
                let keys = ops.iter().map(|op| Ok(op.key().clone()));
                keys.chain(failed).collect()
            })
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Engine> Datastore for KvDatastore<E> {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        self.0.can.clone()
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let op = BatchOp::Put {
                key: key.clone(),
                value,
                expires: options.expires,
            };
            let (condition, durability) = (options.condition, options.durability);
            let Some(abort) = &options.abort else {
                return self
                    .write_one(Operation::Put, op, condition, durability)
                    .await;
            };
            let written = Box::pin(self.write_one(Operation::Put, op, condition, durability));
            abortable(Some(abort), Operation::Put, Some(key), written).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let Some(abort) = &options.abort else {
                return self.0.get(key, &options).await;
            };
            let got = Box::pin(self.0.get(key, &options));
            abortable(Some(abort), options.operation(), Some(key), got).await
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if options.condition == Condition::IfAbsent {
                return Err(Error::new(ErrorKind::InvalidArgument, Operation::Delete)
                    .with_key(key)
                    .with_detail("deleting what is absent makes no sense"));
            }
            let op = BatchOp::Delete { key: key.clone() };
            let deleted =
                self.write_one(Operation::Delete, op, options.condition, options.durability);
            let abort = options.abort.as_ref();
            abortable(abort, Operation::Delete, Some(key), deleted).await?;
            Ok(())
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let entries = query::query(self.0.clone(), query);
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

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(implement::get_stream(self, key, options))
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let expires = options.expires;
        let how = (options.concurrency, options.durability);
        let op = move |(key, value)| BatchOp::Put {
            key,
            value,
            expires,
        };
        let keys = self.write_many(Operation::Put, source, how, op);
        abortable_stream(options.abort, Operation::Put, keys)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let entries = read::get_many(
            self.0.clone(),
            source,
            options.concurrency.min(MOST_TOGETHER),
        );
        abortable_stream(options.abort, Operation::Get, entries)
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let how = (options.concurrency, options.durability);
        let op = |key| BatchOp::Delete { key };
        let keys = self.write_many(Operation::Delete, source, how, op);
        abortable_stream(options.abort, Operation::Delete, keys)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let (ops, required) = (batch.ops(), batch.requirements());
            let written = self
                .0
                .write(Operation::Write, ops, required, options.durability);
            let number = abortable(options.abort.as_ref(), Operation::Write, None, written).await?;
            Ok(write::written(ops, number))
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            let subscribed = async {
                // Writes that began before do not know that they have to tell.
                let _passage = self.0.gates.enter(Choice::all(), true).await;
                self.0.check_open(Operation::Watch)?;
                Ok(self.0.watchers.subscribe(scope, options))
            };
            abortable(abort.as_ref(), Operation::Watch, Some(scope), subscribed).await
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            let synced = async {
                let held = self.0.engine.sync().await;
                held.map(claims::of_engine)
                    .map_err(|error| translate(Operation::Sync, error))
            };
            abortable(options.abort.as_ref(), Operation::Sync, Some(scope), synced).await
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            let (abort, usage) = (options.abort.as_ref(), self.0.disk_usage(scope));
            abortable(abort, Operation::DiskUsage, Some(scope), usage).await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let events = upkeep::maintain(self.0.clone(), task, scope.clone());
        abortable_stream(options.abort, Operation::Maintain, events)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            self.0.closed.store(true, Ordering::SeqCst);
            self.0.end.abort();
            self.0.orphans.settle().await;
            let closed = self.0.engine.close().await;
            self.0.watchers.close();
            closed.map_err(|error| translate(Operation::Close, error))
        })
    }
}

impl<E: Engine> fmt::Debug for KvDatastore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KvDatastore").field(&self.0.engine).finish()
    }
}
