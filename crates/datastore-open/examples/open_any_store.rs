//! Opens stores by URL, one of them of a kind that only this program knows.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::sync::Arc;

use datastore_core::MemoryDatastore;
use datastore_open::{OpenOptions, Opener, Registry, StoreUrl};
use interface_datastore::{Datastore, DatastoreExt, Key, Result};

/// `greeting:NAME`: a store that holds a greeting.
async fn open_greeting(url: StoreUrl, _: OpenOptions) -> Result<Arc<dyn Datastore>> {
    let mark = url.option("mark").unwrap_or(".");
    let store = MemoryDatastore::new();
    let text = format!("Hello, {}{mark}", url.path_text()?);
    store.put(&Key::new("/greeting"), text).await?;
    Ok(Arc::new(store))
}

fn main() -> Result<()> {
    let mut registry = Registry::with_defaults();
    let opener = Opener::new(
        "greeting:NAME  a store that holds a greeting",
        open_greeting,
    )
    .with_option("mark", "what the greeting ends with");
    registry.register("greeting", opener)?;

    pollster::block_on(async {
        for url in ["greeting:Ada?mark=!", "mem:"] {
            let store = registry.open(url, OpenOptions::new()).await?;
            println!(
                "{url} holds {:?}",
                store.try_get(&Key::new("/greeting")).await?
            );
        }
        let refused = registry.open("greetings:Ada", OpenOptions::new()).await;
        println!("{}", refused.expect_err("there is no such scheme"));
        Ok(())
    })
}
