//! Batches: order, reuse, conditions, all or nothing.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use futures_util::{future::join, future::join_all};
use interface_datastore::{
    Batch, BatchOp, Condition, DatastoreExt, ErrorKind, Key, Query, WriteOptions,
};

use super::support::{
    aborted_signal, all_pairs, expect_aborted, expect_empty, poll_times, yield_now,
};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

/// A put behind a delete of its key counts, and the other way round.
pub(crate) async fn last_wins(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = [
        subject.key("/b/1")?,
        subject.key("/b/2")?,
        subject.key("/b/3")?,
        subject.key("/b/4")?,
    ];
    let [delete_put, put_delete, put_put, put_delete_put] = &keys;
    for old in [false, true] {
        for key in keys.iter().filter(|_| old) {
            store.put(key, "old").await?;
        }
        let mut batch = Batch::new();
        batch
            .delete(delete_put.clone())
            .put(delete_put.clone(), "new")
            .put(put_delete.clone(), "new")
            .delete(put_delete.clone())
            .put(put_put.clone(), "a much longer value that is not the last")
            .put(put_put.clone(), "new")
            .put(put_delete_put.clone(), "first")
            .delete(put_delete_put.clone())
            .put(put_delete_put.clone(), "new");
        store.write(batch).await?;
        ensure_eq!(
            store.get(delete_put).await?,
            "new",
            "value of a delete, then a put"
        );
        ensure!(
            !store.has(put_delete).await?,
            "a put, then a delete left a value"
        );
        ensure_eq!(store.get(put_put).await?, "new", "value of two puts");
        ensure_eq!(
            store.get(put_delete_put).await?,
            "new",
            "value of a put, a delete and a put"
        );
    }
    Ok(())
}

/// Committing again does nothing.
pub(crate) async fn committed_twice(subject: &Subject) -> Outcome {
    let (store, key, doomed) = (
        subject.store(),
        subject.key("/b/put")?,
        subject.key("/b/deleted")?,
    );
    let mut batch = store.batch();
    batch.put(key.clone(), "batch").delete(doomed.clone());
    batch.commit().await?;
    store.put(&key, "later").await?;
    store.put(&doomed, "later").await?;
    batch.commit().await?;
    ensure_eq!(
        store.get(&key).await?,
        "later",
        "value after a second commit"
    );
    ensure_eq!(
        store.get(&doomed).await?,
        "later",
        "value after a second commit"
    );
    store.write(Batch::new()).await?;
    Ok(())
}

/// A batch that is dropped has no effect.
pub(crate) async fn dropped(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/b/dropped")?);
    store.batch().put(key.clone(), "value");
    let mut batch = Batch::new();
    batch.put(key, "value");
    drop(store.write(batch));
    expect_empty(store).await
}

/// Other types of keys and values in one batch: an empty value, a large one, a delete of what is not there.
pub(crate) async fn mixed(subject: &Subject) -> Outcome {
    let (store, large) = (subject.store(), super::values::noise(200_000, 5));
    let (a, b, c) = (
        subject.key("/b/a")?,
        subject.key("/b/b")?,
        subject.key("/b/c")?,
    );
    let mut batch = Batch::new();
    batch
        .put(a.clone(), "")
        .put(b.clone(), large.clone())
        .delete(c.clone());
    store.write(batch).await?;
    ensure_eq!(store.get(&a).await?, "", "empty value of a batch");
    ensure!(
        store.get(&b).await? == large,
        "a large value of a batch came back changed"
    );
    ensure!(!store.has(&c).await?, "a delete created a value");
    Ok(())
}

/// A batch whose conditions hold is applied.
pub(crate) async fn conditions_hold(subject: &Subject) -> Outcome {
    let (store, a, b) = (subject.store(), subject.key("/b/a")?, subject.key("/b/b")?);
    let mut batch = Batch::new();
    batch
        .put(a.clone(), "1")
        .require(a.clone(), Condition::IfAbsent)
        .require(b.clone(), Condition::IfAbsent);
    store.write(batch).await?;
    ensure_eq!(
        store.get(&a).await?,
        "1",
        "value of a batch whose conditions hold"
    );
    ensure!(!store.has(&b).await?, "a condition created a value");
    if let Some(version) = store.metadata(&a).await?.version {
        let mut batch = Batch::new();
        batch
            .put(b.clone(), "2")
            .delete(a.clone())
            .require(a.clone(), Condition::IfMatch(version));
        store.write(batch).await?;
        ensure!(
            !store.has(&a).await?,
            "a delete in a batch whose conditions hold did nothing"
        );
        ensure_eq!(
            store.get(&b).await?,
            "2",
            "value of a batch whose conditions hold"
        );
    }
    Ok(())
}

/// A batch with one condition that does not hold changes nothing, and the error names the key.
pub(crate) async fn conditions_fail(subject: &Subject) -> Outcome {
    let (store, a, b, other) = (
        subject.store(),
        subject.key("/b/a")?,
        subject.key("/b/b")?,
        subject.key("/b/o")?,
    );
    let old = store.put(&a, "old").await?.version;
    store.put(&a, "newer").await?;
    let mut failing = vec![(a.clone(), Condition::IfAbsent)];
    failing.extend(old.map(|version| (a.clone(), Condition::IfMatch(version.clone()))));
    failing.extend(
        store
            .metadata(&a)
            .await?
            .version
            .map(|version| (other.clone(), Condition::IfMatch(version))),
    );
    let before = all_pairs(store).await?;
    for (key, condition) in failing {
        for first in [true, false] {
            let mut batch = Batch::new();
            batch.put(b.clone(), "new").delete(a.clone());
            if !first {
                batch.require(b.clone(), Condition::IfAbsent);
            }
            batch.require(key.clone(), condition.clone());
            let error = expect_error(
                store.write(batch).await,
                ErrorKind::PreconditionFailed,
                "a batch whose condition fails",
            )?;
            ensure_eq!(error.key(), Some(&key), "key that the error names");
            ensure_eq!(
                all_pairs(store).await?,
                before,
                "entries after a refused batch"
            );
        }
    }
    let mut handle = store.batch();
    handle
        .put(b.clone(), "new")
        .require(a.clone(), Condition::IfAbsent);
    expect_error(
        handle.commit().await,
        ErrorKind::PreconditionFailed,
        "a commit whose condition fails",
    )?;
    store.delete(&a).await?;
    handle.commit().await?;
    ensure_eq!(
        store.get(&b).await?,
        "new",
        "value after the commit was repeated"
    );
    Ok(())
}

/// Of sixteen batches at once on the same condition exactly one is applied, whole.
pub(crate) async fn conditions_race(subject: &Subject) -> Outcome {
    let store = subject.store();
    for round in 0..20 {
        let (lock, value) = (
            subject.key(format!("/b/lock{round}"))?,
            subject.key(format!("/b/value{round}"))?,
        );
        let writes = (0..16).map(|i| {
            let mut batch = Batch::new();
            batch
                .put(lock.clone(), format!("racer {i}"))
                .put(value.clone(), format!("racer {i}"));
            batch.require(lock.clone(), Condition::IfAbsent);
            store.write(batch)
        });
        let outcomes: Vec<bool> = join_all(writes).await.iter().map(Result::is_ok).collect();
        super::conditions::one_winner(&outcomes, store.get(&lock).await?)?;
        super::conditions::one_winner(&outcomes, store.get(&value).await?)?;
    }
    Ok(())
}

/// A batch that must be atomic is refused or done whole: a bad key in it leaves the rest undone.
pub(crate) async fn atomic_with_a_bad_key(subject: &Subject) -> Outcome {
    let store = subject.store();
    let rules = subject.capabilities().keys;
    let Some(bad) = bad_key(subject) else {
        return Err(Failure::unproven(
            "the store takes every key, so no batch fails",
        ));
    };
    let good = subject.key("/b/good")?;
    for atomic in [true, false] {
        let mut batch = Batch::new();
        batch.put(good.clone(), "value").put(bad.clone(), "value");
        let write = store
            .write_opts(batch, WriteOptions::default().with_atomic(atomic))
            .await;
        expect_error(
            write,
            ErrorKind::InvalidKey,
            &format!("a batch with a key against {rules:?}"),
        )?;
        expect_empty(store).await?;
    }
    Ok(())
}

/// A key that the rules forbid, if they forbid any.
fn bad_key(subject: &Subject) -> Option<Key> {
    let rules = subject.capabilities().keys;
    let long = format!("/{}", "x".repeat(rules.max_len.unwrap_or(0)));
    let deep = "/x".repeat(rules.max_namespaces.unwrap_or(0) + 1);
    let candidates = [
        Key::raw("/a//b"),
        Key::raw(b"/\xff\0"),
        Key::raw(long),
        Key::raw(deep),
    ];
    candidates
        .into_iter()
        .flatten()
        .find(|key| !rules.allows(key))
}

/// Who lists during a batch sees all of it or nothing, if queries are of one moment.
pub(crate) async fn atomic_for_readers(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = (0..20)
        .map(|i| subject.key(format!("/b/{i}")))
        .collect::<Outcome<Vec<_>>>()?;
    for round in 0..20 {
        let mut batch = Batch::new();
        batch.extend(keys.iter().flat_map(|key| put_of(key, round)));
        let written = AtomicBool::new(false);
        let write = async {
            let options = WriteOptions::default().with_atomic(true);
            let outcome = store.write_opts(batch, options).await;
            written.store(true, Ordering::SeqCst);
            outcome
        };
        let watch = async {
            while !written.load(Ordering::SeqCst) {
                let pairs = all_pairs(store).await?;
                let values: HashSet<&Bytes> = pairs.iter().map(|(_, value)| value).collect();
                let parts = values.len() > 1 || !(pairs.is_empty() || pairs.len() == keys.len());
                ensure!(
                    !parts,
                    "a listing during a batch shows a part of it: {pairs:?}"
                );
                yield_now().await;
            }
            Ok(())
        };
        let (written, seen) = join(write, watch).await;
        written?;
        seen?;
    }
    Ok(())
}

fn put_of(key: &Key, round: i32) -> Vec<BatchOp> {
    let mut batch = Batch::new();
    batch.put(key.clone(), format!("round {round}"));
    batch.ops().to_vec()
}

/// A batch that is aborted or dropped half way is applied whole or not at all.
pub(crate) async fn atomic_when_dropped(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = (0..10)
        .map(|i| subject.key(format!("/b/{i}")))
        .collect::<Outcome<Vec<_>>>()?;
    let mut last = 0;
    for polls in 1..=12 {
        let mut batch = Batch::new();
        batch.extend(keys.iter().flat_map(|key| put_of(key, polls)));
        let polls_left = usize::try_from(polls).unwrap_or_default();
        let done = poll_times(store.write(batch), polls_left).await;
        let pairs = all_pairs(store).await?;
        let values: HashSet<_> = pairs.iter().map(|(_, value)| value.clone()).collect();
        let whole = values.len() == 1 && pairs.len() == keys.len();
        ensure!(whole || pairs.is_empty(), "a dropped batch left {pairs:?}");
        if let Some(outcome) = done {
            outcome?;
            last = polls;
            ensure!(
                values.contains(format!("round {polls}").as_bytes()),
                "an acknowledged batch is missing"
            );
        }
    }
    let mut batch = Batch::new();
    batch.delete(keys.first().cloned().unwrap_or_default());
    let options = WriteOptions::default().with_abort(aborted_signal());
    let before = store.query_keys(Query::all());
    let before: Vec<_> = futures_util::TryStreamExt::try_collect(before).await?;
    expect_aborted(store.write_opts(batch, options).await, "an aborted batch")?;
    ensure_eq!(
        all_pairs(store).await?.len(),
        before.len(),
        "entries after an aborted batch (round {last})"
    );
    Ok(())
}
