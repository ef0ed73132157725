//! A store that remembers what it was asked.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore, DeleteManyOptions,
    DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, GetManyOptions, GetOptions, Key,
    MaintainOptions, Maintenance, MaintenanceEvent, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written, implement,
};

use super::Log;
use crate::ReferenceDatastore;

/// The reference store with a log of every key and scope that it is asked about.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inner: ReferenceDatastore,
    log: Log,
}

impl Recorder {
    pub(crate) fn new(inner: ReferenceDatastore, log: Log) -> Self {
        Self { inner, log }
    }

    fn note(&self, operation: &'static str, key: &Key) {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((operation, key.clone()));
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for Recorder {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    /// All that the reference store claims, and all kinds of maintenance, which are only noted.
    fn capabilities(&self, prefix: &Key) -> Capabilities {
        self.note("capabilities", prefix);
        let mut can = self.inner.capabilities(prefix);
        can.maintenance.check = Claim::Yes;
        can.maintenance.repair = Claim::Yes;
        can.maintenance.scrub = Claim::Yes;
        can.maintenance.compact = Claim::Yes;
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.note("put", key);
        self.inner.put_opts(key, value, options)
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        self.note("get", key);
        self.inner.get_opts(key, options)
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        self.note("delete", key);
        self.inner.delete_opts(key, options)
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        self.inner.query_opts(query, options)
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
        implement::put_many(self.handle(), source, options)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        implement::get_many(self.handle(), source, options)
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        implement::delete_many(self.handle(), source, options)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        batch
            .ops()
            .iter()
            .for_each(|op| self.note("write", op.key()));
        batch
            .requirements()
            .iter()
            .for_each(|(key, _)| self.note("require", key));
        self.inner.write_opts(batch, options)
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        self.note("watch", scope);
        self.inner.watch_opts(scope, options)
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        self.note("sync", scope);
        self.inner.sync_opts(scope, options)
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        self.note("disk usage", scope);
        self.inner.disk_usage_opts(scope, options)
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        self.note(task.as_str(), scope);
        if task == Maintenance::Gc {
            return self.inner.maintain_opts(task, scope, options);
        }
        Box::pin(futures_util::stream::empty())
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.inner.close_opts(options)
    }
}
