//! What a store's tests can offer so that more of its claims are proven.

use std::{fmt, future::Future, sync::Arc};

use interface_datastore::{BoxFuture, Datastore, MaybeSend, MaybeSync, Result};

use crate::Subject;

/// Makes a fresh, empty subject: any closure `|| async { MyStore::new() }`.
pub trait Factory: MaybeSend + MaybeSync + 'static {
    /// Makes one.
    fn make(&self) -> BoxFuture<'static, Subject>;
}

impl<F, Fut> Factory for F
where
    F: Fn() -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output: Into<Subject>> + MaybeSend + 'static,
{
    fn make(&self) -> BoxFuture<'static, Subject> {
        let made = self();
        Box::pin(async move { made.await.into() })
    }
}

/// Opens the data of an existing subject: any closure `move || async move { MyStore::open(path) }`.
pub trait Opener: MaybeSend + MaybeSync + 'static {
    /// Opens it.
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn Datastore>>>;
}

impl<F, Fut, S> Opener for F
where
    F: Fn() -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = Result<S>> + MaybeSend + 'static,
    S: Datastore,
{
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        let opened = self();
        Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Datastore>) })
    }
}

/// A way in which a call of a store to its medium fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Writing bytes fails: no space is left (`ENOSPC`).
    WriteNoSpace,
    /// Writing bytes fails: input/output error (`EIO`).
    WriteError,
    /// Fewer bytes are taken than were given, without an error.
    ShortWrite,
    /// Making written bytes or names durable fails (`EIO`): syncs of files count as well as those of folders.
    SyncError,
    /// Publishing what was written under its name fails: the rename of a file, say (`EIO`).
    PublishError,
    /// Opening or creating fails: too many open files (`EMFILE`).
    OpenLimit,
    /// Reading bytes fails (`EIO`).
    ReadError,
    /// Removing a name fails (`EIO`).
    RemoveError,
}

impl Fault {
    /// All ways.
    pub const ALL: [Self; 8] = [
        Self::WriteNoSpace,
        Self::WriteError,
        Self::ShortWrite,
        Self::SyncError,
        Self::PublishError,
        Self::OpenLimit,
        Self::ReadError,
        Self::RemoveError,
    ];
}

/// The medium under a store, made to fail: offered by [`Subject::with_faults`].
///
/// A file store implements it over its file system, a store on a server over its transport.
pub trait FaultSubject: MaybeSend + MaybeSync + 'static {
    /// From now on counts the calls that `fault` can strike, and lets the `nth` of them (from 1) fail, once. Takes the
    /// place of a fault that waits. False if this medium knows no such fault.
    fn arm(&self, fault: Fault, nth: u64) -> bool;

    /// Lets nothing fail any more; whether the fault struck.
    fn disarm(&self) -> bool;
}

/// The medium under a store, which remembers what was done to it and can be put back to what a power cut may have left:
/// offered by [`Subject::with_power_loss`].
pub trait CrashSubject: MaybeSend + MaybeSync + 'static {
    /// How many changes (writes, syncs, renames …) the medium has seen so far.
    fn moment(&self) -> u64;

    /// Opens a store on what may be left if the power goes after the first `moment` changes, chosen by `seed`: 0 is what
    /// was synced and nothing else, 1 is everything, others are any choice of the changes that were not synced, each by
    /// itself. The live store goes on, unharmed.
    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Datastore>>>;
}

/// Runs a future to its end on the calling thread.
pub trait BlockOn: MaybeSend + MaybeSync + 'static {
    /// Runs it.
    fn run(&self, future: BoxFuture<'static, ()>);
}

impl<F: Fn(BoxFuture<'static, ()>) + MaybeSend + MaybeSync + 'static> BlockOn for F {
    fn run(&self, future: BoxFuture<'static, ()>) {
        self(future);
    }
}

/// Runs a future without any runtime: what [`conformance!`](crate::conformance) uses unless told otherwise.
///
/// On wasm32, where no thread can wait, only a future that is ready at once comes to its end.
pub fn block_on(future: BoxFuture<'static, ()>) {
    #[cfg(not(target_family = "wasm"))]
    pollster::block_on(future);
    #[cfg(target_family = "wasm")]
    let _ = futures_util::FutureExt::now_or_never(future);
}

impl fmt::Debug for dyn FaultSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultSubject")
    }
}

impl fmt::Debug for dyn CrashSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashSubject")
    }
}
