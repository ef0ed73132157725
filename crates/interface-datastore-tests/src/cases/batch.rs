//! Several writes at once.

use bytes::Bytes;
use futures_util::StreamExt;
use interface_datastore::{DatastoreExt, Query, StoreBatch, WriteOptions};

use super::support::{aborted_signal, all_pairs, expect_aborted, poll_once};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// A batch of three puts and a delete of `/z/old`, which is put after the batch was made.
async fn three_puts_one_delete(subject: &Subject) -> Outcome<StoreBatch> {
    let store = subject.store();
    let mut batch = store.batch();
    store.put(&subject.key("/z/old")?, "old").await?;
    batch
        .put(subject.key("/a/one")?, "1")
        .put(subject.key("/q/two")?, "2")
        .put(subject.key("/q/three")?, "3")
        .delete(subject.key("/z/old")?);
    Ok(batch)
}

/// Puts and deletes take effect with the commit.
pub(crate) async fn simple(subject: &Subject) -> Outcome {
    let store = subject.store();
    three_puts_one_delete(subject).await?.commit().await?;
    for (key, there) in [
        ("/a/one", true),
        ("/q/two", true),
        ("/q/three", true),
        ("/z/old", false),
    ] {
        ensure_eq!(
            store.has(&subject.key(key)?).await?,
            there,
            "has of {key} after the commit"
        );
    }
    Ok(())
}

/// 1200 puts in one batch are all stored.
pub(crate) async fn many(subject: &Subject) -> Outcome {
    let (store, mut batch) = (subject.store(), subject.store().batch());
    for i in 0..400_u32 {
        for (namespace, len) in [("/a", 32_u32), ("/q", 64), ("/z", 128)] {
            let value: Bytes = (0..len).map(|at| (i ^ at.wrapping_mul(31)) as u8).collect();
            batch.put(subject.key(format!("{namespace}/hello{i}"))?, value);
        }
    }
    batch.commit().await?;
    for namespace in ["/a", "/z", "/q"] {
        let found = store
            .query(Query::prefix(subject.prefix(namespace)?))
            .count()
            .await;
        ensure_eq!(found, 400, "entries under {namespace}");
    }
    Ok(())
}

/// An aborted commit says so and changes nothing; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let store = subject.store();
    let mut batch = three_puts_one_delete(subject).await?;
    let before = all_pairs(store).await?;
    let options = WriteOptions::default().with_abort(aborted_signal());
    expect_aborted(batch.commit_opts(options).await, "an aborted commit")?;
    ensure_eq!(
        all_pairs(store).await?,
        before,
        "entries after an aborted commit"
    );
    poll_once(batch.commit()).await;
    let mut batch = three_puts_one_delete(subject).await?;
    batch.commit().await?;
    ensure!(
        !store.has(&subject.key("/z/old")?).await?,
        "/z/old is there after the commit"
    );
    Ok(())
}
