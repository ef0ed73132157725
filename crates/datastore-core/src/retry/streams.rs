//! Streams that go on where they broke off.

use std::ops::Range;

use futures_util::{StreamExt, stream};
use interface_datastore::{
    BoxStream, ByteRange, Bytes, Claim, Datastore, Entry, Error, GetOptions, Key, Operation, Query,
    QueryOptions, Result, ValueStream, Want,
};

use super::RetryDatastore;

/// A query that is asked again, from behind the last entry that was given.
pub(super) fn query(
    store: RetryDatastore,
    query: Query,
    options: QueryOptions,
) -> BoxStream<'static, Result<Entry>> {
    let walks_keys = query.orders.is_empty()
        && (query.reverse
            || query.start_after.is_some()
            || store.inner.capabilities(&Key::root()).key_order == Claim::Yes);
    let state = Listing {
        store,
        query,
        options,
        walks_keys,
        begun: false,
        stream: None,
        failures: 0,
    };
    Box::pin(stream::try_unfold(state, Listing::next))
}

struct Listing {
    store: RetryDatastore,
    /// What is still to be given.
    query: Query,
    options: QueryOptions,
    /// Whether entries come in an order in which one can go on from a key.
    walks_keys: bool,
    /// Whether an entry has been given.
    begun: bool,
    stream: Option<BoxStream<'static, Result<Entry>>>,
    failures: u32,
}

impl Listing {
    async fn next(mut self) -> Result<Option<(Entry, Self)>> {
        loop {
            if self.query.limit == Some(0) {
                return Ok(None);
            }
            let stream = self.stream.get_or_insert_with(|| {
                self.store
                    .inner
                    .query_opts(self.query.clone(), self.options.clone())
            });
            match stream.next().await {
                None => return Ok(None),
                Some(Ok(entry)) => {
                    self.given(&entry);
                    return Ok(Some((entry, self)));
                }
                Some(Err(error)) => self.recover(error).await?,
            }
        }
    }

    fn given(&mut self, entry: &Entry) {
        self.begun = true;
        self.failures = 0;
        self.store.budget.earn();
        // The running stream knows nothing of this; the next one starts from here.
        self.query.offset = 0;
        self.query.limit = self.query.limit.map(|limit| limit.saturating_sub(1));
        if self.walks_keys {
            self.query.start_after = Some(entry.key.clone());
        }
    }

    async fn recover(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        if self.begun && !self.walks_keys {
            return Err(error);
        }
        self.failures += 1;
        let abort = self.options.abort.as_ref();
        self.store
            .pause(self.failures, error, Operation::Query, None, abort)
            .await
    }
}

/// The value that `opened` gives, read on from where it broke off as long as it is of the same version.
pub(super) fn value(
    store: RetryDatastore,
    key: Key,
    options: GetOptions,
    opened: ValueStream,
) -> Result<ValueStream> {
    let entry = opened.entry;
    let (Some(size), Some(version)) = (entry.size, entry.version.clone()) else {
        // Another reading could be of another value.
        return Ok(ValueStream::new(entry, opened.body));
    };
    let left = match options.want {
        Want::Range(range) => range.resolve(size)?,
        _ => 0..size,
    };
    let state = Reading {
        store,
        key,
        options: options.with_if_version(version),
        left,
        stream: Some(opened.body),
        failures: 0,
    };
    let body = stream::try_unfold(state, Reading::next);
    Ok(ValueStream::new(entry, Box::pin(body)))
}

struct Reading {
    store: RetryDatastore,
    key: Key,
    options: GetOptions,
    /// The part of the value that is still to be given.
    left: Range<u64>,
    stream: Option<BoxStream<'static, Result<Bytes>>>,
    failures: u32,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        loop {
            let outcome = match &mut self.stream {
                Some(stream) => stream.next().await,
                None => match self.reopen().await {
                    Ok(()) => continue,
                    Err(error) => Some(Err(error)),
                },
            };
            match outcome {
                None => return Ok(None),
                Some(Ok(piece)) => {
                    self.failures = 0;
                    self.left.start = self.left.start.saturating_add(piece.len() as u64);
                    return Ok(Some((piece, self)));
                }
                Some(Err(error)) => self.recover(error).await?,
            }
        }
    }

    async fn reopen(&mut self) -> Result<()> {
        let rest = ByteRange::Bounded(self.left.start, self.left.end);
        let options = self.options.clone().with_want(Want::Range(rest));
        let opened = self.store.inner.get_stream_opts(&self.key, options).await?;
        self.stream = Some(opened.body);
        Ok(())
    }

    async fn recover(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        self.failures += 1;
        let (key, abort) = (Some(&self.key), self.options.abort.as_ref());
        self.store
            .pause(self.failures, error, Operation::Get, key, abort)
            .await
    }
}
