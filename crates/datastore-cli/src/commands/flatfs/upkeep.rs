//! Mending and tidying a store.

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

/// Mend what check finds, without losing a readable value; exit 1 if something could not be mended
#[derive(Debug, clap::Args)]
pub(super) struct Repair {
    /// The store
    dir: PathBuf,
    /// Take links to folders for folders of the store
    #[arg(long)]
    follow_shard_links: bool,
}

impl Repair {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let store = open(&self.dir, self.follow_shard_links).await?;
        let faults = maintain(&store, Maintenance::Repair, &Key::root(), context, out).await?;
        store.close().await?;
        context.notice(&format!("{faults} faults left"));
        Ok(match faults {
            0 => Exit::Success,
            _ => Exit::No,
        })
    }
}

/// Remove empty folders and temporary files that nobody uses
#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// The store
    dir: PathBuf,
}

impl Prune {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let store = open(&self.dir, false).await?;
        maintain(&store, Maintenance::Gc, &Key::root(), context, out).await?;
        store.close().await?;
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
        let store = open(&self.dir, false).await?;
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

async fn open(path: &Path, follow_shard_links: bool) -> Outcome<FlatfsDatastore> {
    let options = FlatfsOptions::new()
        .with_create_if_missing(false)
        .with_follow_shard_links(follow_shard_links);
    Ok(FlatfsDatastore::open(path, options).await?)
}
