//! The one place where blocking work leaves the async world.

use crate::error::{FileError, Result};
use std::path::Path;

/// Whether plain blocking calls may run on the thread that polls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocking {
    /// No: what the caches cannot answer goes to the runtime's blocking threads. Outside a tokio runtime calls run
    /// where they are polled.
    #[default]
    Never,
    /// Yes: all work of a single operation runs where it is polled. For local disks, where a hop to another thread
    /// costs more than the call itself.
    Inline,
}

impl Blocking {
    /// Whether a call made now would move to another thread.
    #[must_use]
    pub fn hops(self) -> bool {
        self == Self::Never && tokio::runtime::Handle::try_current().is_ok()
    }

    /// Runs blocking work, in one hop if in any.
    ///
    /// Once the work has been handed over it runs to its end even if the future is dropped; what it owns lives as long.
    ///
    /// # Errors
    ///
    /// [`Reason::Interrupted`](crate::Reason::Interrupted), naming `path`, if the runtime is shutting down.
    ///
    /// # Panics
    ///
    /// If the work does.
    pub async fn run<T: Send + 'static>(
        self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        if !self.hops() {
            return Ok(work());
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(FileError::interrupted(path)),
        }
    }
}
