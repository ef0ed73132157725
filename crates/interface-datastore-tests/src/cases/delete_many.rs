//! Removing a stream of keys.

use futures_util::{TryStreamExt, stream};
use interface_datastore::{DatastoreExt, DeleteManyOptions};

use super::support::{aborted_signal, expect_aborted_stream, hundred, keys_of, poll_stream_once};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// Every key is removed and given back in order.
pub(crate) async fn streaming(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/a")?);
    let keys: Vec<_> = store.put_many(pairs.clone()).try_collect().await?;
    for key in &keys {
        ensure!(store.has(key).await?, "{key} is missing after its put");
    }
    let given: Vec<_> = store.delete_many(keys.clone()).try_collect().await?;
    ensure_eq!(given, keys_of(&pairs), "keys that delete_many gives");
    for key in &keys {
        ensure!(!store.has(key).await?, "{key} is there after its delete");
    }
    Ok(())
}

/// An aborted stream says so and removes nothing; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    let options = DeleteManyOptions::default().with_abort(aborted_signal());
    let many = store.delete_many_opts(Box::pin(stream::iter([Ok(key.clone())])), options);
    expect_aborted_stream(many, "an aborted delete_many").await?;
    if subject.capabilities().retains.may() {
        ensure_eq!(
            store.get(&key).await?,
            "hello",
            "value after an aborted delete_many"
        );
    }
    poll_stream_once(store.delete_many([key.clone()])).await;
    store.delete(&key).await?;
    ensure!(!store.has(&key).await?, "has is true after a delete");
    Ok(())
}
