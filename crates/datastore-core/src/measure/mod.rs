//! Counting and tracing the calls of a store.

mod counters;
mod sampling;

use std::{
    future::{Future, poll_fn},
    num::NonZeroU32,
    ops::Deref,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::TryStreamExt;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, CloseOptions, Datastore, DeleteManyOptions,
    DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, GetManyOptions, GetOptions, Key,
    MaintainOptions, Maintenance, MaintenanceEvent, Operation, PutManyOptions, PutOptions, Query,
    QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions,
    Written,
};
use tracing::Span;
use web_time::Instant;

pub use self::counters::OperationStats;
use self::{
    counters::{Counters, End, OperationCounters},
    sampling::Sampling,
};
use crate::{claims::claims, pass_on::pass_on};

/// Of how many calls of `put`, `get`, `has` and `delete` one is timed, unless told otherwise.
const TIMED_ONE_IN: NonZeroU32 = NonZeroU32::new(16).expect("not zero");

/// Counts the calls of a store and tells [`tracing`] of them; changes nothing else.
///
/// All calls, items and bytes are counted. Reading the clock costs more than the rest of this layer, so of the frequent
/// operations, `put`, `get`, `has` and `delete` in all their forms, about one call in 16 is timed, chosen by its number
/// and not by what it does; of all others each one. [`time_one_in`](Self::time_one_in) sets another share.
///
/// Each call runs in a span `call` of the target `datastore` at level debug, with the fields `store`, `operation` and
/// `key`; its end is an event at level trace, or debug if it failed, with its time as `micros`. Values never reach a span,
/// an event or a counter.
///
/// ```
/// use datastore_core::{MeasureDatastore, MemoryDatastore};
/// use interface_datastore::{DatastoreExt, Key, Operation};
///
/// # pollster::block_on(async {
/// let store = MeasureDatastore::new(&MemoryDatastore::new(), "blocks");
/// store.put(&Key::new("/a"), "four").await?;
/// let puts = store.stats(Operation::Put).unwrap();
/// assert_eq!((puts.calls, puts.bytes_in), (1, 4));
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct MeasureDatastore {
    inner: Arc<dyn Datastore>,
    name: Arc<str>,
    counters: Arc<Counters>,
    sampling: Sampling,
}

impl MeasureDatastore {
    /// Measures `inner`; spans name it `name`.
    pub fn new(inner: &(impl Datastore + ?Sized), name: impl Into<Arc<str>>) -> Self {
        Self {
            inner: inner.handle(),
            name: name.into(),
            counters: Arc::default(),
            sampling: Sampling::one_in(TIMED_ONE_IN),
        }
    }

    /// Times about one in so many calls of `put`, `get`, `has` and `delete`; with 1 each of them. The first is always
    /// among them.
    #[must_use]
    pub fn time_one_in(mut self, calls: NonZeroU32) -> Self {
        self.sampling = Sampling::one_in(calls);
        self
    }

    /// What was counted, for each operation that was called at all.
    pub fn all_stats(&self) -> Vec<OperationStats> {
        self.counters.snapshot()
    }

    /// What was counted of one operation; none if it was not called.
    pub fn stats(&self, operation: Operation) -> Option<OperationStats> {
        self.all_stats()
            .into_iter()
            .find(|stats| stats.operation == operation)
    }

    fn begin<C: Deref<Target = OperationCounters>>(
        &self,
        counters: C,
        operation: Operation,
        key: Option<&Key>,
    ) -> Running<C> {
        let span = tracing::debug_span!(
            target: "datastore",
            "call",
            store = &*self.name,
            operation = operation.as_str(),
            key = key.map(tracing::field::display),
        );
        let number = counters.began();
        let sampled = !is_frequent(operation) || self.sampling.chooses(number);
        let timed = sampled || !span.is_disabled();
        Running {
            counters,
            span,
            since: timed.then(Instant::now),
            sampled,
            ended: false,
        }
    }

    /// Measures a call; `note` takes down what its outcome shows.
    fn call<'a, T: 'a>(
        &'a self,
        operation: Operation,
        key: Option<&'a Key>,
        note: fn(&T, &OperationCounters),
        work: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(MeasuredCall {
            store: self,
            operation,
            key,
            work,
            note,
            running: None,
        })
    }

    fn stream<T: 'static>(
        &self,
        operation: Operation,
        key: Option<&Key>,
        note: fn(&T, &OperationCounters),
        stream: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        let running = self.begin(self.counters.of(operation).clone(), operation, key);
        Box::pin(MeasuredStream {
            running,
            stream,
            note,
        })
    }
}

/// Whether there are so many calls of this kind that timing each would be felt.
fn is_frequent(operation: Operation) -> bool {
    use Operation::{Delete, Get, Has, Put};
    matches!(operation, Put | Get | Has | Delete)
}

/// A call that has begun; dropped without an end it counts as dropped.
struct Running<C: Deref<Target = OperationCounters>> {
    counters: C,
    span: Span,
    /// None if nobody asks for the time.
    since: Option<Instant>,
    /// Whether the time is counted; otherwise it is for the event alone.
    sampled: bool,
    ended: bool,
}

impl<C: Deref<Target = OperationCounters>> Running<C> {
    /// Does a part of the call's work within its span.
    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.span.is_disabled() {
            work()
        } else {
            self.span.in_scope(work)
        }
    }

    fn end(&mut self, end: &End<'_>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.since.map(|since| since.elapsed());
        self.counters.ended(end);
        if let Some(took) = took.filter(|_| self.sampled) {
            self.counters.took(took);
        }
        if !self.span.is_disabled() {
            self.span.in_scope(|| tell(end, took));
        }
    }
}

/// The event at a call's end.
fn tell(end: &End<'_>, took: Option<Duration>) {
    let micros = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    match end {
        End::Succeeded => tracing::trace!(target: "datastore", micros, "done"),
        End::Dropped => tracing::trace!(target: "datastore", micros, "dropped"),
        End::Failed(error) if error.is_not_found() => {
            tracing::trace!(target: "datastore", micros, "not found");
        }
        End::Failed(error) => {
            tracing::debug!(target: "datastore", micros, error = %error, "failed");
        }
    }
}

impl<C: Deref<Target = OperationCounters>> Drop for Running<C> {
    fn drop(&mut self) {
        self.end(&End::Dropped);
    }
}

/// A call of the inner store, which begins when it is first polled.
struct MeasuredCall<'a, T> {
    store: &'a MeasureDatastore,
    operation: Operation,
    key: Option<&'a Key>,
    work: BoxFuture<'a, Result<T>>,
    note: fn(&T, &OperationCounters),
    /// Borrows its counters: a call ends before its store does.
    running: Option<Running<&'a OperationCounters>>,
}

impl<T> Future for MeasuredCall<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let running = this.running.get_or_insert_with(|| {
            let counters = &**this.store.counters.of(this.operation);
            this.store.begin(counters, this.operation, this.key)
        });
        let polled = running.within(|| this.work.as_mut().poll(cx));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Ok(value)) => {
                (this.note)(value, running.counters);
                running.end(&End::Succeeded);
            }
            Poll::Ready(Err(error)) => running.end(&End::Failed(error)),
        }
        polled
    }
}

struct MeasuredStream<T> {
    running: Running<Arc<OperationCounters>>,
    stream: BoxStream<'static, Result<T>>,
    note: fn(&T, &OperationCounters),
}

impl<T> Stream for MeasuredStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let polled = this.running.within(|| this.stream.as_mut().poll_next(cx));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => this.running.end(&End::Succeeded),
            Poll::Ready(Some(Err(error))) => this.running.end(&End::Failed(error)),
            Poll::Ready(Some(Ok(item))) => {
                let counters = &this.running.counters;
                add(&counters.items, 1);
                (this.note)(item, counters);
            }
        }
        polled
    }
}

fn add(counter: &std::sync::atomic::AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn note_nothing<T>(_: &T, _: &OperationCounters) {}

fn note_value(entry: &Entry, counters: &OperationCounters) {
    if let Some(value) = &entry.value {
        add(&counters.bytes_out, value.len() as u64);
    }
}

fn note_piece(piece: &Bytes, counters: &OperationCounters) {
    add(&counters.bytes_out, piece.len() as u64);
}

/// Counts the bytes that pass on their way into the store.
fn counting<T: 'static>(
    counters: Arc<OperationCounters>,
    source: BoxStream<'static, Result<T>>,
    len: fn(&T) -> usize,
) -> BoxStream<'static, Result<T>> {
    let count = move |item: &T| add(&counters.bytes_in, len(item) as u64);
    Box::pin(source.inspect_ok(count))
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for MeasureDatastore {
    pass_on! { handle }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        claims!(inner: writable retains persistent linearizable dropped_writes_settle default_durability max_durability
            if_absent if_match versions expiry ranged_get streaming_put streaming_get atomic_batch batch_conditions
            key_order snapshot_query pushdown watch disk_usage maintenance keys max_value_len)
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        add(
            &self.counters.of(Operation::Put).bytes_in,
            value.len() as u64,
        );
        let work = self.inner.put_opts(key, value, options);
        self.call(Operation::Put, Some(key), note_nothing, work)
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        let operation = options.operation();
        let work = self.inner.get_opts(key, options);
        self.call(operation, Some(key), note_value, work)
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        let work = self.inner.delete_opts(key, options);
        self.call(Operation::Delete, Some(key), note_nothing, work)
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let stream = self.inner.query_opts(query, options);
        self.stream(Operation::Query, None, note_value, stream)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let counters = self.counters.of(Operation::Put).clone();
        let body = counting(counters, body, Bytes::len);
        let work = self.inner.put_stream_opts(key, body, options);
        self.call(Operation::Put, Some(key), note_nothing, work)
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            let counters = self.counters.of(Operation::Get).clone();
            let mut running = self.begin(counters, Operation::Get, Some(key));
            let mut opened = self.inner.get_stream_opts(key, options);
            let opened = poll_fn(|cx| running.within(|| opened.as_mut().poll(cx)));
            match opened.await {
                Ok(value) => {
                    let body = MeasuredStream {
                        running,
                        stream: value.body,
                        note: note_piece,
                    };
                    Ok(ValueStream::new(value.entry, Box::pin(body)))
                }
                Err(error) => {
                    running.end(&End::Failed(&error));
                    Err(error)
                }
            }
        })
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let counters = self.counters.of(Operation::Put).clone();
        let source = counting(counters, source, |(_, value)| value.len());
        let stream = self.inner.put_many_opts(source, options);
        self.stream(Operation::Put, None, note_nothing, stream)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let stream = self.inner.get_many_opts(source, options);
        self.stream(Operation::Get, None, note_value, stream)
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let stream = self.inner.delete_many_opts(source, options);
        self.stream(Operation::Delete, None, note_nothing, stream)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let counters = self.counters.of(Operation::Write);
        add(&counters.items, batch.len() as u64);
        add(&counters.bytes_in, value_bytes(&batch));
        let work = self.inner.write_opts(batch, options);
        self.call(Operation::Write, None, note_nothing, work)
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        let work = self.inner.watch_opts(scope, options);
        self.call(Operation::Watch, Some(scope), note_nothing, work)
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        let work = self.inner.sync_opts(scope, options);
        self.call(Operation::Sync, Some(scope), note_nothing, work)
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        let work = self.inner.disk_usage_opts(scope, options);
        self.call(Operation::DiskUsage, Some(scope), note_nothing, work)
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let stream = self.inner.maintain_opts(task, scope, options);
        self.stream(Operation::Maintain, Some(scope), note_nothing, stream)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        let work = self.inner.close_opts(options);
        self.call(Operation::Close, None, note_nothing, work)
    }
}

fn value_bytes(batch: &Batch) -> u64 {
    batch
        .ops()
        .iter()
        .map(|op| match op {
            BatchOp::Put { value, .. } => value.len() as u64,
            _ => 0,
        })
        .sum()
}
