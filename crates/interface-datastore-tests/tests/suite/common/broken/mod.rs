//! The reference store with one fault at a time.

mod flaw;
mod query;
mod streams;
mod writes;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, ConditionScope, Datastore,
    DatastoreExt, DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry,
    ErrorKind, GetManyOptions, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent,
    PutManyOptions, PutOptions, Query, QueryOptions, Result, SyncOptions, ValueStream, Version,
    Want, WatchEvent, WatchOptions, WriteOptions, Written, implement,
};
use interface_datastore_tests::{ReferenceDatastore, Subject};

pub use flaw::Flaw;

#[derive(Debug, Clone)]
pub struct Broken {
    pub inner: ReferenceDatastore,
    pub flaw: Flaw,
    state: Arc<Mutex<State>>,
}

/// What some faults remember.
#[derive(Debug, Default)]
struct State {
    last_batch: Batch,
    stale: Option<(Key, Option<Bytes>)>,
    writes: u64,
    /// A call was dropped while it held the store's only lock.
    stuck: bool,
}

impl Broken {
    pub fn new(flaw: Flaw) -> Self {
        Self {
            inner: ReferenceDatastore::new(),
            flaw,
            state: Arc::default(),
        }
    }

    /// A subject whose means fit the fault.
    pub fn subject(flaw: Flaw) -> Subject {
        let store = Self::new(flaw);
        let subject = Subject::new(store.clone());
        let subject = subject.with_patience(std::time::Duration::from_millis(400));
        match flaw {
            Flaw::RacyConditions => subject.with_second_handle(move || {
                let other = store.clone();
                async move { Ok(other) }
            }),
            Flaw::ForgetsOnClose => subject.with_reopen(|| async { Ok(Self::new(Flaw::None)) }),
            Flaw::LateDrops => subject.with_reopen(move || {
                let data = store.inner.clone();
                async move { Ok(Reopened(data)) }
            }),
            _ => subject,
        }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The key under which the fault stores what belongs to this one.
    fn key(&self, key: &Key) -> Key {
        match self.flaw {
            Flaw::CleansKeys => Key::clean_path(key),
            Flaw::LowersCase => Key::raw(key.as_bytes().to_ascii_lowercase()).unwrap(),
            Flaw::CutsKeys => Key::raw(&key.as_bytes()[..key.as_bytes().len().min(256)]).unwrap(),
            Flaw::KeysAreText => {
                Key::raw(String::from_utf8_lossy(key.as_bytes()).as_bytes()).unwrap()
            }
            _ => key.clone(),
        }
    }

    async fn read(&self, key: &Key, mut options: GetOptions) -> Result<Entry> {
        let missing = ErrorKind::NotFound;
        if self.is(Flaw::IgnoresAbort) {
            options.abort = None;
        }
        match (self.flaw, options.want) {
            (Flaw::IgnoresRanges, Want::Range(_)) => options.want = Want::Value,
            (Flaw::IgnoresIfVersion, _) => options.if_version = None,
            (Flaw::StuckAfterDrop, _) => {
                if self.state().stuck {
                    return std::future::pending().await;
                }
                self.state().stuck = true;
                yield_now().await;
                self.state().stuck = false;
            }
            _ => {}
        }
        let (wants_value, omits_key) = (options.want == Want::Value, options.omit_key);
        let got = self.inner.get_opts(&self.key(key), options).await;
        match (self.flaw, got) {
            (Flaw::MissingIsEmpty, Err(error)) if error.kind() == missing => {
                Ok(Entry::of_value(key.clone(), Bytes::new()))
            }
            (Flaw::ErrorsNameNoKey, Err(error)) => Err(error.map_key(|_| None)),
            (Flaw::StaleReads, got) if wants_value => self.stale(key, got),
            (Flaw::WrongSizes, Ok(mut entry)) => {
                entry.size = entry.size.map(|size| size + 1);
                Ok(entry)
            }
            (Flaw::WrongKeys, Ok(entry)) if omits_key => Ok(entry.with_key(Key::new("/other"))),
            (Flaw::TellsNoVersions, Ok(entry)) => Ok(entry.with_version(None)),
            (_, got) => got.map(|entry| entry.with_key(key.clone())),
        }
    }

    /// Every third read gives what the last one of its key gave.
    fn stale(&self, key: &Key, got: Result<Entry>) -> Result<Entry> {
        let mut state = self.state();
        state.writes += 1;
        let fresh = got.as_ref().ok().and_then(|entry| entry.value.clone());
        let third = state.writes >= 3;
        match &state.stale {
            Some((of, Some(value))) if third && of == key => {
                let value = value.clone();
                state.writes = 0;
                return Ok(Entry::of_value(key.clone(), value));
            }
            _ => {}
        }
        state.stale = Some((key.clone(), fresh));
        got
    }
}

/// Lets others run.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The data of a closed store, once more.
#[derive(Debug, Clone)]
struct Reopened(ReferenceDatastore);

impl Datastore for Reopened {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }
    fn capabilities(&self, prefix: &Key) -> Capabilities {
        self.0.capabilities(prefix)
    }
    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        self.0.put_opts(key, value, options)
    }
    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        self.0.get_opts(key, options)
    }
    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        self.0.delete_opts(key, options)
    }
    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        self.0.query_opts(query, options)
    }
}

impl Datastore for Broken {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let mut can = self.inner.capabilities(prefix);
        match self.flaw {
            Flaw::AcceptsUnclaimed => {
                can = Capabilities::none();
                (can.writable, can.retains) = (Claim::Yes, Claim::Yes);
            }
            Flaw::ClaimsReadOnly => can.writable = Claim::No,
            Flaw::ClaimsBlackHole => can.retains = Claim::No,
            Flaw::RacyConditions => can.if_absent = ConditionScope::CrossProcess,
            Flaw::ForgetsOnClose | Flaw::LateDrops => can.persistent = Claim::Yes,
            Flaw::ClaimsPower | Flaw::SyncPromisesPower => can.max_durability = Durability::Power,
            Flaw::StopsHalfWay => can.keys.max_len = Some(300),
            Flaw::StopsTooLate => can.keys.max_len = Some(300),
            Flaw::Maintains => {
                let m = &mut can.maintenance;
                (m.check, m.repair, m.scrub, m.gc, m.compact) =
                    (Claim::Yes, Claim::Yes, Claim::Yes, Claim::Yes, Claim::Yes);
            }
            _ => {}
        }
        if self.is(Flaw::SyncPromisesPower) {
            can.max_durability = Durability::Volatile;
        }
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.store(key, value, options))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(self.read(key, options))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.remove(key, options))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        self.list(query, options)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        match self.flaw {
            Flaw::KeepsPartOfStreams => Box::pin(self.store_pieces(key, body, options)),
            _ => Box::pin(implement::put_stream(self, key, body, options)),
        }
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(self.read_pieces(key, options))
    }

    fn put_many_opts(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
        mut options: PutManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        if self.is(Flaw::IgnoresAbort) {
            options.abort = None;
        }
        let source = self.bend_pairs(source);
        self.bend(implement::put_many(self.handle(), source, options))
    }

    fn get_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        mut options: GetManyOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        if self.is(Flaw::IgnoresAbort) {
            options.abort = None;
        }
        let source = self.bend_source(source);
        self.bend(implement::get_many(self.handle(), source, options))
    }

    fn delete_many_opts(
        &self,
        source: BoxStream<'static, Result<Key>>,
        mut options: DeleteManyOptions,
    ) -> BoxStream<'static, Result<Key>> {
        if self.is(Flaw::IgnoresAbort) {
            options.abort = None;
        }
        let source = self.bend_source(source);
        self.bend(implement::delete_many(self.handle(), source, options))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        if self.is(Flaw::WritesBeforePoll) {
            let written = pollster::block_on(self.apply(batch, options));
            return Box::pin(std::future::ready(written));
        }
        Box::pin(self.apply(batch, options))
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(self.events(scope, options))
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        mut options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            if self.is(Flaw::IgnoresAbort) {
                options.abort = None;
            }
            let held = self.inner.sync_opts(scope, options).await?;
            match self.flaw {
                Flaw::SyncPromisesPower => Ok(Durability::Power),
                Flaw::UpkeepLosesEntries => {
                    self.inner.delete_prefix("").await?;
                    Ok(held)
                }
                _ => Ok(held),
            }
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            match self.flaw {
                Flaw::CountsNothing => Ok(DiskUsage::exact(0)),
                _ => self.inner.disk_usage_opts(scope, options).await,
            }
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        if !self.is(Flaw::Maintains) {
            return self.inner.maintain_opts(task, scope, options);
        }
        // Maintenance that clears the store.
        let store = self.inner.clone();
        Box::pin(futures_util::stream::once(async move {
            store.delete_prefix("").await?;
            Ok(MaintenanceEvent::Progress {
                done: 1,
                total: None,
            })
        }))
    }

    fn close_opts(&self, mut options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        if self.is(Flaw::IgnoresAbort) {
            options.abort = None;
        }
        match self.flaw {
            Flaw::NeverCloses | Flaw::LateDrops => Box::pin(std::future::ready(Ok(()))),
            _ => self.inner.close_opts(options),
        }
    }
}

fn constant_version() -> Version {
    Version::from(7)
}
