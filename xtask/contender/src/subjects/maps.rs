//! The limit of memory stores: a locked map.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;

use crate::subject::{Subject, Tasks};

/// What the two maps do differently.
pub(crate) trait Map: Default + Send + Sync + 'static {
    fn insert(&mut self, key: String, value: Bytes);
    fn get(&self, key: &str) -> Option<&Bytes>;
    fn remove(&mut self, key: &str);
    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Bytes)>;
}

impl Map for BTreeMap<String, Bytes> {
    fn insert(&mut self, key: String, value: Bytes) {
        self.insert(key, value);
    }
    fn get(&self, key: &str) -> Option<&Bytes> {
        self.get(key)
    }
    fn remove(&mut self, key: &str) {
        self.remove(key);
    }
    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Bytes)> {
        self.range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
    }
}

impl Map for HashMap<String, Bytes> {
    fn insert(&mut self, key: String, value: Bytes) {
        self.insert(key, value);
    }
    fn get(&self, key: &str) -> Option<&Bytes> {
        self.get(key)
    }
    fn remove(&mut self, key: &str) {
        self.remove(key);
    }
    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Bytes)> {
        self.iter().filter(move |(key, _)| key.starts_with(prefix))
    }
}

/// A map behind a lock. Like all memory stores measured here it keeps a reference to the value and copies nothing.
#[derive(Default)]
pub(crate) struct Locked<M>(Arc<RwLock<M>>);

impl<M> Clone for Locked<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Map> Locked<M> {
    fn read<T>(&self, look: impl FnOnce(&M) -> T) -> Result<T> {
        let map = self.0.read().map_err(|_| anyhow!("poisoned"))?;
        Ok(look(&map))
    }

    fn change(&self, change: impl FnOnce(&mut M)) -> Result<()> {
        let mut map = self.0.write().map_err(|_| anyhow!("poisoned"))?;
        change(&mut map);
        Ok(())
    }
}

impl<M: Map> Subject for Locked<M> {
    type Key = String;

    const TASKS: Tasks = Tasks::Turns;

    fn key(text: &str) -> String {
        text.to_owned()
    }

    async fn put(&self, key: &String, value: Bytes) -> Result<()> {
        self.change(|map| map.insert(key.clone(), value))
    }

    async fn write(&self, pairs: Vec<(String, Bytes)>) -> Result<()> {
        for (key, value) in pairs {
            self.change(|map| map.insert(key, value))?;
        }
        Ok(())
    }

    async fn get(&self, key: &String) -> Result<Bytes> {
        self.read(|map| map.get(key).cloned())?
            .context("a value is missing")
    }

    async fn has(&self, key: &String) -> Result<bool> {
        self.read(|map| map.get(key).is_some())
    }

    async fn delete(&self, key: &String) -> Result<()> {
        self.change(|map| map.remove(key))
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let all: Vec<(String, Bytes)> = self.read(|map| {
            map.with_prefix(prefix)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })?;
        Ok((all.len(), all.iter().map(|(_, value)| value.len()).sum()))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let keys: Vec<String> = self.read(|map| {
            map.with_prefix(prefix)
                .map(|(key, _)| key.clone())
                .collect()
        })?;
        Ok(keys.len())
    }
}
