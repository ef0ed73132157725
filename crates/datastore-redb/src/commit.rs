//! Commits: those that come together share one transaction and its syncs.

use std::{ops::RangeBounds, sync::Arc};

use datastore_engine::{Batch, BatchOp, Durability, Result, implement::Handle};
use datastore_files::GroupCommit;
use redb::Table;

use crate::{engine::TABLE, error::translate, newest::Opened};

/// A batch and the durability that it must have.
pub(crate) type Job = (Batch, Durability);

pub(crate) type Group = GroupCommit<Job, Result<()>>;

/// Commits of concurrent callers in one transaction each time: redb takes one writer at a time, and a sync costs the same for
/// one batch and for a hundred.
pub(crate) fn group(handle: Arc<Handle<Opened>>, quick_repair: bool) -> Group {
    GroupCommit::new(move |jobs: Vec<Job>| {
        let outcome = handle.with(|opened| commit(&handle, opened, &jobs, quick_repair));
        vec![outcome; jobs.len()]
    })
}

fn commit(
    handle: &Handle<Opened>,
    opened: &Opened,
    jobs: &[Job],
    quick_repair: bool,
) -> Result<()> {
    let failed = |error: redb::Error| translate(handle.path(), error);
    let mut writing = opened
        .database
        .begin_write()
        .map_err(|error| failed(error.into()))?;
    let lasting = jobs
        .iter()
        .any(|(_, durability)| *durability > Durability::Volatile);
    let durability = if lasting {
        redb::Durability::Immediate
    } else {
        redb::Durability::None
    };
    writing
        .set_durability(durability)
        .map_err(|error| failed(error.into()))?;
    // A commit that is not synced has nothing to repair from.
    writing.set_quick_repair(quick_repair && lasting);
    let mut table = writing
        .open_table(TABLE)
        .map_err(|error| failed(error.into()))?;
    for (batch, _) in jobs {
        apply(&mut table, batch).map_err(|error| failed(error.into()))?;
    }
    drop(table);
    let committed = opened.committing(|| writing.commit());
    committed.map_err(|error| failed(error.into()))
}

fn apply(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    batch: &Batch,
) -> Result<(), redb::StorageError> {
    for op in batch.iter() {
        match op {
            BatchOp::Put { key, value } => drop(table.insert(key, value.as_slice())?),
            BatchOp::Delete { key } => drop(table.remove(key)?),
            BatchOp::DeleteRange(range) if range.is_empty() => {}
            BatchOp::DeleteRange(range) => {
                let bounds = (range.start_bound(), range.end_bound());
                table.retain_in::<&[u8], _>(bounds, |_, _| false)?;
            }
        }
    }
    Ok(())
}
