//! An entry that ceases to be, and a watcher that is told of it. The clock is the program's own, so nobody waits.
//!
//! `cargo run -p datastore-core --example expiry`

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datastore_core::MemoryDatastore;
use futures::StreamExt;
use interface_datastore::{DatastoreExt, Key, Result, Timestamp, WatchEvent};

async fn run() -> Result<Vec<WatchEvent>> {
    let now = Arc::new(AtomicU64::new(0));
    let clock = now.clone();
    let store =
        MemoryDatastore::with_clock(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)));
    let events = store.watch(&Key::new("/sessions")).await?;

    let key = Key::new("/sessions/42");
    let in_a_minute = Timestamp::from_millis(60_000);
    store.put_expiring(&key, "alice", in_a_minute).await?;
    now.store(59_999, Ordering::SeqCst);
    assert!(store.has(&key).await?);
    now.store(60_000, Ordering::SeqCst);
    assert!(!store.has(&key).await?);

    store.close().await?;
    events.collect::<Vec<_>>().await.into_iter().collect()
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for event in pollster::block_on(run())? {
        println!("{event:?}");
    }
    Ok(())
}
