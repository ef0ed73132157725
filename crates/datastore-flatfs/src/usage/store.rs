//! Storing the number while the store is used: at once after a change of more than one percent, else a little later.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use datastore_files::{Change, Contents, FileError, Replace, Safety, Tree, Wait};

use super::policy::is_stored_at_once;
use super::{Cached, Usage, cache};
use crate::background::{Background, Stop};

/// Smaller changes are stored after so long.
const LATER: Duration = Duration::from_secs(2);
/// The number is stored no more often than this.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// The text of the file `diskUsage.cache`; none if there is no such text.
pub(crate) fn read(tree: &Tree) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = tree.open_file(Path::new(cache::FILE), Wait::Yes)? else {
        return Ok(None);
    };
    let bytes = file.read(0..cache::MAX_LEN, Wait::Yes)?;
    Ok(Some(bytes.to_vec()))
}

/// The change that stores a number.
pub(crate) fn change(cached: &Cached) -> Change {
    Change::Write {
        path: cache::FILE.into(),
        contents: Contents::Bytes(Bytes::from(cached.to_text())),
        replace: Replace::Yes,
        obsolete: None,
    }
}

impl Usage {
    /// Sees to it that the number is stored if it changed. Costs next to nothing if that is seen to already.
    pub(crate) fn nudge(self: &Arc<Self>, tree: &Tree, background: &Background) {
        let is_big = || is_stored_at_once(self.stored.load(Ordering::Relaxed), self.signed());
        if self.storing.load(Ordering::Relaxed) {
            if !self.urgent.load(Ordering::Relaxed)
                && is_big()
                && !self.urgent.swap(true, Ordering::SeqCst)
            {
                background.stop_signal().ring();
            }
            return;
        }
        if !self.is_stale() || self.storing.swap(true, Ordering::SeqCst) {
            return;
        }
        self.urgent.store(is_big(), Ordering::SeqCst);
        let (usage, tree) = (Arc::clone(self), tree.clone());
        let work = move |stop: &Stop| usage.store_until_settled(&tree, stop);
        if !background.spawn("flatfs-usage", work) {
            self.storing.store(false, Ordering::SeqCst);
        }
    }

    fn is_stale(&self) -> bool {
        self.stored.load(Ordering::SeqCst) != self.signed()
    }

    fn store_until_settled(&self, tree: &Tree, stop: &Stop) {
        loop {
            stop.wait(LATER, || self.urgent.load(Ordering::SeqCst));
            self.urgent.store(false, Ordering::SeqCst);
            let Some(stored) = stop.unless_set(|| self.store_now(tree)) else {
                return;
            };
            let pause = if stored { AT_MOST_EVERY } else { LATER };
            stop.wait(pause, || false);
            if stored && self.is_stale() {
                continue;
            }
            self.storing.store(false, Ordering::SeqCst);
            // Who changed something a moment ago took this thread for still at it.
            let missed = stored && self.is_stale() && !self.storing.swap(true, Ordering::SeqCst);
            if !missed {
                return;
            }
        }
    }

    /// Stores the number, so that it outlasts the process.
    pub(crate) fn store_now(&self, tree: &Tree) -> bool {
        let cached = self.to_store();
        let outcome = tree.apply(vec![change(&cached)], Safety::Process).pop();
        let stored = matches!(outcome, Some(Ok(_)));
        if stored {
            self.stored.store(cached.bytes, Ordering::SeqCst);
        }
        stored
    }
}
