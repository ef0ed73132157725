//! The rule of read-only wrappers.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use interface_datastore::{
    Batch, Claim, Condition, DatastoreExt, DeleteOptions, ErrorKind, Key, MaintainOptions,
    Maintenance, PutOptions, Query, Result, Timestamp, Version, WatchOptions,
};

use super::View;
use crate::{
    Failure, Outcome,
    cases::support::all_pairs,
    failure::{ensure, ensure_eq},
};

/// Everything that writes is refused and changes nothing; everything that reads passes.
pub(crate) async fn check(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/there"));
    view.inner.put(&key, "value").await?;
    view.inner
        .put_expiring(&Key::new("/expired"), "value", Timestamp::from_millis(1))
        .await?;
    ensure_eq!(
        store.capabilities(&key).writable,
        Claim::No,
        "claim to be writable"
    );
    for (what, outcome) in every_write(view, &key).await {
        match outcome {
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Unsupported) => {}
            other => {
                return Err(Failure::new(format!(
                    "{what} through a read-only view gives {other:?}"
                )));
            }
        }
    }
    for (operation, key) in view.take_log() {
        let writes = ["put", "delete", "write", "repair", "gc", "compact"].contains(&operation);
        ensure!(
            !writes,
            "{operation} of {key} reaches the inner store through a read-only view"
        );
    }
    ensure_eq!(
        all_pairs(&view.inner).await?,
        [(key.clone(), "value".into())],
        "entries behind a read-only view"
    );
    reads(view, &key).await
}

async fn every_write(view: &View, key: &Key) -> Vec<(String, Result<()>)> {
    let (store, new) = (&*view.outer, Key::new("/new"));
    let value = || Bytes::from("new");
    let mut outcomes = Vec::new();
    let mut add = |what: &str, outcome: Result<()>| outcomes.push((what.to_owned(), outcome));
    for key in [key, &new] {
        add("put", store.put(key, value()).await.map(drop));
        add(
            "put if absent",
            store
                .put_opts(key, value(), PutOptions::if_absent())
                .await
                .map(drop),
        );
        let body = Box::pin(stream::iter([Ok(value())]));
        add("put_stream", store.put_stream(key, body).await.map(drop));
        add(
            "put_many",
            store
                .put_many([(key.clone(), value())])
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
        );
        add("delete", store.delete(key).await);
        add(
            "delete if match",
            store
                .delete_opts(key, DeleteOptions::if_match(Version::from(1)))
                .await,
        );
        add(
            "delete_many",
            store
                .delete_many([key.clone()])
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
        );
        let mut batch = Batch::new();
        batch
            .put(key.clone(), value())
            .require(new.clone(), Condition::IfAbsent);
        add("write", store.write(batch).await.map(drop));
        let mut batch = store.batch();
        batch.delete(key.clone());
        add("commit", batch.commit().await.map(drop));
    }
    for task in [Maintenance::Repair, Maintenance::Gc, Maintenance::Compact] {
        let events = store.maintain_opts(task, &Key::root(), MaintainOptions::default());
        add(
            task.as_str(),
            events.try_collect::<Vec<_>>().await.map(drop),
        );
    }
    outcomes
}

async fn reads(view: &View, key: &Key) -> Outcome {
    let store = &*view.outer;
    ensure_eq!(
        store.get(key).await?,
        "value",
        "value through a read-only view"
    );
    ensure!(store.has(key).await?, "has through a read-only view");
    ensure_eq!(
        store.get_size(key).await?,
        5,
        "size through a read-only view"
    );
    let pieces: Vec<Bytes> = store.get_stream(key).await?.body.try_collect().await?;
    ensure_eq!(pieces.concat(), b"value", "pieces through a read-only view");
    let listed: Vec<Key> = store.query_keys(Query::all()).try_collect().await?;
    ensure_eq!(
        listed.as_slice(),
        std::slice::from_ref(key),
        "keys listed through a read-only view"
    );
    let many: Vec<_> = store.get_many([key.clone()]).try_collect().await?;
    ensure_eq!(
        many.len(),
        1,
        "entries of get_many through a read-only view"
    );
    drop(
        store
            .watch_opts(&Key::root(), WatchOptions::default())
            .await?,
    );
    let usage = store
        .disk_usage_opts(&Key::root(), Default::default())
        .await?;
    ensure!(
        usage.bytes >= 5,
        "disk usage through a read-only view is {usage:?}"
    );
    for task in [Maintenance::Check, Maintenance::Scrub] {
        let events = store.maintain_opts(task, &Key::root(), MaintainOptions::default());
        events.try_collect::<Vec<_>>().await?;
    }
    Ok(())
}
