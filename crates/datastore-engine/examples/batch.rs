//! Writes batches to an engine and reads them back.

use datastore_engine::{Batch, CommitOptions, Durability, Engine, Result, Scan};
use futures_util::TryStreamExt;
use interface_datastore_tests::engine::ReferenceEngine;

async fn run(engine: &dyn Engine) -> Result<()> {
    let mut batch = Batch::with_capacity(3, 64);
    for block in 0..4_u8 {
        batch.clear();
        batch
            .put(&[b'b', block], b"block")
            .put(&[b'n', block], b"node");
        batch.put(b"head", &[block]);
        let durability = engine.capabilities().max_durability;
        engine.commit(&batch, CommitOptions::at(durability)).await?;
    }
    batch.clear();
    batch.delete_range(b"b", Some(b"c"));
    engine
        .commit(&batch, CommitOptions::at(Durability::Volatile))
        .await?;
    let left: Vec<_> = engine.scan(Scan::all()).try_collect().await?;
    assert_eq!(left.len(), 5);
    engine.close().await
}

fn main() -> Result<()> {
    pollster::block_on(run(&ReferenceEngine::new()))
}
