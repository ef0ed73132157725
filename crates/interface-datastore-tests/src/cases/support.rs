//! What cases share: data sets, and ways to consume and to abort.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use interface_datastore::{
    AbortSignal, Datastore, DatastoreExt, Entry, ErrorKind, Key, Query, Result,
};

use crate::{
    Outcome, Subject,
    failure::{ensure, expect_error},
};

/// The pairs `{namespace}/key{i}` = `data{i}` for 100 numbers.
pub(crate) fn hundred(subject: &Subject, namespace: &str) -> Outcome<Vec<(Key, Bytes)>> {
    (0..100)
        .map(|i| {
            Ok((
                subject.key(format!("{namespace}/key{i}"))?,
                Bytes::from(format!("data{i}")),
            ))
        })
        .collect()
}

/// The keys of pairs.
pub(crate) fn keys_of(pairs: &[(Key, Bytes)]) -> Vec<Key> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

/// Key and value of each entry.
pub(crate) fn pairs_of(entries: Vec<Entry>) -> Vec<(Key, Bytes)> {
    entries
        .into_iter()
        .map(|entry| (entry.key.clone(), entry.into_value()))
        .collect()
}

/// All pairs of the store, sorted.
pub(crate) async fn all_pairs(store: &dyn Datastore) -> Outcome<Vec<(Key, Bytes)>> {
    let entries = store.query(Query::all());
    let mut pairs = pairs_of(entries.try_collect().await?);
    pairs.sort();
    Ok(pairs)
}

/// Ends the case unless the store holds nothing.
pub(crate) async fn expect_empty(store: &dyn Datastore) -> Outcome {
    let left = all_pairs(store).await?;
    ensure!(
        left.is_empty(),
        "the store must be empty, but holds {left:?}"
    );
    Ok(())
}

/// Pairs in the order of their keys.
pub(crate) fn sorted(mut pairs: Vec<(Key, Bytes)>) -> Vec<(Key, Bytes)> {
    pairs.sort();
    pairs
}

/// A signal that was aborted before the call.
pub(crate) fn aborted_signal() -> AbortSignal {
    AbortSignal::already_aborted()
}

/// Ends the case unless the call was ended by its signal.
#[track_caller]
pub(crate) fn expect_aborted<T>(outcome: Result<T>, what: &str) -> Outcome {
    expect_error(outcome, ErrorKind::Aborted, what).map(drop)
}

/// Ends the case unless consuming the stream ends with an abort.
pub(crate) async fn expect_aborted_stream<T>(
    stream: impl Stream<Item = Result<T>>,
    what: &str,
) -> Outcome {
    expect_aborted(stream.try_collect::<Vec<T>>().await, what)
}

/// Polls a future once, then drops it; its output if it was ready.
pub(crate) async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    poll_times(future, 1).await
}

/// Polls a future so many times at most, as often as it asks to be woken, then drops it; its output if it was ready.
pub(crate) async fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = times;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = Pin::new(&mut future).poll(cx);
        match polled {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The last poll is not waited for.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Polls a stream's next item once, then drops the stream.
pub(crate) async fn poll_stream_once<T>(mut stream: impl Stream<Item = T> + Unpin) -> Option<T> {
    poll_once(stream.next()).await.flatten()
}

/// Lets others run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
