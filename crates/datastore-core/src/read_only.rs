//! A store that refuses every write.

use std::sync::Arc;

use bytes::Bytes;
use interface_datastore::{
    AbortSignal, Batch, BoxFuture, BoxStream, Capabilities, Claim, Datastore, DeleteManyOptions,
    DeleteOptions, Error, ErrorKind, Key, MaintainOptions, Maintenance, MaintenanceClaims,
    MaintenanceEvent, MaybeSend, Operation, PutManyOptions, PutOptions, Result, WriteOptions,
    Written, check_aborted, implement::fail_stream,
};

use crate::{claims::claims, pass_on::pass_on};

/// Lets everything through but writes.
///
/// Puts, deletes, their streaming forms, batches (empty ones too) and the maintenance that changes something fail with
/// [`ReadOnly`](ErrorKind::ReadOnly) before the inner store is asked; no source or body is read. `Check` and `Scrub`
/// pass, and so does `sync`, which changes no entry. [`close`](Datastore::close_opts) closes the inner store.
///
/// ```
/// use datastore_core::{MemoryDatastore, ReadOnlyDatastore};
/// use interface_datastore::{DatastoreExt, ErrorKind, Key};
///
/// # pollster::block_on(async {
/// let memory = MemoryDatastore::new();
/// let view = ReadOnlyDatastore::new(&memory);
/// let refused = view.put(&Key::new("/a"), "1").await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::ReadOnly);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct ReadOnlyDatastore {
    inner: Arc<dyn Datastore>,
    remedy: Option<&'static str>,
}

impl ReadOnlyDatastore {
    /// A view of `inner` that takes no writes.
    pub fn new(inner: &(impl Datastore + ?Sized)) -> Self {
        Self {
            inner: inner.handle(),
            remedy: None,
        }
    }

    /// The same, whose refusals say what to do instead of writing.
    #[must_use]
    pub fn with_remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    fn refuse<'a, T: MaybeSend + 'a>(
        &self,
        abort: Option<AbortSignal>,
        operation: Operation,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<T>> {
        let remedy = self.remedy;
        Box::pin(async move { Err(refusal(abort.as_ref(), operation, key, remedy)) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for ReadOnlyDatastore {
    pass_on! {
        get_opts query_opts get_stream_opts get_many_opts watch_opts sync_opts disk_usage_opts close_opts handle
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        let mut own = claims!(inner: retains persistent linearizable default_durability max_durability versions expiry
            ranged_get streaming_get key_order snapshot_query pushdown watch disk_usage keys max_value_len);
        // No write ever begins.
        own.dropped_writes_settle = Claim::Yes;
        own.maintenance = MaintenanceClaims::default();
        own.maintenance.check = inner.maintenance.check;
        own.maintenance.scrub = inner.maintenance.scrub;
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        _value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(options.abort, Operation::Put, Some(key))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        self.refuse(options.abort, Operation::Delete, Some(key))
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        _body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(options.abort, Operation::Put, Some(key))
    }

    fn put_many_opts(
        &self,
        _source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        fail_stream(refusal(
            options.abort.as_ref(),
            Operation::Put,
            None,
            self.remedy,
        ))
    }

    fn delete_many_opts(
        &self,
        _source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        fail_stream(refusal(
            options.abort.as_ref(),
            Operation::Delete,
            None,
            self.remedy,
        ))
    }

    fn write_opts<'a>(
        &'a self,
        _batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.refuse(options.abort, Operation::Write, None)
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        match task {
            Maintenance::Check | Maintenance::Scrub => {
                self.inner.maintain_opts(task, scope, options)
            }
            _ => fail_stream(refusal(
                options.abort.as_ref(),
                Operation::Maintain,
                Some(scope),
                self.remedy,
            )),
        }
    }
}

fn refusal(
    abort: Option<&AbortSignal>,
    operation: Operation,
    key: Option<&Key>,
    remedy: Option<&'static str>,
) -> Error {
    if let Err(aborted) = check_aborted(abort, operation, key) {
        return aborted;
    }
    let error = Error::new(ErrorKind::ReadOnly, operation)
        .with_key_opt(key)
        .with_detail("this view of the store takes no writes");
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}
