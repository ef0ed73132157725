//! Several stores as one: fast ones above, the one that decides below.

mod read;
mod versions;
mod write;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore, DeleteOptions,
    Durability, Entry, Error, ErrorKind, GetOptions, Key, MaintainOptions, Maintenance,
    MaintenanceEvent, Operation, PutOptions, Result, SyncOptions, ValueStream, WriteOptions,
    Written,
};

use self::{versions::Versions, write::Stamps};
use crate::{claims::claims, key_gates::KeyGates, pass_on::pass_on, whole_values::until_error};

/// What a write does to the tiers above the authority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WritePolicy {
    /// The upper tiers get what the authority got.
    #[default]
    Through,
    /// The upper tiers lose the key; reads bring it back if they promote.
    Around,
}

/// Several stores that hold the same entries, asked one after another: a memory above a disk above a server, say.
///
/// **The last tier is the authority.** Queries, conditions, versions, expiry, metadata and events come from it alone.
/// The tiers above hold copies of some of its entries, which no one else may change.
///
/// # Reading
/// * A value or range is looked for in tier after tier; existence too. Size, version and expiry, and a read that names
///   a version, ask the authority, as only it knows.
/// * An entry read from an upper tier carries the authority's version. It is remembered from the last write or read
///   through this store or its clones; the first time it has to be asked for. If the authority fails then, the entry
///   carries none.
/// * A tier that fails is passed over, and the failure told to [`tracing`]; a value found below is good. Only if every
///   tier says so a key is not found: else the first failure is the outcome.
/// * With [`promote_on_read`](Self::promote_on_read), a value found below is copied into the tiers that lacked it,
///   unless a write of the key came between; whether that works has no bearing on the read.
///
/// # Writing
/// * A write first removes its keys from the upper tiers, then asks the authority, then writes the upper tiers (see
///   [`WritePolicy`]). So whatever fails or is dropped, and if the process is killed at any moment, no upper tier holds
///   anything older than the authority. If a tier cannot be cleared, the write fails and has not been done; if it
///   cannot be filled, that is told to `tracing`, and the write has been done.
/// * Writes of one key wait for each other. The body of a `put_stream` must not write the same key of this store.
/// * Values that expire go only into upper tiers that know expiry, streamed ones into none.
/// * Upper tiers that persist are written at the durability of the authority, so that they cannot fall back behind it.
///   After a power cut that took writes weaker than [`Durability::Ordered`], clear them.
///
/// # All tiers at once
/// `sync` goes to the persistent tiers, the authority last, and tells the weakest durability. `disk_usage` is that of the
/// authority; the copies above are not counted. `maintain` looks after the authority, then after each tier that offers
/// the task. `close` closes all, whatever fails, and tells the first failure.
///
/// ```
/// use datastore_core::{MemoryDatastore, TieredDatastore};
/// use interface_datastore::{Datastore, DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let (fast, slow) = (MemoryDatastore::new(), MemoryDatastore::new());
/// let store = TieredDatastore::new([fast.handle(), slow.handle()])?.promote_on_read(true);
/// let key = Key::new("/a");
/// slow.put(&key, "1").await?;
/// assert_eq!(store.get(&key).await?, "1");
/// assert!(fast.has(&key).await?);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct TieredDatastore {
    upper: Arc<[Arc<dyn Datastore>]>,
    authority: Arc<dyn Datastore>,
    gates: KeyGates,
    stamps: Arc<Stamps>,
    versions: Arc<Versions>,
    /// Whether the authority has versions at all.
    versioned: bool,
    promotes: bool,
    policy: WritePolicy,
}

impl TieredDatastore {
    /// These stores, the one to ask first in front and the authority last.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is none.
    pub fn new(tiers: impl IntoIterator<Item = Arc<dyn Datastore>>) -> Result<Self> {
        let mut tiers: Vec<_> = tiers.into_iter().collect();
        let authority = tiers.pop().ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, Operation::Open)
                .with_detail("a tiered store needs at least one tier")
        })?;
        Ok(Self {
            versioned: authority.capabilities(&Key::root()).versions.may(),
            versions: Arc::default(),
            upper: tiers.into(),
            authority,
            gates: KeyGates::default(),
            stamps: Arc::default(),
            promotes: false,
            policy: WritePolicy::default(),
        })
    }

    /// Copies values found in a lower tier into the tiers above that lacked them. Off unless asked for.
    #[must_use]
    pub fn promote_on_read(mut self, promotes: bool) -> Self {
        self.promotes = promotes;
        self
    }

    /// Chooses what a write does to the upper tiers.
    #[must_use]
    pub fn with_write_policy(mut self, policy: WritePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// For the methods that only the authority answers.
    fn inner(&self) -> &Arc<dyn Datastore> {
        &self.authority
    }

    /// The upper tiers whose entries outlive the process: they can fall back behind the authority.
    fn persistent<'a>(&'a self, scope: &'a Key) -> impl Iterator<Item = &'a Arc<dyn Datastore>> {
        self.upper
            .iter()
            .filter(|tier| tier.capabilities(scope).persistent.may())
    }
}

impl fmt::Debug for TieredDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieredDatastore")
            .field("upper", &self.upper)
            .field("authority", &self.authority)
            .field("promotes", &self.promotes)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for TieredDatastore {
    pass_on! { query_opts put_many_each get_many_each delete_many_each watch_opts disk_usage_opts handle }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let authority = self.authority.capabilities(prefix);
        let mut own = claims!(authority: writable retains persistent linearizable dropped_writes_settle
            default_durability max_durability if_absent if_match versions expiry ranged_get streaming_put streaming_get
            atomic_batch batch_conditions key_order snapshot_query pushdown watch disk_usage maintenance keys
            max_value_len);
        for tier in self.upper.iter().map(|tier| tier.capabilities(prefix)) {
            own.writable = own.writable.both(tier.writable);
            own.linearizable = own.linearizable.both(tier.linearizable);
            own.dropped_writes_settle = own.dropped_writes_settle.both(tier.dropped_writes_settle);
            own.ranged_get = own.ranged_get.either(tier.ranged_get);
            own.streaming_get = own.streaming_get.either(tier.streaming_get);
            if tier.persistent.may() {
                own.max_durability = own.max_durability.min(tier.max_durability);
            }
        }
        if !self.upper.is_empty() {
            // None with a value from above while the authority fails.
            own.versions = own.versions.both(Claim::Varies);
        }
        own.default_durability = own.default_durability.min(own.max_durability);
        own
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.put_tiers(key, value, options))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(self.get_tiers(key, options))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.delete_tiers(key, options))
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.put_stream_tiers(key, body, options))
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(self.get_stream_tiers(key, options))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.write_tiers(batch, options))
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            // The authority last: no upper tier may fall back behind what is durable there.
            let mut weakest = Durability::Power;
            for tier in self.persistent(scope) {
                weakest = weakest.min(tier.sync_opts(scope, options.clone()).await?);
            }
            Ok(weakest.min(self.authority.sync_opts(scope, options).await?))
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let willing = |tier: &&Arc<dyn Datastore>| {
            let offered = tier.capabilities(scope).maintenance;
            offered.claim(task).may()
        };
        let tiers = [&self.authority]
            .into_iter()
            .chain(self.upper.iter().filter(willing));
        let streams: Vec<_> = tiers
            .map(|tier| tier.maintain_opts(task, scope, options.clone()))
            .collect();
        until_error(stream::iter(streams).flatten())
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut outcome = Ok(());
            for tier in self.upper.iter().chain([&self.authority]) {
                let closed = tier.close_opts(options.clone()).await;
                outcome = outcome.and(closed);
            }
            outcome
        })
    }
}
