//! `flatfs:PATH`

use std::sync::Arc;

use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions, Names, ShardFunction};
use interface_datastore::{Datastore, Result};

use crate::{
    Create, OpenOptions, Opener, StoreUrl,
    found::{self, Kind},
};

const SHARD: &str = "shard";
const NAMES: &str = "names";
const LOCK: &str = "lock";
const FOLLOW: &str = "follow-shard-links";
const CHECK_HASHES: &str = "check-hashes";
const BLOCKING: &str = "blocking";

pub(crate) fn opener() -> Opener {
    Opener::new(
        "flatfs:PATH  a directory of go-ds-flatfs, such as the blocks of Kubo",
        |url, options| async move { open(&url, &options).await },
    )
    .with_option(
        SHARD,
        "how a new store spreads keys over folders; next-to-last/2 if not given",
    )
    .with_option(
        NAMES,
        "flatfs or escaped: whether a new store takes the keys of go-ds-flatfs or any",
    )
    .with_option(
        LOCK,
        "true or false: whether other users of this store are kept away; true if not given",
    )
    .with_option(
        FOLLOW,
        "true or false: whether a link to a folder counts as one of the store's folders",
    )
    .with_option(
        CHECK_HASHES,
        "true or false: whether doubtful values are checked after a crash, where keys are hashes",
    )
    .with_option(
        BLOCKING,
        "never or inline: whether disk calls may run on the thread that polls",
    )
}

async fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
    let wanted = wanted(url, options)?.with_blocking(blocking);
    found::look(url, blocking, &[Kind::Flatfs, Kind::JavaScriptSharded]).await?;
    let store = FlatfsDatastore::open(url.file_path()?, wanted).await?;
    Ok(Arc::new(store))
}

fn wanted(url: &StoreUrl, options: &OpenOptions) -> Result<FlatfsOptions> {
    let mut wanted = FlatfsOptions::new()
        .with_read_only(options.read_only)
        .with_create_if_missing(options.create != Create::Never)
        .with_error_if_exists(options.create == Create::New);
    if let Some(durability) = options.durability {
        wanted = wanted.with_durability(durability);
    }
    if let Some(shard) = url.option(SHARD) {
        let shard = ShardFunction::from_short(shard).map_err(|error| {
            url.invalid(format!("the option {SHARD} cannot be \"{shard}\": {error}"))
                .with_remedy("write it as next-to-last/2, prefix/2 or suffix/2")
                .with_source(error)
        })?;
        wanted = wanted.with_shard(shard);
    }
    let names = [("flatfs", Names::Flatfs), ("escaped", Names::Escaped)];
    if let Some(names) = url.choice(NAMES, &names)? {
        wanted = wanted.with_names(names);
    }
    if let Some(lock) = url.flag(LOCK)? {
        wanted = wanted.with_lock(lock);
    }
    if let Some(follow) = url.flag(FOLLOW)? {
        wanted = wanted.with_follow_shard_links(follow);
    }
    if let Some(check) = url.flag(CHECK_HASHES)? {
        wanted = wanted.with_check_hashes(check);
    }
    Ok(wanted)
}
