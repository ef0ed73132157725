//! Reading one value.

use interface_datastore::{DatastoreExt, ErrorKind, GetOptions};

use super::support::{aborted_signal, expect_aborted, poll_once};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

/// What was put is read.
pub(crate) async fn simple(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    ensure_eq!(store.get(&key).await?, "hello", "value");
    Ok(())
}

/// An aborted read says so, never "not found" or `false`; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/z/one")?);
    store.put(&key, "hello").await?;
    let reads = [
        ("get", GetOptions::default()),
        ("has", GetOptions::exists()),
        ("metadata", GetOptions::metadata()),
    ];
    for (what, options) in reads {
        for key in [&key, &subject.key("/not/there")?] {
            let options = options.clone().with_abort(aborted_signal());
            expect_aborted(
                store.get_opts(key, options).await,
                &format!("an aborted {what}"),
            )?;
        }
    }
    let options = GetOptions::default().with_abort(aborted_signal());
    expect_aborted(
        store.get_stream_opts(&key, options).await,
        "an aborted get_stream",
    )?;
    poll_once(store.get(&key)).await;
    if subject.capabilities().retains.may() {
        ensure_eq!(store.get(&key).await?, "hello", "value after a dropped get");
    }
    Ok(())
}

/// A key without a value is not found, and the error names it.
pub(crate) async fn missing_key(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/does/not/exist")?);
    let error = expect_error(
        store.get(&key).await,
        ErrorKind::NotFound,
        "get of a missing key",
    )?;
    ensure_eq!(error.js_name(), "NotFoundError", "name of the error");
    ensure_eq!(error.key(), Some(&key), "key that the error names");
    let metadata = store.metadata(&key).await;
    expect_error(metadata, ErrorKind::NotFound, "metadata of a missing key")?;
    let stream = store.get_stream(&key).await;
    expect_error(stream, ErrorKind::NotFound, "get_stream of a missing key")?;
    ensure!(!store.has(&key).await?, "has of a missing key is true");
    Ok(())
}
