//! Sessions that end by themselves, in memory.

use std::time::Duration;

use datastore_kv::{KvDatastore, MemoryEngine};
use interface_datastore::{DatastoreExt, Key, Maintenance, Result, Timestamp};

use futures_util::TryStreamExt;

async fn run() -> Result<()> {
    let store = KvDatastore::open(MemoryEngine::new()).await?;
    let (alice, bob) = (Key::new("/sessions/alice"), Key::new("/sessions/bob"));
    let soon = Timestamp::after(Duration::from_millis(5));
    store.put_expiring(&alice, "token", soon).await?;
    let later = Timestamp::after(Duration::from_secs(3600));
    store.put_expiring(&bob, "token", later).await?;

    while Timestamp::now() < soon {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!store.has(&alice).await?);
    assert!(store.has(&bob).await?);
    // A program that seldom writes lets a task do this now and then.
    let removed: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await?;
    assert!(!removed.is_empty());
    store.close().await
}

fn main() -> Result<()> {
    pollster::block_on(run())
}
