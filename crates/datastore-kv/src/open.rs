//! Opening a store over an engine.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use datastore_engine::{Engine, Scan};
use futures_util::TryStreamExt;
use interface_datastore::{
    AbortController, Capabilities, Durability, Error, ErrorKind, MaybeSend, MaybeSync, Operation,
    Result, Timestamp, implement::Watchers,
};

use crate::{
    KvDatastore, claims,
    error::translate,
    expiry::Expiry,
    gates::Gates,
    numbers::{FORMAT, MARKER, Marker, Numbers},
    settle::Orphans,
    spare::Spare,
};

/// Tells the time by which entries expire.
pub(crate) trait Clock: MaybeSend + MaybeSync + 'static {
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + MaybeSend + MaybeSync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// What all handles of a store share.
pub(crate) struct Inner<E> {
    pub(crate) engine: Arc<E>,
    pub(crate) can: Capabilities,
    /// The engine's dropped commits have happened or never will.
    pub(crate) settles: bool,
    pub(crate) gates: Gates,
    pub(crate) orphans: Orphans,
    pub(crate) spare: Spare,
    pub(crate) numbers: Numbers,
    pub(crate) watchers: Watchers,
    pub(crate) expiry: Expiry,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) closed: AtomicBool,
    /// Aborts when the store is closed or its last handle is gone.
    pub(crate) end: AbortController,
}

impl<E> Drop for Inner<E> {
    fn drop(&mut self) {
        self.end.abort();
    }
}

/// How a store is opened.
#[must_use]
pub struct KvOptions {
    path: Option<PathBuf>,
    durability: Option<Durability>,
    clock: Box<dyn Clock>,
}

impl Default for KvOptions {
    fn default() -> Self {
        Self {
            path: None,
            durability: None,
            clock: Box::new(Timestamp::now),
        }
    }
}

impl KvOptions {
    /// Entries expire by the system's clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// The file or folder of the engine, for errors of opening to name.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// What writes withstand that do not say it themselves; the engine's own default unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Tells the time by which entries expire, so that tests need not wait. It may be asked at any moment, so it must not
    /// call the store that asks.
    pub fn clock(
        mut self,
        clock: impl Fn() -> Timestamp + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Opens the store in an engine, or begins one in an engine that is empty, which writes nothing yet.
    ///
    /// An engine must be opened as a store once only: clones of the store share it, two stores over one engine know nothing
    /// of each other's conditions.
    ///
    /// # Errors
    /// [`Foreign`](ErrorKind::Foreign) if the engine holds something else, or a format that this version does not know;
    /// [`Unsupported`](ErrorKind::Unsupported) for a durability that it does not reach; [`Damaged`](ErrorKind::Damaged), or
    /// what the engine meets.
    pub async fn open<E: Engine>(self, engine: E) -> Result<KvDatastore<E>> {
        let located = |error: Error| match &self.path {
            Some(path) if error.path().is_none() => error.with_path(path),
            _ => error,
        };
        let engine_can = engine.capabilities();
        let mut can = claims::over(&engine_can);
        let default = can.durability(Operation::Open, self.durability);
        can.default_durability = default.map_err(located)?;
        let given = self.given(&engine).await.map_err(located)?;
        let inner = Inner {
            settles: engine_can.dropped_commits_settle,
            can,
            engine: Arc::new(engine),
            gates: Gates::new(),
            orphans: Orphans::default(),
            spare: Spare::default(),
            numbers: Numbers::behind(given),
            watchers: Watchers::new(),
            expiry: Expiry::default(),
            clock: self.clock,
            closed: AtomicBool::new(false),
            end: AbortController::new(),
        };
        inner.find_soonest(Operation::Open).await?;
        Ok(KvDatastore::new(inner))
    }

    /// The numbers below this may have been given.
    async fn given(&self, engine: &impl Engine) -> Result<u64> {
        let failed = |error| translate(Operation::Open, error);
        let foreign = |detail: String, remedy: &'static str| {
            Error::new(ErrorKind::Foreign, Operation::Open)
                .with_detail(detail)
                .with_remedy(remedy)
        };
        let Some(marker) = engine.get(MARKER).await.map_err(failed)? else {
            let mut first = engine.scan(Scan::all().keys_only().with_limit(1));
            return match first.try_next().await.map_err(failed)? {
                None => Ok(0),
                Some(_) => Err(foreign(
                    "the engine holds entries of another program".to_owned(),
                    "choose another place, or move what is there",
                )),
            };
        };
        match Marker::parse(&marker) {
            Marker::Numbers(end) => Ok(end),
            Marker::Format(format) => Err(foreign(
                format!("the store has format {format}, this version knows {FORMAT}"),
                "use the version of datastore-kv that wrote it",
            )),
            Marker::Damaged => Err(Error::new(ErrorKind::Damaged, Operation::Open)
                .with_detail("the marker of the store cannot be read")
                .with_remedy("restore the store from a copy")),
        }
    }
}

impl fmt::Debug for KvOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvOptions")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}
