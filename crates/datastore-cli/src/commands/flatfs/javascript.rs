//! Folders of npm `ShardingDatastore`.

use std::path::PathBuf;

use datastore_flatfs::{FlatfsOptions, convert};

use super::work::{self, options, shard_function};
use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Copy a folder of npm ShardingDatastore into a store; exit 1 if something had to be left out
///
/// Run again, it copies what is missing. Keys that flatfs cannot hold are left out with a notice.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The folder, which has a file SHARDING.data
    jsdir: PathBuf,
    /// The store; made if there is none
    dir: PathBuf,
    /// The function of a new store; that of the folder if not given
    #[arg(long, value_name = "SHARDFUN")]
    shard: Option<String>,
}

impl Import {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let options = with_shard(self.shard.as_deref())?;
        let done = work::convert(context, out, move |watch| {
            convert::import_javascript(&self.jsdir, &self.dir, &options, watch)
        });
        let done = done.await?;
        context.notice(&format!(
            "copied {} values; {} were there; {} files left out",
            done.values, done.unchanged, done.left_out
        ));
        Ok(match done.left_out {
            0 => Exit::Success,
            _ => Exit::No,
        })
    }
}

/// Make a folder of npm ShardingDatastore a store in place
///
/// A folder with a key that flatfs cannot hold is left as it is. Interrupted, it is refused by every program until the same
/// command, or resume, has done the rest.
#[derive(Debug, clap::Args)]
pub(super) struct Adopt {
    /// The folder, which has a file SHARDING.data
    dir: PathBuf,
    /// The function that it gets; its own if not given
    #[arg(long, value_name = "SHARDFUN")]
    shard: Option<String>,
}

impl Adopt {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let options = with_shard(self.shard.as_deref())?;
        let done = work::convert(context, out, move |watch| {
            convert::adopt_javascript(&self.dir, &options, watch)
        });
        let done = done.await?;
        context.notice(&format!("{} values got new places", done.values));
        Ok(Exit::Success)
    }
}

fn with_shard(text: Option<&str>) -> Outcome<FlatfsOptions> {
    Ok(match text {
        Some(text) => options(false).with_shard(shard_function(text)?),
        None => options(false),
    })
}
