//! `fs:PATH`

use std::sync::Arc;

use datastore_core::{
    ShardingDatastore,
    sharding::{Shard, ShardError},
};
use datastore_fs::{Blocking, FsDatastore, FsOptions, Names};
use interface_datastore::{Datastore, Result};

use crate::{
    Create, OpenOptions, Opener, StoreUrl,
    found::{self, Kind},
};

const EXTENSION: &str = "extension";
const NAMES: &str = "names";
const BLOCKING: &str = "blocking";
const SHARDING: &str = "sharding";
/// The value of the option for a store whose marker tells the function.
const MARKED: &str = "marked";

pub(crate) fn opener() -> Opener {
    Opener::new("fs:PATH  a folder of files", |url, options| async move {
        open(&url, &options).await
    })
    .with_option(
        EXTENSION,
        "the end of the file names of values; .data for a new store",
    )
    .with_option(
        NAMES,
        "js or portable: which keys get a file of the same name",
    )
    .with_option(
        BLOCKING,
        "never or inline: whether disk calls may run on the thread that polls",
    )
    .with_option(
        SHARDING,
        "marked, or how keys are spread over folders: a folder of npm ShardingDatastore, not of go-ds-flatfs",
    )
}

async fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    let mut wanted = FsOptions::new()
        .with_read_only(options.read_only)
        .with_create_if_missing(options.create != Create::Never)
        .with_error_if_exists(options.create == Create::New);
    if let Some(durability) = options.durability {
        wanted = wanted.with_durability(durability);
    }
    if let Some(extension) = url.option(EXTENSION) {
        wanted = wanted.with_extension(extension);
    }
    let names = [("js", Names::JavaScript), ("portable", Names::Portable)];
    if let Some(names) = url.choice(NAMES, &names)? {
        wanted = wanted.with_names(names);
    }
    let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
    wanted = wanted.with_blocking(blocking);
    let sharding = sharding(url)?;
    found::look(url, blocking, &[Kind::Fs, Kind::JavaScriptSharded]).await?;
    let store = FsDatastore::open(url.file_path()?, wanted).await?;
    Ok(match sharding {
        Some(shard) => Arc::new(ShardingDatastore::open(&store, shard).await?),
        None => Arc::new(store),
    })
}

/// Whether the keys are sharded, and by which function if the URL tells.
fn sharding(url: &StoreUrl) -> Result<Option<Option<Shard>>> {
    match url.option(SHARDING) {
        None => Ok(None),
        Some(MARKED) => Ok(Some(None)),
        Some(text) => {
            let whole = match text.starts_with('/') {
                true => text.to_owned(),
                false => format!("/repo/flatfs/shard/v1/{text}"),
            };
            let shard = whole.parse().map_err(|error: ShardError| {
                url.invalid(format!(
                    "the option {SHARDING} cannot be \"{text}\": {error}"
                ))
                .with_remedy(format!(
                    "write {MARKED}, next-to-last/2, prefix/3 or suffix/2"
                ))
                .with_source(error)
            })?;
            Ok(Some(Some(shard)))
        }
    }
}
