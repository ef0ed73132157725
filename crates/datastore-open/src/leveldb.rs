//! `leveldb:PATH`

use std::sync::Arc;

use datastore_leveldb::{Blocking, LevelDatastore, LevelOptions, Lock};
use interface_datastore::{Datastore, Durability, Error, Operation, Result};

use crate::{Create, OpenOptions, Opener, StoreUrl};

const LOCK: &str = "lock";
const SALVAGE: &str = "salvage";
const BLOCKING: &str = "blocking";

pub(crate) fn opener() -> Opener {
    Opener::new(
        "leveldb:PATH  a database of npm datastore-level or goleveldb, only read, such as Kubo's datastore",
        |url, options| async move { open(&url, &options).await },
    )
    .with_option(
        LOCK,
        "respect, hold or ignore: what is done about other programs that have it open; respect if not given",
    )
    .with_option(
        SALVAGE,
        "true or false: whether what can be read of a damaged database is served",
    )
    .with_option(
        BLOCKING,
        "never or inline: whether disk calls may run on the thread that polls",
    )
}

async fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    refuse_writing(options)?;
    let mut wanted = LevelOptions::new();
    let locks = [
        ("respect", Lock::Respect),
        ("hold", Lock::Hold),
        ("ignore", Lock::Ignore),
    ];
    if let Some(lock) = url.choice(LOCK, &locks)? {
        wanted = wanted.with_lock(lock);
    }
    if let Some(salvage) = url.flag(SALVAGE)? {
        wanted = wanted.with_salvage(salvage);
    }
    let blocking = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    if let Some(blocking) = url.choice(BLOCKING, &blocking)? {
        wanted = wanted.with_blocking(blocking);
    }
    Ok(Arc::new(
        LevelDatastore::open(url.file_path()?, wanted).await?,
    ))
}

/// A database that is there opens without being asked to be read-only: all else is refused when it is written.
fn refuse_writing(options: &OpenOptions) -> Result<()> {
    let refused = match options {
        OpenOptions {
            create: Create::New,
            ..
        } => "making a new database",
        OpenOptions {
            durability: Some(durability),
            ..
        } if *durability > Durability::Volatile => "writes of any durability",
        _ => return Ok(()),
    };
    Err(Error::unsupported(Operation::Open, refused)
        .with_remedy("leveldb: only reads; copy its entries into a store of another kind"))
}
