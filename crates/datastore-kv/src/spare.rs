//! A batch to be filled again: a small write that commits takes no memory for its batch.

use std::sync::{Mutex, TryLockError};

use datastore_engine::Batch;

/// Larger ones are let go of, so that one large write does not keep its memory.
pub(crate) const MOST_OPS: usize = 64;
const MOST_BYTES: u64 = 16 << 10;

/// At most one batch. Who comes while somebody else has it takes a new one.
#[derive(Default)]
pub(crate) struct Spare(Mutex<Option<Batch>>);

impl Spare {
    /// An empty batch.
    pub(crate) fn take(&self) -> Batch {
        match self.0.try_lock() {
            Ok(mut spare) => spare.take().unwrap_or_default(),
            Err(TryLockError::Poisoned(spare)) => spare.into_inner().take().unwrap_or_default(),
            Err(TryLockError::WouldBlock) => Batch::new(),
        }
    }

    /// Takes back a batch that is not needed any more.
    pub(crate) fn give(&self, mut batch: Batch) {
        if batch.len() > MOST_OPS || batch.byte_len() > MOST_BYTES {
            return;
        }
        batch.clear();
        if let Ok(mut spare) = self.0.try_lock() {
            *spare = Some(batch);
        }
    }
}
