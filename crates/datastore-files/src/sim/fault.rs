//! What may fail and how: the hook that a [`FaultyFs`](super::FaultyFs) asks.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Errno;
use crate::fs::Wait;

/// Decides about the operations of a [`FaultyFs`](super::FaultyFs).
///
/// Closures `Fn(&FsOp<'_>) -> Fault` are hooks too. A hook is called before each operation, by the thread that does it
/// and under no lock: it may block, and so hold one operation while others go on.
pub trait FaultHook: Send + Sync + 'static {
    /// What becomes of the operation.
    fn before(&self, op: &FsOp<'_>) -> Fault;
}

impl<F: Fn(&FsOp<'_>) -> Fault + Send + Sync + 'static> FaultHook for F {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        self(op)
    }
}

impl<H: FaultHook + ?Sized> FaultHook for Arc<H> {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        (**self).before(op)
    }
}

/// An operation about to be done.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FsOp<'a> {
    /// Which method of [`Fs`](crate::Fs).
    pub kind: OpKind,
    /// Path of the file or folder, from the root that was opened, whose own path it starts with. For a file that was
    /// renamed since it was opened, the path that it was opened at.
    pub path: &'a Path,
    /// The new path of a rename.
    pub to: Option<&'a Path>,
    /// Bytes given to a write or asked of a read.
    pub len: usize,
    /// Whether it may wait for the disk.
    pub wait: Wait,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is done as asked.
    Pass,
    /// It is not done, and fails. A sync that fails on a [`PowerLossFs`](super::PowerLossFs) takes the unsynced data along.
    Fail(Errno),
    /// It is done, and reported as failed: the caller cannot know the outcome.
    FailAfter(Errno),
    /// A read or write transfers at most this many bytes, at least 1, and succeeds. Others are done as asked.
    Short(usize),
    /// This many bytes of a write arrive, and then it fails. Others are not done, and fail.
    Torn {
        /// Bytes that arrive, if the write has so many.
        written: usize,
        /// How it fails.
        then: Errno,
    },
}

macro_rules! op_kinds {
    ($($(#[$doc:meta])+ $name:ident => [$($errno:ident),*],)+) => {
        /// The operations that can fail: the methods of [`Fs`](crate::Fs) that return a result, and the steps of a listing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum OpKind {
            $($(#[$doc])+ $name,)+
        }

        impl OpKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Errors that operating systems give for it: what a matrix of faults tries.
            #[must_use]
            pub const fn usual_errors(self) -> &'static [Errno] {
                match self {
                    $(Self::$name => &[$(Errno::$errno),*],)+
                }
            }
        }
    };
}

op_kinds! {
    /// [`Fs::create_root`](crate::Fs::create_root)
    CreateRoot => [NoSpace, Io, ReadOnly, AccessDenied],
    /// [`Fs::open_root`](crate::Fs::open_root)
    OpenRoot => [Io, TooManyFiles, AccessDenied],
    /// [`Fs::open_dir`](crate::Fs::open_dir)
    OpenDir => [Io, TooManyFiles, AccessDenied],
    /// [`Fs::create_dir`](crate::Fs::create_dir)
    CreateDir => [NoSpace, Io, ReadOnly, AccessDenied],
    /// [`Fs::remove_dir`](crate::Fs::remove_dir)
    RemoveDir => [Io, ReadOnly, AccessDenied],
    /// [`Fs::read_dir`](crate::Fs::read_dir)
    ReadDir => [Io, TooManyFiles, AccessDenied],
    /// A step of the iterator that [`Fs::read_dir`](crate::Fs::read_dir) gives.
    NextEntry => [Io],
    /// [`Fs::sync_dir`](crate::Fs::sync_dir)
    SyncDir => [Io],
    /// [`Fs::sync_file_system`](crate::Fs::sync_file_system)
    SyncFileSystem => [Io, NoSpace],
    /// [`Fs::open_file`](crate::Fs::open_file)
    OpenFile => [Io, TooManyFiles, AccessDenied],
    /// [`Fs::create_file`](crate::Fs::create_file) and [`Fs::create_nameless`](crate::Fs::create_nameless), whose file has a made-up name here.
    CreateFile => [NoSpace, Quota, Io, TooManyFiles, ReadOnly, AccessDenied],
    /// [`Fs::read_at`](crate::Fs::read_at)
    Read => [Io],
    /// [`Fs::write_at`](crate::Fs::write_at)
    Write => [NoSpace, Quota, Io],
    /// [`Fs::sync_file`](crate::Fs::sync_file)
    SyncFile => [Io, NoSpace, Quota],
    /// [`Fs::set_modified`](crate::Fs::set_modified)
    SetModified => [Io, ReadOnly, AccessDenied],
    /// [`Fs::file_metadata`](crate::Fs::file_metadata)
    FileMetadata => [Io],
    /// [`Fs::metadata`](crate::Fs::metadata)
    Metadata => [Io, AccessDenied],
    /// [`Fs::rename`](crate::Fs::rename) and [`Fs::give_name`](crate::Fs::give_name)
    Rename => [NoSpace, Quota, Io, ReadOnly, AccessDenied],
    /// [`Fs::remove_file`](crate::Fs::remove_file)
    RemoveFile => [Io, ReadOnly, AccessDenied],
    /// [`Fs::lock`](crate::Fs::lock)
    Lock => [NoSpace, Io, TooManyFiles, WouldBlock, ReadOnly, AccessDenied],
}

/// How many operations of each kind were asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct OpCounts(pub(super) [u64; OpKind::ALL.len()]);

impl OpCounts {
    /// The number for one kind.
    #[must_use]
    pub fn get(&self, kind: OpKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// The number for all kinds together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that occurred, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OpKind, u64)> {
        OpKind::ALL
            .iter()
            .map(|&kind| (kind, self.get(kind)))
            .filter(|&(_, count)| count > 0)
    }
}

impl fmt::Debug for OpCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
