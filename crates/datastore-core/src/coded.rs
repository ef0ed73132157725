//! A store over another that holds each value in another form, which only the whole value can be told from.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, Datastore, Entry, GetManyOptions,
    GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent, MaybeSend, MaybeSync,
    Operation, PutManyOptions, PutOptions, Query, QueryOptions, Result, Want, WriteOptions,
    Written, check_aborted,
};

use crate::{claims::claims, pass_on::pass_on, whole_values};

/// How values are held in the inner store.
pub(crate) trait Codec: MaybeSend + MaybeSync + 'static {
    /// The code of the findings that scrubbing reports.
    const FINDING: &'static str;
    /// By how many bytes a held value is longer.
    const OVERHEAD: u64;

    /// The form in which a value is held, or why it is not taken.
    fn encode(&self, operation: Operation, key: &Key, value: Bytes) -> Result<Bytes>;

    /// The value that is held in this form.
    fn decode(&self, operation: Operation, key: &Key, held: Bytes) -> Result<Bytes>;

    /// The length of the value of which so many bytes are held.
    fn decoded_len(&self, operation: Operation, key: &Key, held: u64) -> Result<u64>;
}

/// The store. Ranges and streams are served from the whole value, held in memory.
pub(crate) struct Coded<C> {
    inner: Arc<dyn Datastore>,
    codec: Arc<C>,
    pub(crate) max_value_len: u64,
}

impl<C> Clone for Coded<C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            codec: self.codec.clone(),
            max_value_len: self.max_value_len,
        }
    }
}

impl<C> std::fmt::Debug for Coded<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The codec may hold a secret.
        f.debug_struct("Coded")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<C: Codec> Coded<C> {
    pub(crate) fn new(inner: &(impl Datastore + ?Sized), codec: C, max_value_len: u64) -> Self {
        Self {
            inner: inner.handle(),
            codec: Arc::new(codec),
            max_value_len,
        }
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    fn encode(&self, operation: Operation, key: &Key, value: Bytes) -> Result<Bytes> {
        whole_values::check_len(value.len() as u64, self.max_value_len, key)
            .map_err(|error| error.with_operation(operation))?;
        self.codec.encode(operation, key, value)
    }

    /// The entry of `key` with its value decoded, or without a value with the size that the decoded one has.
    fn decode(&self, operation: Operation, key: &Key, mut entry: Entry) -> Result<Entry> {
        if let Some(held) = entry.value.take() {
            let value = self.codec.decode(operation, key, held)?;
            entry.size = Some(value.len() as u64);
            entry.value = Some(value);
        } else if let Some(held) = entry.size {
            entry.size = Some(self.codec.decoded_len(operation, key, held)?);
        }
        Ok(entry)
    }

    /// An entry that bears its key, decoded.
    fn decode_listed(&self, operation: Operation, entry: Entry) -> Result<Entry> {
        let key = entry.key.clone();
        self.decode(operation, &key, entry)
    }

    fn encode_batch(&self, batch: Batch) -> Result<Batch> {
        let mut encoded = Batch::new();
        for (key, condition) in batch.requirements() {
            encoded.require(key.clone(), condition.clone());
        }
        for op in batch.into_parts().0 {
            encoded.push(match op {
                BatchOp::Put {
                    key,
                    value,
                    expires,
                    ..
                } => BatchOp::Put {
                    value: self.encode(Operation::Write, &key, value)?,
                    key,
                    expires,
                },
                other => other,
            });
        }
        Ok(encoded)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<C: Codec> Datastore for Coded<C> {
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
        let room = inner.max_value_len.unwrap_or(u64::MAX);
        own.max_value_len = Some(self.max_value_len.min(room.saturating_sub(C::OVERHEAD)));
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
            let encoded = self.encode(Operation::Put, key, value)?;
            self.inner.put_opts(key, encoded, options).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let (want, operation) = (options.want, options.operation());
            if !matches!(want, Want::Value | Want::Range(_)) {
                let entry = self.inner.get_opts(key, options).await?;
                return self.decode(operation, key, entry);
            }
            let whole = options.with_want(Want::Value);
            let entry = self.inner.get_opts(key, whole).await?;
            let entry = self.decode(operation, key, entry)?;
            if want == Want::Value {
                return Ok(entry);
            }
            whole_values::cut(key, entry, want)
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let open = move |entry| own.decode_listed(Operation::Query, entry);
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
        let encoded = source.map(move |pair| {
            let (key, value) = pair?;
            let encoded = own.encode(Operation::Put, &key, value)?;
            Ok((key, encoded))
        });
        self.inner.put_many_opts(Box::pin(encoded), options)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let entries = self.inner.get_many_opts(source, options);
        whole_values::until_error(
            entries.map(move |entry| own.decode_listed(Operation::Get, entry?)),
        )
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            let encoded = self.encode_batch(batch)?;
            self.inner.write_opts(encoded, options).await
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
        let codec = self.codec.clone();
        let check = move |key: &Key, held: &Bytes| {
            codec
                .decode(Operation::Maintain, key, held.clone())
                .map(drop)
        };
        whole_values::scrub(self.inner.clone(), scope, options, C::FINDING, check)
    }
}
