//! A log of blocks in a folder of files, one file a block: `cargo run -p datastore-kv --example log_in_a_folder`.

#![expect(clippy::print_stdout, reason = "it shows what the log holds")]

use std::error::Error;

use datastore_engine::{Batch, CommitOptions, Durability, Engine, EngineReader, Scan};
use datastore_fs::{FsDatastore, FsOptions};
use datastore_kv::{DatastoreEngine, DatastoreEngineOptions};
use futures_util::TryStreamExt;

/// Appends a block and the new length as one commit.
async fn append(log: &DatastoreEngine, block: &[u8]) -> Result<(), datastore_engine::Error> {
    let length = log.get(b"length").await?;
    let length = length.and_then(|bytes| Some(u32::from_be_bytes(*bytes.first_chunk()?)));
    let length = length.unwrap_or(0);
    let mut batch = Batch::new();
    batch.put(&[b"block", &length.to_be_bytes()[..]].concat(), block);
    batch.put(b"length", &(length + 1).to_be_bytes());
    log.commit(&batch, CommitOptions::default()).await
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    pollster::block_on(async {
        let files = FsDatastore::open(folder.path().join("log"), FsOptions::new()).await?;
        // Files are not synced: the log survives the process, not a power cut.
        let options = DatastoreEngineOptions::new().durability(Durability::Process);
        let log = options.open(&files).await?;
        for block in ["one", "two", "three"] {
            append(&log, block.as_bytes()).await?;
        }
        let newest_first = log.scan(Scan::prefix("block").reversed());
        let blocks: Vec<_> = newest_first.try_collect().await?;
        for entry in &blocks {
            println!("{}", entry.value.escape_ascii());
        }
        log.close().await?;
        Ok(())
    })
}
