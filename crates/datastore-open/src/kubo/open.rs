//! `kubo:PATH`

use std::sync::Arc;

use datastore_core::{MemoryDatastore, MountDatastore, ReadOnlyDatastore, mount::Mount};
use datastore_files::Blocking;
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use datastore_leveldb::{LevelDatastore, LevelOptions, Lock};
use interface_datastore::{BoxFuture, Datastore, Error, ErrorKind, Operation, Result};

use super::{
    lock,
    plan::{Plan, Planner},
    repo,
};
use crate::{
    OpenOptions, Opener, StoreUrl,
    found::{self, Kind},
};

const LOCK: &str = "lock";
const SALVAGE: &str = "salvage";
const OUTSIDE: &str = "outside";
const BLOCKING: &str = "blocking";

/// Why there is no writing, and what to do instead.
const INSTEAD: &str = "kubo: only reads; blocks are written as flatfs:PATH/blocks while Kubo is stopped, the rest by Kubo alone";

pub(crate) fn opener() -> Opener {
    Opener::new(
        "kubo:PATH  a repository of Kubo with all its stores, only read",
        |url, options| async move { open(&url, &options).await },
    )
    .with_option(
        LOCK,
        "respect, hold or ignore: what is done about a Kubo that has it open, or would; respect if not given",
    )
    .with_option(
        OUTSIDE,
        "true or false: whether its config may name stores outside of the repository",
    )
    .with_option(
        SALVAGE,
        "true or false: whether what can be read of a damaged LevelDB database is served",
    )
    .with_option(
        BLOCKING,
        "never or inline: whether disk calls may run on the thread that polls",
    )
}

async fn open(url: &StoreUrl, options: &OpenOptions) -> Result<Arc<dyn Datastore>> {
    options.refuse_writing(INSTEAD)?;
    let path = url.file_path()?;
    let locks = [
        ("respect", Lock::Respect),
        ("hold", Lock::Hold),
        ("ignore", Lock::Ignore),
    ];
    let lock = url.choice(LOCK, &locks)?.unwrap_or_default();
    let outside = url.flag(OUTSIDE)?.unwrap_or(false);
    let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
    let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
    let stores = Stores {
        flatfs: FlatfsOptions::new()
            .with_read_only(true)
            .with_blocking(blocking),
        leveldb: LevelOptions::new()
            .with_lock(lock)
            .with_salvage(url.flag(SALVAGE)?.unwrap_or(false))
            .with_blocking(blocking),
    };
    found::look(url, blocking, &[Kind::Kubo]).await?;
    let at = path.clone();
    let planned = blocking.run(&at, move || {
        if lock != Lock::Ignore {
            lock::refuse_if_held(&path)?;
        }
        let spec = repo::spec(&path)?;
        let mut planner = Planner::new(&path, outside)?;
        let plan = planner.plan(&spec)?;
        if lock == Lock::Hold && !planner.has_leveldb {
            return Err(Error::unsupported(
                Operation::Open,
                "holding the lock of a repository without LevelDB",
            )
            .with_path(path));
        }
        Ok(plan)
    });
    let plan = planned.await.map_err(|cause| {
        Error::new(ErrorKind::Failed, Operation::Open)
            .with_path(&at)
            .with_source(cause)
    })??;
    let store = stores.open(plan).await?;
    Ok(Arc::new(
        ReadOnlyDatastore::new(&*store).with_remedy(INSTEAD),
    ))
}

/// How the stores are opened.
struct Stores {
    flatfs: FlatfsOptions,
    leveldb: LevelOptions,
}

impl Stores {
    /// No deeper than the spec, whose depth is bounded.
    fn open(&self, plan: Plan) -> BoxFuture<'_, Result<Arc<dyn Datastore>>> {
        Box::pin(async move {
            Ok(match plan {
                Plan::Mount(mounts) => {
                    let mut opened = Vec::with_capacity(mounts.len());
                    for (point, plan) in mounts {
                        let store = self.open(plan).await?;
                        opened.push(Mount::new(point, &*store).stripped());
                    }
                    Arc::new(MountDatastore::new(opened)?) as Arc<dyn Datastore>
                }
                Plan::Mem => Arc::new(MemoryDatastore::new()),
                Plan::Flatfs { path, shard } => {
                    let options = self.flatfs.clone().with_shard(shard);
                    Arc::new(FlatfsDatastore::open(path, options).await?)
                }
                Plan::Leveldb { path } => {
                    Arc::new(LevelDatastore::open(path, self.leveldb.clone()).await?)
                }
            })
        })
    }
}
