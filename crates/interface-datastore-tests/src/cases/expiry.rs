//! Entries that cease to be.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use interface_datastore::{
    Batch, Claim, DatastoreExt, ErrorKind, Key, PutManyOptions, PutOptions, Query, Timestamp,
};

use super::support::{expect_empty, yield_now};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

const PAST: Timestamp = Timestamp::from_millis(1);
/// Far away, yet small enough for every format that counts in nanoseconds.
const FAR: Timestamp = Timestamp::from_millis(4_000_000_000_000);

/// Ends the case unless no read finds the key.
async fn expect_gone(subject: &Subject, key: &Key) -> Outcome {
    let store = subject.store();
    expect_error(
        store.get(key).await,
        ErrorKind::NotFound,
        "get of an expired entry",
    )?;
    expect_error(
        store.metadata(key).await,
        ErrorKind::NotFound,
        "metadata of an expired entry",
    )?;
    expect_error(
        store.get_stream(key).await,
        ErrorKind::NotFound,
        "get_stream of an expired entry",
    )?;
    ensure!(!store.has(key).await?, "has of an expired entry is true");
    let many: Result<Vec<_>, _> = store.get_many([key.clone()]).try_collect().await;
    expect_error(many, ErrorKind::NotFound, "get_many of an expired entry")?;
    let listed: Vec<_> = store.query_keys(Query::all()).try_collect().await?;
    ensure!(!listed.contains(key), "a query lists an expired entry");
    Ok(())
}

/// Before its moment an entry is like others, and tells the moment.
pub(crate) async fn before(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/expiry/later")?);
    store.put_expiring(&key, "value", FAR).await?;
    ensure_eq!(store.get(&key).await?, "value", "value before its moment");
    ensure_eq!(
        store.metadata(&key).await?.expires,
        Some(FAR),
        "moment among metadata"
    );
    ensure_eq!(
        store
            .query_keys(Query::all())
            .try_collect::<Vec<_>>()
            .await?,
        [key],
        "keys listed"
    );
    Ok(())
}

/// Behind its moment it is gone for all reads, and a put if absent may take its place.
pub(crate) async fn behind(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/expiry/over")?);
    store.put(&key, "stays").await?;
    store.put_expiring(&key, "goes", PAST).await?;
    expect_gone(subject, &key).await?;
    if subject.capabilities().if_absent != interface_datastore::ConditionScope::None {
        store
            .put_opts(&key, "new".into(), PutOptions::if_absent())
            .await?;
        ensure_eq!(
            store.get(&key).await?,
            "new",
            "value in place of an expired one"
        );
    }
    Ok(())
}

/// An entry goes when its moment comes.
pub(crate) async fn comes(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/expiry/soon")?);
    let moment = Timestamp::after(Duration::from_millis(50));
    store.put_expiring(&key, "value", moment).await?;
    while Timestamp::now() <= moment {
        yield_now().await;
    }
    expect_gone(subject, &key).await
}

/// A put without an expiry takes that of the old value away.
pub(crate) async fn lifted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/expiry/lifted")?);
    for first in [FAR, PAST] {
        store.put_expiring(&key, "goes", first).await?;
        store.put(&key, "stays").await?;
        ensure_eq!(
            store.get(&key).await?,
            "stays",
            "value put over one that expires"
        );
        ensure_eq!(
            store.metadata(&key).await?.expires,
            None,
            "expiry of a value put without one"
        );
    }
    Ok(())
}

/// put_many, put_stream and batches take expiries too.
pub(crate) async fn every_way(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = [
        subject.key("/expiry/many")?,
        subject.key("/expiry/stream")?,
        subject.key("/expiry/batch")?,
    ];
    let [many, streamed, batched] = &keys;
    for moment in [FAR, PAST] {
        let pairs = stream::iter([Ok((many.clone(), Bytes::from("value")))]);
        let options = PutManyOptions::default().with_expires(moment);
        store
            .put_many_opts(Box::pin(pairs), options)
            .try_collect::<Vec<_>>()
            .await?;
        let body = Box::pin(stream::iter([Ok("value".into())]));
        let options = PutOptions::default().with_expires(moment);
        store.put_stream_opts(streamed, body, options).await?;
        let mut batch = Batch::new();
        batch.put_expiring(batched.clone(), "value", moment);
        store.write(batch).await?;
        for key in &keys {
            if moment == FAR {
                ensure_eq!(
                    store.metadata(key).await?.expires,
                    Some(FAR),
                    "moment of {key}"
                );
            } else {
                expect_gone(subject, key).await?;
            }
        }
    }
    Ok(())
}

/// Collecting garbage removes what has expired and nothing else.
pub(crate) async fn collected(subject: &Subject) -> Outcome {
    let (store, gone, kept) = (
        subject.store(),
        subject.key("/expiry/gone")?,
        subject.key("/expiry/kept")?,
    );
    store.put_expiring(&gone, "value", PAST).await?;
    store.put_expiring(&kept, "value", FAR).await?;
    if subject.capabilities().maintenance.gc == Claim::Yes {
        store
            .maintain(interface_datastore::Maintenance::Gc)
            .try_collect::<Vec<_>>()
            .await?;
    }
    expect_gone(subject, &gone).await?;
    ensure_eq!(store.get(&kept).await?, "value", "value before its moment");
    store.delete(&kept).await?;
    expect_empty(store).await
}
