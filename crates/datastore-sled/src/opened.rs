//! An open database, which ends in good order however it is let go of.

use std::{
    mem,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use datastore_engine::{Error, Result, implement::guarded};

use crate::{
    error::{halted, translate},
    folder,
};

/// The one tree: keys and values as they are.
const TREE: &[u8] = b"entries";
/// The tree that sled makes of itself.
const TREE_OF_SLED: &[u8] = b"__sled__default";

#[derive(Debug)]
pub(crate) struct Opened {
    /// None once it has ended.
    held: Option<(sled::Db, sled::Tree)>,
    config: sled::Config,
    path: PathBuf,
    written: AtomicBool,
    /// A batch may have been applied in part.
    halted: AtomicBool,
}

impl Opened {
    /// Opens a database with these settings; none if it holds the trees of another program.
    pub(crate) fn open(config: sled::Config, path: &Path) -> Result<Option<Self>> {
        let failed = |error| translate(path, error);
        let database = config.open().map_err(failed)?;
        let of_others = |name: &sled::IVec| *name != TREE && *name != TREE_OF_SLED;
        if !database.is_empty() || database.tree_names().iter().any(of_others) {
            drop(database);
            folder::wait_until_unlocked(path)?;
            return Ok(None);
        }
        let tree = database.open_tree(TREE).map_err(failed)?;
        Ok(Some(Self {
            held: Some((database, tree)),
            config,
            path: path.to_owned(),
            written: AtomicBool::new(false),
            halted: AtomicBool::new(false),
        }))
    }

    pub(crate) fn failed(&self) -> impl Fn(sled::Error) -> Error + '_ {
        |error| translate(&self.path, error)
    }

    fn held(&self) -> Result<&(sled::Db, sled::Tree)> {
        if self.halted.load(Ordering::SeqCst) {
            return Err(halted(&self.path));
        }
        self.held.as_ref().ok_or_else(Error::closed)
    }

    pub(crate) fn tree(&self) -> Result<&sled::Tree> {
        self.held().map(|(_, tree)| tree)
    }

    pub(crate) fn size(&self) -> Result<u64> {
        self.held()?.0.size_on_disk().map_err(self.failed())
    }

    /// Applies a batch. If this fails half way nothing more is read or written.
    pub(crate) fn apply(&self, batch: sled::Batch) -> Result<()> {
        let tree = self.tree()?;
        self.written.store(true, Ordering::SeqCst);
        let unless_done = Halt(&self.halted);
        tree.apply_batch(batch).map_err(self.failed())?;
        mem::forget(unless_done);
        Ok(())
    }

    /// Hands all that was applied to the system.
    pub(crate) fn flush(&self) -> Result<()> {
        self.tree()?.flush().map(drop).map_err(self.failed())
    }

    /// Has the system write all that was applied.
    pub(crate) fn sync(&self) -> Result<()> {
        self.flush()?;
        folder::sync(&self.path)
    }

    /// Writes all that was applied and lets go of the lock.
    pub(crate) fn end(mut self) -> Result<()> {
        let synced = self.sync();
        synced.and(self.release())?;
        if self.written.load(Ordering::SeqCst) {
            // What sled has written since it was opened it reads again when it is opened next, and sums it up then.
            drop(self.config.open());
            folder::wait_until_unlocked(&self.path)?;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        if self.halted.load(Ordering::SeqCst) && held.0.context.global_error().is_ok() {
            // Dropping it writes what is in memory, which would make a part of a batch stay.
            mem::forget(held);
            return Err(halted(&self.path));
        }
        guarded(&self.path, || {
            drop(held);
            Ok(())
        })?;
        folder::wait_until_unlocked(&self.path)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

/// Halts a database when it is dropped.
struct Halt<'a>(&'a AtomicBool);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
