//! `sled:PATH`

use std::sync::Arc;

use datastore_kv::sled::SledOptions;
use interface_datastore::{Datastore, Result};

use super::{BLOCKING, BLOCKING_HELP, CACHE, CACHE_HELP, Place};
use crate::{Opener, found::Kind};

pub(crate) fn opener() -> Opener {
    Opener::new(
        "sled:PATH  a folder of sled 0.34, which is not maintained any more; withstands no power cut",
        |url, options| async move {
            let (place, _) = Place::look(url, options, &[Kind::Sled]).await?;
            place.open(Kind::Sled).await
        },
    )
    .with_option(CACHE, CACHE_HELP)
    .with_option(BLOCKING, BLOCKING_HELP)
}

pub(super) async fn open(place: Place) -> Result<Arc<dyn Datastore>> {
    let mut wanted = SledOptions::new()
        .create(place.create)
        .blocking(place.blocking);
    if let Some(bytes) = place.url.size(CACHE, 1 << 20..=u64::MAX)? {
        wanted = wanted.cache_bytes(bytes);
    }
    let engine = wanted.open(&place.path).await;
    place.store(engine).await
}
