//! Looking a store over, and mending it.

use std::path::PathBuf;

use datastore_flatfs::{
    FlatfsDatastore, FlatfsOptions,
    check::{CheckEvent, CheckOptions},
};
use futures_util::StreamExt;
use interface_datastore::DatastoreExt;

use super::work::interrupted;
use crate::{
    commands::findings::{is_fault, tell},
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Look for faults; exit 1 if there are any
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    look: Look,
}

/// Mend what check finds, without losing a readable value; exit 1 if a fault is left
#[derive(Debug, clap::Args)]
pub(super) struct Repair {
    #[command(flatten)]
    look: Look,
}

/// Remove empty folders, and temporary files that nobody uses
#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// The store
    dir: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Look {
    /// The store
    dir: PathBuf,
    /// Read every value too, and compare it with its key where that is a hash
    #[arg(long)]
    hashes: bool,
    /// Go on after this folder, where an earlier run was interrupted
    #[arg(long, value_name = "FOLDER")]
    start_after: Option<String>,
    /// Take links to folders for folders of the store
    #[arg(long)]
    follow_shard_links: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let store = self.look.store().with_read_only(true);
        let store = FlatfsDatastore::open(&self.look.dir, store).await?;
        run(store, self.look.options(), context, out).await
    }
}

impl Repair {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let store = self.look.store().with_create_if_missing(false);
        let store = FlatfsDatastore::open(&self.look.dir, store).await?;
        run(store, self.look.options().with_repair(true), context, out).await
    }
}

impl Prune {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let options = FlatfsOptions::new().with_create_if_missing(false);
        let store = FlatfsDatastore::open(&self.dir, options).await?;
        run(store, CheckOptions::new().with_tidy(true), context, out).await
    }
}

impl Look {
    fn store(&self) -> FlatfsOptions {
        FlatfsOptions::new().with_follow_shard_links(self.follow_shard_links)
    }

    fn options(&self) -> CheckOptions {
        CheckOptions::new()
            .with_hashes(self.hashes)
            .with_start_after(self.start_after.clone())
    }
}

async fn run(
    store: FlatfsDatastore,
    options: CheckOptions,
    context: &Context,
    out: &mut Output,
) -> Outcome {
    let faults = look(&store, options, context, out).await?;
    store.close().await?;
    context.notice_faults(faults);
    Ok(match faults {
        0 => Exit::Success,
        _ => Exit::No,
    })
}

/// Gives the number of faults that are still there.
async fn look(
    store: &FlatfsDatastore,
    options: CheckOptions,
    context: &Context,
    out: &mut Output,
) -> Outcome<u64> {
    let meter = context.screen.meter("looked at folders");
    let mut events = store.check(options.with_abort(Some(context.abort.clone())));
    let mut faults = 0;
    let mut advice = "the same command begins anew".to_owned();
    while let Some(event) = events.next().await {
        match event.map_err(|error| interrupted(error.into(), advice.clone()))? {
            CheckEvent::Finding(finding) => {
                faults += u64::from(is_fault(&finding));
                tell(&finding, out)?;
            }
            CheckEvent::Progress(progress) => {
                meter.at(progress.folders, Some(progress.of));
                if let Some(folder) = progress.folder {
                    advice = format!("--start-after {folder} goes on from here");
                }
            }
            _ => {}
        }
    }
    meter.clear();
    Ok(faults)
}
