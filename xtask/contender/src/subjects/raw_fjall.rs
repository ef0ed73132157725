//! fjall, driven directly.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::subject::{Subject, Tasks};

/// The memtable of our engine by default, so that both flush as often.
const MEMTABLE: u64 = 8 << 20;

#[derive(Clone)]
pub(crate) struct RawFjall {
    database: Database,
    entries: Keyspace,
    /// Whether each write is synced; without it each is handed to the system.
    synced: bool,
}

impl RawFjall {
    pub(crate) fn open(folder: &Path, synced: bool) -> Result<Self> {
        let options = KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
        Self::open_with(folder, options, synced)
    }

    /// With the options that fjall has by itself.
    pub(crate) fn open_as_it_comes(folder: &Path) -> Result<Self> {
        Self::open_with(folder, KeyspaceCreateOptions::default(), false)
    }

    fn open_with(folder: &Path, options: KeyspaceCreateOptions, synced: bool) -> Result<Self> {
        let database = Database::builder(folder.join("fjall")).open()?;
        let entries = database.keyspace("entries", || options)?;
        Ok(Self {
            database,
            entries,
            synced,
        })
    }

    pub(crate) fn sync(&self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn sync_if_told(&self) -> Result<()> {
        if self.synced { self.sync() } else { Ok(()) }
    }
}

impl Subject for RawFjall {
    type Key = String;

    const TASKS: Tasks = Tasks::Threads;

    fn key(text: &str) -> String {
        text.to_owned()
    }

    async fn put(&self, key: &String, value: Bytes) -> Result<()> {
        self.entries.insert(key.as_str(), value)?;
        self.sync_if_told()
    }

    async fn write(&self, pairs: Vec<(String, Bytes)>) -> Result<()> {
        let mut batch = self.database.batch();
        for (key, value) in pairs {
            batch.insert(&self.entries, key, value);
        }
        let mode = match self.synced {
            true => PersistMode::SyncData,
            false => PersistMode::Buffer,
        };
        Ok(batch.durability(Some(mode)).commit()?)
    }

    async fn get(&self, key: &String) -> Result<Bytes> {
        let value = self.entries.get(key)?.context("a value is missing")?;
        Ok(value.into())
    }

    async fn has(&self, key: &String) -> Result<bool> {
        Ok(self.entries.contains_key(key)?)
    }

    async fn delete(&self, key: &String) -> Result<()> {
        self.entries.remove(key.as_str())?;
        self.sync_if_told()
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.entries.prefix(prefix) {
            let (_, value) = entry.into_inner()?;
            count += 1;
            bytes += value.len();
        }
        Ok((count, bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let mut count = 0;
        for entry in self.entries.prefix(prefix) {
            entry.key()?;
            count += 1;
        }
        Ok(count)
    }
}
