//! Commits that come together share a transaction.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datastore_engine::{Batch, CommitOptions, Engine};
use datastore_redb::{RedbOptions, StorageBackend};
use interface_datastore_tests::on_tokio;

/// Counts syncs of a database in memory, each of which takes a moment.
#[derive(Debug)]
struct Counting(redb::backends::InMemoryBackend, Arc<AtomicU64>);

impl StorageBackend for Counting {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.1.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

#[test]
fn sixteen_tasks_share_their_syncs() {
    on_tokio(Box::pin(async {
        let syncs = Arc::new(AtomicU64::new(0));
        let backend = Counting(redb::backends::InMemoryBackend::new(), syncs.clone());
        let engine = RedbOptions::new()
            .open_with_backend("memory", backend)
            .await
            .unwrap();
        let before = syncs.load(Ordering::SeqCst);
        let tasks: Vec<_> = (0..16_u8)
            .map(|task| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    for round in 0..10_u8 {
                        let mut batch = Batch::new();
                        batch.put(&[1, task, round], b"value");
                        engine
                            .commit(&batch, CommitOptions::default())
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let shared = syncs.load(Ordering::SeqCst) - before;
        assert!(shared < 160, "160 commits of 16 tasks made {shared} syncs");
        assert_eq!(engine.check().await.unwrap().entries, 160);
    }));
}
