//! [`BlackHoleDatastore`]: takes everything, gives nothing back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition, Datastore,
    DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error, ErrorKind, GetOptions,
    Key, KeyRules, MaintainOptions, Maintenance, MaintenanceEvent, Operation, PutOptions, Query,
    QueryOptions, Result, SyncOptions, WatchEvent, WatchOptions, WriteOptions, Written,
    abortable_stream, check_aborted, implement,
};

use crate::pass_on::pass_on;

/// A datastore that forgets every value as soon as it is put.
///
/// Nothing is ever found in it. It refuses what would need a memory: conditions and watching. A value that expires is
/// taken, as it is gone by then.
#[derive(Debug, Clone, Default)]
pub struct BlackHoleDatastore {
    closed: Arc<AtomicBool>,
}

impl BlackHoleDatastore {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation));
        }
        Ok(())
    }

    fn check_write(
        &self,
        operation: Operation,
        key: Option<&Key>,
        condition: &Condition,
        durability: Option<Durability>,
    ) -> Result<()> {
        self.check_open(operation)?;
        let named = |error: Error| error.with_key_opt(key);
        if !condition.is_none() {
            return Err(named(Error::unsupported(operation, "conditions")));
        }
        abilities()
            .durability(operation, durability)
            .map(drop)
            .map_err(named)
    }
}

fn abilities() -> Capabilities {
    let mut can = Capabilities::none();
    can.writable = Claim::Yes;
    can.linearizable = Claim::Yes;
    can.dropped_writes_settle = Claim::Yes;
    can.expiry = Claim::Yes;
    can.ranged_get = Claim::Yes;
    can.streaming_put = Claim::Yes;
    can.streaming_get = Claim::Yes;
    can.atomic_batch = Claim::Yes;
    can.key_order = Claim::Yes;
    can.snapshot_query = Claim::Yes;
    can.pushdown.prefix = Claim::Yes;
    can.pushdown.range = Claim::Yes;
    can.pushdown.reverse = Claim::Yes;
    can.pushdown.sizes = Claim::Yes;
    can.disk_usage = Claim::Yes;
    can.keys = KeyRules::any();
    can
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for BlackHoleDatastore {
    pass_on! { handle get_stream_whole put_many_each get_many_each delete_many_each }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        abilities()
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        _value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            let (condition, durability) = (&options.condition, options.durability);
            self.check_write(Operation::Put, Some(key), condition, durability)?;
            Ok(Written::default())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), options.operation(), Some(key))?;
            self.check_open(options.operation())?;
            Err(Error::not_found(options.operation(), key))
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            if options.condition == Condition::IfAbsent {
                return Err(Error::new(ErrorKind::InvalidArgument, Operation::Delete)
                    .with_key(key)
                    .with_detail("deleting what is absent makes no sense"));
            }
            let (condition, durability) = (&options.condition, options.durability);
            self.check_write(Operation::Delete, Some(key), condition, durability)
        })
    }

    fn query_opts(
        &self,
        _query: Query,
        options: QueryOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let store = self.clone();
        let check = stream::once(async move { store.check_open(Operation::Query) });
        let nothing = check.filter_map(|outcome| async move { outcome.err().map(Err) });
        abortable_stream(options.abort, Operation::Query, Box::pin(nothing))
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        mut body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let signal = options.abort.clone();
        let swallow = async move {
            while let Some(piece) = body.next().await {
                piece?;
            }
            self.put_opts(key, Bytes::new(), options).await
        };
        Box::pin(async move {
            interface_datastore::abortable(signal.as_ref(), Operation::Put, Some(key), swallow)
                .await
        })
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            if !batch.requirements().is_empty() {
                return Err(Error::unsupported(
                    Operation::Write,
                    "conditions in a batch",
                ));
            }
            self.check_write(Operation::Write, None, &Condition::None, options.durability)?;
            Ok(Written::default())
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            implement::refuse(Operation::Watch, Some(scope), "watching").await
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            self.check_open(Operation::Sync)?;
            implement::sync_nothing(self, scope, options).await
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::DiskUsage, Some(scope))?;
            self.check_open(Operation::DiskUsage)?;
            Ok(DiskUsage::exact(0))
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let refused = implement::refuse_stream(
            Operation::Maintain,
            Some(scope),
            format!("maintenance of kind {task}"),
        );
        abortable_stream(options.abort, Operation::Maintain, refused)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            self.closed.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}
