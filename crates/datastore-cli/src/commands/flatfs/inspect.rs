//! Looking at a store without changing it.

use std::path::{Path, PathBuf};

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use interface_datastore::{DatastoreExt, Key, Maintenance};
use serde_json::json;

use crate::{
    commands::findings::maintain,
    context::Context,
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
        let store = open(&self.dir, false).await?;
        let (shard, (bytes, accuracy)) = (store.shard().to_string(), store.usage());
        store.close().await?;
        let text =
            |_: &Output| format!("shard     {shard}\nbytes     {bytes}\naccuracy  {accuracy}");
        let json = json!({ "shard": shard, "bytes": bytes, "accuracy": accuracy.as_str() });
        out.line(text, &json)?;
        Ok(Exit::Success)
    }
}

/// Look for faults; exit 1 if there are any
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The store
    dir: PathBuf,
    /// Read every value too, and compare it with its key where that is a hash
    #[arg(long)]
    hashes: bool,
    /// Take links to folders for folders of the store
    #[arg(long)]
    follow_shard_links: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let store = open(&self.dir, self.follow_shard_links).await?;
        let root = Key::root();
        let mut faults = maintain(&store, Maintenance::Check, &root, context, out).await?;
        if self.hashes {
            faults += maintain(&store, Maintenance::Scrub, &root, context, out).await?;
        }
        store.close().await?;
        context.notice(&format!("{faults} faults found"));
        Ok(match faults {
            0 => Exit::Success,
            _ => Exit::No,
        })
    }
}

async fn open(path: &Path, follow_shard_links: bool) -> Outcome<FlatfsDatastore> {
    let options = FlatfsOptions::new()
        .with_read_only(true)
        .with_follow_shard_links(follow_shard_links);
    Ok(FlatfsDatastore::open(path, options).await?)
}
