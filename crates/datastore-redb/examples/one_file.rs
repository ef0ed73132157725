//! Keeps entries in one file, and reads them again behind a close.

use datastore_engine::{Batch, CommitOptions, Engine, EngineReader, Result};
use datastore_redb::RedbOptions;

async fn run() -> Result<()> {
    let path = "example.redb";
    let engine = RedbOptions::new().cache_bytes(8 << 20).open(path).await?;
    let mut batch = Batch::new();
    batch.put(b"greeting", b"hello");
    engine.commit(&batch, CommitOptions::default()).await?;
    engine.close().await?;

    let again = RedbOptions::new().create(false).open(path).await?;
    assert_eq!(
        again.get(b"greeting").await?.as_deref(),
        Some(&b"hello"[..])
    );
    again.close().await
}

fn main() -> Result<()> {
    pollster::block_on(run())
}
