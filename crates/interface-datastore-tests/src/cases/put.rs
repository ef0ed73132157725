//! Storing one value.

use futures_util::{TryStreamExt, future::try_join_all};
use interface_datastore::{DatastoreExt, PutOptions};

use super::support::{aborted_signal, expect_aborted, hundred, keys_of, pairs_of, poll_once};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// A put succeeds.
pub(crate) async fn simple(subject: &Subject) -> Outcome {
    let key = subject.key("/z/one")?;
    subject.store().put(&key, "one").await?;
    ensure_eq!(subject.store().get(&key).await?, "one", "value after a put");
    Ok(())
}

/// An aborted put says so and stores nothing; a dropped one stores all or nothing.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    let options = PutOptions::default().with_abort(aborted_signal());
    expect_aborted(
        store.put_opts(&key, "one".into(), options).await,
        "an aborted put",
    )?;
    ensure!(!store.has(&key).await?, "an aborted put took effect");
    poll_once(store.put(&key, "one")).await;
    if let Some(value) = store.try_get(&key).await? {
        ensure_eq!(value, "one", "value after a dropped put");
    }
    store.put(&key, "two").await?;
    Ok(())
}

/// A hundred puts at once are all stored.
pub(crate) async fn parallel(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/z")?);
    try_join_all(
        pairs
            .iter()
            .map(|(key, value)| store.put(key, value.clone())),
    )
    .await?;
    let got = pairs_of(store.get_many(keys_of(&pairs)).try_collect().await?);
    ensure_eq!(got, pairs, "pairs after puts at once");
    Ok(())
}
