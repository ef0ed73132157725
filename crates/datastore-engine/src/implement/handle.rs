//! A database that can be closed while others hold on to it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        PoisonError, RwLock, RwLockReadGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{Error, ErrorKind, Result};

/// Holds a database that blocks, until it is closed. Calls run side by side; upkeep that wants the database for itself, and
/// closing, wait for them.
///
/// A panic of the database ends the call with [`Damaged`](ErrorKind::Damaged): some databases panic on files that were changed
/// behind their back.
pub struct Handle<D> {
    database: RwLock<Option<D>>,
    closed: AtomicBool,
    path: PathBuf,
}

impl<D> Handle<D> {
    /// Holds an open database; errors name the path.
    pub fn new(database: D, path: impl Into<PathBuf>) -> Self {
        Self {
            database: RwLock::new(Some(database)),
            closed: AtomicBool::new(false),
            path: path.into(),
        }
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` if that can begin at once; none if it would have to wait for upkeep or for closing.
    pub fn try_with<T>(&self, work: impl FnOnce(&D) -> Result<T>) -> Option<Result<T>> {
        match self.database.try_read() {
            Ok(held) => Some(self.run(held, work)),
            Err(TryLockError::Poisoned(held)) => Some(self.run(held.into_inner(), work)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Runs `work`, beside other calls. Blocks.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed); those of `work`.
    pub fn with<T>(&self, work: impl FnOnce(&D) -> Result<T>) -> Result<T> {
        // A database keeps its own state whole if a call panics.
        self.run(
            self.database.read().unwrap_or_else(PoisonError::into_inner),
            work,
        )
    }

    fn run<T>(
        &self,
        held: RwLockReadGuard<'_, Option<D>>,
        work: impl FnOnce(&D) -> Result<T>,
    ) -> Result<T> {
        let database = held.as_ref().ok_or_else(Error::closed)?;
        guarded(&self.path, || work(database))
    }

    /// Runs `work` with no other call beside it. Blocks.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed); those of `work`.
    pub fn with_mut<T>(&self, work: impl FnOnce(&mut D) -> Result<T>) -> Result<T> {
        let mut held = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let database = held.as_mut().ok_or_else(Error::closed)?;
        guarded(&self.path, || work(database))
    }

    /// Waits for the calls under way and closes the database by `close`, unless it is closed already. Blocks.
    ///
    /// # Errors
    /// Those of `close`; the database counts as closed nevertheless.
    pub fn close(&self, close: impl FnOnce(D) -> Result<()>) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        let mut held = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match held.take() {
            Some(database) => guarded(&self.path, || close(database)),
            None => Ok(()),
        }
    }

    /// Runs `work` on something that was had from the database and can outlive it: a snapshot or an iterator.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed); those of `work`.
    pub fn beside<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed());
        }
        guarded(&self.path, work)
    }
}

impl<D> fmt::Debug for Handle<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Runs work that may panic on a damaged database at `path`; such a panic is an error.
///
/// # Errors
/// Those of `work`, and [`Damaged`](ErrorKind::Damaged) if it panics.
pub fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half done is the database's own, which its next call judges.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::new(ErrorKind::Damaged)
            .with_path(path)
            .with_detail(format!(
                "the database panicked: {}",
                text.unwrap_or("it did not say why")
            ))
            .with_remedy("close it, and restore it from a copy if a check finds damage"))
    })
}

#[cfg(test)]
mod tests {
    use super::Handle;
    use crate::{Error, ErrorKind, Result};

    #[test]
    fn panics_are_errors_and_close_is_final() {
        let handle = Handle::new(1, "here");
        let panicked = handle
            .with(|_| -> Result<()> { panic!("page {}", 7) })
            .unwrap_err();
        assert_eq!(panicked.kind(), ErrorKind::Damaged);
        assert!(
            panicked.to_string().contains("here") && panicked.to_string().contains("page 7"),
            "{panicked}"
        );
        handle
            .with_mut(|number| -> Result<()> {
                *number += 1;
                panic!("half way")
            })
            .unwrap_err();
        assert_eq!(handle.with(|number| Ok(*number)).unwrap(), 2);
        assert_eq!(handle.beside(|| Ok(3)).unwrap(), 3);
        assert!(
            handle
                .close(|_| Err(Error::unsupported("on purpose")))
                .is_err()
        );
        handle
            .close(|_| Err(Error::unsupported("a second time")))
            .unwrap();
        for outcome in [
            handle.with(|_| Ok(())),
            handle.with_mut(|_| Ok(())),
            handle.beside(|| Ok(())),
        ] {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Closed);
        }
    }

    #[test]
    fn what_would_wait_is_not_begun() {
        let handle = Handle::new(1, "here");
        handle
            .with_mut(|_| {
                assert!(handle.try_with(|_| Ok(())).is_none());
                Ok(())
            })
            .unwrap();
        assert_eq!(handle.try_with(|number| Ok(*number)).unwrap().unwrap(), 1);
    }
}
