//! Storing a stream of pairs.

use futures_util::{TryStreamExt, stream};
use interface_datastore::{DatastoreExt, PutManyOptions};

use super::support::{
    aborted_signal, expect_aborted_stream, hundred, keys_of, pairs_of, poll_stream_once,
};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// Every pair is stored, and its key given back in order.
pub(crate) async fn streaming(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/z")?);
    let given: Vec<_> = store.put_many(pairs.clone()).try_collect().await?;
    ensure_eq!(given, keys_of(&pairs), "keys that put_many gives");
    let got = pairs_of(store.get_many(given).try_collect().await?);
    ensure_eq!(got, pairs, "pairs after put_many");
    Ok(())
}

/// An aborted stream says so and stores nothing; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    let source = stream::iter([Ok((key.clone(), "one".into()))]);
    let options = PutManyOptions::default().with_abort(aborted_signal());
    let many = store.put_many_opts(Box::pin(source), options);
    expect_aborted_stream(many, "an aborted put_many").await?;
    ensure!(!store.has(&key).await?, "an aborted put_many took effect");
    poll_stream_once(store.put_many([(key.clone(), "one".into())])).await;
    if let Some(value) = store.try_get(&key).await? {
        ensure_eq!(value, "one", "value after a dropped put_many");
    }
    store.put(&key, "two").await?;
    Ok(())
}
