//! Whether a commit was under way while something was read.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Counts the beginnings and the ends of commits, which take turns.
#[derive(Default)]
pub(crate) struct Writes(AtomicU64);

/// A commit that is being applied; ends when dropped.
pub(crate) struct Applying<'a>(&'a Writes);

impl Writes {
    pub(crate) fn begin(&self) -> Applying<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Applying(self)
    }

    /// What was read, if it is of one moment: if no commit was being applied meanwhile.
    pub(crate) fn undisturbed<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let before = self.0.load(Ordering::SeqCst);
        if !before.is_multiple_of(2) {
            return None;
        }
        let found = read();
        // What `read` has loaded was loaded before this counts.
        fence(Ordering::Acquire);
        (self.0.load(Ordering::SeqCst) == before).then_some(found)
    }
}

impl Drop for Applying<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Writes;

    #[test]
    fn reads_beside_a_commit_do_not_count() {
        let writes = Writes::default();
        assert_eq!(writes.undisturbed(|| 1), Some(1));
        let applying = writes.begin();
        assert_eq!(writes.undisturbed(|| 1), None);
        drop(applying);
        assert_eq!(writes.undisturbed(|| 1), Some(1));
        assert_eq!(writes.undisturbed(|| drop(writes.begin())), None);
    }
}
