//! Our stores, all through the same trait object. A further backend is one more arm of [`Ours::open`].

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::Bytes;
use datastore_core::MemoryDatastore;
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use futures::{TryStreamExt, future};
use interface_datastore::{Batch, Datastore, DatastoreExt, Durability, Key, Query};

use super::engines;
use crate::subject::{Subject, Tasks};

/// The names that [`Ours::open`] knows, besides those of the stores over engines.
pub(crate) const BACKENDS: &[&str] = &[
    "memory",
    "fs",
    "fs-inline",
    "fs-ordered",
    "fs-ordered-inline",
    "fs-fsync",
    "fs-fsync-inline",
    "flatfs",
    "flatfs-inline",
    "flatfs-ordered",
    "flatfs-ordered-inline",
    "flatfs-fsync",
    "flatfs-fsync-inline",
];

/// How the names of stores over engines begin.
pub(crate) const KV: &str = "kv-";

#[derive(Clone)]
pub(crate) struct Ours(Arc<dyn Datastore>);

impl Ours {
    /// Opens a backend in an existing, empty folder.
    pub(crate) async fn open(backend: &str, root: &Path) -> Result<Self> {
        if let Some((engine, synced)) = engines::Kind::of(backend, KV) {
            return Ok(Self(engine.open_store(root, synced).await?));
        }
        use {Blocking::*, Durability::*};
        let files = async |blocking, durability| {
            let options = FsOptions::new()
                .with_blocking(blocking)
                .with_durability(durability);
            anyhow::Ok(FsDatastore::open(root, options).await?.handle())
        };
        let flatfs = async |blocking, durability| {
            let options = FlatfsOptions::new()
                .with_blocking(blocking)
                .with_durability(durability);
            anyhow::Ok(FlatfsDatastore::open(root, options).await?.handle())
        };
        Ok(Self(match backend {
            "memory" => MemoryDatastore::new().handle(),
            "fs" => files(Never, Process).await?,
            "fs-inline" => files(Inline, Process).await?,
            "fs-ordered" => files(Never, Ordered).await?,
            "fs-ordered-inline" => files(Inline, Ordered).await?,
            "fs-fsync" => files(Never, Power).await?,
            "fs-fsync-inline" => files(Inline, Power).await?,
            "flatfs" => flatfs(Never, Process).await?,
            "flatfs-inline" => flatfs(Inline, Process).await?,
            "flatfs-ordered" => flatfs(Never, Ordered).await?,
            "flatfs-ordered-inline" => flatfs(Inline, Ordered).await?,
            "flatfs-fsync" => flatfs(Never, Power).await?,
            "flatfs-fsync-inline" => flatfs(Inline, Power).await?,
            unknown => bail!("no backend `{unknown}`"),
        }))
    }
}

impl Ours {
    pub(crate) async fn sync(&self) -> Result<()> {
        self.0.sync(&Key::root()).await?;
        Ok(())
    }

    pub(crate) async fn close(&self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

impl Subject for Ours {
    type Key = Key;

    const TASKS: Tasks = Tasks::Spawned;

    fn key(text: &str) -> Key {
        Key::new(text)
    }

    async fn put(&self, key: &Key, value: Bytes) -> Result<()> {
        self.0.put(key, value).await?;
        Ok(())
    }

    async fn write(&self, pairs: Vec<(Key, Bytes)>) -> Result<()> {
        let mut batch = Batch::new();
        for (key, value) in pairs {
            batch.put(key, value);
        }
        self.0.write(batch).await?;
        Ok(())
    }

    async fn put_many(&self, pairs: Vec<(Key, Bytes)>) -> Result<()> {
        let stored = self.0.put_many(pairs);
        Ok(stored.try_for_each(|_| future::ok(())).await?)
    }

    async fn get(&self, key: &Key) -> Result<Bytes> {
        Ok(self.0.get(key).await?)
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<usize> {
        let entries = self.0.get_many(keys);
        let add =
            |bytes, entry: interface_datastore::Entry| future::ok(bytes + entry.into_value().len());
        Ok(entries.try_fold(0, add).await?)
    }

    async fn has(&self, key: &Key) -> Result<bool> {
        Ok(self.0.has(key).await?)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        Ok(self.0.delete(key).await?)
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let entries = self.0.query(match prefix {
            "/" => Query::all(),
            _ => Query::prefix(prefix),
        });
        let add = |(count, bytes), entry: interface_datastore::Entry| {
            future::ok((count + 1, bytes + entry.into_value().len()))
        };
        Ok(entries.try_fold((0, 0), add).await?)
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let keys = self.0.query_keys(Query::prefix(prefix));
        Ok(keys.try_fold(0, |count, _| future::ok(count + 1)).await?)
    }
}
