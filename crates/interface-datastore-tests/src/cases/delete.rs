//! Removing one value.

use futures_util::future::try_join_all;
use interface_datastore::{DatastoreExt, DeleteOptions};

use super::support::{aborted_signal, expect_aborted, hundred, poll_once};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// After a delete the key is gone.
pub(crate) async fn simple(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    ensure_eq!(store.get(&key).await?, "hello", "value");
    store.delete(&key).await?;
    ensure!(!store.has(&key).await?, "has is true after a delete");
    Ok(())
}

/// An aborted delete says so and removes nothing; a dropped one removes all or nothing.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    let retains = subject.capabilities().retains.may();
    store.put(&key, "hello").await?;
    let options = DeleteOptions::default().with_abort(aborted_signal());
    expect_aborted(store.delete_opts(&key, options).await, "an aborted delete")?;
    if retains {
        ensure_eq!(
            store.get(&key).await?,
            "hello",
            "value after an aborted delete"
        );
    }
    poll_once(store.delete(&key)).await;
    if let Some(value) = store.try_get(&key).await? {
        ensure_eq!(value, "hello", "value after a dropped delete");
    }
    store.delete(&key).await?;
    ensure!(!store.has(&key).await?, "has is true after a delete");
    Ok(())
}

/// A hundred deletes at once all take effect.
pub(crate) async fn parallel(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/a")?);
    try_join_all(
        pairs
            .iter()
            .map(|(key, value)| store.put(key, value.clone())),
    )
    .await?;
    for (key, _) in &pairs {
        ensure!(store.has(key).await?, "{key} is missing after its put");
    }
    try_join_all(pairs.iter().map(|(key, _)| store.delete(key))).await?;
    for (key, _) in &pairs {
        ensure!(!store.has(key).await?, "{key} is there after its delete");
    }
    Ok(())
}
