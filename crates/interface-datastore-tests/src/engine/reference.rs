//! A small engine in memory that keeps every rule.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BatchOp, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, RangeDelete, Result, Scan, ScanCost,
    implement::check_batch,
};
use futures_util::stream;

type Map = BTreeMap<Bytes, Bytes>;

/// A small engine in memory that keeps every rule: for examples, and as a measure of other engines. A commit copies the whole
/// map while a snapshot or scan is open.
#[derive(Clone, Default)]
pub struct ReferenceEngine {
    map: Arc<Mutex<Arc<Map>>>,
    closed: Arc<AtomicBool>,
}

/// One moment of the engine.
#[derive(Clone)]
struct View {
    map: Arc<Map>,
    closed: Arc<AtomicBool>,
}

impl ReferenceEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Map>> {
        // A batch is applied to a checked map without a step that can panic half way.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> View {
        View {
            map: self.lock().clone(),
            closed: self.closed.clone(),
        }
    }

    fn apply(&self, batch: &Batch, options: &CommitOptions) -> Result<()> {
        check_open(&self.closed)?;
        let capabilities = self.capabilities();
        capabilities.durability(options.durability)?;
        check_batch(&capabilities, batch)?;
        let mut held = self.lock();
        apply_to(Arc::make_mut(&mut held), batch);
        Ok(())
    }
}

/// What a batch means.
pub(super) fn apply_to(map: &mut Map, batch: &Batch) {
    for op in batch.iter() {
        match op {
            BatchOp::Put { key, value } => {
                map.insert(Bytes::copy_from_slice(key), value.to_bytes());
            }
            BatchOp::Delete { key } => drop(map.remove(key)),
            BatchOp::DeleteRange(range) => map.retain(|key, _| !range.contains(key)),
        }
    }
}

fn check_open(closed: &AtomicBool) -> Result<()> {
    if closed.load(Ordering::SeqCst) {
        return Err(Error::closed());
    }
    Ok(())
}

impl View {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        check_open(&self.closed)?;
        Ok(self.map.get(key).cloned())
    }

    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// The next entry of the scan, which then begins behind it.
    fn next(&self, scan: &mut Scan) -> Option<Result<Entry>> {
        if let Err(error) = check_open(&self.closed) {
            scan.limit = Some(0);
            return Some(Err(error));
        }
        let range = scan.key_range();
        if range.is_empty() || scan.limit == Some(0) {
            return None;
        }
        let mut entries = self.map.range::<[u8], _>(range);
        let (key, value) = if scan.reverse {
            entries.next_back()
        } else {
            entries.next()
        }?;
        if scan.reverse {
            scan.end = Some(key.clone());
        } else {
            scan.start = [key, &[0][..]].concat().into();
        }
        scan.limit = scan.limit.map(|limit| limit.saturating_sub(1));
        let value = if scan.keys_only {
            Bytes::new()
        } else {
            value.clone()
        };
        Some(Ok(Entry {
            key: key.clone(),
            value,
        }))
    }
}

fn ready<'a, T: Send + 'a>(output: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(output))
}

impl EngineReader for View {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        ready(self.get(key))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        ready(self.get_many(keys))
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let view = self.clone();
        Box::pin(stream::iter(std::iter::from_fn({
            let mut scan = scan;
            move || view.next(&mut scan)
        })))
    }
}

impl EngineReader for ReferenceEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move { self.view().get(key) })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(async move { self.view().get_many(keys) })
    }

    fn scan(&self, mut scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let engine = self.clone();
        let mut view = None;
        Box::pin(stream::iter(std::iter::from_fn(move || {
            view.get_or_insert_with(|| engine.view()).next(&mut scan)
        })))
    }
}

impl Engine for ReferenceEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = EngineCapabilities::none();
        can.snapshots = true;
        can.range_delete = RangeDelete::Native;
        can.scan_cost = ScanCost::Seek;
        can.inline_reads = true;
        can.inline_commits = Some(Durability::Volatile);
        can.dropped_commits_settle = true;
        can.check = true;
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.apply(batch, &options) })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        Box::pin(async move {
            check_open(&self.closed)?;
            Ok(Arc::new(self.view()) as Arc<dyn EngineReader>)
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        ready(check_open(&self.closed).map(|()| Durability::Volatile))
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        let refused = || Err(Error::unsupported("a size on disk"));
        ready(check_open(&self.closed).and_then(|()| refused()))
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        let refused = || Err(Error::unsupported("compaction"));
        ready(check_open(&self.closed).and_then(|()| refused()))
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        let entries = self.lock().len() as u64;
        ready(check_open(&self.closed).map(|()| CheckReport::sound(entries)))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.closed.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}

impl fmt::Debug for ReferenceEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceEngine")
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}
