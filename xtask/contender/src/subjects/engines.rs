//! Our engines, alone and under `KvDatastore`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;
use datastore_engine::{Batch, CommitOptions, Durability, Engine, Scan};
use datastore_kv::fjall::FjallOptions;
use datastore_kv::redb::RedbOptions;
use datastore_kv::sled::SledOptions;
use datastore_kv::{KvOptions, MemoryEngine};
use futures::{TryStreamExt, future};
use interface_datastore::Datastore;

use crate::subject::{Subject, Tasks};

/// The engines of `datastore-kv`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Fjall,
    Redb,
    Sled,
}

impl Kind {
    /// Of the name of a backend, `engine-fjall-fsync` or so, with whether commits are synced.
    pub(crate) fn of(backend: &str, family: &str) -> Option<(Self, bool)> {
        let name = backend.strip_prefix(family)?;
        let engine = name.strip_suffix("-fsync").unwrap_or(name);
        let kind = Self::from_str(engine, false).ok()?;
        Some((kind, engine != name))
    }

    /// The least that a commit withstands which is not synced.
    fn unsynced(self) -> Durability {
        match self {
            Self::Memory | Self::Redb => Durability::Volatile,
            Self::Fjall | Self::Sled => Durability::Process,
        }
    }

    fn durability(self, synced: bool) -> Durability {
        match synced {
            true => Durability::Power,
            false => self.unsynced(),
        }
    }

    /// Opens an engine in an existing folder, by its default options.
    pub(crate) async fn open(self, folder: &Path) -> Result<Arc<dyn Engine>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryEngine::new()),
            Self::Fjall => Arc::new(FjallOptions::new().open(folder.join("fjall")).await?),
            Self::Redb => Arc::new(RedbOptions::new().open(folder.join("redb")).await?),
            Self::Sled => Arc::new(SledOptions::new().open(folder.join("sled")).await?),
        })
    }

    /// Opens a store over an engine in an existing folder.
    pub(crate) async fn open_store(
        self,
        folder: &Path,
        synced: bool,
    ) -> Result<Arc<dyn Datastore>> {
        let durability = match self.durability(synced) {
            Durability::Power => interface_datastore::Durability::Power,
            Durability::Process => interface_datastore::Durability::Process,
            _ => interface_datastore::Durability::Volatile,
        };
        let options = KvOptions::new().durability(durability);
        Ok(match self {
            Self::Memory => options.open(MemoryEngine::new()).await?.handle(),
            Self::Fjall => {
                let engine = FjallOptions::new().open(folder.join("fjall")).await?;
                options.open(engine).await?.handle()
            }
            Self::Redb => {
                let engine = RedbOptions::new().open(folder.join("redb")).await?;
                options.open(engine).await?.handle()
            }
            Self::Sled => {
                let engine = SledOptions::new().open(folder.join("sled")).await?;
                options.open(engine).await?.handle()
            }
        })
    }
}

/// An engine with the durability of its commits.
#[derive(Clone)]
pub(crate) struct Committing {
    engine: Arc<dyn Engine>,
    options: CommitOptions,
}

impl Committing {
    pub(crate) async fn open(kind: Kind, folder: &Path, synced: bool) -> Result<Self> {
        Ok(Self {
            engine: kind.open(folder).await?,
            options: CommitOptions::at(kind.durability(synced)),
        })
    }

    async fn commit(&self, batch: &Batch) -> Result<()> {
        Ok(self.engine.commit(batch, self.options.clone()).await?)
    }

    pub(crate) async fn sync(&self) -> Result<()> {
        self.engine.sync().await?;
        Ok(())
    }

    pub(crate) async fn close(&self) -> Result<()> {
        Ok(self.engine.close().await?)
    }
}

impl Subject for Committing {
    type Key = Bytes;

    const TASKS: Tasks = Tasks::Spawned;

    fn key(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    async fn put(&self, key: &Bytes, value: Bytes) -> Result<()> {
        let mut batch = Batch::new();
        batch.put_shared(key, value);
        self.commit(&batch).await
    }

    async fn write(&self, pairs: Vec<(Bytes, Bytes)>) -> Result<()> {
        let bytes = pairs.iter().map(|(key, _)| key.len()).sum();
        let mut batch = Batch::with_capacity(pairs.len(), bytes);
        for (key, value) in pairs {
            batch.put_shared(&key, value);
        }
        self.commit(&batch).await
    }

    async fn get(&self, key: &Bytes) -> Result<Bytes> {
        self.engine.get(key).await?.context("a value is missing")
    }

    async fn has(&self, key: &Bytes) -> Result<bool> {
        Ok(self.engine.get(key).await?.is_some())
    }

    async fn delete(&self, key: &Bytes) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(key);
        self.commit(&batch).await
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let entries = self.engine.scan(Scan::prefix(prefix.to_owned()));
        let add = |(count, bytes), entry: datastore_engine::Entry| {
            future::ok((count + 1, bytes + entry.value.len()))
        };
        Ok(entries.try_fold((0, 0), add).await?)
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let keys = self
            .engine
            .scan(Scan::prefix(prefix.to_owned()).keys_only());
        Ok(keys.try_fold(0, |count, _| future::ok(count + 1)).await?)
    }
}
