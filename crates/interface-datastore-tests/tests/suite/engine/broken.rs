//! An engine with one fault.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BatchOp, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, ErrorKind, RangeDelete, Result, Scan,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::ready, stream};
use interface_datastore_tests::engine::ReferenceEngine;

/// One thing that an engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    None,
    LosesLastPut,
    ReversesMany,
    CutsValues,
    KeysAreText,
    AcceptsAnything,
    AppliesUpToTheFault,
    NeverInline,
    DeletesLast,
    RangesFirst,
    RangesWithEnd,
    CutsRanges,
    FailsEmptyBatches,
    RepeatsFirstBatch,
    CutsBatches,
    AcceptsEveryDurability,
    ClaimsPower,
    CommitsUnpolled,
    TornOnDrop,
    Reorders,
    ScansWithEnd,
    IgnoresReverse,
    IgnoresLimits,
    ReadsValues,
    EndsEarly,
    ReadsUnpolled,
    ScansMove,
    SnapshotsMove,
    SnapshotsOutlive,
    NeverCloses,
    SyncsLess,
    HasNoSize,
    CompactionLoses,
    FindsDamage,
    LosesConcurrentCommits,
    TornForReaders,
    AcceptsUnclaimed,
    Panics,
}

#[derive(Clone)]
pub(super) struct Broken {
    inner: ReferenceEngine,
    flaw: Flaw,
    commits: Arc<AtomicU32>,
    writing: Arc<AtomicU32>,
    first: Arc<Mutex<Option<Batch>>>,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broken({:?})", self.flaw)
    }
}

/// Pending once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn push(batch: &mut Batch, op: BatchOp<'_>) {
    match op {
        BatchOp::Put { key, value } => batch.put_shared(key, value.to_bytes()),
        BatchOp::Delete { key } => batch.delete(key),
        BatchOp::DeleteRange(range) => batch.delete_range(range.start, range.end),
    };
}

fn of_ops<'a>(ops: impl IntoIterator<Item = BatchOp<'a>>) -> Batch {
    let mut batch = Batch::new();
    ops.into_iter().for_each(|op| push(&mut batch, op));
    batch
}

fn as_text(key: &[u8]) -> Vec<u8> {
    key.iter()
        .map(|byte| if *byte < 0x80 { *byte } else { b'?' })
        .collect()
}

impl Broken {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            inner: ReferenceEngine::new(),
            flaw,
            commits: Arc::default(),
            writing: Arc::default(),
            first: Arc::default(),
        }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What is really committed.
    fn spoilt(&self, batch: &Batch) -> Batch {
        let ops = || batch.iter();
        let is_range = |op: &BatchOp<'_>| matches!(op, BatchOp::DeleteRange(_));
        let is_delete = |op: &BatchOp<'_>| matches!(op, BatchOp::Delete { .. });
        match self.flaw {
            Flaw::LosesLastPut => of_ops(ops().take(batch.len().saturating_sub(1))),
            Flaw::DeletesLast => of_ops(
                ops()
                    .filter(|op| !is_delete(op))
                    .chain(ops().filter(is_delete)),
            ),
            Flaw::RangesFirst => of_ops(
                ops()
                    .filter(is_range)
                    .chain(ops().filter(|op| !is_range(op))),
            ),
            Flaw::CutsBatches => of_ops(ops().take(10_000)),
            Flaw::RangesWithEnd => {
                let mut wider = of_ops(ops());
                for op in ops() {
                    if let BatchOp::DeleteRange(range) = op {
                        wider.delete(range.end.unwrap_or(b"none"));
                    }
                }
                wider
            }
            Flaw::CutsRanges => of_ops(ops().map(|op| match op {
                BatchOp::DeleteRange(mut range) if range.start == b"key" => {
                    range.end = Some(b"key000100");
                    BatchOp::DeleteRange(range)
                }
                op => op,
            })),
            Flaw::CutsValues => {
                let mut cut = Batch::new();
                for op in ops() {
                    match op {
                        BatchOp::Put { key, value } => {
                            let value = value.to_bytes();
                            cut.put_shared(key, value.slice(..value.len().min(65_536)));
                        }
                        op => push(&mut cut, op),
                    }
                }
                cut
            }
            Flaw::KeysAreText => {
                let mut text = Batch::new();
                for op in ops() {
                    match op {
                        BatchOp::Put { key, value } => {
                            let _ = text.put_shared(&as_text(key), value.to_bytes());
                        }
                        op => push(&mut text, op),
                    }
                }
                text
            }
            Flaw::RepeatsFirstBatch => {
                let mut first = self.first.lock().unwrap();
                of_ops(first.get_or_insert_with(|| batch.clone()).iter())
            }
            _ => batch.clone(),
        }
    }

    async fn commit_inner(&self, batch: &Batch) -> Result<()> {
        self.inner.commit(batch, CommitOptions::default()).await
    }

    async fn commit_spoilt(&self, batch: &Batch, options: CommitOptions) -> Result<()> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        match self.flaw {
            Flaw::Panics => panic!("on purpose"),
            Flaw::NeverInline => pause().await,
            Flaw::Reorders if number.is_multiple_of(2) => pause().await,
            Flaw::FailsEmptyBatches if batch.is_empty() => {
                return Err(datastore_engine::Error::invalid("an empty batch"));
            }
            _ => {}
        }
        if !self.is(Flaw::AcceptsEveryDurability) {
            self.capabilities().durability(options.durability)?;
        }
        if self.is(Flaw::ClaimsPower) {
            self.inner.commit(&Batch::new(), options).await?;
        }
        match self.flaw {
            Flaw::TornOnDrop | Flaw::TornForReaders => self.commit_torn(batch).await,
            Flaw::LosesConcurrentCommits => self.commit_unless_another(batch).await,
            Flaw::AcceptsAnything => match self.commit_inner(batch).await {
                Err(error) if error.kind() == ErrorKind::InvalidArgument => Ok(()),
                outcome => outcome,
            },
            Flaw::AppliesUpToTheFault => {
                let good = |op: &BatchOp<'_>| !matches!(op, BatchOp::Put { key: b"", .. });
                self.commit_inner(&of_ops(batch.iter().take_while(good)))
                    .await?;
                self.commit_inner(batch).await
            }
            _ => self.commit_inner(&self.spoilt(batch)).await,
        }
    }

    async fn commit_torn(&self, batch: &Batch) -> Result<()> {
        for op in batch.iter() {
            self.commit_inner(&of_ops([op])).await?;
            if self.is(Flaw::TornOnDrop) {
                pause().await;
            }
            // Long enough for readers to look.
            thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    async fn commit_unless_another(&self, batch: &Batch) -> Result<()> {
        let others = self.writing.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(50));
        let outcome = if others == 0 {
            self.commit_inner(batch).await
        } else {
            Ok(())
        };
        self.writing.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn spoilt_scan(&self, mut scan: Scan) -> Scan {
        match self.flaw {
            Flaw::ScansWithEnd => scan.end = scan.end.map(|end| [&end, &b"\0"[..]].concat().into()),
            Flaw::IgnoresReverse => scan.reverse = false,
            Flaw::IgnoresLimits => scan.limit = None,
            Flaw::ReadsValues => scan.keys_only = false,
            Flaw::EndsEarly => scan.limit = Some(scan.limit.unwrap_or(u64::MAX).min(1500)),
            _ => {}
        }
        scan
    }

    /// Each entry is read from the engine as it is by then.
    fn moving_scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let engine = self.inner.clone();
        Box::pin(stream::try_unfold(scan, move |mut scan| {
            let engine = engine.clone();
            async move {
                let next = engine
                    .scan(scan.clone().with_limit(scan.limit.unwrap_or(1).min(1)))
                    .try_next()
                    .await?;
                let Some(entry) = next else { return Ok(None) };
                scan.limit = scan.limit.map(|limit| limit.saturating_sub(1));
                if scan.reverse {
                    scan.end = Some(entry.key.clone());
                } else {
                    scan.start = [&entry.key, &b"\0"[..]].concat().into();
                }
                Ok(Some((entry, scan)))
            }
        }))
    }
}

impl EngineReader for Broken {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        if self.is(Flaw::NeverInline) {
            return Box::pin(pause().then(|()| self.inner.get(key)));
        }
        self.inner.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        let found = self.inner.get_many(keys);
        if self.is(Flaw::ReversesMany) {
            return Box::pin(
                found.map(|found| found.map(|values| values.into_iter().rev().collect())),
            );
        }
        found
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let scan = self.spoilt_scan(scan);
        match self.flaw {
            Flaw::ScansMove => self.moving_scan(scan),
            Flaw::ReadsUnpolled => {
                let entries: Vec<_> = self.inner.scan(scan).collect().now_or_never().unwrap();
                stream::iter(entries).boxed()
            }
            _ => self.inner.scan(scan),
        }
    }
}

impl Engine for Broken {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = self.inner.capabilities();
        match self.flaw {
            Flaw::ClaimsPower => can.max_durability = Durability::Power,
            Flaw::SyncsLess => can.max_durability = Durability::Process,
            Flaw::HasNoSize => can.size_on_disk = true,
            Flaw::CompactionLoses => can.compact = true,
            Flaw::AcceptsUnclaimed => {
                can = EngineCapabilities::none();
                can.range_delete = RangeDelete::Refused;
            }
            _ => {}
        }
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        if self.is(Flaw::CommitsUnpolled) {
            return Box::pin(ready(self.commit_inner(batch).now_or_never().unwrap()));
        }
        Box::pin(self.commit_spoilt(batch, options))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        match self.flaw {
            Flaw::SnapshotsMove => Box::pin(ready(Ok(Arc::new(self.inner.clone()) as _))),
            Flaw::SnapshotsOutlive => Box::pin(async {
                let copy = ReferenceEngine::new();
                let entries: Vec<Entry> = self.inner.scan(Scan::all()).try_collect().await?;
                let mut batch = Batch::new();
                entries.iter().for_each(|entry| {
                    let _ = batch.put(&entry.key, &entry.value);
                });
                copy.commit(&batch, CommitOptions::default()).await?;
                Ok(Arc::new(copy) as _)
            }),
            _ => self.inner.snapshot(),
        }
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        self.inner.sync()
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        match self.flaw {
            Flaw::HasNoSize | Flaw::AcceptsUnclaimed => Box::pin(ready(Ok(0))),
            _ => self.inner.size_on_disk(),
        }
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        match self.flaw {
            Flaw::CompactionLoses => Box::pin(async {
                let mut batch = Batch::new();
                batch.delete(b"key000100");
                self.commit_inner(&batch).await
            }),
            Flaw::AcceptsUnclaimed => Box::pin(ready(Ok(()))),
            _ => self.inner.compact(),
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        let report = self.inner.check();
        if self.is(Flaw::FindsDamage) {
            return Box::pin(report.map(|report| {
                report.map(|mut report| {
                    report.damage.push("a page".to_owned());
                    report
                })
            }));
        }
        report
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        if self.is(Flaw::NeverCloses) {
            return Box::pin(ready(Ok(())));
        }
        self.inner.close()
    }
}
