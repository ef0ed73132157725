//! Keeps entries in a folder, with a budget for memory, and reads them again behind a close.

use datastore_engine::{Batch, CommitOptions, Durability, Engine, EngineReader, Result};
use datastore_fjall::FjallOptions;

async fn run() -> Result<()> {
    let folder = "example-database";
    let engine = FjallOptions::new()
        .memtable_bytes(4 << 20)
        .cache_bytes(8 << 20)
        .open(folder)
        .await?;
    let mut batch = Batch::new();
    batch.put(b"greeting", b"hello");
    engine.commit(&batch, CommitOptions::default()).await?; // survives the end of the process
    batch.clear();
    batch.put(b"promise", b"kept");
    engine
        .commit(&batch, CommitOptions::at(Durability::Power))
        .await?; // and a power cut
    engine.close().await?;

    let again = FjallOptions::new().create(false).open(folder).await?;
    assert_eq!(
        again.get(b"greeting").await?.as_deref(),
        Some(&b"hello"[..])
    );
    again.close().await
}

fn main() -> Result<()> {
    pollster::block_on(run())
}
