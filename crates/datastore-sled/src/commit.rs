//! Commits: those that come together share one flush.

use std::{ops::RangeBounds, sync::Arc};

use bytes::Bytes;
use datastore_engine::{
    Batch, Durability, KeyRange, Result,
    implement::{Handle, flatten},
};
use datastore_files::GroupCommit;

use crate::opened::Opened;

/// A batch and the durability that it must have.
pub(crate) type Job = (Batch, Durability);

pub(crate) type Group = GroupCommit<Job, Result<()>>;

/// Commits of concurrent callers, each applied by itself, flushed together.
pub(crate) fn group(handle: Arc<Handle<Opened>>, max_range_delete: u64) -> Group {
    GroupCommit::new(move |jobs: Vec<Job>| {
        let outcome = handle.with(|opened| Ok(commit(opened, &jobs, max_range_delete)));
        outcome.unwrap_or_else(|error| vec![Err(error); jobs.len()])
    })
}

fn commit(opened: &Opened, jobs: &[Job], max_range_delete: u64) -> Vec<Result<()>> {
    let applied = jobs
        .iter()
        .map(|(batch, _)| apply(opened, batch, max_range_delete));
    let mut outcomes: Vec<Result<()>> = applied.collect();
    if jobs
        .iter()
        .any(|(_, durability)| *durability > Durability::Volatile)
        && let Err(error) = opened.flush()
    {
        for (outcome, (_, durability)) in outcomes.iter_mut().zip(jobs) {
            if outcome.is_ok() && *durability > Durability::Volatile {
                *outcome = Err(error.clone());
            }
        }
    }
    outcomes
}

fn apply(opened: &Opened, batch: &Batch, max_range_delete: u64) -> Result<()> {
    let tree = opened.tree()?;
    let changes = flatten(batch, max_range_delete, |range| {
        Ok(keys_in(opened, tree, range))
    })?;
    if changes.is_empty() {
        return Ok(());
    }
    let mut batch = sled::Batch::default();
    for change in &changes {
        // A page that cannot be read fails the batch here, not when a part of it is applied.
        tree.contains_key(&change.key).map_err(opened.failed())?;
        match change.value {
            Some(value) => batch.insert(&*change.key, value.as_slice()),
            None => batch.remove(&*change.key),
        }
    }
    opened.apply(batch)
}

fn keys_in<'a>(
    opened: &'a Opened,
    tree: &sled::Tree,
    range: KeyRange<'_>,
) -> impl Iterator<Item = Result<Bytes>> + use<'a> {
    let keys = tree
        .range::<&[u8], _>((range.start_bound(), range.end_bound()))
        .keys();
    keys.map(|key| {
        key.map(|key| Bytes::copy_from_slice(&key))
            .map_err(opened.failed())
    })
}
