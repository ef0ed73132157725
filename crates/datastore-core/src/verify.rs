//! Checking that values fit their keys.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use futures_util::StreamExt;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, Datastore, Entry, Error, ErrorKind,
    GetManyOptions, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent, MaybeSend,
    MaybeSync, Operation, PutManyOptions, PutOptions, Query, QueryOptions, Result, Want,
    WriteOptions, Written, check_aborted,
};

use crate::{claims::claims, pass_on::pass_on, whole_values};

/// Why a value does not fit its key, in a few words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch(Cow<'static, str>);

impl Mismatch {
    /// A mismatch for this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// Decides whether a value fits its key; any `Fn(&Key, &[u8]) -> Result<(), Mismatch>` is one.
pub trait Verifier: MaybeSend + MaybeSync + 'static {
    /// Checks a whole value.
    ///
    /// # Errors
    /// Why the value does not fit.
    fn verify(&self, key: &Key, value: &[u8]) -> Result<(), Mismatch>;
}

impl<F> Verifier for F
where
    F: Fn(&Key, &[u8]) -> Result<(), Mismatch> + MaybeSend + MaybeSync + 'static,
{
    fn verify(&self, key: &Key, value: &[u8]) -> Result<(), Mismatch> {
        self(key, value)
    }
}

/// Takes and gives only values that fit their keys: content whose key is its hash, say.
///
/// * A write of a value that does not fit fails with [`InvalidArgument`](ErrorKind::InvalidArgument), a batch with such
///   a put as a whole, before any effect.
/// * A read of one fails with [`Damaged`](ErrorKind::Damaged); in a listing that carries, filters on or sorts by values
///   it is the last item. Nothing of an unverified value is given: ranges and streams read the value whole first.
/// * Sizes, existence and listings of keys are not verified, as they read no value.
/// * `Scrub` reads every value and reports those that do not fit, after the inner store's own scrub if it has one.
///
/// ```
/// use datastore_core::{MemoryDatastore, VerifyDatastore, verify::Mismatch};
/// use interface_datastore::{DatastoreExt, ErrorKind, Key};
///
/// // The last namespace of a key must be the length of its value.
/// let length_is_name = |key: &Key, value: &[u8]| {
///     let fits = key.base_namespace() == value.len().to_string().as_bytes();
///     if fits { Ok(()) } else { Err(Mismatch::new("the key is not the value's length")) }
/// };
/// # pollster::block_on(async {
/// let store = VerifyDatastore::new(&MemoryDatastore::new(), length_is_name);
/// store.put(&Key::new("/5"), "hello").await?;
/// let refused = store.put(&Key::new("/6"), "hello").await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct VerifyDatastore {
    inner: Arc<dyn Datastore>,
    verifier: Arc<dyn Verifier>,
    max_value_len: u64,
}

impl VerifyDatastore {
    /// The longest value taken, unless told otherwise: 1 GiB.
    pub const DEFAULT_MAX_VALUE_LEN: u64 = 1 << 30;

    /// Checks what goes into and comes out of `inner`.
    pub fn new(inner: &(impl Datastore + ?Sized), verifier: impl Verifier) -> Self {
        Self {
            inner: inner.handle(),
            verifier: Arc::new(verifier),
            max_value_len: Self::DEFAULT_MAX_VALUE_LEN,
        }
    }

    /// Takes values up to so many bytes. Values are held in memory while they are verified, streamed ones too.
    #[must_use]
    pub fn with_max_value_len(mut self, bytes: u64) -> Self {
        self.max_value_len = bytes;
        self
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    fn check_written(&self, operation: Operation, key: &Key, value: &[u8]) -> Result<()> {
        whole_values::check_len(value.len() as u64, self.max_value_len, key)
            .map_err(|error| error.with_operation(operation))?;
        self.verifier
            .verify(key, value)
            .map_err(|mismatch| refusal(ErrorKind::InvalidArgument, operation, key, mismatch))
    }

    fn check_read(&self, operation: Operation, entry: Entry) -> Result<Entry> {
        if let Some(value) = &entry.value {
            check_stored(&*self.verifier, operation, &entry.key, value)?;
        }
        Ok(entry)
    }
}

fn check_stored(
    verifier: &dyn Verifier,
    operation: Operation,
    key: &Key,
    value: &[u8],
) -> Result<()> {
    verifier
        .verify(key, value)
        .map_err(|mismatch| refusal(ErrorKind::Damaged, operation, key, mismatch))
}

fn refusal(kind: ErrorKind, operation: Operation, key: &Key, mismatch: Mismatch) -> Error {
    Error::new(kind, operation)
        .with_key(key)
        .with_detail(format!("the value does not fit its key: {mismatch}"))
        .with_source(mismatch)
}

impl fmt::Debug for VerifyDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyDatastore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for VerifyDatastore {
    pass_on! {
        delete_opts get_stream_whole delete_many_opts watch_opts sync_opts disk_usage_opts close_opts handle
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let inner = self.inner.capabilities(prefix);
        // Ranges and streams are served, but not without the whole value in memory.
        let mut own = claims!(inner: writable retains persistent linearizable dropped_writes_settle default_durability
            max_durability if_absent if_match versions expiry atomic_batch batch_conditions key_order snapshot_query
            pushdown watch disk_usage maintenance keys);
        own.maintenance.scrub = Claim::Yes;
        own.max_value_len = Some(
            self.max_value_len
                .min(inner.max_value_len.unwrap_or(u64::MAX)),
        );
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            self.check_written(Operation::Put, key, &value)?;
            self.inner.put_opts(key, value, options).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let want = options.want;
            if !matches!(want, Want::Value | Want::Range(_)) {
                return self.inner.get_opts(key, options).await;
            }
            let whole = options.with_want(Want::Value);
            let entry = self.inner.get_opts(key, whole).await?;
            whole_values::cut(self.check_read(Operation::Get, entry)?, want)
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let open = move |entry| own.check_read(Operation::Query, entry);
        whole_values::query(&*self.inner, query, options, open)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let abort = options.abort.clone();
            let limit = self.max_value_len;
            let value = whole_values::gather(body, limit, key, abort.as_ref()).await?;
            self.put_opts(key, value, options).await
        })
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        let own = self.clone();
        let checked = source.map(move |pair| {
            let (key, value) = pair?;
            own.check_written(Operation::Put, &key, &value)?;
            Ok((key, value))
        });
        self.inner.put_many_opts(Box::pin(checked), options)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let entries = self.inner.get_many_opts(source, options);
        whole_values::until_error(entries.map(move |entry| own.check_read(Operation::Get, entry?)))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            for op in batch.ops() {
                if let BatchOp::Put { key, value, .. } = op {
                    self.check_written(Operation::Write, key, value)?;
                }
            }
            self.inner.write_opts(batch, options).await
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        if task != Maintenance::Scrub {
            return self.inner.maintain_opts(task, scope, options);
        }
        let verifier = self.verifier.clone();
        let check = move |key: &Key, value: &Bytes| {
            check_stored(&*verifier, Operation::Maintain, key, value)
        };
        whole_values::scrub(self.inner.clone(), scope, options, "value-mismatch", check)
    }
}
