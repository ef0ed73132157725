//! What the parts of an engine over a store share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use datastore_engine::{EngineCapabilities, Error, Result};
use interface_datastore::{Datastore, Durability, Key};

use super::{journal::Changes, names::Names};

/// The store, how commits reach it, and what of them has not reached it yet.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) store: Arc<dyn Datastore>,
    pub(super) names: Names,
    pub(super) can: EngineCapabilities,
    /// The durability of every commit.
    pub(super) level: Durability,
    /// The store lists keys in their order, from any key on.
    pub(super) in_order: bool,
    /// The most keys that the range deletes of a batch may meet.
    pub(super) most_range_keys: u64,
    /// Commits that come together are carried out as one up to so many bytes.
    pub(super) most_together: u64,
    pub(super) way: Way,
    /// A commit that has happened, whose changes are being applied or failed to be.
    pub(super) pending: RwLock<Option<Arc<Pending>>>,
    pub(super) closed: AtomicBool,
}

/// How a commit becomes whole.
#[derive(Debug)]
pub(super) enum Way {
    /// The store's batches are.
    Batches,
    /// It is written into a journal first.
    Journals(Journals),
}

/// The journals of one opening.
#[derive(Debug)]
pub(super) struct Journals {
    pub(super) opening: u64,
    /// What our note of the opening holds, and no other's does.
    pub(super) token: Bytes,
    pub(super) next: AtomicU64,
    /// The longest, in bytes.
    pub(super) most: u64,
    /// Somebody else has opened the engine.
    pub(super) lost: AtomicBool,
    /// A journal of a commit that failed, which may be there and must not stay.
    pub(super) doubtful: Mutex<Option<Key>>,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) journal: Key,
    pub(super) changes: Changes,
}

impl Core {
    pub(super) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        Ok(())
    }

    pub(super) fn pending(&self) -> Option<Arc<Pending>> {
        let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
        pending.clone()
    }

    pub(super) fn set_pending(&self, pending: Option<Arc<Pending>>) {
        *self.pending.write().unwrap_or_else(PoisonError::into_inner) = pending;
    }
}

impl Journals {
    pub(super) fn doubtful(&self) -> MutexGuard<'_, Option<Key>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
