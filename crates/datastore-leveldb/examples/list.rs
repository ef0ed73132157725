//! Lists what a LevelDB folder holds, and what is wrong with it.
//!
//! Run with `cargo run -p datastore-leveldb --example list -- PATH`, PATH being the folder `datastore` of a Kubo repository, say.
#![allow(clippy::print_stdout)]

use datastore_leveldb::{LevelDatastore, LevelOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, Key, MaintainOptions, Maintenance, MaintenanceEvent, Query,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1);
    let path = path.unwrap_or_else(|| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/foreign_keys").into()
    });
    let store = LevelDatastore::open(&path, LevelOptions::new()).await?;
    let mut entries = store.query(Query::all());
    while let Some(entry) = entries.try_next().await? {
        println!("{}: {} bytes", entry.key, entry.size.unwrap_or(0));
    }
    let options = MaintainOptions::default();
    let mut events = store.maintain_opts(Maintenance::Check, &Key::root(), options);
    while let Some(event) = events.try_next().await? {
        if let MaintenanceEvent::Finding(finding) = event {
            println!("{}: {}", finding.code, finding.detail);
        }
    }
    store.close().await?;
    Ok(())
}
