//! Stores a few values in a folder and shows which files hold them.
//!
//! Run with `cargo run -p datastore-fs --example folder -- PATH`.
#![allow(clippy::print_stdout)]

use datastore_fs::{FsDatastore, FsOptions};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key, Query};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kept;
    let path = match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => {
            kept = tempfile::tempdir()?;
            kept.path().to_owned()
        }
    };
    let store = FsDatastore::open(&path, FsOptions::new()).await?;
    for key in ["/greeting", "/photos/cat", "/../../etc/passwd"] {
        store.put(&Key::new(key), "some value").await?;
    }
    let mut entries = store.query(Query::all());
    while let Some(entry) = entries.try_next().await? {
        println!("{}: {} bytes", entry.key, entry.size.unwrap_or(0));
    }
    println!(
        "in {}: {} bytes on the disk",
        path.display(),
        store.disk_usage().await?.bytes
    );
    store.close().await?;
    Ok(())
}
