//! An engine that fails as told and loses power, over any other.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use datastore_engine::{
    Batch, BatchOp, BoxFuture, BoxStream, CheckReport, CommitOptions, Durability, Engine,
    EngineCapabilities, EngineReader, Entry, Error, ErrorKind, Result, Scan,
};
use futures_util::stream;

use super::{EngineSubject, ReferenceEngine};
use crate::{Fault, FaultSubject};

/// An engine over another one. Its commits, syncs and reads fail as [`FaultSubject`] tells them, and it remembers its commits, so that
/// what a power cut leaves can be built from them: the state behind one of the commits since the last sync. Clones share it.
///
/// A write that fails has no effect; a commit whose sync fails has taken effect and may be lost, and [`sync`](Engine::sync) goes on
/// failing until its keys were committed again. Range deletes are not among those keys.
#[derive(Debug, Clone)]
pub struct FailingEngine {
    /// Keeps what the engine stands on.
    inner: Arc<EngineSubject>,
    medium: Arc<Mutex<Medium>>,
}

#[derive(Debug, Default)]
struct Medium {
    armed: Option<(Fault, u64)>,
    struck: bool,
    history: Vec<Change>,
    /// Keys of commits that no sync covers.
    unsynced: BTreeSet<Bytes>,
    /// Keys of commits that a failed sync covered.
    doubtful: BTreeSet<Bytes>,
}

#[derive(Debug)]
enum Change {
    Commit(Batch),
    Sync,
}

impl Medium {
    fn strike(&mut self, faults: &[Fault]) -> Result<()> {
        let Some((fault, left)) = self
            .armed
            .as_mut()
            .filter(|(fault, _)| faults.contains(fault))
        else {
            return Ok(());
        };
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        let kind = match fault {
            Fault::WriteNoSpace => ErrorKind::NoSpace,
            Fault::SyncError => ErrorKind::SyncFailed,
            _ => ErrorKind::Failed,
        };
        (self.armed, self.struck) = (None, true);
        Err(Error::new(kind).with_detail("the medium fails, as it was told to"))
    }

    fn committed(&mut self, batch: &Batch) {
        for op in batch.iter() {
            if let BatchOp::Put { key, .. } | BatchOp::Delete { key } = op {
                self.unsynced.insert(Bytes::copy_from_slice(key));
                self.doubtful.remove(key);
            }
        }
        self.history.push(Change::Commit(batch.clone()));
    }

    fn sync(&mut self) -> Result<()> {
        if let Err(error) = self.strike(&[Fault::SyncError]) {
            self.doubtful.append(&mut self.unsynced);
            return Err(error);
        }
        self.unsynced.clear();
        self.history.push(Change::Sync);
        Ok(())
    }

    /// A sync of everything, which is not made up for by a sync of what came later.
    fn sync_all(&mut self) -> Result<()> {
        self.sync()?;
        if !self.doubtful.is_empty() {
            return Err(Error::new(ErrorKind::SyncFailed)
                .with_detail("an earlier sync failed, and what it covered was not written again"));
        }
        Ok(())
    }

    /// The commits that a power cut leaves.
    fn left(&self, moment: u64, seed: u64) -> Vec<Batch> {
        let moment = usize::try_from(moment).unwrap_or(usize::MAX);
        let before = self.history.get(..moment).unwrap_or(&self.history);
        let synced = before
            .iter()
            .rposition(|change| matches!(change, Change::Sync));
        let synced = synced.map_or(0, |at| at + 1);
        let end = match seed {
            0 => synced,
            1 => before.len(),
            seed => fastrand::Rng::with_seed(seed).usize(synced..=before.len()),
        };
        let commits = before.iter().take(end).filter_map(|change| match change {
            Change::Commit(batch) => Some(batch.clone()),
            Change::Sync => None,
        });
        commits.collect()
    }
}

impl FailingEngine {
    /// Over the engine of a fresh, empty subject.
    pub fn over(subject: impl Into<EngineSubject>) -> Self {
        Self {
            inner: Arc::new(subject.into()),
            medium: Arc::default(),
        }
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> &dyn Engine {
        self.inner.engine()
    }

    pub(super) fn can_reopen(&self) -> bool {
        self.inner.can_reopen()
    }

    /// How many changes (commits and syncs) there were.
    pub fn moment(&self) -> u64 {
        self.medium().history.len() as u64
    }

    /// What a power cut behind the first `moment` changes may leave, chosen by `seed` as [`CrashSubject`](crate::CrashSubject) tells:
    /// in an engine in memory.
    ///
    /// # Errors
    /// What that engine does not take.
    pub async fn cut(&self, moment: u64, seed: u64) -> Result<Self> {
        let left = self.medium().left(moment, seed);
        let engine = ReferenceEngine::new();
        for batch in left {
            engine.commit(&batch, CommitOptions::default()).await?;
        }
        Ok(Self::over(engine))
    }

    /// The same data, opened again after a close; none if the subject offers no way to.
    pub(super) async fn reopened(&self) -> Option<Result<Self>> {
        let opened = self.inner.open_beside().await?;
        Some(opened.map(|engine| Self {
            inner: Arc::new(EngineSubject::new(engine).keeping(self.inner.clone())),
            medium: self.medium.clone(),
        }))
    }
}

impl FaultSubject for FailingEngine {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let mut medium = self.medium();
        (medium.armed, medium.struck) = (Some((fault, nth)), false);
        matches!(
            fault,
            Fault::WriteNoSpace | Fault::WriteError | Fault::SyncError | Fault::ReadError
        )
    }

    fn disarm(&self) -> bool {
        let mut medium = self.medium();
        medium.armed = None;
        medium.struck
    }
}

impl EngineReader for FailingEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            self.medium().strike(&[Fault::ReadError])?;
            self.engine().get(key).await
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(async move {
            self.medium().strike(&[Fault::ReadError])?;
            self.engine().get_many(keys).await
        })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let struck = self.medium().strike(&[Fault::ReadError]);
        match struck {
            Ok(()) => self.engine().scan(scan),
            Err(error) => Box::pin(stream::iter([Err(error)])),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Engine for FailingEngine {
    fn capabilities(&self) -> EngineCapabilities {
        self.engine().capabilities()
    }

    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let level = self.capabilities().durability(options.durability)?;
            self.medium()
                .strike(&[Fault::WriteNoSpace, Fault::WriteError])?;
            self.engine().commit(batch, options).await?;
            let mut medium = self.medium();
            medium.committed(batch);
            if level >= Durability::Power {
                medium.sync()?;
            }
            Ok(())
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
        self.engine().snapshot()
    }

    fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
        Box::pin(async move {
            let held = self.engine().sync().await?;
            self.medium().sync_all()?;
            Ok(held)
        })
    }

    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
        self.engine().size_on_disk()
    }

    fn compact(&self) -> BoxFuture<'_, Result<()>> {
        self.engine().compact()
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
        self.engine().check()
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        self.engine().close()
    }
}
