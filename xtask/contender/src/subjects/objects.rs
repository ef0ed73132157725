//! The peer in Rust: the stores of the crate `object_store`.

use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::subject::{Subject, Tasks};

/// Calls in flight where ours has one for many keys: there is no such call in that interface.
const IN_FLIGHT: usize = 50;

#[derive(Clone)]
pub(crate) struct Objects(Arc<dyn ObjectStore>);

impl Objects {
    pub(crate) fn memory() -> Self {
        Self(Arc::new(InMemory::new()))
    }

    /// In an existing folder.
    pub(crate) fn local(root: &FilePath, synced: bool) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(synced);
        Ok(Self(Arc::new(store)))
    }
}

impl Subject for Objects {
    type Key = Path;

    const TASKS: Tasks = Tasks::Spawned;

    fn key(text: &str) -> Path {
        Path::from(text)
    }

    async fn put(&self, key: &Path, value: Bytes) -> Result<()> {
        self.0.put(key, value.into()).await?;
        Ok(())
    }

    async fn write(&self, pairs: Vec<(Path, Bytes)>) -> Result<()> {
        stream::iter(pairs.into_iter().map(Ok))
            .try_for_each_concurrent(IN_FLIGHT, |(key, value)| async move {
                self.put(&key, value).await
            })
            .await
    }

    async fn get(&self, key: &Path) -> Result<Bytes> {
        Ok(self.0.get(key).await?.bytes().await?)
    }

    async fn get_many(&self, keys: Vec<Path>) -> Result<usize> {
        let values = stream::iter(keys)
            .map(|key| async move { self.get(&key).await })
            .buffered(IN_FLIGHT);
        values
            .try_fold(0, |bytes, value| async move { Ok(bytes + value.len()) })
            .await
    }

    async fn has(&self, key: &Path) -> Result<bool> {
        match self.0.head(key).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&self, key: &Path) -> Result<()> {
        Ok(self.0.delete(key).await?)
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let mut listed = self.0.list(Some(&folder(prefix)?));
        let (mut count, mut bytes) = (0, 0);
        while let Some(meta) = listed.try_next().await? {
            bytes += self.get(&meta.location).await?.len();
            count += 1;
        }
        Ok((count, bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let listed: Vec<_> = self.0.list(Some(&folder(prefix)?)).try_collect().await?;
        Ok(listed.len())
    }
}

fn folder(prefix: &str) -> Result<Path> {
    ensure!(
        matches!(prefix, "/" | "/small/3"),
        "object_store knows no prefix within a name: {prefix}"
    );
    Ok(Path::from(prefix))
}
