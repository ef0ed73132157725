//! Dropping a call at each of its waits: the key holds its old or its new value, and the store goes on.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Batch, BoxFuture, Datastore, DatastoreExt, Key, Query, Result, Timestamp,
};

use super::{
    support::{poll_times, yield_now},
    values::noise,
};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// No call waits more often than this.
const MOST_POLLS: usize = 64;
const LEN: usize = 50_000;

fn old() -> Bytes {
    noise(LEN, 1)
}

fn new() -> Bytes {
    noise(LEN * 2, 2)
}

type Call = for<'a> fn(&'a dyn Datastore, &'a Key) -> BoxFuture<'a, Result<()>>;

/// Drops the call after 1, 2, 3 … polls, until it ends by itself, and looks at the key each time.
async fn dropped_at_each_wait(subject: &Subject, deletes: bool, call: Call) -> Outcome {
    let store = subject.store();
    let (key, other) = (subject.key("/cancel/key")?, subject.key("/cancel/other")?);
    store.put(&other, "other").await?;
    for polls in 1..=MOST_POLLS {
        store.put(&key, old()).await?;
        let ended = poll_times(call(store, &key), polls).await.transpose()?;
        let value = store.try_get(&key).await?;
        let is_old = value.as_ref() == Some(&old());
        let is_new = if deletes {
            value.is_none()
        } else {
            value.as_ref() == Some(&new())
        };
        if ended.is_some() {
            ensure!(is_new, "an acknowledged write is missing");
        }
        ensure!(
            is_old || is_new,
            "dropped after {polls} polls, the key holds neither its old nor its new value"
        );
        let again = store.try_get(&key).await?;
        let late = subject.capabilities().dropped_writes_settle == interface_datastore::Claim::Yes
            && again != value;
        ensure!(
            !late,
            "a dropped write took effect after a read had been answered"
        );
        store.put(&key, "after").await?;
        ensure_eq!(
            store.get(&key).await?,
            "after",
            "value put after a dropped call"
        );
        ensure_eq!(store.get(&other).await?, "other", "value of another key");
        if ended.is_some() {
            return Ok(());
        }
    }
    Err(Failure::new(format!(
        "the call has not ended after {MOST_POLLS} polls"
    )))
}

/// A put.
pub(crate) async fn put(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, false, |store, key| {
        Box::pin(async { store.put(key, new()).await.map(drop) })
    })
    .await
}

/// A put_stream of several pieces.
pub(crate) async fn put_stream(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, false, |store, key| {
        Box::pin(async {
            let whole = new();
            let pieces = [
                whole.slice(..100),
                whole.slice(100..LEN),
                whole.slice(LEN..),
            ];
            let body = stream::iter(pieces.map(Ok)).then(|piece| async {
                yield_now().await;
                piece
            });
            store.put_stream(key, Box::pin(body)).await.map(drop)
        })
    })
    .await
}

/// A delete.
pub(crate) async fn delete(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, true, |store, key| Box::pin(store.delete(key))).await
}

/// A batch.
pub(crate) async fn batch(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, false, |store, key| {
        let mut batch = Batch::new();
        batch.put(key.clone(), new());
        Box::pin(async { store.write(batch).await.map(drop) })
    })
    .await
}

/// A put_many.
pub(crate) async fn put_many(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, false, |store, key| {
        let many = store.put_many([(key.clone(), new())]);
        Box::pin(async { many.try_collect::<Vec<_>>().await.map(drop) })
    })
    .await
}

/// A delete_many.
pub(crate) async fn delete_many(subject: &Subject) -> Outcome {
    dropped_at_each_wait(subject, true, |store, key| {
        let many = store.delete_many([key.clone()]);
        Box::pin(async { many.try_collect::<Vec<_>>().await.map(drop) })
    })
    .await
}

/// Reads of all kinds: nothing changes, and later calls are answered.
pub(crate) async fn reads(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cancel/key")?);
    store.put(&key, old()).await?;
    let calls: [Call; 5] = [
        |store, key| Box::pin(async { store.get(key).await.map(drop) }),
        |store, key| Box::pin(async { store.has(key).await.map(drop) }),
        |store, key| {
            Box::pin(async {
                store
                    .get_stream(key)
                    .await?
                    .body
                    .try_collect::<Vec<_>>()
                    .await
                    .map(drop)
            })
        },
        |store, key| {
            let many = store.get_many([key.clone(), key.clone()]);
            Box::pin(async { many.try_collect::<Vec<_>>().await.map(drop) })
        },
        |store, _| {
            let listing = store.query(Query::all());
            Box::pin(async { listing.try_collect::<Vec<_>>().await.map(drop) })
        },
    ];
    for call in calls {
        for polls in 1..=MOST_POLLS {
            let ended = poll_times(call(store, &key), polls).await.transpose()?;
            ensure!(
                store.get(&key).await? == old(),
                "a dropped read changed the value"
            );
            if ended.is_some() {
                break;
            }
            ensure!(
                polls < MOST_POLLS,
                "a read has not ended after {MOST_POLLS} polls"
            );
        }
    }
    store.put(&key, "after").await?;
    ensure_eq!(
        store.get(&key).await?,
        "after",
        "value put after dropped reads"
    );
    Ok(())
}

/// A write dropped half way, then a second one acknowledged: after a while the second one stands still.
pub(crate) async fn late_effects(subject: &Subject) -> Outcome {
    let (store, keys) = (subject.store(), 0..12_usize);
    let keys = keys
        .map(|i| subject.key(format!("/cancel/{i}")))
        .collect::<Outcome<Vec<_>>>()?;
    for (i, key) in keys.iter().enumerate() {
        drop_half_way(store.put(key, new()), 1 + i % 4).await;
        store.put(key, format!("second {i}")).await?;
    }
    let gone = subject.key("/cancel/gone")?;
    drop_half_way(store.put(&gone, new()), 1).await;
    store.delete(&gone).await?;
    wait(Duration::from_millis(100)).await;
    for (i, key) in keys.iter().enumerate() {
        ensure_eq!(
            store.get(key).await?,
            format!("second {i}"),
            "value put after a dropped put, a while later"
        );
    }
    ensure!(
        !store.has(&gone).await?,
        "a dropped put took effect after a delete was acknowledged"
    );
    Ok(())
}

async fn drop_half_way<T>(future: impl Future<Output = T>, polls: usize) {
    poll_times(future, polls).await;
}

async fn wait(span: Duration) {
    let end = Timestamp::after(span);
    while Timestamp::now() < end {
        yield_now().await;
    }
}

/// A close waits for steps of dropped writes: nothing changes behind it.
pub(crate) async fn close_waits(subject: &Subject) -> Outcome {
    let opener = subject
        .reopener()
        .ok_or_else(|| Failure::new("no way to reopen"))?;
    let (store, key) = (subject.store(), subject.key("/cancel/key")?);
    store.put(&key, old()).await?;
    drop_half_way(store.put(&key, new()), 1).await;
    store.close().await?;
    let store = opener.open().await?;
    let first = store.get(&key).await?;
    wait(Duration::from_millis(100)).await;
    ensure!(
        store.get(&key).await? == first,
        "a dropped put took effect after the close"
    );
    ensure!(
        first == old() || first == new(),
        "the key holds neither its old nor its new value"
    );
    store.close().await?;
    Ok(())
}
