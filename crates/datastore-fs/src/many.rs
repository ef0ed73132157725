//! Streams of keys and values: one hop for as many items as the source has ready.

use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{ReadError, Safety, Tree, Wait};
use futures_util::StreamExt;
use interface_datastore::implement::{in_groups, read_in_groups};
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
    in_groups(source, concurrency.clamp(1, MAX_GROUP), move |group| {
        let store = store.clone();
        Box::pin(async move { store.write_group(operation, group, safety).await })
    })
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
    read_in_groups(source, concurrency.clamp(1, MAX_GROUP), move |keys| {
        let store = store.clone();
        Box::pin(async move { store.read_group(keys).await })
    })
}

impl FsDatastore {
    /// Reads the first of these keys: those that the caches have at once, and then others in one hop.
    async fn read_group(&self, keys: Vec<Key>) -> Vec<Result<Entry>> {
        let inner = &self.inner;
        if let Err(error) = inner.check_open(Operation::Get) {
            return vec![Err(error)];
        }
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys {
            if !inner.takes(&key) {
                if requests.is_empty() {
                    return vec![Err(Error::not_found(Operation::Get, &key))];
                }
                break;
            }
            inner.gates.settled(&key).await;
            let place = inner.layout.place(&key);
            requests.push(Request {
                key,
                place,
                options: GetOptions::default(),
            });
        }
        let done = std::sync::Mutex::new(Vec::<Entry>::new());
        let work = move |tree: &Tree, wait: Wait| read_some(&requests, &done, tree, wait);
        match inner.tree.answer(inner.blocking, work).await {
            Ok((entries, error)) => {
                let entries = entries.into_iter().map(Ok);
                entries.chain(error.map(Err)).collect()
            }
            Err(failure) => vec![Err(failure.during(Operation::Get, None))],
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
