//! One call of the medium fails, each in turn: the old value is intact, and the store goes on.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use interface_datastore::{
    Batch, BoxFuture, Datastore, DatastoreExt, DeleteOptions, Durability, Error, ErrorKind,
    GetOptions, Key, PutOptions, Query, Result, SyncOptions, WriteOptions,
};

use super::values::noise;
use crate::{
    Failure, Fault, FaultSubject, Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// No operation makes more calls than this of one kind.
const MOST_CALLS: u64 = 500;
const LEN: usize = 20_000;

fn old() -> Bytes {
    noise(LEN, 1)
}

fn new() -> Bytes {
    noise(LEN * 3, 2)
}

type Call = for<'a> fn(&'a dyn Datastore, &'a [Key; 3], Durability) -> BoxFuture<'a, Result<()>>;

/// What is done while a call fails.
struct Op {
    name: &'static str,
    kind: Kind,
    run: Call,
}

#[derive(PartialEq)]
enum Kind {
    /// Puts the new value to the first key.
    Put,
    /// Removes the first key.
    Delete,
    /// Puts the new value to the first two keys.
    PutTwo,
    /// Changes nothing.
    Read,
}

const OPS: [Op; 10] = [
    Op {
        name: "put",
        kind: Kind::Put,
        run: |store, [key, ..], durability| {
            Box::pin(async move {
                store
                    .put_opts(
                        key,
                        new(),
                        PutOptions::default().with_durability(durability),
                    )
                    .await
                    .map(drop)
            })
        },
    },
    Op {
        name: "put_stream",
        kind: Kind::Put,
        run: |store, [key, ..], durability| {
            Box::pin(async move {
                let whole = new();
                let pieces = [
                    whole.slice(..100),
                    whole.slice(100..LEN),
                    whole.slice(LEN..),
                ];
                let body = Box::pin(stream::iter(pieces.map(Ok)));
                store
                    .put_stream_opts(key, body, PutOptions::default().with_durability(durability))
                    .await
                    .map(drop)
            })
        },
    },
    Op {
        name: "put_many",
        kind: Kind::PutTwo,
        run: |store, [key, second, _], _| {
            let many = store.put_many([(key.clone(), new()), (second.clone(), new())]);
            Box::pin(async { many.try_collect::<Vec<_>>().await.map(drop) })
        },
    },
    Op {
        name: "write",
        kind: Kind::PutTwo,
        run: |store, [key, second, _], durability| {
            let mut batch = Batch::new();
            batch.put(key.clone(), new()).put(second.clone(), new());
            Box::pin(async move {
                store
                    .write_opts(batch, WriteOptions::default().with_durability(durability))
                    .await
                    .map(drop)
            })
        },
    },
    Op {
        name: "delete",
        kind: Kind::Delete,
        run: |store, [key, ..], durability| {
            Box::pin(async move {
                store
                    .delete_opts(key, DeleteOptions::default().with_durability(durability))
                    .await
            })
        },
    },
    Op {
        name: "get",
        kind: Kind::Read,
        run: |store, [key, ..], _| Box::pin(async move { intact(store.get(key).await?, key) }),
    },
    Op {
        name: "get_stream",
        kind: Kind::Read,
        run: |store, [key, ..], _| {
            Box::pin(async move {
                let pieces: Vec<Bytes> = store.get_stream(key).await?.body.try_collect().await?;
                intact(pieces.concat().into(), key)
            })
        },
    },
    Op {
        name: "has",
        kind: Kind::Read,
        run: |store, [key, ..], _| {
            Box::pin(async move { store.get_opts(key, GetOptions::exists()).await.map(drop) })
        },
    },
    Op {
        name: "metadata",
        kind: Kind::Read,
        run: |store, [key, ..], _| Box::pin(async move { store.metadata(key).await.map(drop) }),
    },
    Op {
        name: "query",
        kind: Kind::Read,
        run: |store, _, _| {
            let listing = store.query(Query::all());
            Box::pin(async {
                let entries: Vec<_> = listing.try_collect().await?;
                let all = entries.len() == 3;
                all.then_some(())
                    .ok_or_else(|| wrong("a listing leaves entries out and tells no error"))
            })
        },
    },
];

/// A wrong answer, told as an error of a kind that no store uses for a fault of its medium.
fn wrong(detail: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, interface_datastore::Operation::Get).with_detail(detail)
}

fn intact(value: Bytes, key: &Key) -> Result<()> {
    let right = value == old();
    right
        .then_some(())
        .ok_or_else(|| wrong("a read gives a wrong value").with_key(key))
}

/// For every operation, lets each call that the fault can strike fail in turn.
async fn matrix(subject: &Subject, fault: Fault) -> Outcome {
    let levels = [Durability::Volatile, subject.capabilities().max_durability];
    for op in &OPS {
        for level in levels {
            for nth in 1..=MOST_CALLS {
                let fresh = subject.fresh().await?;
                let struck = strike(&fresh, op, level, fault, nth).await;
                fresh.tear_down().await;
                let during = |failure: Failure| {
                    failure.during(format_args!(
                        "{} at {level}, {fault:?} number {nth}",
                        op.name
                    ))
                };
                if !struck.map_err(during)? {
                    break;
                }
                ensure!(
                    nth < MOST_CALLS,
                    "{} has not ended after {MOST_CALLS} calls",
                    op.name
                );
            }
        }
    }
    Ok(())
}

fn faults_of(subject: &Subject) -> Outcome<&dyn FaultSubject> {
    let faults = subject
        .faults()
        .ok_or_else(|| Failure::new("the fresh subject offers no faults"))?;
    Ok(&**faults)
}

/// Runs the operation with the `nth` call failing and looks at the keys; whether a call failed.
async fn strike(
    subject: &Subject,
    op: &Op,
    level: Durability,
    fault: Fault,
    nth: u64,
) -> Outcome<bool> {
    let (store, faults) = (subject.store(), faults_of(subject)?);
    let keys = [
        subject.key("/fault/one")?,
        subject.key("/fault/two")?,
        subject.key("/fault/other")?,
    ];
    for key in &keys {
        store.put(key, old()).await?;
    }
    if !faults.arm(fault, nth) {
        return Err(Failure::unproven(format!("the medium knows no {fault:?}")));
    }
    let outcome = (op.run)(store, &keys, level).await;
    let struck = faults.disarm();
    if !struck {
        outcome.as_ref().map_err(Error::clone)?;
    }
    if let Err(error) = &outcome {
        ensure!(
            error.kind() != ErrorKind::NotFound,
            "a fault of the medium is told as {error:?}"
        );
    }
    let settled = match &outcome {
        Ok(()) => Settled::Done,
        // What could not be synced, or may have been done, may be seen.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::SyncFailed | ErrorKind::OutcomeUnknown
            ) =>
        {
            Settled::Either
        }
        Err(_) => Settled::Undone,
    };
    look(store, &keys, op, &settled).await?;
    if let Some(opener) = subject.reopener() {
        store.close().await.or_else(forgive_sync)?;
        let store = opener.open().await?;
        look(&store, &keys, op, &settled).await?;
        goes_on(&store, &keys).await?;
        store.close().await?;
    } else {
        goes_on(store, &keys).await?;
    }
    Ok(struck)
}

/// After a failed sync a close may say so.
fn forgive_sync(error: Error) -> Result<()> {
    if error.kind() == ErrorKind::SyncFailed {
        Ok(())
    } else {
        Err(error)
    }
}

enum Settled {
    Done,
    Undone,
    Either,
}

/// Each key holds its old or its new value whole, and the one that the outcome tells.
async fn look(store: &dyn Datastore, keys: &[Key; 3], op: &Op, settled: &Settled) -> Outcome {
    let [first, second, other] = keys;
    ensure!(
        store.get(other).await? == old(),
        "the value of another key changed"
    );
    let changed = match op.kind {
        Kind::Read => return all_old(store, &[first, second]).await,
        Kind::Put | Kind::Delete => {
            all_old(store, &[second]).await?;
            vec![first]
        }
        Kind::PutTwo => vec![first, second],
    };
    let wanted = (op.kind != Kind::Delete).then(new);
    for key in &changed {
        let value = store.try_get(key).await?;
        let (is_old, is_new) = (value == Some(old()), value == wanted);
        match settled {
            Settled::Done => ensure!(is_new, "an acknowledged write of {key} is missing"),
            // Of several writes some may have been done before one failed.
            Settled::Undone if changed.len() == 1 => {
                ensure!(is_old, "{key} changed by a write that failed");
            }
            _ => ensure!(
                is_old || is_new,
                "{key} holds neither its old nor its new value"
            ),
        }
    }
    Ok(())
}

async fn all_old(store: &dyn Datastore, keys: &[&Key]) -> Outcome {
    for key in keys {
        ensure!(store.get(key).await? == old(), "the value of {key} changed");
    }
    Ok(())
}

/// The store takes and gives as if nothing had been.
async fn goes_on(store: &dyn Datastore, keys: &[Key; 3]) -> Outcome {
    for key in keys {
        store.put(key, "after").await?;
        ensure_eq!(store.get(key).await?, "after", "value put after a fault");
    }
    ensure_eq!(
        super::support::all_pairs(store).await?.len(),
        keys.len(),
        "entries after a fault"
    );
    let [first, ..] = keys;
    store.delete(first).await?;
    ensure!(
        !store.has(first).await?,
        "a delete after a fault did nothing"
    );
    Ok(())
}

/// No space left while writing.
pub(crate) async fn no_space(subject: &Subject) -> Outcome {
    matrix(subject, Fault::WriteNoSpace).await
}

/// An error while writing.
pub(crate) async fn write_error(subject: &Subject) -> Outcome {
    matrix(subject, Fault::WriteError).await
}

/// Fewer bytes taken than given.
pub(crate) async fn short_write(subject: &Subject) -> Outcome {
    matrix(subject, Fault::ShortWrite).await
}

/// An error while syncing.
pub(crate) async fn sync_error(subject: &Subject) -> Outcome {
    matrix(subject, Fault::SyncError).await
}

/// An error while publishing under the name.
pub(crate) async fn publish_error(subject: &Subject) -> Outcome {
    matrix(subject, Fault::PublishError).await
}

/// Too many open files.
pub(crate) async fn open_limit(subject: &Subject) -> Outcome {
    matrix(subject, Fault::OpenLimit).await
}

/// An error while reading.
pub(crate) async fn read_error(subject: &Subject) -> Outcome {
    matrix(subject, Fault::ReadError).await
}

/// An error while removing a name.
pub(crate) async fn remove_error(subject: &Subject) -> Outcome {
    matrix(subject, Fault::RemoveError).await
}

/// A failed sync is not told as synced later, until the key is written again.
pub(crate) async fn failed_sync_stays_failed(subject: &Subject) -> Outcome {
    let scope = Key::root();
    for nth in 1..=MOST_CALLS {
        let fresh = subject.fresh().await?;
        let (store, faults, key) = (fresh.store(), faults_of(&fresh)?, fresh.key("/fault/one")?);
        store
            .put_opts(
                &key,
                new(),
                PutOptions::default().with_durability(Durability::Process),
            )
            .await?;
        if !faults.arm(Fault::SyncError, nth) {
            return Err(Failure::unproven("the medium knows no SyncError"));
        }
        let synced = store.sync_opts(&scope, SyncOptions::default()).await;
        if !faults.disarm() {
            synced?;
            fresh.tear_down().await;
            return Ok(());
        }
        ensure!(
            synced.is_err(),
            "a sync that failed (call {nth}) is told as done"
        );
        if let Ok(held) = store.sync_opts(&scope, SyncOptions::default()).await {
            ensure!(
                held < Durability::Power,
                "a sync behind a failed one is told as {held}, but the data may be gone"
            );
        }
        store.put(&key, new()).await?;
        let held = store.sync_opts(&scope, SyncOptions::default()).await?;
        ensure_eq!(
            held,
            fresh.capabilities().max_durability,
            "durability held after the key was written again"
        );
        ensure!(
            store.get(&key).await? == new(),
            "the value written again is not read"
        );
        fresh.tear_down().await;
    }
    Err(Failure::new(format!(
        "sync has not ended after {MOST_CALLS} calls"
    )))
}
