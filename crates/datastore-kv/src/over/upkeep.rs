//! Sync, size, compaction, checks, and the end.

use std::sync::{Arc, atomic::Ordering};

use datastore_engine::{Batch, CheckReport, Durability, Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt};
use interface_datastore::{
    DatastoreExt, ErrorKind as StoreErrorKind, Key, Maintenance, Query, SyncOptions,
};

use super::{
    Inner,
    core::{Core, Way},
    error::translate,
    open::engine_level,
    read::AT_ONCE,
};

/// Does what earlier commits have left undone, and syncs the store.
pub(super) async fn sync(inner: &Inner) -> Result<Durability> {
    inner.core.check_open()?;
    inner.queue.commit(&inner.core, &Batch::new()).await?;
    let synced = inner
        .core
        .store
        .sync_opts(&Key::root(), SyncOptions::default())
        .await;
    match synced {
        // Every commit has its durability already.
        Err(error) if error.kind() != StoreErrorKind::Unsupported => Err(translate(error)),
        _ => Ok(engine_level(inner.core.level)),
    }
}

pub(super) async fn size_on_disk(core: &Core) -> Result<u64> {
    core.check_open()?;
    if !core.can.size_on_disk {
        return Err(Error::unsupported("a size on disk"));
    }
    Ok(core.store.disk_usage().await.map_err(translate)?.bytes)
}

pub(super) async fn compact(core: &Core) -> Result<()> {
    core.check_open()?;
    if !core.can.compact {
        return Err(Error::unsupported("compaction"));
    }
    let mut steps = core.store.maintain(Maintenance::Compact);
    while steps.try_next().await.map_err(translate)?.is_some() {}
    Ok(())
}

/// Reads every entry; names that are not ours count as damage.
pub(super) async fn check(inner: &Inner) -> Result<CheckReport> {
    let core = &inner.core;
    core.check_open()?;
    inner.queue.commit(core, &Batch::new()).await?;
    let names = core.store.query_keys(Query::prefix(core.names.entries()));
    let read = names.map(|name| async {
        let name = name.map_err(translate)?;
        if core.names.key_of(&name).is_none() {
            return Ok(Some(Err(
                "a key of the store is not that of an entry".to_owned()
            )));
        }
        match core.store.try_get(&name).await.map_err(translate) {
            Ok(Some(_)) => Ok(Some(Ok(()))),
            // It was deleted meanwhile.
            Ok(None) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Damaged => Ok(Some(Err(error.to_string()))),
            Err(error) => Err(error),
        }
    });
    let mut read = Box::pin(read.buffer_unordered(AT_ONCE));
    let mut report = CheckReport::sound(0);
    while let Some(found) = read.try_next().await? {
        match found {
            Some(Ok(())) => report.entries += 1,
            Some(Err(damage)) => report.damage.push(damage),
            None => {}
        }
    }
    Ok(report)
}

/// Waits for the commits under way, and applies what is left of them, so that nothing is to be replayed.
pub(super) async fn close(inner: &Inner) -> Result<()> {
    let core: &Arc<Core> = &inner.core;
    core.closed.store(true, Ordering::SeqCst);
    inner.queue.close(core).await;
    let made_up = match &core.way {
        // Whoever took over sees to it.
        Way::Journals(journals) if !journals.lost.load(Ordering::SeqCst) => {
            core.make_up(journals).await
        }
        _ => Ok(()),
    };
    let closed = core.store.close().await.map_err(translate);
    made_up.and(closed)
}
