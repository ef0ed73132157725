//! Sync, disk usage, maintenance, closing, reopening.

use futures_util::{StreamExt, TryStreamExt};
use interface_datastore::{
    Batch, CloseOptions, Datastore, DatastoreExt, DeleteOptions, DiskUsage, DiskUsageOptions,
    Durability, ErrorKind, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent,
    PutManyOptions, PutOptions, Query, QueryOptions, Result, Severity, SyncOptions, WatchOptions,
    WriteOptions,
};

use super::{
    support::{aborted_signal, all_pairs, expect_aborted, expect_aborted_stream, hundred, sorted},
    values::noise,
};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

/// The default durability is no more than the greatest, and every level up to that one is taken and read back.
pub(crate) async fn durabilities(subject: &Subject) -> Outcome {
    let (store, can) = (subject.store(), subject.capabilities());
    ensure!(
        can.default_durability <= can.max_durability,
        "the default durability is above the greatest"
    );
    for level in Durability::ALL
        .into_iter()
        .filter(|level| *level <= can.max_durability)
    {
        let (key, doomed) = (
            subject.key(format!("/level/{level}"))?,
            subject.key("/level/doomed")?,
        );
        store
            .put_opts(
                &key,
                "value".into(),
                PutOptions::default().with_durability(level),
            )
            .await?;
        ensure_eq!(store.get(&key).await?, "value", "value put at {level}");
        store.put(&doomed, "value").await?;
        store
            .delete_opts(&doomed, DeleteOptions::default().with_durability(level))
            .await?;
        let mut batch = Batch::new();
        batch.put(key.clone(), "batch").delete(doomed.clone());
        store
            .write_opts(batch, WriteOptions::default().with_durability(level))
            .await?;
        ensure_eq!(
            store.get(&key).await?,
            "batch",
            "value of a batch at {level}"
        );
        let pairs = Box::pin(futures_util::stream::iter([Ok((
            key.clone(),
            "many".into(),
        ))]));
        let many = store.put_many_opts(pairs, PutManyOptions::default().with_durability(level));
        many.try_collect::<Vec<_>>().await?;
        ensure_eq!(
            store.get(&key).await?,
            "many",
            "value of a put_many at {level}"
        );
    }
    Ok(())
}

/// After sync the store holds what it held, at no more than its greatest durability.
pub(crate) async fn sync(subject: &Subject) -> Outcome {
    let (store, data) = (subject.store(), hundred(subject, "/sync")?);
    store.put_many(data.clone()).try_collect::<Vec<_>>().await?;
    let held = store
        .sync_opts(&Key::root(), SyncOptions::default())
        .await?;
    let can = subject.capabilities();
    ensure!(
        held >= can.default_durability,
        "sync holds {held}, less than the default {}",
        can.default_durability
    );
    ensure!(
        held <= can.max_durability,
        "sync holds {held}, more than the greatest {}",
        can.max_durability
    );
    ensure_eq!(all_pairs(store).await?, sorted(data), "entries after sync");
    Ok(())
}

/// Disk usage grows with what is stored, and counts only what is in its scope.
pub(crate) async fn disk_usage(subject: &Subject) -> Outcome {
    let store = subject.store();
    let usage = async |scope: Key| -> Outcome<DiskUsage> {
        Ok(store
            .disk_usage_opts(&scope, DiskUsageOptions::default())
            .await?)
    };
    let before = usage(Key::root()).await?;
    let (one, other) = (subject.key("/usage/one/x")?, subject.key("/usage/other/x")?);
    store.put(&one, noise(100_000, 1)).await?;
    store.put(&other, noise(300_000, 2)).await?;
    store
        .sync_opts(&Key::root(), SyncOptions::default())
        .await?;
    let after = usage(Key::root()).await?;
    if !after.exact {
        return Err(Failure::unproven("the store tells an estimate"));
    }
    ensure!(
        after.bytes >= before.bytes + 400_000,
        "disk usage {after:?} after 400 KB on top of {before:?}"
    );
    let (in_one, in_other) = (usage(one.clone()).await?, usage(other.clone()).await?);
    ensure!(
        (100_000..300_000).contains(&in_one.bytes),
        "{in_one:?} for a value of 100 KB"
    );
    ensure!(
        (300_000..600_000).contains(&in_other.bytes),
        "{in_other:?} for a value of 300 KB"
    );
    store.delete(&other).await?;
    ensure!(
        usage(other).await?.bytes < 100_000,
        "disk usage counts a deleted value"
    );
    Ok(())
}

/// Runs maintenance on a healthy store of a hundred entries; nothing may be lost, and no fault found.
async fn healthy(subject: &Subject, task: Maintenance) -> Outcome {
    let (store, data) = (subject.store(), hundred(subject, "/kept")?);
    store.put_many(data.clone()).try_collect::<Vec<_>>().await?;
    let doomed = hundred(subject, "/doomed")?;
    store
        .put_many(doomed.clone())
        .try_collect::<Vec<_>>()
        .await?;
    store
        .delete_many(super::support::keys_of(&doomed))
        .try_collect::<Vec<_>>()
        .await?;
    for scope in [Key::root(), subject.key("/kept")?, subject.key("/none")?] {
        let events = store.maintain_opts(task, &scope, MaintainOptions::default());
        for event in events.try_collect::<Vec<_>>().await? {
            if let MaintenanceEvent::Finding(finding) = event {
                ensure!(
                    finding.severity < Severity::Error,
                    "{task} of a healthy store finds {finding:?}"
                );
                let inside = finding
                    .key
                    .as_ref()
                    .is_none_or(|key| *key == scope || scope.is_ancestor_of(key));
                ensure!(inside, "{task} of {scope} finds {finding:?} outside");
            }
        }
        ensure_eq!(
            all_pairs(store).await?,
            sorted(data.clone()),
            "entries after {task}"
        );
    }
    // Dropped after its first step it may be started again.
    drop(store.maintain(task).next().await);
    store.maintain(task).try_collect::<Vec<_>>().await?;
    ensure_eq!(
        all_pairs(store).await?,
        sorted(data),
        "entries after {task} was dropped"
    );
    let options = MaintainOptions::default().with_abort(aborted_signal());
    expect_aborted_stream(
        store.maintain_opts(task, &Key::root(), options),
        "aborted maintenance",
    )
    .await
}

/// A check of a healthy store finds no fault and changes nothing.
pub(crate) async fn check(subject: &Subject) -> Outcome {
    healthy(subject, Maintenance::Check).await
}

/// A repair of a healthy store finds no fault and loses nothing.
pub(crate) async fn repair(subject: &Subject) -> Outcome {
    healthy(subject, Maintenance::Repair).await
}

/// A scrub of a healthy store finds no fault and changes nothing.
pub(crate) async fn scrub(subject: &Subject) -> Outcome {
    healthy(subject, Maintenance::Scrub).await
}

/// Collecting garbage loses nothing that is alive.
pub(crate) async fn gc(subject: &Subject) -> Outcome {
    healthy(subject, Maintenance::Gc).await
}

/// Compaction loses nothing.
pub(crate) async fn compact(subject: &Subject) -> Outcome {
    healthy(subject, Maintenance::Compact).await
}

fn closed<T>(outcome: Result<T>, what: &str) -> Outcome {
    expect_error(
        outcome,
        ErrorKind::Closed,
        &format!("{what} after the close"),
    )
    .map(drop)
}

/// After a close every call through every handle says so; closing again is fine.
pub(crate) async fn close(subject: &Subject) -> Outcome {
    let (store, key, other) = (
        subject.store(),
        subject.key("/closed")?,
        subject.store().handle(),
    );
    store.put(&key, "value").await?;
    store.close().await?;
    store.close().await?;
    other.close_opts(CloseOptions::default()).await?;
    for store in [store, &*other] {
        closed(store.put(&key, "value").await, "put")?;
        closed(
            store
                .put_stream(&key, Box::pin(futures_util::stream::iter([Ok("v".into())])))
                .await,
            "put_stream",
        )?;
        for (what, options) in [
            ("get", GetOptions::default()),
            ("has", GetOptions::exists()),
            ("metadata", GetOptions::metadata()),
        ] {
            closed(store.get_opts(&key, options).await, what)?;
        }
        closed(store.get_stream(&key).await, "get_stream")?;
        closed(store.delete(&key).await, "delete")?;
        closed(
            store
                .put_many([(key.clone(), "value".into())])
                .try_collect::<Vec<_>>()
                .await,
            "put_many",
        )?;
        closed(
            store.get_many([key.clone()]).try_collect::<Vec<_>>().await,
            "get_many",
        )?;
        closed(
            store
                .delete_many([key.clone()])
                .try_collect::<Vec<_>>()
                .await,
            "delete_many",
        )?;
        closed(
            store.query(Query::all()).try_collect::<Vec<_>>().await,
            "query",
        )?;
        let mut batch = Batch::new();
        batch.put(key.clone(), "value");
        closed(store.write(batch).await, "write")?;
        closed_if_claimed(subject, store).await?;
    }
    Ok(())
}

/// The calls that only some stores offer: those that do not may say "unsupported" after the close as before it.
async fn closed_if_claimed(subject: &Subject, store: &dyn Datastore) -> Outcome {
    let (root, can) = (Key::root(), subject.capabilities());
    closed(
        store
            .sync_opts(&root, SyncOptions::default())
            .await
            .map(drop),
        "sync",
    )?;
    if can.watch.may() {
        closed(
            store.watch_opts(&root, WatchOptions::default()).await,
            "watch",
        )?;
    }
    if can.disk_usage.may() {
        closed(
            store
                .disk_usage_opts(&root, DiskUsageOptions::default())
                .await,
            "disk_usage",
        )?;
    }
    for task in Maintenance::ALL
        .into_iter()
        .filter(|task| can.maintenance.claim(*task).may())
    {
        closed(
            store.maintain(task).try_collect::<Vec<_>>().await,
            "maintenance",
        )?;
    }
    Ok(())
}

/// An aborted signal ends every other call too.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, root, signal) = (subject.store(), Key::root(), aborted_signal());
    let can = subject.capabilities();
    let sync = SyncOptions::default().with_abort(signal.clone());
    expect_aborted(store.sync_opts(&root, sync).await, "an aborted sync")?;
    if can.watch.may() {
        let options = WatchOptions::default().with_abort(signal.clone());
        let watched = match store.watch_opts(&root, options).await {
            Ok(mut events) => events.next().await.transpose().map(drop),
            Err(error) => Err(error),
        };
        expect_aborted(watched, "an aborted watch")?;
    }
    if can.disk_usage.may() {
        let options = DiskUsageOptions::default().with_abort(signal.clone());
        expect_aborted(
            store.disk_usage_opts(&root, options).await,
            "an aborted disk_usage",
        )?;
    }
    let close = CloseOptions::default().with_abort(signal);
    expect_aborted(store.close_opts(close).await, "an aborted close")
}

/// A signal that aborts half way ends a listing there.
pub(crate) async fn aborted_half_way(subject: &Subject) -> Outcome {
    let (store, data) = (subject.store(), hundred(subject, "/half")?);
    store.put_many(data).try_collect::<Vec<_>>().await?;
    let controller = interface_datastore::AbortController::new();
    let options = QueryOptions::default().with_abort(controller.signal());
    let mut listing = store.query_opts(Query::all(), options);
    ensure!(listing.try_next().await?.is_some(), "the listing is empty");
    controller.abort();
    expect_aborted(
        listing.try_next().await,
        "a listing whose signal aborts half way",
    )?;
    ensure!(
        listing.next().await.is_none(),
        "a listing goes on after an abort"
    );
    Ok(())
}

/// What was stored is there after closing and opening again; what was deleted is not.
pub(crate) async fn reopened(subject: &Subject) -> Outcome {
    let opener = subject
        .reopener()
        .ok_or_else(|| Failure::new("no way to reopen"))?;
    let mut data = hundred(subject, "/kept")?;
    data.push((subject.key("/kept/empty")?, "".into()));
    data.push((subject.key("/kept/large")?, noise(300_000, 9)));
    subject
        .store()
        .put_many(data.clone())
        .try_collect::<Vec<_>>()
        .await?;
    let doomed = subject.key("/doomed")?;
    subject.store().put(&doomed, "value").await?;
    subject.store().delete(&doomed).await?;
    subject.store().close().await?;
    for round in 0..2 {
        let store = opener.open().await?;
        ensure_eq!(
            all_pairs(&store).await?.len(),
            data.len(),
            "number of entries after opening again (round {round})"
        );
        ensure!(
            all_pairs(&store).await? == sorted(data.clone()),
            "entries changed by closing and opening"
        );
        ensure_eq!(
            store.capabilities(&Key::root()),
            subject.capabilities(),
            "capabilities after opening again"
        );
        store.close().await?;
    }
    Ok(())
}
