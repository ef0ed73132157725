//! Repeating calls that failed for a passing reason.

mod policy;
mod streams;

use std::{collections::HashSet, future::Future, sync::Arc};

use bytes::Bytes;
use interface_datastore::{
    AbortSignal, Batch, BatchReport, BoxFuture, BoxStream, Capabilities, Claim, Condition,
    Datastore, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, Error, ErrorKind,
    GetOptions, Key, Operation, PutOptions, Query, QueryOptions, Result, SyncOptions, ValueStream,
    WatchEvent, WatchOptions, WriteOptions, Written, abortable,
};

use self::policy::Budget;
pub use self::policy::RetryPolicy;
use crate::{Timer, claims::claims, pass_on::pass_on};

/// Repeats calls whose error [is transient](Error::is_transient), with growing pauses, within a budget.
///
/// * Reads, puts, deletes and batches without conditions are repeated whole: doing them twice is as good as once. If
///   an attempt may have taken effect and no later one succeeded, the error is
///   [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), whatever the last attempt said.
/// * A write with a condition is repeated only if the store said that it is [`Unavailable`](ErrorKind::Unavailable):
///   nothing was done then. If its outcome is unknown, or it timed out, that is reported as `OutcomeUnknown`: a
///   repetition would meet its own effect and report a false refusal.
/// * A listing that breaks off goes on behind the last key that it gave, if its entries come in key order (see
///   [`Query::is_ordered`] and [`Capabilities::key_order`]); otherwise it is repeated only before its first entry.
/// * A value stream goes on where it broke off, if the store has versions: so all pieces are of one value.
/// * `put_stream` is made once, as its body can be read only once; `watch` is repeated until it began; maintenance and
///   closing pass as they are.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use datastore_core::{FaultDatastore, MemoryDatastore, RetryDatastore, RetryPolicy, Timer, fault::{Fault, Rule}};
/// use interface_datastore::{BoxFuture, DatastoreExt, ErrorKind, Key, Operation};
///
/// /// With the feature `tokio`, `TokioTimer` sleeps for real.
/// #[derive(Debug)]
/// struct NoWait;
/// impl Timer for NoWait {
///     fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
///         Box::pin(std::future::ready(()))
///     }
/// }
///
/// # pollster::block_on(async {
/// let twice_down = vec![Rule::new(Operation::Put, Fault::fail(ErrorKind::Unavailable)).times(2)];
/// let unsteady = FaultDatastore::new(&MemoryDatastore::new(), twice_down);
/// let store = RetryDatastore::new(&unsteady, RetryPolicy::default(), Arc::new(NoWait));
/// store.put(&Key::new("/a"), "1").await?;
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct RetryDatastore {
    inner: Arc<dyn Datastore>,
    policy: Arc<RetryPolicy>,
    budget: Arc<Budget>,
    timer: Arc<dyn Timer>,
}

/// What makes it safe to repeat a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// It changes nothing.
    Read,
    /// Twice is as good as once.
    Write,
    /// Nothing, once it may have taken effect.
    ConditionalWrite,
}

impl RetryDatastore {
    /// Repeats the calls of `inner` by `policy`, sleeping by `timer`.
    pub fn new(
        inner: &(impl Datastore + ?Sized),
        policy: RetryPolicy,
        timer: Arc<dyn Timer>,
    ) -> Self {
        Self {
            inner: inner.handle(),
            budget: Arc::new(Budget::new(policy.budget)),
            policy: Arc::new(policy),
            timer,
        }
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    async fn repeat<T, F: Future<Output = Result<T>>>(
        &self,
        operation: Operation,
        key: Option<&Key>,
        repeat: Repeat,
        abort: Option<AbortSignal>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let mut failures = 0;
        let mut past = Past::default();
        loop {
            let error = match attempt().await {
                Ok(value) => {
                    self.budget.earn();
                    return Ok(value);
                }
                Err(error) => error,
            };
            past.note(&error);
            let once = repeat == Repeat::ConditionalWrite && may_have_worked(&error);
            if once || error.is_aborted() {
                return Err(past.sum_up(error, repeat));
            }
            failures += 1;
            let paused = self.pause(failures, error, operation, key, abort.as_ref());
            if let Err(error) = paused.await {
                return Err(past.sum_up(error, repeat));
            }
        }
    }

    /// Pauses before the next attempt, or gives the error back if there shall be none.
    async fn pause(
        &self,
        failures: u32,
        error: Error,
        operation: Operation,
        key: Option<&Key>,
        abort: Option<&AbortSignal>,
    ) -> Result<()> {
        if !error.is_transient() || failures >= self.policy.attempts || !self.budget.spend() {
            return Err(error);
        }
        let span = self.policy.pause(failures);
        tracing::debug!(target: "datastore", error = %error, failures, pause = ?span, "repeating a call");
        let sleep = self.timer.sleep(span);
        let slept = async {
            sleep.await;
            Ok(())
        };
        abortable(abort, operation, key, slept).await
    }
}

/// Whether a write that failed so may have taken effect. A store that is unavailable says that it was not asked.
fn may_have_worked(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::OutcomeUnknown | ErrorKind::TimedOut
    )
}

/// What the failed attempts of one call left behind.
#[derive(Default)]
struct Past {
    may_have_worked: bool,
    applied: Vec<Key>,
    unknown: Vec<Key>,
}

impl Past {
    fn note(&mut self, error: &Error) {
        self.may_have_worked |= may_have_worked(error);
        if let Some(report) = error.report() {
            self.applied.extend_from_slice(&report.applied);
            self.unknown.extend_from_slice(&report.unknown);
        }
    }

    /// The error of a call that was given up, true of all its attempts.
    fn sum_up(self, last: Error, repeat: Repeat) -> Error {
        if repeat == Repeat::Read {
            return last;
        }
        let report = last.report().map(|report| self.report(report));
        let error = if self.may_have_worked
            && !last.is_aborted()
            && last.kind() != ErrorKind::OutcomeUnknown
        {
            Error::new(ErrorKind::OutcomeUnknown, last.operation())
                .with_key_opt(last.key())
                .with_detail("an attempt may have taken effect, and none was acknowledged")
                .with_remedy("read the key again before relying on it")
                .with_source(last)
        } else {
            last
        };
        match report {
            Some(report) => error.with_report(report),
            None => error,
        }
    }

    /// Keys that any attempt reached, not only the last.
    fn report(&self, last: &BatchReport) -> BatchReport {
        let mut report = BatchReport::new();
        let mut told = HashSet::new();
        // What is told first of a key stands: that it was applied outranks that it failed later.
        for (list, keys) in [
            (&mut report.applied, &self.applied),
            (&mut report.unknown, &self.unknown),
            (&mut report.failed, &last.failed),
        ] {
            list.extend(
                keys.iter()
                    .filter(|key| told.insert((*key).clone()))
                    .cloned(),
            );
        }
        report
    }
}

fn write_with(condition: &Condition) -> Repeat {
    if condition.is_none() {
        Repeat::Write
    } else {
        Repeat::ConditionalWrite
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for RetryDatastore {
    pass_on! { put_many_each get_many_each delete_many_each maintain_opts close_opts handle }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        let mut own = claims!(inner: writable retains persistent dropped_writes_settle default_durability max_durability
            if_absent if_match versions expiry ranged_get streaming_put streaming_get atomic_batch batch_conditions
            key_order pushdown watch disk_usage maintenance keys max_value_len);
        // A repeated write may take effect twice, with another one between.
        own.linearizable = inner.linearizable.both(Claim::Varies);
        // A listing that is taken up again sees another moment.
        own.snapshot_query = inner.snapshot_query.both(Claim::Varies);
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let (repeat, abort) = (write_with(&options.condition), options.abort.clone());
        let attempt = move || self.inner.put_opts(key, value.clone(), options.clone());
        Box::pin(self.repeat(Operation::Put, Some(key), repeat, abort, attempt))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        let (operation, abort) = (options.operation(), options.abort.clone());
        let attempt = move || self.inner.get_opts(key, options.clone());
        Box::pin(self.repeat(operation, Some(key), Repeat::Read, abort, attempt))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        let (repeat, abort) = (write_with(&options.condition), options.abort.clone());
        let attempt = move || self.inner.delete_opts(key, options.clone());
        Box::pin(self.repeat(Operation::Delete, Some(key), repeat, abort, attempt))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        streams::query(self.clone(), query, options)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.inner().put_stream_opts(key, body, options)
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            let attempt = || self.inner.get_stream_opts(key, options.clone());
            let opened = self
                .repeat(Operation::Get, Some(key), Repeat::Read, abort, attempt)
                .await?;
            streams::value(self.clone(), key.clone(), options, opened)
        })
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let repeat = if batch.requirements().is_empty() {
            Repeat::Write
        } else {
            Repeat::ConditionalWrite
        };
        let abort = options.abort.clone();
        let attempt = move || self.inner.write_opts(batch.clone(), options.clone());
        Box::pin(self.repeat(Operation::Write, None, repeat, abort, attempt))
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        let abort = options.abort.clone();
        let attempt = move || self.inner.watch_opts(scope, options.clone());
        Box::pin(self.repeat(Operation::Watch, Some(scope), Repeat::Read, abort, attempt))
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        let abort = options.abort.clone();
        let attempt = move || self.inner.sync_opts(scope, options.clone());
        Box::pin(self.repeat(Operation::Sync, Some(scope), Repeat::Read, abort, attempt))
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        let abort = options.abort.clone();
        let attempt = move || self.inner.disk_usage_opts(scope, options.clone());
        Box::pin(self.repeat(
            Operation::DiskUsage,
            Some(scope),
            Repeat::Read,
            abort,
            attempt,
        ))
    }
}
