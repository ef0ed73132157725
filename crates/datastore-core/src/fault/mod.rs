//! Failing, delaying and tearing calls as told, for tests.

mod gate;
mod plan;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use interface_datastore::{
    AbortSignal, Batch, BatchReport, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions,
    Datastore, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error, ErrorKind,
    GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent, MaybeSend, Operation,
    PutOptions, Query, QueryOptions, Result, SyncOptions, ValueStream, WatchEvent, WatchOptions,
    WriteOptions, Written, abortable, abortable_stream, implement::fail_stream,
};

use self::plan::{Effect, Torn};
pub use self::{
    gate::Gate,
    plan::{Call, Fault, FaultPlan, Rule},
};
use crate::{claims::claims, lock::lock, pass_on::pass_on};

/// Does to the calls of a store what a [`FaultPlan`] tells; for tests of what stands on the store.
///
/// Deterministic: the plan sees each call once, with its number among the calls of its operation. The inner store is
/// asked only for what is to be done. The streaming forms over many keys call the single ones item by item, so a plan
/// sees each item.
///
/// ```
/// use datastore_core::{FaultDatastore, MemoryDatastore, fault::{Fault, Rule}};
/// use interface_datastore::{DatastoreExt, ErrorKind, Key, Operation};
///
/// # pollster::block_on(async {
/// let second_put_fails = vec![Rule::new(Operation::Put, Fault::fail(ErrorKind::NoSpace)).from_nth(2).times(1)];
/// let store = FaultDatastore::new(&MemoryDatastore::new(), second_put_fails);
/// let key = Key::new("/a");
/// store.put(&key, "1").await?;
/// assert_eq!(store.put(&key, "2").await.unwrap_err().kind(), ErrorKind::NoSpace);
/// store.put(&key, "3").await?;
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultDatastore {
    inner: Arc<dyn Datastore>,
    plan: Arc<dyn FaultPlan>,
    counts: Arc<Mutex<HashMap<Operation, u64>>>,
}

impl FaultDatastore {
    /// `inner` with faults as `plan` tells.
    pub fn new(inner: &(impl Datastore + ?Sized), plan: impl FaultPlan) -> Self {
        Self {
            inner: inner.handle(),
            plan: Arc::new(plan),
            counts: Arc::default(),
        }
    }

    /// How many calls of an operation there were.
    pub fn calls(&self, operation: Operation) -> u64 {
        lock(&self.counts)
            .get(&operation)
            .copied()
            .unwrap_or_default()
    }

    fn decide(&self, operation: Operation, key: Option<&Key>) -> Fault {
        let nth = {
            let mut counts = lock(&self.counts);
            let count = counts.entry(operation).or_default();
            *count += 1;
            *count
        };
        self.plan.decide(&Call::new(operation, key, nth))
    }

    /// Runs `work` as the plan tells; `work` is given how much it shall do, if not all.
    async fn run<T, F: Future<Output = Result<T>>>(
        &self,
        operation: Operation,
        key: Option<&Key>,
        abort: Option<AbortSignal>,
        work: impl FnOnce(Option<Torn>) -> F,
    ) -> Result<T> {
        let fault = self.decide(operation, key);
        let run = async {
            if let Some(wait) = fault.before {
                wait.wait().await;
            }
            let outcome = match fault.effect {
                Effect::Done => work(None).await,
                Effect::Refused(kind) => Err(injected(kind, operation, key)),
                Effect::Unreported(kind) => match work(None).await {
                    Ok(_) => Err(injected(kind, operation, key)),
                    Err(error) => Err(error),
                },
                Effect::Torn(torn) => match work(Some(torn)).await {
                    Ok(_) => Err(injected(torn.kind, operation, key)),
                    Err(error) => Err(error),
                },
            };
            if let Some(wait) = fault.after {
                wait.wait().await;
            }
            outcome
        };
        abortable(abort.as_ref(), operation, key, run).await
    }

    /// As [`run`](Self::run), for work that has no parts: torn, it is not begun.
    async fn run_whole<T, F: Future<Output = Result<T>>>(
        &self,
        operation: Operation,
        key: Option<&Key>,
        abort: Option<AbortSignal>,
        work: impl FnOnce() -> F,
    ) -> Result<T> {
        self.run(operation, key, abort, |torn| async move {
            match torn {
                None => work().await,
                Some(torn) => Err(injected(torn.kind, operation, key)),
            }
        })
        .await
    }

    /// The stream that `open` gives, as the plan tells.
    fn stream<T: MaybeSend + 'static>(
        &self,
        operation: Operation,
        key: Option<&Key>,
        abort: Option<AbortSignal>,
        open: impl FnOnce() -> BoxStream<'static, Result<T>> + MaybeSend + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let fault = self.decide(operation, key);
        let key = key.cloned();
        let opened = async move {
            if let Some(wait) = fault.before {
                wait.wait().await;
            }
            let items = faulty_items(fault.effect, operation, key, open);
            match fault.after {
                None => items,
                Some(wait) => {
                    let end = stream::once(wait.wait()).filter_map(|()| async { None });
                    let held: BoxStream<'static, Result<T>> = Box::pin(items.chain(end));
                    held
                }
            }
        };
        let items = stream::once(opened).flatten();
        abortable_stream(abort, operation, Box::pin(items))
    }
}

fn faulty_items<T: MaybeSend + 'static>(
    effect: Effect,
    operation: Operation,
    key: Option<Key>,
    open: impl FnOnce() -> BoxStream<'static, Result<T>>,
) -> BoxStream<'static, Result<T>> {
    let failure = |kind| fail_stream(injected(kind, operation, key.as_ref()));
    match effect {
        Effect::Done => open(),
        Effect::Refused(kind) => failure(kind),
        Effect::Unreported(kind) => Box::pin(open().chain(failure(kind))),
        Effect::Torn(torn) => {
            let items = usize::try_from(torn.after).unwrap_or(usize::MAX);
            Box::pin(open().take(items).chain(failure(torn.kind)))
        }
    }
}

fn injected(kind: ErrorKind, operation: Operation, key: Option<&Key>) -> Error {
    Error::new(kind, operation)
        .with_key_opt(key)
        .with_detail("a fault injected for a test")
}

impl fmt::Debug for FaultDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultDatastore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for FaultDatastore {
    pass_on! { put_many_each get_many_each delete_many_each handle }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        let mut own = claims!(inner: writable retains persistent linearizable dropped_writes_settle default_durability
            max_durability if_absent if_match versions expiry ranged_get streaming_put streaming_get batch_conditions
            key_order snapshot_query pushdown watch disk_usage maintenance keys max_value_len);
        // A plan may tear any batch.
        own.atomic_batch = inner.atomic_batch.both(Claim::Varies);
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let abort = options.abort.clone();
        let work = move |torn: Option<Torn>| {
            let stored = match torn {
                None => value,
                Some(torn) => {
                    let len = usize::try_from(torn.after).unwrap_or(usize::MAX);
                    value.slice(..len.min(value.len()))
                }
            };
            self.inner.put_opts(key, stored, options)
        };
        Box::pin(self.run(Operation::Put, Some(key), abort, work))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        let (operation, abort) = (options.operation(), options.abort.clone());
        let work = move || self.inner.get_opts(key, options);
        Box::pin(self.run_whole(operation, Some(key), abort, work))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        let abort = options.abort.clone();
        let work = move || self.inner.delete_opts(key, options);
        Box::pin(self.run_whole(Operation::Delete, Some(key), abort, work))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let (inner, abort) = (self.inner.clone(), options.abort.clone());
        let open = move || inner.query_opts(query, options);
        self.stream(Operation::Query, None, abort, open)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let abort = options.abort.clone();
        let work = move |torn: Option<Torn>| {
            let body = match torn {
                None => body,
                Some(torn) => {
                    let effect = Effect::Torn(torn);
                    faulty_items(effect, Operation::Put, Some(key.clone()), || body)
                }
            };
            self.inner.put_stream_opts(key, body, options)
        };
        Box::pin(self.run(Operation::Put, Some(key), abort, work))
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            let fault = self.decide(Operation::Get, Some(key));
            let abort = options.abort.clone();
            let open = async {
                if let Some(wait) = fault.before {
                    wait.wait().await;
                }
                if let Effect::Refused(kind) = fault.effect {
                    return Err(injected(kind, Operation::Get, Some(key)));
                }
                let value = self.inner.get_stream_opts(key, options).await?;
                if let Some(wait) = fault.after {
                    wait.wait().await;
                }
                let body = faulty_items(fault.effect, Operation::Get, Some(key.clone()), || {
                    value.body
                });
                Ok(ValueStream::new(value.entry, body))
            };
            abortable(abort.as_ref(), Operation::Get, Some(key), open).await
        })
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let abort = options.abort.clone();
        Box::pin(async move {
            let mut torn_report = None;
            let work = |torn: Option<Torn>| match torn {
                None => self.inner.write_opts(batch, options),
                Some(torn) => {
                    let (part, report) = tear_batch(batch, torn.after);
                    torn_report = Some(report);
                    self.inner.write_opts(part, options)
                }
            };
            let outcome = self.run(Operation::Write, None, abort, work).await;
            match torn_report {
                Some(report) => outcome.map_err(|error| error.with_report(report)),
                None => outcome,
            }
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        let abort = options.abort.clone();
        let work = move || self.inner.watch_opts(scope, options);
        Box::pin(self.run_whole(Operation::Watch, Some(scope), abort, work))
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        let abort = options.abort.clone();
        let work = move || self.inner.sync_opts(scope, options);
        Box::pin(self.run_whole(Operation::Sync, Some(scope), abort, work))
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        let abort = options.abort.clone();
        let work = move || self.inner.disk_usage_opts(scope, options);
        Box::pin(self.run_whole(Operation::DiskUsage, Some(scope), abort, work))
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let (inner, abort) = (self.inner.clone(), options.abort.clone());
        let (operation, inner_scope) = (Operation::Maintain, scope.clone());
        let open = move || inner.maintain_opts(task, &inner_scope, options);
        self.stream(operation, Some(scope), abort, open)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        let abort = options.abort.clone();
        let work = move || self.inner.close_opts(options);
        Box::pin(self.run_whole(Operation::Close, None, abort, work))
    }
}

/// The first operations of a batch, and what to report when only they were done.
fn tear_batch(batch: Batch, after: u64) -> (Batch, BatchReport) {
    let mut done = Batch::new();
    let mut report = BatchReport::new();
    for (key, condition) in batch.requirements() {
        done.require(key.clone(), condition.clone());
    }
    for op in batch.into_parts().0 {
        if (done.len() as u64) < after {
            report.applied.push(op.key().clone());
            done.push(op);
        } else {
            report.failed.push(op.key().clone());
        }
    }
    (done, report)
}
