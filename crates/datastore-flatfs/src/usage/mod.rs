//! How much space the directory takes: a number that both programs keep, each in turn.
//!
//! The number is known at once from `diskUsage.cache`, kept up to date by every change, and stored now and then. Where nobody
//! vouches for it, it is counted again in the background.

mod accuracy;
pub(crate) mod cache;
mod count;
mod policy;
mod store;
mod tally;

use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use datastore_files::Tree;
use tokio::sync::watch;

pub use self::accuracy::Accuracy;
pub(crate) use self::cache::Cached;
use self::count::Count;
pub(crate) use self::count::Limits;
pub(crate) use self::store::{change as store_change, read as read_stored};
use self::tally::Tally;
use crate::background::Stop;

/// Whether a path is the one of the stored number, which follows the counter and whose loss is made up for.
pub(crate) fn is_file(path: &Path) -> bool {
    path == Path::new(cache::FILE)
}

/// The counter that writes keep up to date.
#[derive(Debug)]
pub(crate) struct Usage {
    bytes: AtomicI64,
    /// The number stored last.
    stored: AtomicI64,
    /// A thread is seeing to it that the number is stored.
    storing: AtomicBool,
    /// Whether that thread has to do it at once.
    urgent: AtomicBool,
    /// No number is known.
    unknown: AtomicBool,
    /// Whether `tally` is there.
    counting: AtomicBool,
    /// Files that the count has looked at.
    looked_at: AtomicU64,
    /// The same as `counting`, for those who wait.
    running: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    accuracy: Accuracy,
    /// Whether somebody vouches for the number.
    trusted: bool,
    tally: Option<Tally>,
}

impl Usage {
    /// A counter that starts with what is known.
    pub(crate) fn new(known: Option<Cached>, trusted: bool) -> Self {
        let unknown = AtomicBool::new(known.is_none());
        let known = known.unwrap_or(Cached {
            bytes: 0,
            accuracy: Accuracy::Unknown,
        });
        Self {
            bytes: AtomicI64::new(known.bytes),
            stored: AtomicI64::new(known.bytes),
            storing: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            unknown,
            counting: AtomicBool::new(false),
            looked_at: AtomicU64::new(0),
            running: watch::Sender::new(false),
            state: Mutex::new(State {
                accuracy: known.accuracy,
                trusted,
                tally: None,
            }),
        }
    }

    /// A change in `folder` added `added` bytes and removed `removed`: files by their length, new folders by their own.
    ///
    /// Called while the gate of the key that it is about is held, after the change.
    pub(crate) fn changed<'p>(&self, folder: impl FnOnce() -> &'p Path, added: u64, removed: u64) {
        let by = signed(added).saturating_sub(signed(removed));
        if self.counting.load(Ordering::SeqCst) {
            let mut state = self.state();
            self.bytes.fetch_add(by, Ordering::Relaxed);
            if let Some(tally) = &mut state.tally {
                tally.changed(folder().as_os_str(), by);
            }
        } else {
            self.bytes.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Removes an empty folder by `remove`, which gives its length if it did; whether it did.
    pub(crate) fn remove_folder<E>(
        &self,
        folder: &Path,
        remove: impl FnOnce() -> Result<Option<u64>, E>,
    ) -> Result<bool, E> {
        self.remove(remove, |tally, len| tally.removed(folder.as_os_str(), len))
    }

    /// Removes a file that is of no key from a folder, in the same way.
    pub(crate) fn remove_file<E>(
        &self,
        folder: &Path,
        remove: impl FnOnce() -> Result<Option<u64>, E>,
    ) -> Result<bool, E> {
        self.remove(remove, |tally, len| tally.changed(folder.as_os_str(), -len))
    }

    /// No gate is held, so a count has to be kept from being done with the folder between the removal and the news of it.
    fn remove<E>(
        &self,
        remove: impl FnOnce() -> Result<Option<u64>, E>,
        tell: impl FnOnce(&mut Tally, i64),
    ) -> Result<bool, E> {
        let mut state = self.state();
        let Some(len) = remove()?.map(signed) else {
            return Ok(false);
        };
        self.bytes.fetch_sub(len, Ordering::Relaxed);
        if let Some(tally) = &mut state.tally {
            tell(tally, len);
        }
        Ok(true)
    }

    /// The present number, never below zero, and how well it is known.
    pub(crate) fn now(&self) -> (u64, Accuracy) {
        let bytes = u64::try_from(self.signed()).unwrap_or(0);
        let state = self.state();
        let accuracy = match state.trusted {
            true => state.accuracy.clone(),
            false => Accuracy::Unknown,
        };
        (bytes, accuracy)
    }

    /// What is to be stored.
    pub(crate) fn to_store(&self) -> Cached {
        Cached {
            bytes: self.signed().max(0),
            accuracy: self.state().accuracy.clone(),
        }
    }

    /// How many files a running count has looked at; none if there is no count.
    pub(crate) fn progress(&self) -> Option<u64> {
        let counting = self.counting.load(Ordering::SeqCst);
        counting.then(|| self.looked_at.load(Ordering::Relaxed))
    }

    fn signed(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a count; false if there is one.
    pub(crate) fn claim_count(&self) -> bool {
        let mut state = self.state();
        if *self.running.borrow() {
            return false;
        }
        state.tally = Some(Tally::default());
        self.looked_at.store(0, Ordering::Relaxed);
        self.counting.store(true, Ordering::SeqCst);
        self.running.send_replace(true);
        true
    }

    /// Does the count that was announced; whether it came to its end. `settle` waits for changes that have begun.
    /// [`count_is_over`](Self::count_is_over) has to follow.
    pub(crate) fn count(
        &self,
        tree: &Tree,
        limits: Limits,
        stop: &Stop,
        settle: &dyn Fn(),
    ) -> bool {
        let count = Count {
            tree,
            usage: self,
            limits,
            stop,
            settle,
            begun: Instant::now(),
            accuracy: Accuracy::Exact,
        };
        let outcome = count.run();
        let ended = outcome.is_some();
        self.conclude_count(outcome);
        ended
    }

    fn conclude_count(&self, outcome: Option<(i64, Accuracy)>) {
        let mut state = self.state();
        let tally = state.tally.take();
        if let (Some((bytes, accuracy)), Some(tally)) = (outcome, tally) {
            let bytes = bytes.saturating_add(tally.correction());
            self.bytes.store(bytes, Ordering::SeqCst);
            state.accuracy = accuracy;
            state.trusted = true;
            self.unknown.store(false, Ordering::SeqCst);
        }
        self.counting.store(false, Ordering::SeqCst);
    }

    /// Tells those who wait that a count is over, and with it what follows one.
    pub(crate) fn count_is_over(&self) {
        self.running.send_replace(false);
    }

    /// Ends a count that was announced and cannot be done.
    pub(crate) fn give_up_count(&self) {
        self.conclude_count(None);
        self.count_is_over();
    }

    /// Waits for a count if no number at all is known. Cancel-safe.
    pub(crate) async fn known(&self) {
        if self.unknown.load(Ordering::SeqCst) {
            self.counted().await;
        }
    }

    /// Waits until there is no count. Cancel-safe.
    pub(crate) async fn counted(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as self.
        let _ = running.wait_for(|running| !running).await;
    }

    /// Whether somebody vouches for the number.
    pub(crate) fn is_trusted(&self) -> bool {
        self.state().trusted
    }

    fn count_begins(&self, folders: impl Iterator<Item = OsString>) {
        if let Some(tally) = &mut self.state().tally {
            tally.begin(folders);
        }
    }

    fn folder_begins(&self, folder: &OsStr) {
        if let Some(tally) = &mut self.state().tally {
            tally.folder_begins(folder);
        }
    }

    /// Whether the folder stayed as it was meanwhile.
    fn folder_ends(&self) -> bool {
        self.state().tally.as_mut().is_none_or(Tally::folder_ends)
    }

    fn folder_given_up(&self) {
        if let Some(tally) = &mut self.state().tally {
            tally.folder_given_up();
        }
    }

    fn counted_one(&self) {
        self.looked_at.fetch_add(1, Ordering::Relaxed);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
