//! The trait that all stores implement.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use crate::{
    Batch, BoxFuture, BoxStream, Capabilities, CloseOptions, DeleteManyOptions, DeleteOptions,
    DiskUsage, DiskUsageOptions, Entry, GetManyOptions, GetOptions, Key, MaintainOptions,
    Maintenance, MaintenanceEvent, MaybeSend, MaybeSync, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written, check_aborted, implement,
};

/// Bytes under hierarchical keys.
///
/// Callers use [`DatastoreExt`](crate::DatastoreExt), which adds the short forms (`put`, `get`, `has` …) to every
/// store. A store implements the six methods without a default; the others have defaults that are right, if not
/// fast, built from those six. A wrapper implements them all (`#[deny(clippy::missing_trait_methods)]`), as a default
/// would otherwise stand in for the inner store's better way.
///
/// # What every store keeps to
/// * A value is a byte string; an empty value is a value. Nothing in a store aliases a buffer that a caller can change.
/// * Only a key without a value is [`NotFound`](crate::ErrorKind::NotFound).
/// * What a store lacks it refuses with [`Unsupported`](crate::ErrorKind::Unsupported) before any effect, and says
///   beforehand in its [`capabilities`](Self::capabilities).
/// * Dropping a future or stream stops what has not begun. A step already handed to the system may still take effect,
///   but before any later operation on its key, or never; stores that cannot promise this declare it
///   ([`dropped_writes_settle`](Capabilities::dropped_writes_settle)).
/// * An aborted signal ends a call with [`Aborted`](crate::ErrorKind::Aborted), never with "not found" or `false`.
/// * Streams own what they need: they may outlive the handle that gave them.
/// * When a write returns it has the [`Durability`](crate::Durability) that was asked for, or the store's default.
pub trait Datastore: fmt::Debug + MaybeSend + MaybeSync + 'static {
    /// A handle of its own on the same store: `Arc::new(self.clone())` for a type that is a cheap handle.
    fn handle(&self) -> Arc<dyn Datastore>;

    /// What this store can do with the keys at or under `prefix`; for a store without parts, always the same.
    fn capabilities(&self, prefix: &Key) -> Capabilities;

    /// Stores `value` under `key`, in place of a value that may be there.
    ///
    /// # Errors
    /// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed) if the condition does not hold;
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) if a remote store cannot tell whether it was done.
    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>>;

    /// Reads the value under `key`, or what [`GetOptions::want`] asks of it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if and only if the key holds no value.
    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>>;

    /// Removes the value under `key`; that there is none is no error.
    ///
    /// # Errors
    /// As [`put_opts`](Self::put_opts).
    fn delete_opts<'a>(&'a self, key: &'a Key, options: DeleteOptions)
    -> BoxFuture<'a, Result<()>>;

    /// Lists entries. Nothing is read before the stream is polled; an entry that vanishes meanwhile is left out, and
    /// changes made meanwhile may or may not be seen unless the store claims
    /// [`snapshot_query`](Capabilities::snapshot_query).
    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>>;

    /// As [`put_opts`](Self::put_opts), from a stream of the value's pieces. An error of `body` ends the call; the key
    /// then keeps its old value.
    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(implement::put_stream(self, key, body, options))
    }

    /// As [`get_opts`](Self::get_opts), as a stream of the value's pieces. All pieces are of one version of the value,
    /// or the stream ends with an error.
    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(implement::get_stream(self, key, options))
    }

    /// Stores each pair of `source` and gives its key once it is stored, in source order.
    ///
    /// Lazy: at most [`concurrency`](PutManyOptions::concurrency) pairs are taken ahead of what is consumed. The first
    /// error, of a write or of the source, is the last item. Two writes of one key happen in source order.
    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        implement::put_many(self.handle(), source, options)
    }

    /// Reads the value of each key of `source`, in source order; duplicates are allowed. The first error, the first
    /// missing key included, comes in its place and is the last item.
    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        implement::get_many(self.handle(), source, options)
    }

    /// Removes each key of `source` and gives it back once it is gone, in source order. As
    /// [`put_many_opts`](Self::put_many_opts) otherwise.
    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        implement::delete_many(self.handle(), source, options)
    }

    /// Applies a batch: the last operation on a key wins.
    ///
    /// # Errors
    /// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed) naming the key whose condition does not hold, with
    /// nothing done. In a store whose batches are not atomic a failure carries a
    /// [`BatchReport`](crate::BatchReport) of what was done.
    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(implement::write_each(self, batch, options))
    }

    /// Events of the changes at or under `scope` from the moment this returns. The stream ends when the store closes.
    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        let _ = options;
        Box::pin(implement::refuse(
            crate::Operation::Watch,
            Some(scope),
            "watching",
        ))
    }

    /// Makes all acknowledged writes at or under `scope` as durable as the store can; gives the durability they hold.
    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<crate::Durability>> {
        Box::pin(implement::sync_nothing(self, scope, options))
    }

    /// The space that the entries at or under `scope` take.
    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        let _ = options;
        Box::pin(implement::refuse(
            crate::Operation::DiskUsage,
            Some(scope),
            "counting disk usage",
        ))
    }

    /// Looks after the part of the store at or under `scope`. Work is done as the stream is polled; dropping it stops
    /// after the step at hand, and the work can be started again.
    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let _ = options;
        implement::refuse_stream(
            crate::Operation::Maintain,
            Some(scope),
            format!("maintenance of kind {task}"),
        )
    }

    /// Waits for steps in flight, makes the store's own state whole on its medium and lets go of its locks. Later
    /// calls, through any handle, fail with [`Closed`](crate::ErrorKind::Closed); closing again is no error. The default
    /// lets the store go on working: a store that can be closed has to remember it.
    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        let checked = check_aborted(options.abort.as_ref(), crate::Operation::Close, None);
        Box::pin(std::future::ready(checked))
    }
}

macro_rules! forward {
    ($(impl[$($param:tt)*] for $type:ty;)*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<$($param)*> Datastore for $type {
            fn handle(&self) -> Arc<dyn Datastore> {
                (**self).handle()
            }
            fn capabilities(&self, prefix: &Key) -> Capabilities {
                (**self).capabilities(prefix)
            }
            fn put_opts<'a>(&'a self, key: &'a Key, value: Bytes, options: PutOptions) -> BoxFuture<'a, Result<Written>> {
                (**self).put_opts(key, value, options)
            }
            fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
                (**self).get_opts(key, options)
            }
            fn delete_opts<'a>(&'a self, key: &'a Key, options: DeleteOptions) -> BoxFuture<'a, Result<()>> {
                (**self).delete_opts(key, options)
            }
            fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
                (**self).query_opts(query, options)
            }
            fn put_stream_opts<'a>(
                &'a self,
                key: &'a Key,
                body: BoxStream<'static, Result<Bytes>>,
                options: PutOptions,
            ) -> BoxFuture<'a, Result<Written>> {
                (**self).put_stream_opts(key, body, options)
            }
            fn get_stream_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<ValueStream>> {
                (**self).get_stream_opts(key, options)
            }
            fn put_many_opts(
                &self,
                source: BoxStream<'static, Result<(Key, Bytes)>>,
                options: PutManyOptions,
            ) -> BoxStream<'static, Result<Key>> {
                (**self).put_many_opts(source, options)
            }
            fn get_many_opts(
                &self,
                source: BoxStream<'static, Result<Key>>,
                options: GetManyOptions,
            ) -> BoxStream<'static, Result<Entry>> {
                (**self).get_many_opts(source, options)
            }
            fn delete_many_opts(
                &self,
                source: BoxStream<'static, Result<Key>>,
                options: DeleteManyOptions,
            ) -> BoxStream<'static, Result<Key>> {
                (**self).delete_many_opts(source, options)
            }
            fn write_opts<'a>(&'a self, batch: Batch, options: WriteOptions) -> BoxFuture<'a, Result<Written>> {
                (**self).write_opts(batch, options)
            }
            fn watch_opts<'a>(
                &'a self,
                scope: &'a Key,
                options: WatchOptions,
            ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
                (**self).watch_opts(scope, options)
            }
            fn sync_opts<'a>(&'a self, scope: &'a Key, options: SyncOptions) -> BoxFuture<'a, Result<crate::Durability>> {
                (**self).sync_opts(scope, options)
            }
            fn disk_usage_opts<'a>(
                &'a self,
                scope: &'a Key,
                options: DiskUsageOptions,
            ) -> BoxFuture<'a, Result<DiskUsage>> {
                (**self).disk_usage_opts(scope, options)
            }
            fn maintain_opts(
                &self,
                task: Maintenance,
                scope: &Key,
                options: MaintainOptions,
            ) -> BoxStream<'static, Result<MaintenanceEvent>> {
                (**self).maintain_opts(task, scope, options)
            }
            fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
                (**self).close_opts(options)
            }
        }
    )*};
}

forward! {
    impl[S: Datastore + ?Sized] for Arc<S>;
    impl[S: Datastore + ?Sized] for Box<S>;
}
