//! A medium in memory that fails as told and remembers what was done to it.

use std::{io, sync::Arc};

use datastore_engine::{BoxFuture, Engine, Result};
use datastore_redb::{RedbEngine, RedbOptions, StorageBackend};
use interface_datastore_tests::engine::{EngineCrashSubject, EngineSubject, SimulatedFile};

/// A file that outlives the engines on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Medium(pub(crate) SimulatedFile);

impl Medium {
    pub(crate) async fn open(self) -> Result<RedbEngine> {
        RedbOptions::new()
            .cache_bytes(1 << 20)
            .open_with_backend("medium", self)
            .await
    }

    /// A fresh engine on this medium, with all means.
    pub(crate) async fn subject(self) -> EngineSubject {
        let again = self.clone();
        EngineSubject::new(self.clone().open().await.unwrap())
            .with_reopen(move || again.clone().open())
            .with_faults(self.0.clone())
            .with_power_loss(self)
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.byte_len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

impl EngineCrashSubject for Medium {
    fn moment(&self) -> u64 {
        self.0.moment()
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Engine>>> {
        let left = Self(self.0.cut(moment, seed));
        Box::pin(async move { Ok(Arc::new(left.open().await?) as Arc<dyn Engine>) })
    }
}
