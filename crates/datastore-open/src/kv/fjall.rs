//! `fjall:PATH`

use std::sync::Arc;

use datastore_kv::fjall::FjallOptions;
use interface_datastore::{Datastore, Result};

use super::{BLOCKING, BLOCKING_HELP, CACHE, CACHE_HELP, Place, to_usize};
use crate::{Opener, found::Kind};

const MEMTABLE: &str = "memtable";
const LOG: &str = "log";
const OPEN_FILES: &str = "open-files";
const WORKERS: &str = "workers";

pub(crate) fn opener() -> Opener {
    Opener::new(
        "fjall:PATH  a folder with a log-structured tree, as kv: makes it",
        |url, options| async move {
            let (place, _) = Place::look(url, options, &[Kind::Fjall]).await?;
            place.open(Kind::Fjall).await
        },
    )
    .with_option(CACHE, CACHE_HELP)
    .with_option(
        MEMTABLE,
        "how much is gathered in memory before it becomes a table; 8MiB if not given",
    )
    .with_option(
        LOG,
        "how much of the disk its log may take, at least 64MiB; 128MiB if not given",
    )
    .with_option(OPEN_FILES, "how many tables stay open; 256 if not given")
    .with_option(
        WORKERS,
        "how many threads flush and compact; 2 if not given",
    )
    .with_option(BLOCKING, BLOCKING_HELP)
}

pub(super) async fn open(place: Place) -> Result<Arc<dyn Datastore>> {
    let url = &place.url;
    let mut wanted = FjallOptions::new()
        .create(place.create)
        .blocking(place.blocking);
    if let Some(bytes) = url.size(CACHE, 0..=u64::MAX)? {
        wanted = wanted.cache_bytes(bytes);
    }
    if let Some(bytes) = url.size(MEMTABLE, 1 << 20..=u64::MAX)? {
        wanted = wanted.memtable_bytes(bytes);
    }
    if let Some(bytes) = url.size(LOG, 64 << 20..=u64::MAX)? {
        wanted = wanted.journal_bytes(bytes);
    }
    if let Some(files) = url.number(OPEN_FILES, 10..=1_000_000)? {
        wanted = wanted.open_files(to_usize(files));
    }
    if let Some(workers) = url.number(WORKERS, 1..=256)? {
        wanted = wanted.workers(to_usize(workers));
    }
    let engine = wanted.open(&place.path).await;
    place.store(engine).await
}
