//! The store under test, with what its tests offer.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use interface_datastore::{Capabilities, Datastore, DatastoreExt, Key};

use crate::{
    BlockOn, CrashSubject, Factory, Failure, FaultSubject, Opener, Outcome, block_on, keys::KeyMap,
};

/// A fresh, empty store under test, with the means to prove more of its claims.
///
/// Any store is a subject (`From`), one without further means. What is not offered makes some claims "declared, not
/// proven".
pub struct Subject {
    store: Arc<dyn Datastore>,
    keys: Outcome<KeyMap>,
    factory: Option<Arc<dyn Factory>>,
    reopen: Option<Arc<dyn Opener>>,
    second: Option<Arc<dyn Opener>>,
    faults: Option<Arc<dyn FaultSubject>>,
    power: Option<Arc<dyn CrashSubject>>,
    block_on: Arc<dyn BlockOn>,
    patience: Duration,
    /// Last, so that it outlives the store.
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl<S: Datastore> From<S> for Subject {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl Subject {
    /// A subject without further means. The store must be empty.
    pub fn new(store: impl Datastore) -> Self {
        let keys = KeyMap::new(&store.capabilities(&Key::root()).keys);
        Self {
            store: Arc::new(store),
            keys,
            factory: None,
            reopen: None,
            second: None,
            faults: None,
            power: None,
            block_on: Arc::new(block_on),
            patience: Duration::from_secs(60),
            kept: Vec::new(),
        }
    }

    /// How to open the same data again after the store was closed: proves `persistent`.
    #[must_use]
    pub fn with_reopen(mut self, open: impl Opener) -> Self {
        self.reopen = Some(Arc::new(open));
        self
    }

    /// How to open the same data a second time, while the store is open: proves conditions across processes.
    #[must_use]
    pub fn with_second_handle(mut self, open: impl Opener) -> Self {
        self.second = Some(Arc::new(open));
        self
    }

    /// How to let the medium under this store fail.
    #[must_use]
    pub fn with_faults(mut self, faults: impl FaultSubject) -> Self {
        self.faults = Some(Arc::new(faults));
        self
    }

    /// How to cut the power of the medium under this store: proves `Ordered` and `Power`.
    #[must_use]
    pub fn with_power_loss(mut self, power: impl CrashSubject) -> Self {
        self.power = Some(Arc::new(power));
        self
    }

    /// How long a call may go without waking its caller before the case fails; a minute unless told otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What must live as long as the store, and is dropped after it: a temporary folder, a server.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(guard));
        self
    }

    /// The store.
    pub fn store(&self) -> &dyn Datastore {
        &*self.store
    }

    /// What the store says of itself as a whole.
    pub fn capabilities(&self) -> Capabilities {
        self.store.capabilities(&Key::root())
    }

    /// The key that stands for `logical` in this store: the same, unless the store's rules forbid it.
    ///
    /// # Errors
    /// The store's rules leave no room for the harness' keys.
    pub fn key(&self, logical: impl AsRef<[u8]>) -> Outcome<Key> {
        Ok(self.map()?.key(&Key::new(logical)))
    }

    /// What keys start with whose logical keys start with `logical`.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn prefix(&self, logical: impl AsRef<[u8]>) -> Outcome<Bytes> {
        Ok(self.map()?.prefix(logical.as_ref()).into())
    }

    /// What stands for a piece of a logical key inside of keys.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn part(&self, logical: impl AsRef<[u8]>) -> Outcome<Bytes> {
        Ok(self.map()?.part(logical.as_ref()).into())
    }

    fn map(&self) -> Outcome<&KeyMap> {
        self.keys.as_ref().map_err(Failure::clone)
    }

    /// Another fresh, empty subject of the same kind.
    ///
    /// # Errors
    /// The subject was not made by a factory.
    pub async fn fresh(&self) -> Outcome<Self> {
        let (factory, block_on) = self.source()?;
        Ok(Self::make(factory, block_on).await)
    }

    /// What makes subjects of this kind, and what runs their futures.
    pub(crate) fn source(&self) -> Outcome<(Arc<dyn Factory>, Arc<dyn BlockOn>)> {
        let factory = self.factory.as_ref();
        let factory =
            factory.ok_or_else(|| Failure::new("the subject was not made by a factory"))?;
        Ok((factory.clone(), self.block_on.clone()))
    }

    pub(crate) async fn make(factory: Arc<dyn Factory>, block_on: Arc<dyn BlockOn>) -> Self {
        let mut subject = factory.make().await;
        subject.factory = Some(factory);
        subject.block_on = block_on;
        subject
    }

    pub(crate) fn reopener(&self) -> Option<&Arc<dyn Opener>> {
        self.reopen.as_ref()
    }

    pub(crate) fn second_opener(&self) -> Option<&Arc<dyn Opener>> {
        self.second.as_ref()
    }

    pub(crate) fn faults(&self) -> Option<&Arc<dyn FaultSubject>> {
        self.faults.as_ref()
    }

    pub(crate) fn power(&self) -> Option<&Arc<dyn CrashSubject>> {
        self.power.as_ref()
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn block_on(&self) -> &Arc<dyn BlockOn> {
        &self.block_on
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Lets go of the store and of all that was kept for it. A store that cases have broken may fail to close.
    pub(crate) async fn tear_down(self) {
        let _ = self.store.close().await;
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("store", &self.store)
            .field("keys", &self.keys)
            .field("reopen", &self.reopen.is_some())
            .field("second_handle", &self.second.is_some())
            .field("faults", &self.faults)
            .field("power_loss", &self.power)
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}
