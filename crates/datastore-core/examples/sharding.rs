//! Where a sharded store puts its keys, and that its marker tells the function again.
//!
//! `cargo run -p datastore-core --example sharding`

use datastore_core::{MemoryDatastore, ShardingDatastore, sharding::Shard};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key, Query, Result};

async fn run() -> Result<Vec<String>> {
    let inner = MemoryDatastore::new();
    let store = ShardingDatastore::open(&inner, Shard::next_to_last(2).ok()).await?;
    for name in ["/hello", "/world", "/h"] {
        store.put(&Key::new(name), name).await?;
    }
    let again = ShardingDatastore::open(&inner, None).await?;
    assert_eq!(again.get(&Key::new("/hello")).await?, "/hello");
    let places = inner.query_keys(Query::all()).map_ok(|key| key.to_string());
    places.try_collect().await
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for place in pollster::block_on(run())? {
        println!("{place}");
    }
    Ok(())
}
