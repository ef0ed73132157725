//! Streams of keys and values: one hop for as many items as the source has ready.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{ReadError, Safety, Tree, Wait};
use futures_util::stream::{self, StreamExt};
use interface_datastore::{
    BoxStream, DeleteManyOptions, Entry, Error, GetOptions, Key, Operation, PutManyOptions, Result,
};

use crate::failure::Failure;
use crate::read::Request;
use crate::store::FsDatastore;

/// How many items make up a group at most, whatever concurrency is allowed.
const MAX_GROUP: usize = 512;
/// Values of a group are read ahead up to so many bytes.
const MAX_READ_AHEAD: u64 = 4 << 20;

pub(crate) fn put_many(
    store: FsDatastore,
    source: BoxStream<'static, Result<(Key, Bytes)>>,
    options: PutManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let expires = options.expires.is_some();
    let safety = match store
        .inner
        .check_write(Operation::Put, options.durability, expires)
    {
        Ok(safety) => safety,
        Err(error) => return interface_datastore::implement::fail_stream(error),
    };
    let source = source
        .map(|item| item.map(|(key, value)| (key, Some(value))))
        .boxed();
    write_many(store, source, Operation::Put, safety, options.concurrency)
}

pub(crate) fn delete_many(
    store: FsDatastore,
    source: BoxStream<'static, Result<Key>>,
    options: DeleteManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let safety = match store
        .inner
        .check_write(Operation::Delete, options.durability, false)
    {
        Ok(safety) => safety,
        Err(error) => return interface_datastore::implement::fail_stream(error),
    };
    let source = source.map(|item| item.map(|key| (key, None))).boxed();
    write_many(
        store,
        source,
        Operation::Delete,
        safety,
        options.concurrency,
    )
}

fn write_many(
    store: FsDatastore,
    source: BoxStream<'static, Result<(Key, Option<Bytes>)>>,
    operation: Operation,
    safety: Safety,
    concurrency: usize,
) -> BoxStream<'static, Result<Key>> {
    let groups = source.ready_chunks(concurrency.clamp(1, MAX_GROUP)).boxed();
    let outcomes = stream::unfold(Some(groups), move |groups| {
        let store = store.clone();
        async move {
            let mut groups = groups?;
            let group = groups.next().await?;
            let mut outcomes = store.write_group(operation, group, safety).await;
            // Nothing comes after an error.
            let failed = outcomes.iter().position(Result::is_err);
            outcomes.truncate(failed.map_or(outcomes.len(), |at| at + 1));
            Some((stream::iter(outcomes), failed.is_none().then_some(groups)))
        }
    });
    outcomes.flatten().boxed()
}

impl FsDatastore {
    /// Writes the items before the first error, and gives each one's outcome and then that error.
    async fn write_group(
        &self,
        operation: Operation,
        group: Vec<Result<(Key, Option<Bytes>)>>,
        safety: Safety,
    ) -> Vec<Result<Key>> {
        let inner = &self.inner;
        let mut items = Vec::with_capacity(group.len());
        let mut error = None;
        for item in group {
            let checked = item.and_then(|(key, value)| {
                inner.check_open(operation)?;
                inner.check_key(operation, &key).map(|()| (key, value))
            });
            match checked {
                Ok(item) => items.push(item),
                Err(first) => {
                    error = Some(first);
                    break;
                }
            }
        }
        let passes = inner
            .gates
            .pass_all(items.iter().map(|(key, _)| key.clone()))
            .await;
        let store = Arc::clone(inner);
        let step = move || {
            let outcomes = store.apply_many(operation, items, safety);
            drop(passes);
            outcomes
        };
        let mut outcomes = match inner.hop(operation, step).await {
            Ok(outcomes) => outcomes,
            Err(interrupted) => vec![Err(interrupted)],
        };
        outcomes.extend(error.map(Err));
        outcomes
    }
}

pub(crate) fn get_many(
    store: FsDatastore,
    source: BoxStream<'static, Result<Key>>,
    concurrency: usize,
) -> BoxStream<'static, Result<Entry>> {
    let reading = GetMany {
        store,
        source: Some(source.ready_chunks(concurrency.clamp(1, MAX_GROUP)).boxed()),
        keys: VecDeque::new(),
        ready: VecDeque::new(),
    };
    stream::unfold(reading, |mut reading| async {
        Some((reading.next().await?, reading))
    })
    .boxed()
}

/// Reads keys group by group, ahead of what is consumed only within limits.
struct GetMany {
    store: FsDatastore,
    source: Option<BoxStream<'static, Vec<Result<Key>>>>,
    keys: VecDeque<Result<Key>>,
    ready: VecDeque<Result<Entry>>,
}

impl GetMany {
    async fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                if entry.is_err() {
                    // An error is the last item.
                    *self = Self {
                        source: None,
                        keys: VecDeque::new(),
                        ready: VecDeque::new(),
                        store: self.store.clone(),
                    };
                }
                return Some(entry);
            }
            if self.keys.is_empty() {
                self.keys = self.source.as_mut()?.next().await?.into();
            }
            self.read_group().await;
        }
    }

    /// Reads the first keys that wait: those that the caches have at once, and then all others in one hop.
    async fn read_group(&mut self) {
        let inner = &self.store.inner;
        if let Err(error) = inner.check_open(Operation::Get) {
            self.ready.push_back(Err(error));
            return;
        }
        let mut requests = Vec::new();
        while let Some(key) = self.keys.pop_front() {
            match key {
                Ok(key) if inner.takes(&key) => {
                    inner.gates.settled(&key).await;
                    let place = inner.layout.place(&key);
                    requests.push(Request {
                        key,
                        place,
                        options: GetOptions::default(),
                    });
                }
                Ok(key) => {
                    self.keys
                        .push_front(Err(Error::not_found(Operation::Get, &key)));
                    break;
                }
                Err(error) if requests.is_empty() => {
                    self.ready.push_back(Err(error));
                    return;
                }
                Err(error) => {
                    self.keys.push_front(Err(error));
                    break;
                }
            }
        }
        if requests.is_empty() {
            return;
        }
        let read = Arc::new(requests);
        let shared = Arc::clone(&read);
        let done = std::sync::Mutex::new(Vec::<Entry>::new());
        let work = move |tree: &Tree, wait: Wait| read_some(&shared, &done, tree, wait);
        match inner.tree.answer(inner.blocking, work).await {
            Ok((entries, error)) => {
                let count = entries.len() + usize::from(error.is_some());
                self.ready.extend(entries.into_iter().map(Ok));
                self.ready.extend(error.map(Err));
                for request in read.iter().skip(count).rev() {
                    self.keys.push_front(Ok(request.key.clone()));
                }
            }
            Err(failure) => self
                .ready
                .push_back(Err(failure.during(Operation::Get, None))),
        }
    }
}

/// Reads requests in order until one fails or enough has been read, going on where a call before had to stop.
fn read_some(
    requests: &[Request],
    done: &std::sync::Mutex<Vec<Entry>>,
    tree: &Tree,
    wait: Wait,
) -> Result<(Vec<Entry>, Option<Error>), Failure> {
    let mut entries = done
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut bytes: u64 = entries.iter().filter_map(|entry| entry.size).sum();
    let mut error = None;
    for request in requests.iter().skip(entries.len()) {
        if bytes >= MAX_READ_AHEAD && !entries.is_empty() {
            break;
        }
        match request.read(tree, wait) {
            Ok(entry) => {
                bytes += entry.size.unwrap_or(0);
                entries.push(entry);
            }
            Err(failure) if failure.would_block() => return Err(failure),
            Err(failure) => {
                error = Some(failure.during(Operation::Get, Some(&request.key)));
                break;
            }
        }
    }
    Ok((std::mem::take(&mut *entries), error))
}
