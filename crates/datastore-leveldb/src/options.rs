//! How a database is opened.

use std::sync::Arc;

use datastore_files::{Blocking, Fs, RealFs};

/// What is done about the lock that LevelDB takes on its file `LOCK` while it has a database open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// Opening is refused while another program holds it; no lock is kept. A program that opens the database later is
    /// not noticed before a file is found to be gone.
    #[default]
    Respect,
    /// As [`Respect`](Self::Respect), and a shared lock is held until the store is closed, so that no program opens the
    /// database for writing meanwhile. Linux only; the file `LOCK` must be there, as nothing is written.
    Hold,
    /// The database is read whoever holds it. What it held when it was opened is served as long as the other program
    /// leaves its files alone.
    Ignore,
}

/// How a database is opened. The default refuses damage and a database in use.
#[derive(Debug, Clone)]
pub struct LevelOptions {
    pub(crate) lock: Lock,
    pub(crate) salvage: bool,
    pub(crate) blocking: Blocking,
    pub(crate) block_cache: usize,
    pub(crate) open_tables: usize,
    pub(crate) max_block_len: u64,
    pub(crate) max_log_len: u64,
    pub(crate) fs: Arc<dyn Fs>,
}

impl Default for LevelOptions {
    fn default() -> Self {
        Self {
            lock: Lock::Respect,
            salvage: false,
            blocking: Blocking::Never,
            block_cache: 8 << 20,
            open_tables: 64,
            max_block_len: 256 << 20,
            max_log_len: 1 << 30,
            fs: Arc::new(RealFs::new()),
        }
    }
}

impl LevelOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is done about the database's lock. Default: [`Lock::Respect`].
    #[must_use]
    pub fn with_lock(mut self, lock: Lock) -> Self {
        self.lock = lock;
        self
    }

    /// Whether what can be read of a damaged database is served. Default: no, damage is an error.
    ///
    /// What cannot be read is passed over in queries, so a key may show an older value, or one that was deleted, if the
    /// newer entry is lost; a `get` that finds nothing but a damaged block or table where the key should be still fails.
    /// Without a usable manifest all tables and logs of the folder are read. [`Maintenance::Check`](interface_datastore::Maintenance::Check)
    /// tells what is lost.
    #[must_use]
    pub fn with_salvage(mut self, salvage: bool) -> Self {
        self.salvage = salvage;
        self
    }

    /// Where blocking calls run. Default: [`Blocking::Never`], not on the thread that polls.
    #[must_use]
    pub fn with_blocking(mut self, blocking: Blocking) -> Self {
        self.blocking = blocking;
        self
    }

    /// How many bytes of blocks are kept in memory. Default: 8 MiB.
    #[must_use]
    pub fn with_block_cache(mut self, bytes: usize) -> Self {
        self.block_cache = bytes;
        self
    }

    /// How many tables are kept open, each a file descriptor and its index; at least 1. Default: 64.
    #[must_use]
    pub fn with_open_tables(mut self, tables: usize) -> Self {
        self.open_tables = tables.max(1);
        self
    }

    /// The largest block that is read, in bytes without compression. A block holds at least one whole value. Default: 256
    /// MiB.
    #[must_use]
    pub fn with_max_block_len(mut self, bytes: u64) -> Self {
        self.max_block_len = bytes;
        self
    }

    /// The most bytes of memory that logs may take when the database is opened. They hold what was written last; a
    /// writer keeps them to a few megabytes unless it was told otherwise. Default: 1 GiB.
    #[must_use]
    pub fn with_max_log_len(mut self, bytes: u64) -> Self {
        self.max_log_len = bytes;
        self
    }

    /// The file system. Default: the operating system's. Others are for tests.
    #[must_use]
    pub fn with_fs(mut self, fs: Arc<dyn Fs>) -> Self {
        self.fs = fs;
        self
    }
}
