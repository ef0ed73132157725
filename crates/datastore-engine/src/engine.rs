//! The traits that engines implement.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use crate::{
    Batch, BoxFuture, BoxStream, CheckReport, Durability, EngineCapabilities, Entry, MaybeSend,
    MaybeSync, Result, Scan,
};

/// How a batch is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitOptions {
    /// What the commit must withstand once it is acknowledged; none: the engine's default.
    pub durability: Option<Durability>,
}

impl CommitOptions {
    /// A commit that withstands this.
    pub fn at(durability: Durability) -> Self {
        Self {
            durability: Some(durability),
        }
    }
}

/// What can be read: of an engine as it is now, or of a snapshot.
pub trait EngineReader: fmt::Debug + MaybeSend + MaybeSync + 'static {
    /// The value under a key, if there is one.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Damaged`](crate::ErrorKind::Damaged), or what the medium meets. A failure is
    /// never told as "none".
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>>;

    /// The values under several keys, in their order, duplicates included; of one moment where there are
    /// [`snapshots`](EngineCapabilities::snapshots).
    ///
    /// # Errors
    /// As [`get`](Self::get); one failure fails the call.
    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>>;

    /// The entries of a range in ascending or descending byte order of keys. Nothing is read before the stream is polled,
    /// and little more than what is consumed. An error is the last item.
    ///
    /// The stream owns what it needs and may outlive the handle it came from. It is of the moment of its first poll where
    /// there are [`snapshots`](EngineCapabilities::snapshots); elsewhere changes made meanwhile may or may not be seen.
    /// After `close` it ends with [`Closed`](crate::ErrorKind::Closed).
    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>>;
}

/// An ordered key-value engine: byte keys (1 byte or longer) in byte order, byte values, atomic batches.
///
/// Small and object-safe. Futures are ready at the first poll when the engine can answer without waiting; work that may
/// take long hops to a thread made for it, one hop a call. What the engine can do is told by its
/// [`capabilities`](Self::capabilities).
///
/// # What every engine keeps to
/// * A batch takes effect as a whole or not at all, whatever happens.
/// * Commits take effect in the order in which they were first polled. A commit that is dropped before its first poll has
///   no effect; one dropped later takes effect in its place in that order, whole, or not at all.
/// * A commit is acknowledged when it has the durability that was asked for. Others may see it a little earlier.
/// * What the engine lacks it refuses with [`Unsupported`](crate::ErrorKind::Unsupported), and keys and values that it does
///   not take with [`InvalidArgument`](crate::ErrorKind::InvalidArgument), before any effect.
/// * No call panics, whatever the medium holds.
pub trait Engine: EngineReader {
    /// What this engine can do. Does not change while it is open.
    fn capabilities(&self) -> EngineCapabilities;

    /// Applies a batch.
    ///
    /// # Errors
    /// As told above, and [`SyncFailed`](crate::ErrorKind::SyncFailed) or what else the medium meets. After an error other than
    /// `Unsupported` and `InvalidArgument` the batch may have taken effect, as a whole.
    fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>>;

    /// A view of this moment, which later commits do not change. It keeps alive what it needs; long-lived ones keep an
    /// engine from freeing space.
    ///
    /// # Errors
    /// `Unsupported` in an engine without [`snapshots`](EngineCapabilities::snapshots).
    fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>>;

    /// Makes all acknowledged commits as durable as the engine can; gives the durability they hold.
    fn sync(&self) -> BoxFuture<'_, Result<Durability>>;

    /// The bytes that the database takes on its medium.
    fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>>;

    /// Gives back space and speeds up reads, as far as the engine can; may take long, and others may have to wait.
    fn compact(&self) -> BoxFuture<'_, Result<()>>;

    /// Reads everything and verifies what can be verified; may take long. Damage that was found is in the report, and the
    /// call fails only if it could not be looked for.
    fn check(&self) -> BoxFuture<'_, Result<CheckReport>>;

    /// Waits for what is under way, makes the database whole on its medium so that opening has nothing to repair, and lets
    /// go of its locks. Later calls, through any handle, snapshot or stream, fail with
    /// [`Closed`](crate::ErrorKind::Closed); closing again is no error.
    fn close(&self) -> BoxFuture<'_, Result<()>>;
}

macro_rules! forward {
    ($($pointer:ident)*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<R: EngineReader + ?Sized> EngineReader for $pointer<R> {
            fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
                (**self).get(key)
            }
            fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
                (**self).get_many(keys)
            }
            fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
                (**self).scan(scan)
            }
        }

        #[deny(clippy::missing_trait_methods)]
        impl<E: Engine + ?Sized> Engine for $pointer<E> {
            fn capabilities(&self) -> EngineCapabilities {
                (**self).capabilities()
            }
            fn commit<'a>(&'a self, batch: &'a Batch, options: CommitOptions) -> BoxFuture<'a, Result<()>> {
                (**self).commit(batch, options)
            }
            fn snapshot(&self) -> BoxFuture<'_, Result<Arc<dyn EngineReader>>> {
                (**self).snapshot()
            }
            fn sync(&self) -> BoxFuture<'_, Result<Durability>> {
                (**self).sync()
            }
            fn size_on_disk(&self) -> BoxFuture<'_, Result<u64>> {
                (**self).size_on_disk()
            }
            fn compact(&self) -> BoxFuture<'_, Result<()>> {
                (**self).compact()
            }
            fn check(&self) -> BoxFuture<'_, Result<CheckReport>> {
                (**self).check()
            }
            fn close(&self) -> BoxFuture<'_, Result<()>> {
                (**self).close()
            }
        }
    )*};
}

forward!(Arc Box);
