//! How an engine is opened, and what it may take.

use std::path::PathBuf;

use datastore_engine::{Result, implement::guarded};
use datastore_files::Blocking;
use fjall::{DatabaseBuilder, KeyspaceCreateOptions, config::PartitioningPolicy};

use crate::{FjallEngine, error::interrupted};

const MIB: u64 = 1 << 20;

/// How an engine is opened: what it may take of memory and disk.
///
/// Memory is about `cache_bytes`, and up to three times `memtable_bytes` of entries not yet in tables: commits that find more
/// than that wait until some were flushed.
#[derive(Debug, Clone)]
#[must_use]
pub struct FjallOptions {
    pub(crate) create: bool,
    cache_bytes: u64,
    pub(crate) memtable_bytes: u64,
    journal_bytes: u64,
    open_files: usize,
    workers: usize,
    pub(crate) max_range_delete: u64,
    pub(crate) blocking: Blocking,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self {
            create: true,
            cache_bytes: 32 * MIB,
            memtable_bytes: 8 * MIB,
            journal_bytes: 128 * MIB,
            open_files: 256,
            workers: 2,
            max_range_delete: 1 << 16,
            blocking: Blocking::Never,
        }
    }
}

impl FjallOptions {
    /// Creates the folder if it is missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a missing database is created; yes unless told otherwise.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Bytes of blocks kept in memory for reading: 32 MiB unless told otherwise.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Bytes of new entries gathered in memory before they are written as a table: 8 MiB unless told otherwise, at least
    /// 1 MiB. What is gathered is replayed from the log when the database is opened behind a kill. A database keeps the size that it was
    /// created with; a smaller one given later still bounds the memory.
    pub fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = bytes.max(MIB);
        self
    }

    /// Bytes that the log may take on the disk before its oldest part must go: 128 MiB unless told otherwise, at least 64 MiB,
    /// which is what fjall gives one file of it.
    pub fn journal_bytes(mut self, bytes: u64) -> Self {
        self.journal_bytes = bytes.max(64 * MIB);
        self
    }

    /// How many tables stay open: 256 unless told otherwise, at least 10.
    pub fn open_files(mut self, files: usize) -> Self {
        self.open_files = files.max(10);
        self
    }

    /// Threads that flush and compact: 2 unless told otherwise, at least 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The most keys that the range deletes of one batch may meet: 65 536 unless told otherwise. fjall has no range deletes;
    /// each key takes a tombstone, and memory until the batch is committed.
    pub fn max_range_delete(mut self, keys: u64) -> Self {
        self.max_range_delete = keys;
        self
    }

    /// Whether calls that block may run where they are polled.
    pub fn blocking(mut self, blocking: Blocking) -> Self {
        self.blocking = blocking;
        self
    }

    /// Opens the database in a folder, or creates it there.
    ///
    /// # Errors
    /// [`NotFound`](datastore_engine::ErrorKind::NotFound) if it is missing and not to be created,
    /// [`Foreign`](datastore_engine::ErrorKind::Foreign) if the folder holds something else,
    /// [`Locked`](datastore_engine::ErrorKind::Locked), [`Damaged`](datastore_engine::ErrorKind::Damaged), or what the system
    /// meets.
    pub async fn open(self, folder: impl Into<PathBuf>) -> Result<FjallEngine> {
        let folder = folder.into();
        let (place, blocking) = (folder.clone(), self.blocking);
        let work = move || guarded(&folder, || crate::open::open(&self, &folder));
        blocking.run(&place, work).await.map_err(interrupted)?
    }

    pub(crate) fn apply(
        &self,
        builder: DatabaseBuilder<fjall::Database>,
    ) -> DatabaseBuilder<fjall::Database> {
        builder
            .cache_size(self.cache_bytes)
            .max_journaling_size(self.journal_bytes)
            .max_cached_files(Some(self.open_files))
            .worker_threads(self.workers)
            // Each commit says itself what it must withstand.
            .manual_journal_persist(true)
    }

    pub(crate) fn keyspace(&self) -> KeyspaceCreateOptions {
        // In one piece, the filter and the index of a table of 64 MiB of small entries are megabytes, which a get would read whole.
        // The tables that come from memory are small.
        let from_the_first_level = || PartitioningPolicy::new([false, true]);
        KeyspaceCreateOptions::default()
            .filter_block_partitioning_policy(from_the_first_level())
            .index_block_partitioning_policy(from_the_first_level())
            .max_memtable_size(self.memtable_bytes)
            .manual_journal_persist(true)
    }
}
