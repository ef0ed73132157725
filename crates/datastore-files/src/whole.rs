//! Syncing the whole file system for several groups, so that no failure goes unnoticed.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fs::{Dir, Fs};
use crate::tree::lock;

/// Syncs a file system through one handle.
///
/// A failure is told to one call for the handle, whoever makes it and whosever file it was. So failures are counted, every
/// file remembers how many there were before it was made, and a sync proves something for those files only before which and
/// since which none was told to anybody.
#[derive(Debug, Default)]
pub(crate) struct WholeSync {
    /// Held during a sync: its failure is counted before another can succeed.
    turn: Mutex<()>,
    begun: AtomicU64,
    failures: AtomicU64,
}

/// How many failures were told up to some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failures(u64);

impl WholeSync {
    /// To be remembered before a file is made or a name changed.
    pub(crate) fn failures(&self) -> Failures {
        Failures(self.failures.load(Ordering::SeqCst))
    }

    /// Syncs the file system of `dir`, which is always the same handle, and gives how many failures were told by then. A
    /// sync that somebody else began after this call will do.
    pub(crate) fn run(&self, fs: &dyn Fs, dir: &Dir) -> io::Result<Failures> {
        let begun_before = self.begun.load(Ordering::SeqCst);
        let _turn = lock(&self.turn);
        // Only who has the turn begins one, so one more has begun after the call and ended by now.
        if self.begun.load(Ordering::SeqCst) == begun_before {
            self.begun.fetch_add(1, Ordering::SeqCst);
            if let Err(error) = fs.sync_file_system(dir) {
                self.failures.fetch_add(1, Ordering::SeqCst);
                return Err(error);
            }
        }
        Ok(self.failures())
    }
}
