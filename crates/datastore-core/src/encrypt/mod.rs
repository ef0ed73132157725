//! Values that only the holder of a secret key can read or forge.

mod sealed;
mod secret;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::StreamExt;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, Datastore, Entry, GetManyOptions,
    GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent, Operation, PutManyOptions,
    PutOptions, Query, QueryOptions, Result, Want, WriteOptions, Written, check_aborted,
};

use self::sealed::{OVERHEAD, Sealer, plain_len};
pub use self::secret::SecretKey;
use crate::{claims::claims, pass_on::pass_on, whole_values};

/// Encrypts each value with XChaCha20-Poly1305 before the inner store sees it.
///
/// What is hidden and what is not:
/// * Values are secret and authentic. A value is bound to its key: one that was moved to another key, or changed, or
///   encrypted with another secret key, is [`Damaged`](interface_datastore::ErrorKind::Damaged). That one was put back
///   which the key held earlier cannot be noticed.
/// * Keys, the lengths of values, their number, times of access and expiry are **in the clear**.
///
/// Each value is one message with a random nonce, 41 bytes longer than the plain value; sizes are told as those of the
/// plain value. A value is held in memory whole to be encrypted or read, ranges and streams of it too, so its length is
/// limited (see [`with_max_value_len`](Self::with_max_value_len)). Filters and orders see plain values, which are
/// decrypted for it. `Scrub` decrypts every value and reports those that it cannot.
///
/// The form of stored values is described byte by byte in `docs/formats/datastore-encrypt.md`; its first byte is a
/// version, and other versions are refused as [`Foreign`](interface_datastore::ErrorKind::Foreign).
///
/// ```
/// use datastore_core::{EncryptDatastore, MemoryDatastore, encrypt::SecretKey};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let memory = MemoryDatastore::new();
/// let store = EncryptDatastore::new(&memory, &SecretKey::generate()?);
/// let key = Key::new("/diary");
/// store.put(&key, "dear").await?;
/// assert_eq!(store.get(&key).await?, "dear");
/// assert_eq!(memory.get_size(&key).await?, 4 + 41);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct EncryptDatastore {
    inner: Arc<dyn Datastore>,
    sealer: Arc<Sealer>,
    max_value_len: u64,
}

impl EncryptDatastore {
    /// The longest plain value taken, unless told otherwise: 256 MiB.
    pub const DEFAULT_MAX_VALUE_LEN: u64 = 256 << 20;

    /// Encrypts what goes into `inner` with `secret`.
    pub fn new(inner: &(impl Datastore + ?Sized), secret: &SecretKey) -> Self {
        Self {
            inner: inner.handle(),
            sealer: Arc::new(Sealer::new(secret)),
            max_value_len: Self::DEFAULT_MAX_VALUE_LEN,
        }
    }

    /// Takes plain values up to so many bytes.
    #[must_use]
    pub fn with_max_value_len(mut self, bytes: u64) -> Self {
        self.max_value_len = bytes;
        self
    }

    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.inner
    }

    fn seal(&self, operation: Operation, key: &Key, value: &[u8]) -> Result<Bytes> {
        whole_values::check_len(value.len() as u64, self.max_value_len, key)
            .map_err(|error| error.with_operation(operation))?;
        self.sealer.seal(operation, key, value)
    }

    /// The entry with its value in plain, or without a value with its size as that of the plain value.
    fn open(&self, operation: Operation, mut entry: Entry) -> Result<Entry> {
        if let Some(stored) = &entry.value {
            let plain = self.sealer.open(operation, &entry.key, stored)?;
            entry.size = Some(plain.len() as u64);
            entry.value = Some(plain);
        } else if let Some(size) = entry.size {
            entry.size = Some(plain_len(operation, &entry.key, size)?);
        }
        Ok(entry)
    }

    fn seal_batch(&self, batch: &Batch) -> Result<Batch> {
        let mut sealed = Batch::new();
        for op in batch.ops() {
            sealed.push(match op {
                BatchOp::Put {
                    key,
                    value,
                    expires,
                    ..
                } => BatchOp::Put {
                    key: key.clone(),
                    value: self.seal(Operation::Write, key, value)?,
                    expires: *expires,
                },
                other => other.clone(),
            });
        }
        for (key, condition) in batch.requirements() {
            sealed.require(key.clone(), condition.clone());
        }
        Ok(sealed)
    }
}

impl fmt::Debug for EncryptDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptDatastore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for EncryptDatastore {
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
        own.max_value_len = Some(self.max_value_len.min(room.saturating_sub(OVERHEAD)));
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
            let sealed = self.seal(Operation::Put, key, &value)?;
            self.inner.put_opts(key, sealed, options).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let (want, operation) = (options.want, options.operation());
            if !matches!(want, Want::Value | Want::Range(_)) {
                let entry = self.inner.get_opts(key, options).await?;
                return self.open(operation, entry);
            }
            let whole = options.with_want(Want::Value);
            let entry = self.inner.get_opts(key, whole).await?;
            whole_values::cut(self.open(operation, entry)?, want)
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let open = move |entry| own.open(Operation::Query, entry);
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
        let sealed = source.map(move |pair| {
            let (key, value) = pair?;
            let sealed = own.seal(Operation::Put, &key, &value)?;
            Ok((key, sealed))
        });
        self.inner.put_many_opts(Box::pin(sealed), options)
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let own = self.clone();
        let entries = self.inner.get_many_opts(source, options);
        whole_values::until_error(entries.map(move |entry| own.open(Operation::Get, entry?)))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            let sealed = self.seal_batch(&batch)?;
            self.inner.write_opts(sealed, options).await
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
        let sealer = self.sealer.clone();
        let check = move |key: &Key, stored: &Bytes| {
            sealer.open(Operation::Maintain, key, stored).map(drop)
        };
        whole_values::scrub(self.inner.clone(), scope, options, "not-decryptable", check)
    }
}
