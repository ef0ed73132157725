//! Two parts of a program share one store, and neither can reach the other's entries.
//!
//! `cargo run -p datastore-core --example namespaces`

use datastore_core::{MemoryDatastore, NamespaceDatastore};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key, Query, Result};

async fn run() -> Result<Vec<String>> {
    let shared = MemoryDatastore::new();
    let peers = NamespaceDatastore::new(&shared, Key::new("/peers"));
    let pins = NamespaceDatastore::new(&shared, Key::new("/pins"));
    peers.put(&Key::new("/alice"), "10.0.0.1").await?;
    pins.put(&Key::new("/alice"), "bafy").await?;

    // Clears one part, and that part alone.
    pins.delete_prefix("").await?;
    let left = shared
        .query_keys(Query::all())
        .map_ok(|key| key.to_string());
    left.try_collect().await
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for key in pollster::block_on(run())? {
        println!("{key}");
    }
    Ok(())
}
