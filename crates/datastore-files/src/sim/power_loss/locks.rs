//! Who holds which lock.

use std::collections::HashMap;

use super::tree::Ino;
use crate::fs::LockMode;

#[derive(Debug, Default)]
pub(super) struct Locks {
    holders: HashMap<Ino, Vec<Holder>>,
    next: u64,
}

#[derive(Debug)]
struct Holder {
    number: u64,
    process: u64,
    mode: LockMode,
}

impl Locks {
    /// Gives the number of the lock; none if others exclude it.
    pub(super) fn take(&mut self, ino: Ino, process: u64, mode: LockMode) -> Option<u64> {
        let holders = self.holders.entry(ino).or_default();
        let shared = mode == LockMode::Shared
            && holders.iter().all(|holder| holder.mode == LockMode::Shared);
        if !holders.is_empty() && !shared {
            return None;
        }
        let number = self.next;
        self.next += 1;
        holders.push(Holder {
            number,
            process,
            mode,
        });
        Some(number)
    }

    pub(super) fn release(&mut self, ino: Ino, number: u64) {
        if let Some(holders) = self.holders.get_mut(&ino) {
            holders.retain(|holder| holder.number != number);
        }
    }

    pub(super) fn release_process(&mut self, process: u64) {
        for holders in self.holders.values_mut() {
            holders.retain(|holder| holder.process != process);
        }
    }
}
