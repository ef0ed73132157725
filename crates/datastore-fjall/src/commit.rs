//! Commits: applied where they are polled, in turn; synced in groups.

use std::sync::Arc;

use bytes::Bytes;
use datastore_engine::{
    Batch, BatchOp, Durability, Error, KeyRange, Result, Scan,
    implement::{Change, Handle, flatten, too_many_keys},
};
use datastore_files::{Blocking, GroupCommit};
use fjall::PersistMode;
use tokio::sync::Mutex;

use crate::{
    FjallOptions,
    engine::Opened,
    error::{interrupted, translate},
    read::Entries,
    upkeep::drain,
};

/// So many memtables' worth of entries may wait to be flushed.
const UNFLUSHED: u64 = 3;
/// So often a commit looks whether its turn has come before it waits: others take some microseconds.
const SPINS: u32 = 100;

/// The way into the log.
#[derive(Clone)]
pub(crate) struct Commits {
    handle: Arc<Handle<Opened>>,
    /// First come, first served. Never held during a sync.
    turn: Arc<Mutex<()>>,
    syncs: GroupCommit<(), Result<()>>,
    max_range_delete: u64,
    /// Bytes that may wait in memory to be flushed.
    max_unflushed: u64,
    blocking: Blocking,
}

impl Commits {
    pub(crate) fn new(handle: Arc<Handle<Opened>>, options: &FjallOptions) -> Self {
        let synced = Arc::clone(&handle);
        let sync = move |jobs: Vec<()>| {
            let outcome = synced.with(|opened| persist(&synced, opened, PersistMode::SyncData));
            vec![outcome; jobs.len()]
        };
        Self {
            handle,
            turn: Arc::default(),
            syncs: GroupCommit::new(sync),
            max_range_delete: options.max_range_delete,
            max_unflushed: options.memtable_bytes.saturating_mul(UNFLUSHED),
            blocking: options.blocking,
        }
    }

    pub(crate) async fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.apply(batch, durability).await?;
        if durability > Durability::Ordered {
            self.sync().await?;
        }
        Ok(())
    }

    /// Syncs all that was applied; those who ask together share a sync.
    pub(crate) async fn sync(&self) -> Result<()> {
        let synced = self
            .syncs
            .submit(self.blocking, self.handle.path(), ())
            .await;
        synced.map_err(interrupted)?
    }

    async fn apply(&self, batch: &Batch, durability: Durability) -> Result<()> {
        let spinning = (0..SPINS).find_map(|_| {
            std::hint::spin_loop();
            self.turn.try_lock().ok()
        });
        let turn = match spinning {
            Some(turn) => turn,
            None => self.turn.lock().await,
        };
        self.wait_for_memory().await?;
        let keys = if batch.has_range_deletes() {
            Some(self.keys_met(batch).await?)
        } else {
            None
        };
        let work = |opened: &Opened| {
            let met = keys.as_deref().unwrap_or_default();
            write(&self.handle, opened, batch, met, durability)
        };
        let applied = match self.handle.try_with(work) {
            Some(applied) => applied,
            // Upkeep holds the database, or it is being closed.
            None => {
                let (handle, batch) = (Arc::clone(&self.handle), batch.clone());
                let work = move || {
                    let met = keys.as_deref().unwrap_or_default();
                    handle.with(|opened| write(&handle, opened, &batch, met, durability))
                };
                let hopped = self.blocking.run(self.handle.path(), work).await;
                hopped.map_err(interrupted)?
            }
        };
        drop(turn);
        applied
    }

    /// fjall goes on taking writes while its threads are behind with flushing; memory would have no bound.
    async fn wait_for_memory(&self) -> Result<()> {
        let max = self.max_unflushed;
        let is_over = |opened: &Opened| Ok(opened.database.write_buffer_size() > max);
        if let Some(Ok(false)) = self.handle.try_with(is_over) {
            return Ok(());
        }
        let handle = Arc::clone(&self.handle);
        let work = move || handle.with(|opened| drain(&handle, opened, max));
        self.blocking
            .run(self.handle.path(), work)
            .await
            .map_err(interrupted)?
    }

    /// The keys that are in the ranges of a batch, sorted. Others wait meanwhile, so that none comes in between.
    async fn keys_met(&self, batch: &Batch) -> Result<Vec<Bytes>> {
        let (handle, batch, max) = (
            Arc::clone(&self.handle),
            batch.clone(),
            self.max_range_delete,
        );
        let work = move || keys_met(&handle, &batch, max);
        self.blocking
            .run(self.handle.path(), work)
            .await
            .map_err(interrupted)?
    }
}

fn keys_met(handle: &Arc<Handle<Opened>>, batch: &Batch, max: u64) -> Result<Vec<Bytes>> {
    let mut met = Vec::new();
    for op in batch.iter() {
        let BatchOp::DeleteRange(range) = op else {
            continue;
        };
        let mut scan = Scan::from(Bytes::copy_from_slice(range.start)).keys_only();
        scan.end = range.end.map(Bytes::copy_from_slice);
        for entry in Entries::new(handle, None, scan)? {
            if met.len() as u64 == max {
                return Err(too_many_keys(max));
            }
            met.push(entry?.key);
        }
    }
    met.sort_unstable();
    met.dedup();
    Ok(met)
}

/// Applies a batch to the log and the tables in memory, all or nothing.
fn write(
    handle: &Handle<Opened>,
    opened: &Opened,
    batch: &Batch,
    met: &[Bytes],
    durability: Durability,
) -> Result<()> {
    let in_range = |range: KeyRange<'_>| {
        let from = met.partition_point(|key| key < range.start);
        let inside = met.get(from..).unwrap_or_default();
        let to = inside.partition_point(|key| range.contains(key));
        let inside = inside.get(..to).unwrap_or_default();
        Ok(inside.iter().cloned().map(Ok))
    };
    let changes = flatten(batch, u64::MAX, in_range)?;
    let failed = |error| translate(handle.path(), error);
    let mode = (durability > Durability::Volatile).then_some(PersistMode::Buffer);
    let applying = opened.writes.begin();
    if let [change] = changes.as_slice() {
        apply_one(opened, change).map_err(failed)?;
        drop(applying);
        return mode
            .map_or(Ok(()), |mode| opened.database.persist(mode))
            .map_err(failed);
    }
    // fjall gives all operations of a batch one number, so that a key must not be in it twice.
    let mut written = fjall::OwnedWriteBatch::with_capacity(opened.database.clone(), changes.len());
    for Change { key, value } in changes {
        match value {
            Some(value) => written.insert(&opened.entries, &*key, value.to_bytes()),
            None => written.remove(&opened.entries, &*key),
        }
    }
    written.durability(mode).commit().map_err(failed)
}

/// What is alone needs no batch of fjall's, which costs as much as a third of the rest.
fn apply_one(opened: &Opened, change: &Change<'_>) -> fjall::Result<()> {
    match change.value {
        Some(value) => opened.entries.insert(&*change.key, value.to_bytes()),
        None => opened.entries.remove(&*change.key),
    }
}

pub(crate) fn persist(handle: &Handle<Opened>, opened: &Opened, mode: PersistMode) -> Result<()> {
    opened.database.persist(mode).map_err(|error| {
        let error = translate(handle.path(), error);
        match error.kind() {
            datastore_engine::ErrorKind::SyncFailed => error,
            _ => Error::new(datastore_engine::ErrorKind::SyncFailed)
                .with_path(handle.path())
                .with_source(error),
        }
    })
}
