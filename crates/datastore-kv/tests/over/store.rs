//! A store without batches and without order, which can be stopped at any of its steps.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use datastore_core::MemoryDatastore;
use futures::TryStreamExt;
use interface_datastore::{
    BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore, DatastoreExt,
    DeleteOptions, Entry, Error, ErrorKind, GetOptions, Key, Operation, PutOptions, Query,
    QueryOptions, Result, Written, implement::fail_stream,
};

/// How a store meets its end at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// This step and all later ones fail and do nothing.
    Before,
    /// As `Before`, but this step is done, though it fails.
    Behind,
    /// This step alone fails, and is not done.
    OnceBefore,
    /// This step alone fails, and is done.
    OnceBehind,
    /// This step fails though it is done, and the next one fails and is not.
    Twice,
}

impl Stop {
    pub(crate) const ALL: [Self; 5] = [
        Self::Before,
        Self::Behind,
        Self::OnceBefore,
        Self::OnceBehind,
        Self::Twice,
    ];

    /// Nothing works any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Before | Self::Behind)
    }
}

/// A store in memory of which only the six methods that every store has, and conditions, are there to be used.
#[derive(Debug, Clone)]
pub(crate) struct PlainStore {
    memory: MemoryDatastore,
    can: Capabilities,
    steps: Arc<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    taken: AtomicU64,
    stop: AtomicU64,
    how: std::sync::Mutex<Option<Stop>>,
    closed: AtomicBool,
}

impl PlainStore {
    pub(crate) fn new() -> Self {
        Self::over(&MemoryDatastore::new())
    }

    fn over(memory: &MemoryDatastore) -> Self {
        let mut can = Capabilities::none();
        (can.writable, can.retains, can.linearizable) = (Claim::Yes, Claim::Yes, Claim::Yes);
        can.if_absent = memory.capabilities(&Key::root()).if_absent;
        Self {
            memory: memory.clone(),
            can,
            steps: Arc::default(),
        }
    }

    /// A store that says something else of itself.
    pub(crate) fn claiming(change: impl FnOnce(&mut Capabilities)) -> Self {
        let mut store = Self::new();
        change(&mut store.can);
        store
    }

    /// The same entries for another user: as a process sees them that begins when another one has ended.
    pub(crate) fn another(&self) -> Self {
        Self::over(&self.memory)
    }

    /// The entries, without stops.
    pub(crate) fn memory(&self) -> &MemoryDatastore {
        &self.memory
    }

    /// A copy of the entries, for another user.
    pub(crate) fn copy(&self) -> Self {
        let copy = MemoryDatastore::new();
        pollster::block_on(async {
            let mut entries = self.memory.query(Query::all());
            while let Some(entry) = entries.try_next().await.unwrap() {
                copy.put(&entry.key, entry.value.unwrap()).await.unwrap();
            }
        });
        Self::over(&copy)
    }

    /// All keys.
    pub(crate) async fn names(&self) -> Vec<String> {
        let names = self.memory.query_keys(Query::all());
        names
            .map_ok(|name| name.to_string())
            .try_collect()
            .await
            .unwrap()
    }

    /// Stops at the `nth` step from now, counted from 1.
    pub(crate) fn stop_at(&self, nth: u64, how: Stop) {
        self.steps.taken.store(0, Ordering::SeqCst);
        self.steps.stop.store(nth, Ordering::SeqCst);
        *self.steps.how.lock().unwrap() = Some(how);
    }

    /// Steps since the stop was set.
    pub(crate) fn taken(&self) -> u64 {
        self.steps.taken.load(Ordering::SeqCst)
    }

    /// Whether a step is done, and whether it fails.
    fn step(&self) -> (bool, bool) {
        let taken = self.steps.taken.fetch_add(1, Ordering::SeqCst) + 1;
        let stop = self.steps.stop.load(Ordering::SeqCst);
        let how = *self.steps.how.lock().unwrap();
        match how {
            Some(how) if taken == stop => (!matches!(how, Stop::Before | Stop::OnceBefore), true),
            Some(how) if how.is_final() && taken > stop => (false, true),
            Some(Stop::Twice) if taken == stop + 1 => (false, true),
            _ => (true, false),
        }
    }

    async fn run<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if self.steps.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation));
        }
        // A step takes its time.
        let mut waited = false;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            match std::mem::replace(&mut waited, true) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        let (done, fails) = self.step();
        let outcome = if done { Some(work.await) } else { None };
        match outcome {
            Some(outcome) if !fails => outcome,
            _ => Err(Error::new(ErrorKind::Failed, operation).with_detail("on purpose")),
        }
    }
}

impl Datastore for PlainStore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        self.can.clone()
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        mut options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        // Memory has none, whatever is claimed.
        options.durability = None;
        Box::pin(self.run(Operation::Put, self.memory.put_opts(key, value, options)))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(self.run(Operation::Get, self.memory.get_opts(key, options)))
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        mut options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        options.durability = None;
        Box::pin(self.run(Operation::Delete, self.memory.delete_opts(key, options)))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        if self.steps.closed.load(Ordering::SeqCst) {
            return fail_stream(Error::new(ErrorKind::Closed, Operation::Query));
        }
        match self.step() {
            (_, true) => fail_stream(Error::new(ErrorKind::Failed, Operation::Query)),
            _ => self.memory.query_opts(query, options),
        }
    }

    fn close_opts(&self, _options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.steps.closed.store(true, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }
}
