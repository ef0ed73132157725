//! The engine under test, with what its tests offer.

use std::{any::Any, fmt, future::Future, sync::Arc};

use datastore_engine::{BoxFuture, Engine, EngineCapabilities, MaybeSend, MaybeSync, Result};

use crate::{BlockOn, Failure, FaultSubject, Outcome};

pub(crate) type Make = Arc<dyn Fn() -> BoxFuture<'static, EngineSubject> + Send + Sync>;
type Open = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Engine>>> + Send + Sync>;

/// The medium under an engine, which can be put back to what a power cut may have left: offered by
/// [`EngineSubject::with_power_loss`]. As [`CrashSubject`](crate::CrashSubject), for engines.
pub trait EngineCrashSubject: MaybeSend + MaybeSync + 'static {
    /// How many changes (writes, syncs …) the medium has seen so far.
    fn moment(&self) -> u64;

    /// Opens an engine on what may be left if the power goes after the first `moment` changes, chosen by `seed`: 0 is what
    /// was synced and nothing else, 1 is everything, others are any choice of the changes that were not synced. The live
    /// engine goes on, unharmed.
    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Engine>>>;
}

/// A fresh, empty engine under test, with the means to prove more of its claims. Any engine is one without further means.
pub struct EngineSubject {
    engine: Arc<dyn Engine>,
    reopen: Option<Open>,
    faults: Option<Arc<dyn FaultSubject>>,
    power: Option<Arc<dyn EngineCrashSubject>>,
    source: Option<(Make, Arc<dyn BlockOn>)>,
    /// Last, so that it outlives the engine.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl<E: Engine> From<E> for EngineSubject {
    fn from(engine: E) -> Self {
        Self::new(engine)
    }
}

impl EngineSubject {
    /// A subject without further means. The engine must be empty.
    pub fn new(engine: impl Engine) -> Self {
        Self {
            engine: Arc::new(engine),
            reopen: None,
            faults: None,
            power: None,
            source: None,
            _kept: Vec::new(),
        }
    }

    /// How to open the same data again after the engine was closed, or has failed and was dropped.
    #[must_use]
    pub fn with_reopen<E, Fut>(mut self, open: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        E: Engine,
        Fut: Future<Output = Result<E>> + Send + 'static,
    {
        self.reopen = Some(Arc::new(move || {
            let opened = open();
            Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Engine>) })
        }));
        self
    }

    /// How to let the medium under this engine fail.
    #[must_use]
    pub fn with_faults(mut self, faults: impl FaultSubject) -> Self {
        self.faults = Some(Arc::new(faults));
        self
    }

    /// How to cut the power of the medium under this engine.
    #[must_use]
    pub fn with_power_loss(mut self, power: impl EngineCrashSubject) -> Self {
        self.power = Some(Arc::new(power));
        self
    }

    /// What must live as long as the engine, and is dropped after it: a temporary folder.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self._kept.push(Box::new(guard));
        self
    }

    /// The engine.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// A handle on the engine for another thread.
    pub(crate) fn shared(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    pub(crate) fn capabilities(&self) -> EngineCapabilities {
        self.engine.capabilities()
    }

    pub(crate) fn faults(&self) -> Option<&dyn FaultSubject> {
        self.faults.as_deref()
    }

    pub(crate) fn power(&self) -> Option<&dyn EngineCrashSubject> {
        self.power.as_deref()
    }

    /// Whether there is a means to open the data again.
    pub(crate) fn can_reopen(&self) -> bool {
        self.reopen.is_some()
    }

    /// Opens the data again, beside this handle, which was closed; none if there is no means to.
    pub(crate) async fn open_beside(&self) -> Option<Result<Arc<dyn Engine>>> {
        let open = self.reopen.as_ref()?;
        Some(open().await)
    }

    /// Closes the engine and opens its data anew; none if there is no means to.
    pub(crate) async fn reopened(self) -> Outcome<Option<Self>> {
        let Some(open) = self.reopen.clone() else {
            return Ok(None);
        };
        self.engine.close().await?;
        self.open_again(open).await
    }

    /// As [`reopened`](Self::reopened) for an engine that has failed and may be unable to close.
    pub(crate) async fn reopened_after_failure(self) -> Outcome<Option<Self>> {
        let Some(open) = self.reopen.clone() else {
            return Ok(None);
        };
        drop(self.engine.close().await);
        self.open_again(open).await
    }

    async fn open_again(mut self, open: Open) -> Outcome<Option<Self>> {
        // The old handle may hold a lock until it is gone.
        self.engine = Arc::new(super::reference::ReferenceEngine::new());
        self.engine = open()
            .await
            .map_err(|error| Failure::from(error).during("opening again"))?;
        Ok(Some(self))
    }

    pub(crate) async fn make(make: &Make, block_on: Arc<dyn BlockOn>) -> Self {
        let mut made = make().await;
        made.source = Some((make.clone(), block_on));
        made
    }

    /// What makes subjects like this one.
    pub(crate) fn source(&self) -> Outcome<(Make, Arc<dyn BlockOn>)> {
        let missing = || Failure::new("this subject was not made by a factory");
        self.source.clone().ok_or_else(missing)
    }

    /// Another one, fresh and empty.
    pub(crate) async fn fresh(&self) -> Outcome<Self> {
        let (make, block_on) = self.source()?;
        Ok(Self::make(&make, block_on).await)
    }

    /// Closes the engine, which may have failed on purpose.
    pub(crate) async fn tear_down(self) {
        drop(self.engine.close().await);
    }
}

impl fmt::Debug for EngineSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineSubject").field(&self.engine).finish()
    }
}

impl From<datastore_engine::Error> for Failure {
    #[track_caller]
    fn from(error: datastore_engine::Error) -> Self {
        Self::new(format!("unexpected error: {error:?}"))
    }
}
