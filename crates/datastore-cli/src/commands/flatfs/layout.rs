//! Making stores, and giving them another layout.

use std::{num::ParseIntError, path::PathBuf};

use datastore_flatfs::convert;
use interface_datastore::{Error, ErrorKind, Operation};

use super::work::{self, blocking, options, shard_function};
use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Make an empty store
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The directory; the one above it must be there
    dir: PathBuf,
    /// How keys are spread over folders: next-to-last/2, prefix/3, suffix/2 or the whole identifier
    shardfun: String,
}

impl Create {
    pub(super) async fn run(self) -> Outcome {
        let shard = shard_function(&self.shardfun)?;
        blocking(move || convert::create(&self.dir, shard, &options(false))).await?;
        Ok(Exit::Success)
    }
}

/// Make a store of a directory from before there were SHARDING files
#[derive(Debug, clap::Args)]
pub(super) struct Upgrade {
    /// The directory
    dir: PathBuf,
    /// How many characters of the keys the names of its folders have
    prefixlen: String,
}

impl Upgrade {
    pub(super) async fn run(self) -> Outcome {
        let length = self.prefixlen.parse().map_err(|source: ParseIntError| {
            Error::new(ErrorKind::InvalidArgument, Operation::Open)
                .with_detail(format!("\"{}\" is no number of characters", self.prefixlen))
                .with_source(source)
        })?;
        blocking(move || convert::upgrade(&self.dir, length, &options(false))).await?;
        Ok(Exit::Success)
    }
}

/// Make a store with a prefix function a directory without a SHARDING file
#[derive(Debug, clap::Args)]
pub(super) struct Downgrade {
    /// The directory
    dir: PathBuf,
}

impl Downgrade {
    pub(super) async fn run(self) -> Outcome {
        blocking(move || convert::downgrade(&self.dir, &options(false))).await?;
        Ok(Exit::Success)
    }
}

/// Move all values from one store into another, each to the place that the other's function has for it
///
/// Interrupted, it can be run again to do the rest, or be undone by exchanging the two directories. An empty directory
/// OLDDIR is left.
#[derive(Debug, clap::Args)]
pub(super) struct Move {
    /// The store that is emptied
    olddir: PathBuf,
    /// The store that takes the values
    newdir: PathBuf,
    /// Take links to folders for folders of the stores
    #[arg(long)]
    follow_shard_links: bool,
}

impl Move {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let options = options(self.follow_shard_links);
        let done = work::convert(context, out, move |watch| {
            convert::move_store(&self.olddir, &self.newdir, &options, watch)
        });
        let done = done.await?;
        context.notice(&format!("moved {} values", done.values));
        Ok(Exit::Success)
    }
}

/// Give a store another shard function in place
///
/// Interrupted, the store is refused by every program until the same command, or resume, has done the rest.
#[derive(Debug, clap::Args)]
pub(super) struct Reshard {
    /// The store
    dir: PathBuf,
    /// The new function: next-to-last/3, prefix/3, suffix/2 or the whole identifier
    shardfun: String,
    /// Take links to folders for folders of the store
    #[arg(long)]
    follow_shard_links: bool,
}

impl Reshard {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let shard = shard_function(&self.shardfun)?;
        let options = options(self.follow_shard_links);
        let done = work::convert(context, out, move |watch| {
            convert::reshard(&self.dir, shard, &options, watch)
        });
        let done = done.await?;
        context.notice(&format!("{} values got new places", done.values));
        Ok(Exit::Success)
    }
}

/// Finish a reshard or an adopt that was interrupted
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The directory
    dir: PathBuf,
    /// Take links to folders for folders of the store
    #[arg(long)]
    follow_shard_links: bool,
}

impl Resume {
    pub(super) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
        let options = options(self.follow_shard_links);
        let done = work::convert(context, out, move |watch| {
            convert::resume(&self.dir, &options, watch)
        });
        let done = done.await?;
        context.notice(&format!("{} more values got new places", done.values));
        Ok(Exit::Success)
    }
}
