//! Events of changes.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use interface_datastore::{
    BoxStream, Datastore, DatastoreExt, Key, PutOptions, Result, WatchEvent, WatchOptions,
};

use super::support::{aborted_signal, expect_aborted, poll_once};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq},
};

type Events = BoxStream<'static, Result<WatchEvent>>;

async fn watch(store: &dyn Datastore, scope: &Key) -> Outcome<Events> {
    Ok(store.watch_opts(scope, WatchOptions::default()).await?)
}

/// A change as far as all stores tell it alike.
#[derive(Debug, PartialEq)]
enum Change {
    Put(Key),
    Delete(Key),
    Lagged,
}

async fn next(events: &mut Events) -> Outcome<Change> {
    let event = events
        .next()
        .await
        .ok_or_else(|| Failure::new("the events ended"))??;
    match event {
        WatchEvent::Put { key, .. } => Ok(Change::Put(key)),
        WatchEvent::Delete { key } => Ok(Change::Delete(key)),
        WatchEvent::Lagged(_) => Ok(Change::Lagged),
        other => Err(Failure::new(format!(
            "{other:?} is no event that the harness knows"
        ))),
    }
}

/// Ends the case if an event waits.
async fn quiet(events: &mut Events) -> Outcome {
    match poll_once(events.next()).await {
        None => Ok(()),
        Some(event) => Err(Failure::new(format!("{event:?} where no event belongs"))),
    }
}

/// Every write is told, by whatever method it came, in the order of the writes of a key.
pub(crate) async fn every_write(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/watch/a")?);
    store.put(&key, "before").await?;
    let mut events = watch(store, &Key::root()).await?;
    quiet(&mut events).await?;
    store.put(&key, "1").await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key.clone()),
        "event of a put"
    );
    store.delete(&key).await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Delete(key.clone()),
        "event of a delete"
    );
    store
        .put_stream(&key, Box::pin(stream::iter([Ok(Bytes::from("2"))])))
        .await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key.clone()),
        "event of a put_stream"
    );
    store
        .put_many([(key.clone(), "3".into())])
        .next()
        .await
        .transpose()?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key.clone()),
        "event of a put_many"
    );
    store.delete_many([key.clone()]).next().await.transpose()?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Delete(key.clone()),
        "event of a delete_many"
    );
    let mut batch = store.batch();
    batch.put(key.clone(), "4");
    batch.commit().await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key),
        "event of a batch"
    );
    quiet(&mut events).await
}

/// The version that an event tells is that of the put.
pub(crate) async fn versions(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/watch/v")?);
    let mut events = watch(store, &Key::root()).await?;
    let version = store.put(&key, "1").await?.version;
    match events.next().await.transpose()? {
        Some(WatchEvent::Put { version: told, .. }) => {
            ensure_eq!(told, version, "version told by the event");
        }
        other => {
            return Err(Failure::new(format!(
                "{other:?} instead of the event of a put"
            )));
        }
    }
    Ok(())
}

/// Only what is at or under the scope is told, by whole namespaces.
pub(crate) async fn scoped(subject: &Subject) -> Outcome {
    let store = subject.store();
    let scope = subject.key("/watch/scope")?;
    let mut events = watch(store, &scope).await?;
    let names = [
        "/watch",
        "/watch/scope",
        "/watch/scope2",
        "/watch/scope/x",
        "/watch/other",
        "/watch/scope/x/y",
    ];
    let mut expected = Vec::new();
    for name in names {
        let key = subject.key(name)?;
        store.put(&key, "value").await?;
        if key == scope || scope.is_ancestor_of(&key) {
            expected.push(key);
        }
    }
    for key in expected {
        ensure_eq!(
            next(&mut events).await?,
            Change::Put(key),
            "event in the scope"
        );
    }
    quiet(&mut events).await
}

/// What failed is not told.
pub(crate) async fn no_event_of_failures(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/watch/a")?);
    store.put(&key, "there").await?;
    let mut events = watch(store, &Key::root()).await?;
    let refused = store
        .put_opts(&key, "new".into(), PutOptions::if_absent())
        .await;
    ensure!(refused.is_err(), "a put if absent over a value succeeds");
    let options = PutOptions::default().with_abort(aborted_signal());
    expect_aborted(
        store.put_opts(&key, "new".into(), options).await,
        "an aborted put",
    )?;
    quiet(&mut events).await
}

/// A slow watcher is told that it lagged, and goes on; others miss nothing.
pub(crate) async fn lagging(subject: &Subject) -> Outcome {
    let store = subject.store();
    let mut slow = store
        .watch_opts(&Key::root(), WatchOptions::default().with_capacity(2_usize))
        .await?;
    let mut fast = watch(store, &Key::root()).await?;
    let keys = (0..50)
        .map(|i| subject.key(format!("/watch/{i}")))
        .collect::<Outcome<Vec<_>>>()?;
    for key in &keys {
        store.put(key, "value").await?;
    }
    for key in &keys {
        ensure_eq!(
            next(&mut fast).await?,
            Change::Put(key.clone()),
            "event of a watcher with room"
        );
    }
    let mut told = 0;
    let lost = loop {
        match slow.next().await.transpose()? {
            Some(WatchEvent::Lagged(lost)) => break lost,
            Some(_) => told += 1,
            None => return Err(Failure::new("the events of a slow watcher ended")),
        }
        ensure!(
            told < keys.len(),
            "a watcher with room for 2 events was told all of {}",
            keys.len()
        );
    };
    ensure_eq!(
        lost + told as u64,
        keys.len() as u64,
        "events lost and told to a slow watcher"
    );
    let after = subject.key("/watch/after")?;
    store.put(&after, "value").await?;
    ensure_eq!(
        next(&mut slow).await?,
        Change::Put(after),
        "event after a watcher lagged"
    );
    Ok(())
}

/// The events end when the store closes, and when the caller aborts.
pub(crate) async fn ends(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/watch/last")?);
    let controller = interface_datastore::AbortController::new();
    let options = WatchOptions::default().with_abort(controller.signal());
    let mut aborted = store.watch_opts(&Key::root(), options).await?;
    controller.abort();
    expect_aborted(
        aborted.next().await.transpose(),
        "events whose caller aborts",
    )?;
    ensure!(
        aborted.next().await.is_none(),
        "events go on after an abort"
    );
    let mut events = watch(store, &Key::root()).await?;
    store.put(&key, "value").await?;
    store.close().await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key),
        "event before the close"
    );
    ensure!(
        events.next().await.is_none(),
        "events go on after the close"
    );
    Ok(())
}

/// Writes through another handle are told, and the events outlive the handle that gave them.
pub(crate) async fn handles(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/watch/h")?);
    let other = store.handle();
    let mut events = watch(&*other, &Key::root()).await?;
    drop(other);
    store.put(&key, "value").await?;
    ensure_eq!(
        next(&mut events).await?,
        Change::Put(key),
        "event of a write through another handle"
    );
    Ok(())
}
