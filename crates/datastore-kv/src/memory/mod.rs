//! [`MemoryEngine`]: everything in memory.

mod table;

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::{Context, Poll},
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, MaybeSend, RangeDelete, Result, Scan, ScanCost,
    implement::check_batch,
};
use futures_core::Stream;

use self::table::Table;

/// How many keys a scan looks at under one lock at first, and at most.
const FIRST_CHUNK: usize = 16;
const MOST_CHUNK: usize = 64;

/// An ordered engine in memory: for tests, and for data that may go with the process.
///
/// Clones are handles on one engine. Every call is answered when its future is first polled. A snapshot costs nothing when it
/// is taken; as long as it is held, a commit keeps what it replaces. Values are shared, not copied.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<Shared>);

/// None once it is closed.
struct Shared(RwLock<Option<Table>>);

impl Default for Shared {
    fn default() -> Self {
        Self(RwLock::new(Some(Table::default())))
    }
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A lock is poisoned by want of memory at worst, in front of a change.
impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Option<Table>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Table>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&Table) -> T) -> Result<T> {
        self.read().as_ref().map(work).ok_or_else(Error::closed)
    }

    fn with_mut<T>(&self, work: impl FnOnce(&mut Table) -> T) -> Result<T> {
        self.write().as_mut().map(work).ok_or_else(Error::closed)
    }
}

/// The state behind a commit, held as long as this lives.
struct Moment {
    shared: Arc<Shared>,
    number: u64,
}

impl Moment {
    fn of(shared: &Arc<Shared>) -> Result<Self> {
        let number = shared.with_mut(Table::snapshot)?;
        let shared = shared.clone();
        Ok(Self { shared, number })
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        // A closed engine holds nothing.
        let _ = self.shared.with_mut(|table| table.release(self.number));
    }
}

#[derive(Clone)]
struct Snapshot(Arc<Moment>);

fn ready<'a, T: MaybeSend + 'a>(output: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(output))
}

impl EngineReader for Snapshot {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        let moment = &self.0;
        Box::pin(async { moment.shared.with(|table| table.get_at(moment.number, key)) })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        let moment = &self.0;
        Box::pin(async {
            moment.shared.with(|table| {
                let values = keys.iter().map(|key| table.get_at(moment.number, key));
                values.collect()
            })
        })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        Box::pin(Entries::new(Source::Moment(self.0.clone()), scan))
    }
}

impl EngineReader for MemoryEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async { self.0.with(|table| table.get(key)) })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        let work = |table: &Table| keys.iter().map(|key| table.get(key)).collect();
        Box::pin(async move { self.0.with(work) })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        Box::pin(Entries::new(Source::Engine(self.0.clone()), scan))
    }
}

impl Engine for MemoryEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = EngineCapabilities::none();
        can.snapshots = true;
        can.range_delete = RangeDelete::Native;
        can.scan_cost = ScanCost::Seek;
        can.inline_reads = true;
        can.inline_commits = Some(Durability::Volatile);
        can.dropped_commits_settle = true;
        can.size_on_disk = true;
        can.compact = true;
        can.check = true;
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let capabilities = self.capabilities();
            let mut held = self.0.write();
            let table = held.as_mut().ok_or_else(Error::closed)?;
            capabilities.durability(options.durability)?;
            check_batch(&capabilities, batch)?;
            table.apply(batch);
            Ok(())
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        Box::pin(async {
            let moment = Moment::of(&self.0)?;
            Ok(Arc::new(Snapshot(Arc::new(moment))) as Arc<dyn EngineReader>)
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        ready(self.0.with(|_| Durability::Volatile))
    }

    /// The bytes of keys and values, in memory.
    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        ready(self.0.with(Table::bytes))
    }

    /// There is nothing to do.
    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        ready(self.0.with(|_| ()))
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        ready(self.0.with(|table| {
            let mut report = CheckReport::sound(table.len());
            let (told, counted) = (table.bytes(), table.counted_bytes());
            if told != counted {
                let damage = format!("{counted} bytes are held, and {told} were counted");
                report.damage.push(damage);
            }
            report
        }))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            *self.0.write() = None;
            Ok(())
        })
    }
}

impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEngine")
            .field("bytes", &self.0.with(Table::bytes).unwrap_or_default())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// What a scan reads.
enum Source {
    /// The engine as it is when the scan is first polled.
    Engine(Arc<Shared>),
    Moment(Arc<Moment>),
    Through,
}

/// A scan that takes the lock for some entries at a time.
struct Entries {
    source: Source,
    scan: Scan,
    found: VecDeque<Entry>,
    chunk: usize,
}

impl Entries {
    fn new(source: Source, scan: Scan) -> Self {
        Self {
            source,
            scan,
            found: VecDeque::new(),
            chunk: FIRST_CHUNK,
        }
    }

    /// Reads on; false once it is through.
    fn fill(&mut self) -> Result<bool> {
        let moment = match std::mem::replace(&mut self.source, Source::Through) {
            Source::Engine(shared) => Arc::new(Moment::of(&shared)?),
            Source::Moment(moment) => moment,
            Source::Through => return Ok(false),
        };
        let (scan, chunk) = (&mut self.scan, self.chunk);
        let read = |table: &Table| table.read(moment.number, scan, chunk);
        let (found, more) = moment.shared.with(read)?;
        self.found = found.into();
        self.chunk = (chunk * 2).min(MOST_CHUNK);
        if more {
            self.source = Source::Moment(moment);
        }
        Ok(true)
    }
}

impl Stream for Entries {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.found.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}
