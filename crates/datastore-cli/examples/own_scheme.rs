//! The program `datastore` with one more kind of store.

#![allow(clippy::print_stderr, reason = "this is where errors go")]

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use datastore_core::MemoryDatastore;
use datastore_open::{OpenOptions, Opener, Registry, StoreUrl};
use interface_datastore::{Datastore, DatastoreExt, Key, Result};

/// `countdown:N`: a store that holds the numbers from N to 1.
async fn open_countdown(url: StoreUrl, options: OpenOptions) -> Result<Arc<dyn Datastore>> {
    let from: u8 = url
        .path_text()?
        .parse()
        .map_err(|_| url.invalid("the path must be a number up to 255"))?;
    let store = MemoryDatastore::new();
    for number in 1..=from {
        store
            .put(&Key::new(format!("/{number:03}")), number.to_string())
            .await?;
    }
    Ok(if options.read_only {
        Arc::new(datastore_core::ReadOnlyDatastore::new(&store))
    } else {
        Arc::new(store)
    })
}

fn main() -> ExitCode {
    let mut registry = Registry::with_defaults();
    let opener = Opener::new("countdown:N  the numbers from N to 1", open_countdown);
    if let Err(error) = registry.register("countdown", opener) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    // A program would pass `std::env::args_os()` on.
    let args = [
        "datastore",
        "--store",
        "countdown:3",
        "ls",
        "--long",
        "--reverse",
    ];
    datastore_cli::run(&registry, args.map(OsString::from))
}
