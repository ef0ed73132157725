//! Reading a stream of keys.

use futures_util::{TryStreamExt, stream};
use interface_datastore::{DatastoreExt, ErrorKind, GetManyOptions};

use super::support::{aborted_signal, expect_aborted_stream, pairs_of, poll_stream_once};
use crate::{
    Outcome, Subject,
    failure::{ensure_eq, expect_error},
};

/// One stored key gives one pair.
pub(crate) async fn streaming(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    let got = pairs_of(store.get_many([key.clone()]).try_collect().await?);
    ensure_eq!(got, [(key, "hello".into())], "pairs of get_many");
    Ok(())
}

/// An aborted stream says so; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    let source = stream::iter([Ok(key.clone())]);
    let options = GetManyOptions::default().with_abort(aborted_signal());
    let many = store.get_many_opts(Box::pin(source), options);
    expect_aborted_stream(many, "an aborted get_many").await?;
    poll_stream_once(store.get_many([key.clone()])).await;
    if subject.capabilities().retains.may() {
        ensure_eq!(
            store.get(&key).await?,
            "hello",
            "value after a dropped get_many"
        );
    }
    Ok(())
}

/// A missing key ends the stream with "not found".
pub(crate) async fn missing_key(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/does/not/exist")?);
    let got: Result<Vec<_>, _> = store.get_many([key]).try_collect().await;
    expect_error(got, ErrorKind::NotFound, "get_many of a missing key")?;
    Ok(())
}
