//! `redb:PATH`

use std::sync::Arc;

use datastore_kv::redb::RedbOptions;
use interface_datastore::{Datastore, Result};

use super::{BLOCKING, BLOCKING_HELP, CACHE, CACHE_HELP, Place, to_usize};
use crate::{Opener, found::Kind};

const CHECK: &str = "check";
const QUICK_REPAIR: &str = "quick-repair";

pub(crate) fn opener() -> Opener {
    Opener::new(
        "redb:PATH  a file with a tree, of which every finished write survives a power cut",
        |url, options| async move {
            let (place, _) = Place::look(url, options, &[Kind::Redb]).await?;
            place.open(Kind::Redb).await
        },
    )
    .with_option(CACHE, CACHE_HELP)
    .with_option(
        CHECK,
        "true or false: whether opening reads the whole file and verifies its checksums",
    )
    .with_option(
        QUICK_REPAIR,
        "true or false: whether writes store what opening needs behind a crash; true if not given",
    )
    .with_option(BLOCKING, BLOCKING_HELP)
}

pub(super) async fn open(place: Place) -> Result<Arc<dyn Datastore>> {
    let url = &place.url;
    let mut wanted = RedbOptions::new()
        .create(place.create)
        .blocking(place.blocking);
    if let Some(bytes) = url.size(CACHE, 0..=u64::MAX)? {
        wanted = wanted.cache_bytes(to_usize(bytes));
    }
    if let Some(check) = url.flag(CHECK)? {
        wanted = wanted.check_on_open(check);
    }
    if let Some(quick) = url.flag(QUICK_REPAIR)? {
        wanted = wanted.quick_repair(quick);
    }
    let engine = wanted.open(&place.path).await;
    place.store(engine).await
}
