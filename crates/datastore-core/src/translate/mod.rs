//! A store whose keys are those of another store, translated: what key transform, namespace and sharding share.

mod below;
mod errors;
mod plan;
mod scope;

use std::{fmt, sync::Arc, task::Poll};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    future::ready,
    stream::{self, poll_fn},
};
use interface_datastore::{
    AbortController, AbortSignal, Batch, BoxFuture, BoxStream, Capabilities, CloseOptions,
    Datastore, DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry,
    Error, ErrorKind, GetManyOptions, GetOptions, Key, MaintainOptions, Maintenance,
    MaintenanceEvent, MaybeSend, MaybeSync, Operation, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written, abortable_stream, check_aborted,
    implement::{fail_stream, refuse_stream},
    query::evaluate,
};

pub(crate) use self::below::Below;
use self::{errors::Passing, scope::Scope};

/// A one-to-one way between the keys that callers use ("outer") and those of the store below ("inner").
pub(crate) trait Mapping: fmt::Debug + MaybeSend + MaybeSync + 'static {
    /// The inner key; none if there is none from which [`outward`](Self::outward) leads back.
    fn inward(&self, outer: &Key) -> Option<Key>;

    /// Takes back an inner key after a call, for the memory of it.
    fn done(&self, _inner: Key) {}

    /// The outer key whose inner key this is; none if there is none.
    fn outward(&self, inner: &Key) -> Option<Key>;

    /// What is known about the keys beforehand.
    fn shape(&self) -> Shape<'_>;

    /// Why a key has no inner key.
    fn complaint(&self) -> &'static str;
}

/// What can be said of all keys of a [`Mapping`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Nothing: only looking at every inner key tells what is there.
    Opaque,
    /// Inner keys are outer keys below this one.
    Adds(&'a Key),
    /// Outer keys are inner keys below this one.
    Strips(&'a Key),
}

/// The translated store.
#[derive(Debug)]
pub(crate) struct Translated<M> {
    inner: Arc<dyn Datastore>,
    mapping: Arc<M>,
    /// Aborted once it is closed, if closing does not close the inner store.
    view: Option<(AbortController, AbortSignal)>,
}

impl<M> Clone for Translated<M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            mapping: self.mapping.clone(),
            view: self.view.clone(),
        }
    }
}

impl<M: Mapping> Translated<M> {
    pub(crate) fn new(inner: Arc<dyn Datastore>, mapping: M) -> Self {
        Self {
            inner,
            mapping: Arc::new(mapping),
            view: None,
        }
    }

    /// A translation whose closing leaves the inner store open.
    pub(crate) fn view(inner: Arc<dyn Datastore>, mapping: M) -> Self {
        let closing = AbortController::new();
        let closed = closing.signal();
        Self {
            view: Some((closing, closed)),
            ..Self::new(inner, mapping)
        }
    }

    pub(crate) fn mapping(&self) -> &M {
        &self.mapping
    }

    /// Whether the call may go on: it was not aborted, and this is open as far as that is known here.
    fn check(
        &self,
        abort: Option<&AbortSignal>,
        operation: Operation,
        key: Option<&Key>,
    ) -> Result<()> {
        check_aborted(abort, operation, key)?;
        match &self.view {
            Some((_, closed)) if closed.is_aborted() => {
                Err(Error::new(ErrorKind::Closed, operation).with_key_opt(key))
            }
            _ => Ok(()),
        }
    }

    /// The inner key to write to.
    fn to_write(&self, operation: Operation, outer: &Key) -> Result<Key> {
        to_write(&*self.mapping, operation, outer)
    }

    /// An error of the inner store, as callers shall see it.
    fn outward_error(&self, error: Error) -> Error {
        errors::outward(&*self.mapping, error)
    }
}

fn to_write<M: Mapping>(mapping: &M, operation: Operation, outer: &Key) -> Result<Key> {
    mapping.inward(outer).ok_or_else(|| {
        Error::new(ErrorKind::InvalidKey, operation)
            .with_key(outer)
            .with_detail(mapping.complaint())
    })
}

#[deny(clippy::missing_trait_methods)]
impl<M: Mapping> Datastore for Translated<M> {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        scope::capabilities(&*self.inner, self.mapping.shape(), prefix)
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Put, Some(key))?;
            let inner = self.to_write(Operation::Put, key)?;
            let written = self.inner.put_opts(&inner, value, options).await;
            self.mapping.done(inner);
            written.map_err(|error| self.outward_error(error))
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let (operation, omit_key) = (options.operation(), options.omit_key);
            self.check(options.abort.as_ref(), operation, Some(key))?;
            let Some(inner) = self.mapping.inward(key) else {
                return Err(Error::not_found(operation, key));
            };
            let mut found = self.inner.get_opts(&inner, options).await;
            self.mapping.done(inner);
            // In place: entries are large, and this is the way of every read.
            match &mut found {
                Ok(entry) if omit_key => entry.key = Key::root(),
                Ok(entry) => entry.key = key.clone(),
                Err(_) => found = found.map_err(|error| self.outward_error(error)),
            }
            found
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Delete, Some(key))?;
            let inner = self.to_write(Operation::Delete, key)?;
            let deleted = self.inner.delete_opts(&inner, options).await;
            self.mapping.done(inner);
            deleted.map_err(|error| self.outward_error(error))
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        if let Err(error) = self.check(options.abort.as_ref(), Operation::Query, None) {
            return fail_stream(error);
        }
        let Some(plan) = plan::plan(self.mapping.shape(), query) else {
            return abortable_stream(options.abort, Operation::Query, Box::pin(stream::empty()));
        };
        let entries = self.inner.query_opts(plan.inner, options);
        let mapping = self.mapping.clone();
        let outward = entries.filter_map(move |entry| {
            ready(match entry {
                Ok(entry) => {
                    let key = mapping.outward(&entry.key);
                    key.map(|key| Ok(entry.with_key(key)))
                }
                Err(error) => Some(Err(errors::outward(&*mapping, error))),
            })
        });
        match plan.rest {
            Some(rest) => evaluate(Box::pin(outward), rest),
            None => Box::pin(outward),
        }
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Put, Some(key))?;
            let inner = self.to_write(Operation::Put, key)?;
            let body = Box::pin(body.map_err(Passing::through));
            let written = self.inner.put_stream_opts(&inner, body, options).await;
            written.map_err(|error| self.outward_error(error))
        })
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Get, Some(key))?;
            let Some(inner) = self.mapping.inward(key) else {
                return Err(Error::not_found(Operation::Get, key));
            };
            let opened = self.inner.get_stream_opts(&inner, options).await;
            let ValueStream { entry, body, .. } =
                opened.map_err(|error| self.outward_error(error))?;
            let mapping = self.mapping.clone();
            let body = Box::pin(body.map_err(move |error| errors::outward(&*mapping, error)));
            Ok(ValueStream::new(entry.with_key(key.clone()), body))
        })
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        if let Err(error) = self.check(options.abort.as_ref(), Operation::Put, None) {
            return fail_stream(error);
        }
        let mapping = self.mapping.clone();
        let source = source.map(move |pair| {
            let (key, value) = pair.map_err(Passing::through)?;
            let inner = to_write(&*mapping, Operation::Put, &key).map_err(Passing::through)?;
            Ok((inner, value))
        });
        let stored = self.inner.put_many_opts(Box::pin(source), options);
        self.keys_outward(Operation::Put, stored)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        if let Err(error) = self.check(options.abort.as_ref(), Operation::Get, None) {
            return fail_stream(error);
        }
        let mapping = self.mapping.clone();
        let source = source.map(move |key| {
            let key = key.map_err(Passing::through)?;
            let missing = || Passing::through(Error::not_found(Operation::Get, &key));
            mapping.inward(&key).ok_or_else(missing)
        });
        let entries = self.inner.get_many_opts(Box::pin(source), options);
        let mapping = self.mapping.clone();
        Box::pin(entries.map(move |entry| {
            let entry = entry.map_err(|error| errors::outward(&*mapping, error))?;
            let key = errors::own_key(&*mapping, Operation::Get, &entry.key)?;
            Ok(entry.with_key(key))
        }))
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        if let Err(error) = self.check(options.abort.as_ref(), Operation::Delete, None) {
            return fail_stream(error);
        }
        let mapping = self.mapping.clone();
        let source = source.map(move |key| {
            let key = key.map_err(Passing::through)?;
            to_write(&*mapping, Operation::Delete, &key).map_err(Passing::through)
        });
        let deleted = self.inner.delete_many_opts(Box::pin(source), options);
        self.keys_outward(Operation::Delete, deleted)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Write, None)?;
            let batch = self.batch_inward(batch)?;
            let written = self.inner.write_opts(batch, options).await;
            written.map_err(|error| self.outward_error(error))
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            let inner = Scope::of(self.mapping.shape(), scope).inner_scope();
            let events = self.inner.watch_opts(&inner, options).await;
            let events = events.map_err(|error| self.outward_error(error))?;
            let (mapping, scope) = (self.mapping.clone(), scope.clone());
            let outward = events.filter_map(move |event| {
                let rename = |key: &Key| {
                    let key = mapping.outward(key)?;
                    scope::holds(&scope, &key).then_some(key)
                };
                ready(match event {
                    Ok(event) => event.map_key(rename).map(Ok),
                    Err(error) => Some(Err(errors::outward(&*mapping, error))),
                })
            });
            Ok(self.until_closed(Box::pin(outward)))
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Sync, Some(scope))?;
            let inner = Scope::of(self.mapping.shape(), scope).inner_scope();
            let synced = self.inner.sync_opts(&inner, options).await;
            synced.map_err(|error| self.outward_error(error))
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            let operation = Operation::DiskUsage;
            self.check(options.abort.as_ref(), operation, Some(scope))?;
            match Scope::of(self.mapping.shape(), scope) {
                Scope::Is(inner) => {
                    let usage = self.inner.disk_usage_opts(&inner, options).await;
                    usage.map_err(|error| self.outward_error(error))
                }
                Scope::Scattered => self.count_usage(scope, options.abort).await,
                Scope::Nowhere => Ok(DiskUsage::exact(0)),
            }
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        if let Err(error) = self.check(options.abort.as_ref(), Operation::Maintain, Some(scope)) {
            return fail_stream(error);
        }
        let operation = Operation::Maintain;
        let events = match Scope::of(self.mapping.shape(), scope) {
            Scope::Is(inner) => self.inner.maintain_opts(task, &inner, options),
            Scope::Scattered => refuse_stream(operation, Some(scope), scope::SCATTERED),
            Scope::Nowhere => abortable_stream(options.abort, operation, Box::pin(stream::empty())),
        };
        let (mapping, scope) = (self.mapping.clone(), scope.clone());
        Box::pin(events.filter_map(move |event| {
            ready(match event {
                Ok(event) => scope::finding_outward(&*mapping, &scope, event).map(Ok),
                // A refusal made here names the outer scope already.
                Err(error) if error.key() == Some(&scope) => Some(Err(error)),
                Err(error) => Some(Err(errors::outward(&*mapping, error))),
            })
        }))
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if let Some((closing, _)) = &self.view {
                check_aborted(options.abort.as_ref(), Operation::Close, None)?;
                closing.abort();
                return Ok(());
            }
            let closed = self.inner.close_opts(options).await;
            closed.map_err(|error| self.outward_error(error))
        })
    }
}

impl<M: Mapping> Translated<M> {
    /// The bytes of the keys and values of a scope, counted one by one.
    async fn count_usage(&self, scope: &Key, abort: Option<AbortSignal>) -> Result<DiskUsage> {
        let options = QueryOptions::default().with_abort(abort);
        let listed = Query::prefix(scope.as_bytes()).sizes_only();
        let mut entries = self.query_opts(listed, options);
        let mut bytes: u64 = 0;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| error.with_operation(Operation::DiskUsage))?;
            if scope::holds(scope, &entry.key) {
                let key = entry.key.as_bytes().len() as u64;
                bytes = bytes.saturating_add(key + entry.size.unwrap_or_default());
            }
        }
        Ok(DiskUsage::approximate(bytes))
    }

    /// Ends a stream at the closing of a view, once it has given what waits by then.
    fn until_closed<T: MaybeSend + 'static>(
        &self,
        mut stream: BoxStream<'static, T>,
    ) -> BoxStream<'static, T> {
        let Some((_, closed)) = self.view.clone() else {
            return stream;
        };
        let mut closed: BoxFuture<'static, ()> = Box::pin(async move { closed.aborted().await });
        let events = poll_fn(move |cx| match stream.as_mut().poll_next(cx) {
            Poll::Pending => closed.as_mut().poll(cx).map(|()| None),
            ready => ready,
        });
        Box::pin(events.fuse())
    }

    fn batch_inward(&self, batch: Batch) -> Result<Batch> {
        let (ops, requirements) = batch.into_parts();
        let mut inner = Batch::new();
        for op in ops {
            let key = self.to_write(Operation::Write, op.key())?;
            inner.push(op.with_key(key));
        }
        for (key, condition) in requirements {
            inner.require(self.to_write(Operation::Write, &key)?, condition);
        }
        Ok(inner)
    }

    fn keys_outward(
        &self,
        operation: Operation,
        keys: BoxStream<'static, Result<Key>>,
    ) -> BoxStream<'static, Result<Key>> {
        let mapping = self.mapping.clone();
        Box::pin(keys.map(move |key| {
            let key = key.map_err(|error| errors::outward(&*mapping, error))?;
            errors::own_key(&*mapping, operation, &key)
        }))
    }
}
