//! The newest state, opened once for the reads between two commits.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use datastore_engine::{Result, implement::Handle};
use redb::{Database, ReadOnlyTable, ReadableDatabase};

use crate::{engine::TABLE, error::translate};

pub(crate) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// An open database, and its newest state if somebody has read it since the last commit: to open it anew costs three times a
/// get.
pub(crate) struct Opened {
    pub(crate) database: Database,
    kept: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    rows: Option<Arc<Rows>>,
    /// Odd during a commit.
    generation: u64,
}

impl Opened {
    pub(crate) fn new(database: Database) -> Self {
        let kept = RwLock::default();
        Self { database, kept }
    }

    /// The newest state.
    pub(crate) fn newest(&self, handle: &Handle<Self>) -> Result<Arc<Rows>> {
        let generation = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(rows) = &kept.rows {
                return Ok(Arc::clone(rows));
            }
            kept.generation
        };
        let failed = |error: redb::Error| translate(handle.path(), error);
        let reading = self
            .database
            .begin_read()
            .map_err(|error| failed(error.into()))?;
        let rows = Arc::new(
            reading
                .open_table(TABLE)
                .map_err(|error| failed(error.into()))?,
        );
        let mut kept = self.kept();
        // During a commit this may be the state before it or behind it, and another reader may have had the other one.
        if kept.generation == generation && generation.is_multiple_of(2) {
            kept.rows = Some(Arc::clone(&rows));
        }
        Ok(rows)
    }

    /// Runs a commit, from the beginning of which on nothing is kept that was read before its end.
    pub(crate) fn committing<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.forget();
        let committing = Committing(self);
        let committed = commit();
        drop(committing);
        committed
    }

    /// Lets go of the state that is kept: the database is to be had for oneself.
    pub(crate) fn release(&mut self) -> &mut Database {
        self.kept().rows = None;
        &mut self.database
    }

    fn forget(&self) {
        let mut kept = self.kept();
        kept.generation += 1;
        let rows = kept.rows.take();
        drop(kept);
        drop(rows);
    }

    fn kept(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a commit, also one that panics.
struct Committing<'a>(&'a Opened);

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        self.0.forget();
    }
}
