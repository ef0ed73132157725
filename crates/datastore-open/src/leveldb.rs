//! `leveldb:PATH`

use std::sync::Arc;

use datastore_leveldb::{Blocking, LevelDatastore, LevelOptions, Lock};
use interface_datastore::{Datastore, Result};

use crate::{
    OpenOptions, Opener, StoreUrl,
    found::{self, Kind},
};

const LOCK: &str = "lock";
const SALVAGE: &str = "salvage";
const CACHE: &str = "cache";
const MAX_BLOCK: &str = "max-block";
const MAX_LOG: &str = "max-log";
const BLOCKING: &str = "blocking";

const INSTEAD: &str = "leveldb: only reads; copy its entries into a store of another kind";

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
        CACHE,
        "how much is kept in memory for reading; 8MiB if not given",
    )
    .with_option(
        MAX_BLOCK,
        "the largest block that is read into memory, with its value; 256MiB if not given",
    )
    .with_option(
        MAX_LOG,
        "how much memory logs may take; 1GiB if not given",
    )
    .with_option(
        BLOCKING,
        "never or inline: whether disk calls may run on the thread that polls",
    )
}

async fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    options.refuse_writing(INSTEAD)?;
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
    if let Some(bytes) = url.size(CACHE, 0..=u64::MAX)? {
        wanted = wanted.with_block_cache(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    if let Some(bytes) = url.size(MAX_BLOCK, 0..=u64::MAX)? {
        wanted = wanted.with_max_block_len(bytes);
    }
    if let Some(bytes) = url.size(MAX_LOG, 0..=u64::MAX)? {
        wanted = wanted.with_max_log_len(bytes);
    }
    let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
    found::look(url, blocking, &[Kind::Leveldb]).await?;
    let store = LevelDatastore::open(url.file_path()?, wanted.with_blocking(blocking)).await?;
    Ok(Arc::new(store))
}
