//! An engine on a simulated disk that fails and loses power as told: a log of batches, replayed at opening.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BatchOp, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, ErrorKind, Result, Scan,
};
use futures_util::future::ready;
use interface_datastore_tests::{
    Fault, FaultSubject,
    engine::{EngineCrashSubject, EngineSubject, ReferenceEngine},
};

/// What the engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum DiskFlaw {
    None,
    /// `Power` does not sync.
    NeverSyncs,
    /// Each operation is a record of its own.
    TornBatches,
    /// Errors of writes are not told.
    SwallowsWriteErrors,
    /// Errors of syncs are not told.
    SwallowsSyncErrors,
    /// What a short write left out is not written.
    TrustsLengths,
    /// A read that fails is told as "none".
    ErrorsAreAbsence,
    /// Opening begins anew.
    Forgets,
}

#[derive(Debug, Clone)]
enum Change {
    /// A record: the operations of a batch, whole unless the write was short.
    Append(Batch),
    Sync,
}

#[derive(Debug, Default)]
struct Disk {
    history: Vec<Change>,
    armed: Option<(Fault, u64)>,
    struck: bool,
}

impl Disk {
    fn fails(&mut self, faults: &[Fault]) -> Option<Fault> {
        let (fault, left) = self
            .armed
            .as_mut()
            .filter(|(fault, _)| faults.contains(fault))?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let fault = *fault;
        self.armed = None;
        self.struck = true;
        Some(fault)
    }
}

/// A medium that outlives its engines.
#[derive(Debug, Clone, Default)]
struct Medium(Arc<Mutex<Disk>>);

impl Medium {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    fn call(&self, faults: &[Fault]) -> Result<Option<Fault>> {
        match self.disk().fails(faults) {
            Some(Fault::ShortWrite) => Ok(Some(Fault::ShortWrite)),
            Some(_) => Err(Error::new(ErrorKind::Failed)),
            None => Ok(None),
        }
    }

    fn append(&self, batch: &Batch, flaw: DiskFlaw) -> Result<()> {
        let called = self.call(&[Fault::WriteNoSpace, Fault::WriteError, Fault::ShortWrite]);
        let short = match called {
            Err(error) if flaw != DiskFlaw::SwallowsWriteErrors => return Err(error),
            Err(_) => return Ok(()),
            Ok(fault) => fault.is_some() && flaw == DiskFlaw::TrustsLengths,
        };
        let len = if short { batch.len() / 2 } else { batch.len() };
        let mut record = Batch::new();
        batch.iter().take(len).for_each(|op| push(&mut record, op));
        self.disk().history.push(Change::Append(record));
        Ok(())
    }

    fn sync(&self, flaw: DiskFlaw) -> Result<()> {
        match self.call(&[Fault::SyncError]) {
            Err(error) if flaw != DiskFlaw::SwallowsSyncErrors => Err(error),
            // A sync that failed has synced nothing.
            Err(_) => Ok(()),
            Ok(_) => {
                self.disk().history.push(Change::Sync);
                Ok(())
            }
        }
    }

    /// What is left of the log after the first changes: of those not synced, a prefix.
    fn cut(&self, moment: usize, seed: u64) -> Self {
        let disk = self.disk();
        let history = &disk.history[..moment];
        let synced = history
            .iter()
            .rposition(|change| matches!(change, Change::Sync))
            .map_or(0, |at| at + 1);
        let left = match seed {
            0 => synced,
            1 => moment,
            seed => synced + (seed as usize * 7) % (moment - synced + 1),
        };
        let history = history[..left].to_vec();
        Self(Arc::new(Mutex::new(Disk {
            history,
            ..Disk::default()
        })))
    }
}

fn push(batch: &mut Batch, op: BatchOp<'_>) {
    match op {
        BatchOp::Put { key, value } => batch.put(key, value.as_slice()),
        BatchOp::Delete { key } => batch.delete(key),
        BatchOp::DeleteRange(range) => batch.delete_range(range.start, range.end),
    };
}

#[derive(Clone)]
pub(super) struct DiskEngine {
    medium: Medium,
    flaw: DiskFlaw,
    map: ReferenceEngine,
}

impl fmt::Debug for DiskEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskEngine({:?})", self.flaw)
    }
}

impl DiskEngine {
    async fn open(medium: Medium, flaw: DiskFlaw) -> Result<Self> {
        let map = ReferenceEngine::new();
        if flaw == DiskFlaw::Forgets {
            medium.disk().history.clear();
        }
        let history = medium.disk().history.clone();
        for change in history {
            if let Change::Append(batch) = change {
                map.commit(&batch, CommitOptions::default()).await?;
            }
        }
        Ok(Self { medium, flaw, map })
    }

    async fn write(&self, batch: &Batch, level: Durability) -> Result<()> {
        // Refused before it is in the log.
        datastore_engine::implement::check_batch(&self.capabilities(), batch)?;
        self.map.sync().await?;
        if self.flaw == DiskFlaw::TornBatches {
            for op in batch.iter() {
                let mut single = Batch::new();
                push(&mut single, op);
                self.medium.append(&single, self.flaw)?;
            }
        } else {
            self.medium.append(batch, self.flaw)?;
        }
        if level == Durability::Power && self.flaw != DiskFlaw::NeverSyncs {
            self.medium.sync(self.flaw)?;
        }
        self.map.commit(batch, CommitOptions::default()).await
    }
}

impl EngineReader for DiskEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        match self.medium.call(&[Fault::ReadError]) {
            Ok(_) => self.map.get(key),
            Err(_) if self.flaw == DiskFlaw::ErrorsAreAbsence => Box::pin(ready(Ok(None))),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        self.map.get_many(keys)
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        self.map.scan(scan)
    }
}

impl Engine for DiskEngine {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = self.map.capabilities();
        can.persistent = true;
        can.max_durability = Durability::Power;
        can.default_durability = Durability::Process;
        can.inline_commits = Some(Durability::Power);
        can
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let level = self.capabilities().durability(options.durability)?;
            self.write(batch, level).await
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        self.map.snapshot()
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        Box::pin(async {
            self.map.sync().await?;
            self.medium.sync(self.flaw).map(|()| Durability::Power)
        })
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        self.map.size_on_disk()
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        self.map.compact()
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        self.map.check()
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        self.map.close()
    }
}

struct DiskFaults(Medium);

impl FaultSubject for DiskFaults {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let mut disk = self.0.disk();
        (disk.armed, disk.struck) = (Some((fault, nth)), false);
        true
    }

    fn disarm(&self) -> bool {
        let mut disk = self.0.disk();
        disk.armed = None;
        disk.struck
    }
}

struct DiskPower(Medium, DiskFlaw);

impl EngineCrashSubject for DiskPower {
    fn moment(&self) -> u64 {
        self.0.disk().history.len() as u64
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Engine>>> {
        let (left, flaw) = (self.0.cut(moment as usize, seed), self.1);
        Box::pin(
            async move { Ok(Arc::new(DiskEngine::open(left, flaw).await?) as Arc<dyn Engine>) },
        )
    }
}

/// A fresh one, with all means.
pub(super) fn disk_subject(flaw: DiskFlaw) -> EngineSubject {
    let medium = Medium::default();
    let map = ReferenceEngine::new();
    let engine = DiskEngine {
        medium: medium.clone(),
        flaw,
        map,
    };
    let again = medium.clone();
    EngineSubject::new(engine)
        .with_reopen(move || DiskEngine::open(again.clone(), flaw))
        .with_faults(DiskFaults(medium.clone()))
        .with_power_loss(DiskPower(medium, flaw))
}
