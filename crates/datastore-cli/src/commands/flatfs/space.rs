//! How much space a store takes.

use std::path::PathBuf;

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use interface_datastore::DatastoreExt;
use serde_json::json;

use crate::{
    failure::{Exit, Outcome},
    output::Output,
};

/// Tell the shard function and the space taken
#[derive(Debug, clap::Args)]
pub(super) struct Info {
    /// The store
    dir: PathBuf,
}

impl Info {
    pub(super) async fn run(self, out: &mut Output) -> Outcome {
        let store =
            FlatfsDatastore::open(&self.dir, FlatfsOptions::new().with_read_only(true)).await?;
        let (shard, (bytes, accuracy)) = (store.shard().to_string(), store.usage());
        store.close().await?;
        let text =
            |_: &Output| format!("shard     {shard}\nbytes     {bytes}\naccuracy  {accuracy}");
        let json = json!({ "shard": shard, "bytes": bytes, "accuracy": accuracy.as_str() });
        out.line(text, &json)?;
        Ok(Exit::Success)
    }
}

/// Count the space taken anew
#[derive(Debug, clap::Args)]
pub(super) struct Recount {
    /// The store
    dir: PathBuf,
}

impl Recount {
    pub(super) async fn run(self, out: &mut Output) -> Outcome {
        let options = FlatfsOptions::new().with_create_if_missing(false);
        let store = FlatfsDatastore::open(&self.dir, options).await?;
        let (bytes, accuracy) = store.recount().await?;
        store.close().await?;
        let text = |_: &Output| format!("{bytes} ({accuracy})");
        out.line(
            text,
            &json!({ "bytes": bytes, "accuracy": accuracy.as_str() }),
        )?;
        Ok(Exit::Success)
    }
}
