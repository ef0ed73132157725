//! Values that must fit their keys, and single writes gathered into batches.
//!
//! `cargo run -p datastore-core --example batched_checked`

use datastore_core::{
    AutoBatchDatastore, MeasureDatastore, MemoryDatastore, ReadOnlyDatastore, VerifyDatastore,
    verify::Mismatch,
};
use interface_datastore::{Batch, DatastoreExt, ErrorKind, Key, Operation, Result};

/// Here values need only be text; content-addressed blocks would be hashed and compared with their key.
fn is_text(_key: &Key, value: &[u8]) -> Result<(), Mismatch> {
    let outcome = std::str::from_utf8(value).map(drop);
    outcome.map_err(|error| Mismatch::new(error.to_string()))
}

async fn run() -> Result<Vec<String>> {
    let memory = MemoryDatastore::new();
    let measured = MeasureDatastore::new(&memory, "memory");
    let batched = AutoBatchDatastore::new(&measured);
    let store = VerifyDatastore::new(&batched, is_text);

    for number in 0..100 {
        let key = Key::new(format!("/notes/{number}"));
        store.put(&key, format!("note {number}")).await?;
    }
    let refused = store.put(&Key::new("/notes/bad"), vec![0xff]).await;
    let refused = refused.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::InvalidArgument));
    // Until now all was in memory alone.
    store.sync(&Key::root()).await?;

    // What somebody else damaged is not given to readers, of whom none can write.
    let damaged = Key::new("/notes/7");
    let mut batch = Batch::new();
    batch.put(damaged.clone(), vec![0xff]);
    memory.write(batch).await?;
    let readers = ReadOnlyDatastore::new(&store);
    assert_eq!(readers.get(&Key::new("/notes/8")).await?, "note 8");
    let told = readers.get(&damaged).await.map_err(|error| error.kind());
    assert_eq!(told, Err(ErrorKind::Damaged));

    let calls = |operation| measured.stats(operation).map_or(0, |stats| stats.calls);
    let (puts, batches) = (calls(Operation::Put), calls(Operation::Write));
    Ok(vec![format!(
        "100 puts became {puts} puts and {batches} batch of the store below"
    )])
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for line in pollster::block_on(run())? {
        println!("{line}");
    }
    Ok(())
}
