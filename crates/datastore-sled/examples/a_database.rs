//! Keeps entries in a folder, and reads them again behind a close: `cargo run -p datastore-sled --example a_database`.

use std::error::Error;

use datastore_engine::{Batch, CommitOptions, Durability, Engine, EngineReader, Scan};
use datastore_sled::SledOptions;
use futures_util::TryStreamExt;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("database");
    pollster::block_on(async {
        let engine = SledOptions::new().cache_bytes(16 << 20).open(&path).await?;
        let mut batch = Batch::new();
        for n in 0..100_u32 {
            batch.clear();
            batch.put(&n.to_be_bytes(), b"kept in memory for now");
            engine
                .commit(&batch, CommitOptions::at(Durability::Volatile))
                .await?;
        }
        // This one survives the process, and so do those before it.
        batch.clear();
        batch.put(b"done", b"");
        engine.commit(&batch, CommitOptions::default()).await?;
        engine.close().await?;

        let again = SledOptions::new().create(false).open(&path).await?;
        let entries: Vec<_> = again.scan(Scan::all().keys_only()).try_collect().await?;
        assert_eq!(entries.len(), 101);
        again.close().await?;
        Ok(())
    })
}
