//! Opens a directory of blocks, Kubo's say, read-only, and lists what is in it.
//!
//! Run with `cargo run -p datastore-flatfs --example blocks -- PATH`.
#![allow(clippy::print_stdout)]

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key, Query};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kept;
    let path = match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => {
            kept = tempfile::tempdir()?;
            let path = kept.path().join("blocks");
            let store = FlatfsDatastore::open(&path, FlatfsOptions::new()).await?;
            store.put(&Key::new("/QUUX"), "some value").await?;
            store.close().await?;
            path
        }
    };
    let options = FlatfsOptions::new().with_read_only(true);
    let store = FlatfsDatastore::open(&path, options).await?;
    println!("{}: {}", store.path().display(), store.shard());
    let mut entries = store.query(Query::all().sizes_only());
    while let Some(entry) = entries.try_next().await? {
        println!("{}: {} bytes", entry.key, entry.size.unwrap_or(0));
    }
    Ok(())
}
