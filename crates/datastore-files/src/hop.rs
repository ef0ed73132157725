//! The one place where blocking work leaves the async world.

use crate::error::{FileError, Result};
use std::path::Path;

use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Takes the outcome of some work, once.
pub type Tell<'a, T> = &'a mut dyn FnMut(T);

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
        outcome_of(path, tokio::task::spawn_blocking(work).await)
    }

    /// As [`run`](Self::run), for work that tells its outcome before it ends. What it does after that, such as closing files,
    /// nobody waits for.
    ///
    /// # Errors
    ///
    /// As `run`, and if the work told nothing.
    ///
    /// # Panics
    ///
    /// If the work does before it told.
    pub async fn run_until_told<T: Send + 'static>(
        self,
        path: &Path,
        work: impl FnOnce(Tell<'_, T>) + Send + 'static,
    ) -> Result<T> {
        if !self.hops() {
            let mut told = None;
            work(&mut |outcome| told = Some(outcome));
            return told.ok_or_else(|| FileError::interrupted(path));
        }
        let (sender, receiver) = oneshot::channel();
        let running = tokio::task::spawn_blocking(move || {
            let mut sender = Some(sender);
            work(&mut |outcome| {
                if let Some(sender) = sender.take() {
                    // Nobody may be waiting any more.
                    let _ = sender.send(outcome);
                }
            });
        });
        match receiver.await {
            Ok(told) => Ok(told),
            Err(_) => Err(match outcome_of(path, running.await) {
                Ok(()) => FileError::interrupted(path),
                Err(error) => error,
            }),
        }
    }
}

fn outcome_of<T>(path: &Path, ran: std::result::Result<T, JoinError>) -> Result<T> {
    match ran {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(FileError::interrupted(path)),
    }
}
