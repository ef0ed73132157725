//! `fs:PATH`

use std::sync::Arc;

use datastore_fs::{Blocking, FsDatastore, FsOptions, Names};
use interface_datastore::{Datastore, Result};

use crate::{Create, OpenOptions, Opener, StoreUrl};

const EXTENSION: &str = "extension";
const NAMES: &str = "names";
const BLOCKING: &str = "blocking";

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
    let blocking = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    if let Some(blocking) = url.choice(BLOCKING, &blocking)? {
        wanted = wanted.with_blocking(blocking);
    }
    Ok(Arc::new(FsDatastore::open(url.file_path()?, wanted).await?))
}
