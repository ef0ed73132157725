//! The short forms that callers use, implemented once for all stores.

use std::{future::Future, ops::RangeBounds, sync::Arc};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};

use crate::{
    Batch, BatchOp, BoxStream, ByteRange, CloseOptions, Condition, Datastore, DeleteManyOptions,
    DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry, ErrorKind, GetManyOptions,
    GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent, MaybeSend, PutManyOptions,
    PutOptions, Query, QueryOptions, Result, SyncOptions, Timestamp, ValueStream, WatchEvent,
    WatchOptions, WriteOptions, Written,
};
#[cfg(feature = "json")]
use crate::{Error, Operation};

/// The short forms of [`Datastore`]'s methods, for every store.
///
/// Each is a call of the method of the same name with `_opts` and default options, so its promises are those there.
///
/// ```
/// use interface_datastore::{Datastore, DatastoreExt, Key, Result};
///
/// async fn greet(store: &dyn Datastore) -> Result<()> {
///     let key = Key::new("/greeting");
///     store.put(&key, "hello").await?;
///     assert_eq!(store.get(&key).await?, "hello");
///     assert!(store.has(&key).await?);
///     store.delete(&key).await
/// }
/// ```
pub trait DatastoreExt: Datastore {
    /// Stores a value.
    ///
    /// # Errors
    /// As [`Datastore::put_opts`].
    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Written>> + MaybeSend {
        self.put_opts(key, value.into(), PutOptions::default())
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`].
    fn get<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<Bytes>> + MaybeSend {
        let entry = self.get_opts(key, GetOptions::default().with_omit_key(true));
        async { entry.await.map(Entry::into_value) }
    }

    /// Reads a value; none if there is none.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`], but for a missing value.
    fn try_get<'a>(
        &'a self,
        key: &'a Key,
    ) -> impl Future<Output = Result<Option<Bytes>>> + MaybeSend {
        let value = self.get(key);
        async { absent_is_ok(value.await) }
    }

    /// Reads a part of a value: `store.get_range(&key, 10..20)`.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`]; [`ErrorKind::InvalidArgument`] for a range that the value does not have.
    fn get_range<'a>(
        &'a self,
        key: &'a Key,
        range: impl RangeBounds<u64>,
    ) -> impl Future<Output = Result<Bytes>> + MaybeSend {
        let options = GetOptions::range(ByteRange::of(range)).with_omit_key(true);
        let entry = self.get_opts(key, options);
        async { entry.await.map(Entry::into_value) }
    }

    /// The length of a value in bytes, without reading it.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`].
    fn get_size<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<u64>> + MaybeSend {
        let entry = self.get_opts(key, GetOptions::metadata().with_omit_key(true));
        async { entry.await.map(|entry| entry.size.unwrap_or_default()) }
    }

    /// Size, version and expiry of a value, without reading it.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`].
    fn metadata<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<Entry>> + MaybeSend {
        self.get_opts(key, GetOptions::metadata())
    }

    /// Whether the key holds a value.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`]: that something went wrong is never told as `false`.
    fn has<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<bool>> + MaybeSend {
        let entry = self.get_opts(key, GetOptions::exists().with_omit_key(true));
        async { absent_is_ok(entry.await).map(|entry| entry.is_some()) }
    }

    /// Removes a value; that there is none is no error.
    ///
    /// # Errors
    /// As [`Datastore::delete_opts`].
    fn delete<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<()>> + MaybeSend {
        self.delete_opts(key, DeleteOptions::default())
    }

    /// Stores a value only if the key holds none; whether it did.
    ///
    /// # Errors
    /// As [`Datastore::put_opts`], but for the condition.
    fn put_if_absent<'a>(
        &'a self,
        key: &'a Key,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend {
        let written = self.put_opts(key, value.into(), PutOptions::if_absent());
        async {
            match written.await {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => Ok(false),
                Err(error) => Err(error),
            }
        }
    }

    /// Stores a value that ceases to be at a moment.
    ///
    /// # Errors
    /// As [`Datastore::put_opts`].
    fn put_expiring<'a>(
        &'a self,
        key: &'a Key,
        value: impl Into<Bytes>,
        expires: Timestamp,
    ) -> impl Future<Output = Result<Written>> + MaybeSend {
        self.put_opts(
            key,
            value.into(),
            PutOptions::default().with_expires(expires),
        )
    }

    /// Stores a value from a stream of its pieces.
    ///
    /// # Errors
    /// As [`Datastore::put_stream_opts`].
    fn put_stream<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
    ) -> impl Future<Output = Result<Written>> + MaybeSend {
        self.put_stream_opts(key, body, PutOptions::default())
    }

    /// Reads a value as a stream of its pieces.
    ///
    /// # Errors
    /// As [`Datastore::get_stream_opts`].
    fn get_stream<'a>(
        &'a self,
        key: &'a Key,
    ) -> impl Future<Output = Result<ValueStream>> + MaybeSend {
        self.get_stream_opts(key, GetOptions::default())
    }

    /// Stores pairs, in order; gives each key once it is stored. Nothing happens until the stream is consumed.
    fn put_many<I>(&self, pairs: I) -> BoxStream<'static, Result<Key>>
    where
        I: IntoIterator<Item = (Key, Bytes), IntoIter: MaybeSend + 'static>,
    {
        let source = stream::iter(pairs.into_iter().map(Ok));
        self.put_many_opts(Box::pin(source), PutManyOptions::default())
    }

    /// Reads values, in order; the first missing key is the last item, as an error.
    fn get_many<I>(&self, keys: I) -> BoxStream<'static, Result<Entry>>
    where
        I: IntoIterator<Item = Key, IntoIter: MaybeSend + 'static>,
    {
        let source = stream::iter(keys.into_iter().map(Ok));
        self.get_many_opts(Box::pin(source), GetManyOptions::default())
    }

    /// Removes keys, in order; gives each back once it is gone.
    fn delete_many<I>(&self, keys: I) -> BoxStream<'static, Result<Key>>
    where
        I: IntoIterator<Item = Key, IntoIter: MaybeSend + 'static>,
    {
        let source = stream::iter(keys.into_iter().map(Ok));
        self.delete_many_opts(Box::pin(source), DeleteManyOptions::default())
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// As [`Datastore::write_opts`].
    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written>> + MaybeSend {
        self.write_opts(batch, WriteOptions::default())
    }

    /// A batch that knows its store: `store.batch().put(…).delete(…)`, then [`commit`](StoreBatch::commit).
    fn batch(&self) -> StoreBatch {
        StoreBatch {
            store: self.handle(),
            batch: Batch::new(),
        }
    }

    /// Lists entries.
    fn query(&self, query: Query) -> BoxStream<'static, Result<Entry>> {
        self.query_opts(query, QueryOptions::default())
    }

    /// Lists keys.
    fn query_keys(&self, query: Query) -> BoxStream<'static, Result<Key>> {
        Box::pin(self.query(query.keys_only()).map_ok(|entry| entry.key))
    }

    /// Removes all keys that start with these bytes (raw, as [`Query::prefix`](Query::with_prefix)); how many there
    /// were. Not atomic: an error leaves some of them removed, and the call can be repeated.
    ///
    /// # Errors
    /// The first failure of the listing or of a deletion.
    fn delete_prefix(
        &self,
        prefix: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<u64>> + MaybeSend {
        let keys = self.query_keys(Query::prefix(prefix));
        let deleted = self.delete_many_opts(keys, DeleteManyOptions::default());
        async {
            deleted
                .try_fold(0, |count, _| std::future::ready(Ok(count + 1)))
                .await
        }
    }

    /// Events of the changes at or under `scope` from now on.
    ///
    /// # Errors
    /// As [`Datastore::watch_opts`].
    fn watch<'a>(
        &'a self,
        scope: &'a Key,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<WatchEvent>>>> + MaybeSend {
        self.watch_opts(scope, WatchOptions::default())
    }

    /// Makes all acknowledged writes at or under `scope` as durable as the store can.
    ///
    /// # Errors
    /// As [`Datastore::sync_opts`].
    fn sync<'a>(&'a self, scope: &'a Key) -> impl Future<Output = Result<Durability>> + MaybeSend {
        self.sync_opts(scope, SyncOptions::default())
    }

    /// The space that the whole store takes.
    ///
    /// # Errors
    /// As [`Datastore::disk_usage_opts`].
    fn disk_usage(&self) -> impl Future<Output = Result<DiskUsage>> + MaybeSend {
        let handle = self.handle();
        async move {
            handle
                .disk_usage_opts(&Key::root(), DiskUsageOptions::default())
                .await
        }
    }

    /// Looks after the whole store.
    fn maintain(&self, task: Maintenance) -> BoxStream<'static, Result<MaintenanceEvent>> {
        self.maintain_opts(task, &Key::root(), MaintainOptions::default())
    }

    /// Closes the store for all handles.
    ///
    /// # Errors
    /// As [`Datastore::close_opts`].
    fn close(&self) -> impl Future<Output = Result<()>> + MaybeSend {
        self.close_opts(CloseOptions::default())
    }

    /// Stores a value as JSON.
    ///
    /// # Errors
    /// As [`Datastore::put_opts`]; [`ErrorKind::InvalidArgument`] if the value has no JSON form.
    #[cfg(feature = "json")]
    fn put_json<'a, T: serde::Serialize + ?Sized>(
        &'a self,
        key: &'a Key,
        value: &T,
    ) -> impl Future<Output = Result<Written>> + MaybeSend {
        let json = serde_json::to_vec(value).map_err(|source| {
            Error::new(ErrorKind::InvalidArgument, Operation::Put)
                .with_key(key)
                .with_detail("the value has no JSON form")
                .with_source(source)
        });
        async { self.put(key, json?).await }
    }

    /// Reads a value stored as JSON.
    ///
    /// # Errors
    /// As [`Datastore::get_opts`]; [`ErrorKind::Damaged`] if the stored bytes are not the JSON of a `T`.
    #[cfg(feature = "json")]
    fn get_json<'a, T: serde::de::DeserializeOwned>(
        &'a self,
        key: &'a Key,
    ) -> impl Future<Output = Result<T>> + MaybeSend {
        async {
            let value = self.get(key).await?;
            serde_json::from_slice(&value).map_err(|source| {
                Error::new(ErrorKind::Damaged, Operation::Get)
                    .with_key(key)
                    .with_detail("the stored bytes are not the JSON of the wanted type")
                    .with_source(source)
            })
        }
    }
}

impl<S: Datastore + ?Sized> DatastoreExt for S {}

fn absent_is_ok<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A batch bound to a store. Dropped without [`commit`](Self::commit) it has no effect.
#[derive(Debug)]
pub struct StoreBatch {
    store: Arc<dyn Datastore>,
    batch: Batch,
}

impl StoreBatch {
    /// Adds a put.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>) -> &mut Self {
        self.batch.put(key, value);
        self
    }

    /// Adds a delete.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.batch.delete(key);
        self
    }

    /// Adds an operation.
    pub fn push(&mut self, op: BatchOp) -> &mut Self {
        self.batch.push(op);
        self
    }

    /// Adds a condition.
    pub fn require(&mut self, key: Key, condition: Condition) -> &mut Self {
        self.batch.require(key, condition);
        self
    }

    /// What has been added so far.
    pub fn as_batch(&self) -> &Batch {
        &self.batch
    }

    /// Applies the batch. On success it is empty afterwards, on failure it is as before.
    ///
    /// # Errors
    /// As [`Datastore::write_opts`].
    pub async fn commit(&mut self) -> Result<Written> {
        self.commit_opts(WriteOptions::default()).await
    }

    /// As [`commit`](Self::commit), with options.
    ///
    /// # Errors
    /// As [`Datastore::write_opts`].
    pub async fn commit_opts(&mut self, options: WriteOptions) -> Result<Written> {
        let written = self.store.write_opts(self.batch.clone(), options).await?;
        self.batch = Batch::new();
        Ok(written)
    }
}
