//! sled, driven directly.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use sled::{Config, Db};

use crate::subject::{Subject, Tasks};

/// The cache of our engine by default.
const CACHE: u64 = 64 << 20;

/// Each write is flushed to the system: it survives the end of the process.
#[derive(Clone)]
pub(crate) struct RawSled(Db);

impl RawSled {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let config = Config::new().path(folder.join("sled"));
        Ok(Self(config.cache_capacity(CACHE).open()?))
    }
}

impl Subject for RawSled {
    type Key = String;

    const TASKS: Tasks = Tasks::Threads;

    fn key(text: &str) -> String {
        text.to_owned()
    }

    async fn put(&self, key: &String, value: Bytes) -> Result<()> {
        self.0.insert(key, &*value)?;
        self.0.flush()?;
        Ok(())
    }

    async fn write(&self, pairs: Vec<(String, Bytes)>) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in &pairs {
            batch.insert(key.as_bytes(), &**value);
        }
        self.0.apply_batch(batch)?;
        self.0.flush()?;
        Ok(())
    }

    async fn get(&self, key: &String) -> Result<Bytes> {
        let value = self.0.get(key)?.context("a value is missing")?;
        Ok(Bytes::copy_from_slice(&value))
    }

    async fn has(&self, key: &String) -> Result<bool> {
        Ok(self.0.contains_key(key)?)
    }

    async fn delete(&self, key: &String) -> Result<()> {
        self.0.remove(key)?;
        self.0.flush()?;
        Ok(())
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.0.scan_prefix(prefix) {
            let (_, value) = entry?;
            count += 1;
            bytes += value.len();
        }
        Ok((count, bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let mut count = 0;
        for key in self.0.scan_prefix(prefix).keys() {
            key?;
            count += 1;
        }
        Ok(count)
    }
}
