//! A namespace and a read-only view, as short as they can be.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore, DatastoreExt,
    DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error, ErrorKind, GetOptions,
    Key, MaintainOptions, Maintenance, MaintenanceEvent, Operation, PutOptions, Query,
    QueryOptions, Result, SyncOptions, WatchEvent, WatchOptions, WriteOptions, Written,
    abortable_stream, query::evaluate,
};

/// Shows what is at and under a key of the inner store, with the rest of each key.
#[derive(Debug, Clone)]
pub struct Namespaced {
    inner: Arc<dyn Datastore>,
    scope: Key,
    /// Whether errors name the outer keys, as they must.
    names_outer_keys: bool,
}

impl Namespaced {
    pub fn new(inner: Arc<dyn Datastore>, scope: Key, names_outer_keys: bool) -> Self {
        Self {
            inner,
            scope,
            names_outer_keys,
        }
    }

    fn inside(&self, key: &Key) -> Key {
        self.scope.child(key)
    }

    fn outer<T>(&self, outcome: Result<T>) -> Result<T> {
        match self.names_outer_keys {
            true => outcome.map_err(|error| error.map_key(|key| key.strip_namespace(&self.scope))),
            false => outcome,
        }
    }
}

impl Datastore for Namespaced {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        self.inner.capabilities(&self.inside(prefix))
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async { self.outer(self.inner.put_opts(&self.inside(key), value, options).await) })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async {
            let entry = self.outer(self.inner.get_opts(&self.inside(key), options).await)?;
            Ok(entry.with_key(key.clone()))
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { self.outer(self.inner.delete_opts(&self.inside(key), options).await) })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let scope = self.scope.clone();
        let all = self.inner.query(Query::prefix(self.scope.as_bytes()));
        let renamed = all.try_filter_map(move |entry| {
            let key = entry.key.strip_namespace(&scope);
            async { Ok(key.map(|key| entry.with_key(key))) }
        });
        abortable_stream(
            options.abort,
            Operation::Query,
            evaluate(Box::pin(renamed), query),
        )
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let (ops, conditions) = batch.into_parts();
            let mut renamed = Batch::new();
            renamed.extend(ops.into_iter().map(|op| {
                let key = self.inside(op.key());
                op.with_key(key)
            }));
            for (key, condition) in conditions {
                renamed.require(self.inside(&key), condition);
            }
            self.outer(self.inner.write_opts(renamed, options).await)
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async {
            let (own, scope) = (self.scope.clone(), self.inside(scope));
            let events = self.inner.watch_opts(&scope, options).await?;
            let renamed = events.try_filter_map(move |event| {
                let event = event.map_key(|key| key.strip_namespace(&own));
                async { Ok(event) }
            });
            Ok(renamed.boxed())
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async { self.inner.sync_opts(&self.inside(scope), options).await })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async {
            self.inner
                .disk_usage_opts(&self.inside(scope), options)
                .await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let own = self.scope.clone();
        let events = self.inner.maintain_opts(task, &self.inside(scope), options);
        Box::pin(events.map_ok(move |event| match event {
            MaintenanceEvent::Finding(mut finding) => {
                finding.key = finding.key.and_then(|key| key.strip_namespace(&own));
                MaintenanceEvent::Finding(finding)
            }
            other => other,
        }))
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.inner.close_opts(options)
    }
}

/// Passes reads and refuses writes.
#[derive(Debug, Clone)]
pub struct ReadOnly(pub Arc<dyn Datastore>);

async fn refuse<T>(operation: Operation) -> Result<T> {
    Err(Error::new(ErrorKind::ReadOnly, operation))
}

impl Datastore for ReadOnly {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let mut can = self.0.capabilities(prefix);
        can.writable = Claim::No;
        can
    }

    fn put_opts<'a>(
        &'a self,
        _: &'a Key,
        _: Bytes,
        _: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(refuse(Operation::Put))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        self.0.get_opts(key, options)
    }

    fn delete_opts<'a>(&'a self, _: &'a Key, _: DeleteOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(refuse(Operation::Delete))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        self.0.query_opts(query, options)
    }

    fn write_opts<'a>(&'a self, _: Batch, _: WriteOptions) -> BoxFuture<'a, Result<Written>> {
        Box::pin(refuse(Operation::Write))
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        self.0.watch_opts(scope, options)
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        self.0.sync_opts(scope, options)
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        self.0.disk_usage_opts(scope, options)
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        match task {
            Maintenance::Check | Maintenance::Scrub => self.0.maintain_opts(task, scope, options),
            _ => Box::pin(futures_util::stream::once(refuse(Operation::Maintain))),
        }
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.0.close_opts(options)
    }
}
