//! Whether the values that come are new to the store.

use std::sync::atomic::{AtomicU32, Ordering};

/// Once so many puts in a row found nothing in their place, the next ones do not look first.
const SAMPLE: u32 = 8;

/// What the last puts found. To look first makes equal puts cheap and new ones dearer, so those look that have a reason to.
#[derive(Debug, Default)]
pub(crate) struct Novelty {
    new_in_a_row: AtomicU32,
}

impl Novelty {
    /// Whether the next value is expected to be new.
    pub(crate) fn is_expected(&self) -> bool {
        self.new_in_a_row.load(Ordering::Relaxed) >= SAMPLE
    }

    /// Takes note of whether there was something where a value belonged.
    pub(crate) fn note(&self, found: bool) {
        match found {
            true => self.new_in_a_row.store(0, Ordering::Relaxed),
            false if self.is_expected() => {}
            false => {
                self.new_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
