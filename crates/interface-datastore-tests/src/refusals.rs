//! What a store does not claim it must refuse, before any effect.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Batch, Claim, Condition, Datastore, DatastoreExt, DeleteManyOptions, DeleteOptions,
    DiskUsageOptions, Durability, Error, ErrorKind, GetOptions, Key, MaintainOptions, Maintenance,
    PutManyOptions, PutOptions, Query, Result, Timestamp, Version, WatchOptions, WriteOptions,
};

use crate::{
    Failure, Need, Outcome, Subject, Verdict,
    failure::{ensure, ensure_eq, expect_error},
};

/// A key that refused writes do not create.
pub(crate) const NEW_KEY: &str = "/refused/new";

const NEW: &[u8] = b"must not be stored";

/// Checks that the store refuses what it says it lacks.
pub(crate) async fn check(need: Need, subject: &Subject) -> Outcome<Verdict> {
    let checked = match need {
        Need::Writable => writes(subject).await,
        Need::Retains => keeping(subject).await,
        Need::IfAbsent => if_absent(subject).await,
        Need::IfMatch => if_match(subject).await,
        Need::Versions => versions(subject).await,
        Need::Expiry => expiry(subject).await,
        Need::AtomicBatch => atomic_batch(subject).await,
        Need::BatchConditions => batch_conditions(subject).await,
        Need::Watch => watch(subject).await,
        Need::DiskUsage => disk_usage(subject).await,
        Need::Check | Need::Repair | Need::Scrub | Need::Gc | Need::Compact => {
            maintenance(need.maintenance(), subject).await
        }
        Need::Process | Need::Ordered | Need::Power => durability(need.durability(), subject).await,
        Need::Persistent
        | Need::Linearizable
        | Need::DroppedWritesSettle
        | Need::CrossProcess
        | Need::KeyOrder
        | Need::SnapshotQuery
        | Need::Reopen
        | Need::SecondHandle
        | Need::Faults
        | Need::PowerLoss
        | Need::Threads => return Ok(Verdict::NotClaimed),
    };
    checked.map_err(|failure| {
        failure.during(format_args!(
            "the store does not claim {need:?} and must refuse it"
        ))
    })?;
    Ok(Verdict::Refused)
}

/// Every way to write, with a name for messages; each tries to change `old` or to create `new`.
async fn every_write(
    store: &dyn Datastore,
    old: &Key,
    new: &Key,
) -> Vec<(&'static str, Result<()>)> {
    let value = || Bytes::from_static(NEW);
    let mut batch = Batch::new();
    batch.put(new.clone(), NEW).delete(old.clone());
    let pairs = [(new.clone(), value()), (old.clone(), value())];
    let body = stream::iter([Ok(value())]);
    vec![
        ("put", store.put(new, NEW).await.map(drop)),
        ("put over a value", store.put(old, NEW).await.map(drop)),
        (
            "put_stream",
            store.put_stream(new, Box::pin(body)).await.map(drop),
        ),
        (
            "put_many",
            store
                .put_many(pairs)
                .try_collect()
                .await
                .map(|_: Vec<_>| ()),
        ),
        ("delete", store.delete(old).await),
        (
            "delete_many",
            store
                .delete_many([old.clone()])
                .try_collect()
                .await
                .map(|_: Vec<_>| ()),
        ),
        ("write", store.write(batch).await.map(drop)),
    ]
}

async fn writes(subject: &Subject) -> Outcome {
    let store = subject.store();
    let (old, new) = (subject.key("/refused/old")?, subject.key(NEW_KEY)?);
    for (what, outcome) in every_write(store, &old, &new).await {
        match outcome.as_ref().map_err(Error::kind) {
            Err(ErrorKind::ReadOnly | ErrorKind::Unsupported) => {}
            other => {
                return Err(Failure::new(format!(
                    "{what} must be ReadOnly, got {other:?}"
                )));
            }
        }
    }
    ensure!(!store.has(&new).await?, "a refused write took effect");
    Ok(())
}

/// A black hole: writes succeed and nothing is there.
async fn keeping(subject: &Subject) -> Outcome {
    let store = subject.store();
    let (old, new) = (subject.key("/gone/old")?, subject.key("/gone/new")?);
    for (what, outcome) in every_write(store, &old, &new).await {
        outcome.map_err(|error| Failure::from(error).during(what))?;
    }
    expect_error(
        store.get(&new).await,
        ErrorKind::NotFound,
        "get from a store that keeps nothing",
    )?;
    ensure!(
        !store.has(&new).await?,
        "has is true in a store that keeps nothing"
    );
    ensure_eq!(
        store.query(Query::all()).count().await,
        0,
        "entries of a store that keeps nothing"
    );
    Ok(())
}

/// Puts a value that refused writes must leave as it is, where the store keeps any.
async fn with_old(subject: &Subject) -> Outcome<(Key, Key)> {
    let keys = (subject.key("/refused/old")?, subject.key(NEW_KEY)?);
    subject.store().put(&keys.0, "old").await?;
    Ok(keys)
}

/// Checks that refused writes changed nothing.
async fn untouched(subject: &Subject, (old, new): &(Key, Key)) -> Outcome {
    let store = subject.store();
    ensure!(!store.has(new).await?, "a refused write created a value");
    if subject.capabilities().retains == Claim::Yes {
        ensure_eq!(
            store.get(old).await?,
            "old",
            "a refused write changed the old value"
        );
    }
    Ok(())
}

fn unsupported<T>(outcome: Result<T>, what: &str) -> Outcome {
    expect_error(outcome, ErrorKind::Unsupported, what).map(drop)
}

async fn if_absent(subject: &Subject) -> Outcome {
    let keys = with_old(subject).await?;
    let put = subject
        .store()
        .put_opts(&keys.1, NEW.into(), PutOptions::if_absent());
    unsupported(put.await, "put if absent")?;
    untouched(subject, &keys).await
}

async fn if_match(subject: &Subject) -> Outcome {
    let keys = with_old(subject).await?;
    let (store, version) = (subject.store(), Version::from(1));
    let put = store.put_opts(&keys.0, NEW.into(), PutOptions::if_match(version.clone()));
    unsupported(put.await, "put if match")?;
    let delete = store.delete_opts(&keys.0, DeleteOptions::if_match(version));
    unsupported(delete.await, "delete if match")?;
    untouched(subject, &keys).await
}

async fn versions(subject: &Subject) -> Outcome {
    let store = subject.store();
    let key = subject.key("/refused/old")?;
    let written = store.put(&key, "old").await?;
    ensure_eq!(written.version, None, "version that a put reports");
    let asked = GetOptions::default().with_if_version(Version::from(1));
    unsupported(store.get_opts(&key, asked).await, "get of a version")
}

async fn expiry(subject: &Subject) -> Outcome {
    let keys = with_old(subject).await?;
    let (store, expires) = (subject.store(), Timestamp::from_millis(u64::MAX));
    unsupported(
        store.put_expiring(&keys.1, NEW, expires).await,
        "put of an entry that expires",
    )?;
    let pairs = stream::iter([Ok((keys.1.clone(), Bytes::from_static(NEW)))]);
    let options = PutManyOptions::default().with_expires(expires);
    let many = store.put_many_opts(Box::pin(pairs), options);
    unsupported(
        many.try_collect::<Vec<_>>().await,
        "put_many of entries that expire",
    )?;
    let mut batch = Batch::new();
    batch.put_expiring(keys.1.clone(), NEW, expires);
    unsupported(
        store.write(batch).await,
        "a batch with an entry that expires",
    )?;
    untouched(subject, &keys).await
}

async fn atomic_batch(subject: &Subject) -> Outcome {
    let keys = with_old(subject).await?;
    let mut batch = Batch::new();
    batch.put(keys.1.clone(), NEW).delete(keys.0.clone());
    let options = WriteOptions::default().with_atomic(true);
    unsupported(
        subject.store().write_opts(batch, options).await,
        "a batch that must be atomic",
    )?;
    untouched(subject, &keys).await
}

async fn batch_conditions(subject: &Subject) -> Outcome {
    let keys = with_old(subject).await?;
    let mut batch = Batch::new();
    batch
        .put(keys.1.clone(), NEW)
        .require(keys.1.clone(), Condition::IfAbsent);
    unsupported(
        subject.store().write(batch).await,
        "a batch with a condition",
    )?;
    untouched(subject, &keys).await
}

async fn watch(subject: &Subject) -> Outcome {
    let (scope, options) = (Key::root(), WatchOptions::default());
    unsupported(subject.store().watch_opts(&scope, options).await, "watch")
}

async fn disk_usage(subject: &Subject) -> Outcome {
    let (scope, options) = (Key::root(), DiskUsageOptions::default());
    unsupported(
        subject.store().disk_usage_opts(&scope, options).await,
        "disk_usage",
    )
}

async fn maintenance(task: Option<Maintenance>, subject: &Subject) -> Outcome {
    let task = task.ok_or_else(|| Failure::new("the need is no maintenance"))?;
    let mut events = subject
        .store()
        .maintain_opts(task, &Key::root(), MaintainOptions::default());
    match events.next().await {
        Some(first) => unsupported(first, "maintenance")?,
        None => {
            return Err(Failure::new(
                "maintenance must fail with Unsupported, but ended",
            ));
        }
    }
    ensure!(
        events.next().await.is_none(),
        "the refusal must be the only item"
    );
    Ok(())
}

async fn durability(wanted: Option<Durability>, subject: &Subject) -> Outcome {
    let wanted = wanted.ok_or_else(|| Failure::new("the need is no durability"))?;
    let keys = with_old(subject).await?;
    let store = subject.store();
    let put = store.put_opts(
        &keys.1,
        NEW.into(),
        PutOptions::default().with_durability(wanted),
    );
    unsupported(put.await, "put")?;
    let body = Box::pin(stream::iter([Ok(Bytes::from_static(NEW))]));
    let put = store.put_stream_opts(&keys.1, body, PutOptions::default().with_durability(wanted));
    unsupported(put.await, "put_stream")?;
    let delete = DeleteOptions::default().with_durability(wanted);
    unsupported(store.delete_opts(&keys.0, delete).await, "delete")?;
    let mut batch = Batch::new();
    batch.put(keys.1.clone(), NEW).delete(keys.0.clone());
    let write = WriteOptions::default().with_durability(wanted);
    unsupported(store.write_opts(batch, write).await, "write")?;
    let pairs = Box::pin(stream::iter([Ok((
        keys.1.clone(),
        Bytes::from_static(NEW),
    ))]));
    let many = store.put_many_opts(pairs, PutManyOptions::default().with_durability(wanted));
    unsupported(many.try_collect::<Vec<_>>().await, "put_many")?;
    let doomed = Box::pin(stream::iter([Ok(keys.0.clone())]));
    let many = store.delete_many_opts(doomed, DeleteManyOptions::default().with_durability(wanted));
    unsupported(many.try_collect::<Vec<_>>().await, "delete_many")?;
    untouched(subject, &keys).await
}
