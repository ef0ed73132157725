//! `mem:`

use std::sync::Arc;

use datastore_core::{MemoryDatastore, ReadOnlyDatastore};
use interface_datastore::{Datastore, Durability, Error, Operation, Result};

use crate::{OpenOptions, Opener, StoreUrl};

pub(crate) fn opener() -> Opener {
    Opener::new(
        "mem:  a new store in memory, gone when the program ends",
        |url, options| async move { open(&url, &options) },
    )
}

fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    if !url.path().is_empty() {
        return Err(url
            .invalid("a store in memory has no path")
            .with_remedy("write mem:"));
    }
    if let Some(wanted) = options
        .durability
        .filter(|wanted| *wanted > Durability::Volatile)
    {
        let detail = format!("durability {wanted}: a store in memory is volatile");
        return Err(Error::unsupported(Operation::Open, detail).with_path(url.to_string()));
    }
    let store = MemoryDatastore::new();
    Ok(if options.read_only {
        Arc::new(ReadOnlyDatastore::new(&store))
    } else {
        Arc::new(store)
    })
}
