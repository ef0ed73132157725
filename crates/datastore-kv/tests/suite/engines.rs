//! Engines that lack what others have.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datastore_engine as engine;
use datastore_engine::{
    BoxFuture, BoxStream, Bytes, CheckReport, CommitOptions, Engine, EngineCapabilities,
    EngineReader, Scan,
};
use datastore_kv::MemoryEngine;
use futures::FutureExt;

/// The memory engine with less to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Altered {
    inner: MemoryEngine,
    late: bool,
    without_snapshots: bool,
    /// How many commits were polled.
    pub(crate) begun: Arc<AtomicU64>,
}

impl Altered {
    /// Commits wait once before they take effect, and forget nothing when they are dropped: neither do they end.
    pub(crate) fn late() -> Self {
        Self {
            late: true,
            ..Self::default()
        }
    }

    /// There are no snapshots.
    pub(crate) fn without_snapshots() -> Self {
        Self {
            without_snapshots: true,
            ..Self::default()
        }
    }
}

impl EngineReader for Altered {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, engine::Result<Option<Bytes>>> {
        self.inner.get(key)
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a [u8]],
    ) -> BoxFuture<'a, engine::Result<Vec<Option<Bytes>>>> {
        self.inner.get_many(keys)
    }
    fn scan(&self, scan: Scan) -> BoxStream<'static, engine::Result<engine::Entry>> {
        self.inner.scan(scan)
    }
}

impl Engine for Altered {
    fn capabilities(&self) -> EngineCapabilities {
        let mut can = self.inner.capabilities();
        if self.late {
            (can.dropped_commits_settle, can.inline_commits) = (false, None);
        }
        can.snapshots &= !self.without_snapshots;
        can
    }
    fn commit<'a>(
        &'a self,
        batch: &'a engine::Batch,
        options: CommitOptions,
    ) -> BoxFuture<'a, engine::Result<()>> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            if self.late {
                futures::pending!();
            }
            self.inner.commit(batch, options).await
        })
    }
    fn snapshot(&self) -> BoxFuture<'_, engine::Result<Arc<dyn EngineReader>>> {
        if self.without_snapshots {
            let refused = engine::Error::unsupported("snapshots");
            return Box::pin(std::future::ready(Err(refused)));
        }
        self.inner.snapshot()
    }
    fn sync(&self) -> BoxFuture<'_, engine::Result<engine::Durability>> {
        self.inner.sync()
    }
    fn size_on_disk(&self) -> BoxFuture<'_, engine::Result<u64>> {
        self.inner.size_on_disk()
    }
    fn compact(&self) -> BoxFuture<'_, engine::Result<()>> {
        self.inner.compact()
    }
    fn check(&self) -> BoxFuture<'_, engine::Result<CheckReport>> {
        self.inner.check()
    }
    fn close(&self) -> BoxFuture<'_, engine::Result<()>> {
        self.inner.close()
    }
}

/// Polls until it is ready.
pub(crate) fn poll_out<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    loop {
        if let Some(output) = future.as_mut().now_or_never() {
            return output;
        }
    }
}
