//! Streams of keys and values: one hop for as many items as the source has ready.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datastore_files::{Change, Changed, Contents, ReadError, Replace, Safety, Tree, Wait};
use futures_util::StreamExt;
use interface_datastore::implement::{fail_stream, in_groups, read_in_groups};
use interface_datastore::{
    BoxStream, Condition, DeleteManyOptions, Entry, Error, GetOptions, Key, Operation,
    PutManyOptions, Result, Written,
};

use crate::failure::Failure;
use crate::names::Place;
use crate::read::{Request, version_of};
use crate::store::{FlatfsDatastore, Inner};
use crate::write::{Before, Outcome, Put, is_lost, is_taken, removal, write_of};

/// How many items make up a group at most, whatever concurrency is allowed.
const MAX_GROUP: usize = 512;
/// So many puts of a group are looked for first.
pub(crate) const SAMPLE: usize = 8;
/// Values of a group are read ahead up to so many bytes.
const MAX_READ_AHEAD: u64 = 4 << 20;

pub(crate) fn put_many(
    store: FlatfsDatastore,
    source: BoxStream<'static, Result<(Key, Bytes)>>,
    options: PutManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let expires = options.expires.is_some();
    let checked = store
        .inner
        .check_write(Operation::Put, options.durability, expires);
    let source = source.map(|item| item.map(|(key, value)| (key, Some(value))));
    match checked {
        Ok(safety) => write_many(store, source.boxed(), safety, options.concurrency),
        Err(error) => fail_stream(error),
    }
}

pub(crate) fn delete_many(
    store: FlatfsDatastore,
    source: BoxStream<'static, Result<Key>>,
    options: DeleteManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let checked = store
        .inner
        .check_write(Operation::Delete, options.durability, false);
    let source = source.map(|item| item.map(|key| (key, None)));
    match checked {
        Ok(safety) => write_many(store, source.boxed(), safety, options.concurrency),
        Err(error) => fail_stream(error),
    }
}

fn write_many(
    store: FlatfsDatastore,
    source: BoxStream<'static, Result<(Key, Option<Bytes>)>>,
    safety: Safety,
    concurrency: usize,
) -> BoxStream<'static, Result<Key>> {
    in_groups(source, concurrency.clamp(1, MAX_GROUP), move |group| {
        let store = store.clone();
        Box::pin(async move { store.write_group(group, safety).await })
    })
}

pub(crate) fn get_many(
    store: FlatfsDatastore,
    source: BoxStream<'static, Result<Key>>,
    concurrency: usize,
) -> BoxStream<'static, Result<Entry>> {
    read_in_groups(source, concurrency.clamp(1, MAX_GROUP), move |keys| {
        let store = store.clone();
        Box::pin(async move { store.read_group(keys).await })
    })
}

/// A put or a delete of one key.
struct Item {
    key: Key,
    /// None for a delete of a key that cannot be in the store.
    place: Option<Place>,
    /// The value of a put.
    value: Option<Bytes>,
    /// What there was, once there is a change.
    before: Option<Before>,
}

impl FlatfsDatastore {
    /// Writes the items before the first error, and gives each one's outcome and then that error.
    async fn write_group(
        &self,
        group: Vec<Result<(Key, Option<Bytes>)>>,
        safety: Safety,
    ) -> Vec<Result<Key>> {
        let inner = &self.inner;
        let mut items = Vec::with_capacity(group.len());
        let mut error = None;
        for item in group {
            match item.and_then(|(key, value)| inner.item(key, value)) {
                Ok(item) => items.push(item),
                Err(first) => {
                    error = Some(first);
                    break;
                }
            }
        }
        let keys = items.iter().map(|item| item.key.clone());
        let passes = inner.gates.pass_all(keys).await;
        let store = Arc::clone(inner);
        let step = move || {
            let outcomes = store.apply_many(items, safety);
            drop(passes);
            outcomes
        };
        let mut outcomes = match inner.hop(Operation::Put, step).await {
            Ok(outcomes) => outcomes,
            Err(interrupted) => vec![Err(interrupted)],
        };
        outcomes.extend(error.map(Err));
        outcomes
    }

    /// Reads the first of these keys: those that the caches have at once, and then others in one hop.
    async fn read_group(&self, keys: Vec<Key>) -> Vec<Result<Entry>> {
        let inner = &self.inner;
        if let Err(error) = inner.check_open(Operation::Get) {
            return vec![Err(error)];
        }
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(place) = inner.sharding.place(&key) else {
                if requests.is_empty() {
                    return vec![Err(Error::not_found(Operation::Get, &key))];
                }
                break;
            };
            inner.gates.settled(&key).await;
            let options = GetOptions::default();
            requests.push(Request::new(inner, key, place, options));
        }
        let done = Mutex::new(Vec::<Entry>::new());
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

impl Inner {
    fn item(&self, key: Key, value: Option<Bytes>) -> Result<Item> {
        let operation = match value {
            Some(_) => Operation::Put,
            None => Operation::Delete,
        };
        self.check_open(operation)?;
        let place = match value {
            Some(_) => Some(self.place(operation, &key)?),
            None => self.sharding.place(&key),
        };
        Ok(Item {
            key,
            place,
            value,
            before: None,
        })
    }

    /// Applies puts and deletes of many keys in order. Blocks.
    fn apply_many(&self, items: Vec<Item>, safety: Safety) -> Vec<Result<Key>> {
        let mut outcomes = Vec::with_capacity(items.len());
        let mut run = Vec::with_capacity(items.len());
        let mut seen = HashSet::with_capacity(items.len());
        for item in items {
            // What a put finds depends on what came before for the same key.
            if !seen.insert(item.key.clone()) {
                self.apply_run(std::mem::take(&mut run), safety, &mut outcomes);
                seen.clear();
                seen.insert(item.key.clone());
            }
            run.push(item);
        }
        self.apply_run(run, safety, &mut outcomes);
        outcomes
    }

    /// Applies puts and deletes of different keys.
    fn apply_run(&self, items: Vec<Item>, safety: Safety, outcomes: &mut Vec<Result<Key>>) {
        let mut changes = Vec::with_capacity(items.len());
        let mut planned = Vec::with_capacity(items.len());
        let mut found = 0;
        for (at, mut item) in items.into_iter().enumerate() {
            // Where the first few are new the others will be, and to look for them all would cost more than to write some
            // of them twice. A value that is to be synced is not written twice.
            let looks = safety != Safety::Process || at < SAMPLE || found > 0;
            let plan = self.plan(&mut item, safety, looks);
            found += usize::from(!matches!(item.before, Some(Before::Nothing)));
            planned.push((item, plan.map(|change| changes.extend(change))));
        }
        let mut applied = self.tree.apply(changes, safety).into_iter();
        for (item, plan) in planned {
            let done = plan.and_then(|()| match item.before {
                // apply gives as many outcomes as it takes changes.
                Some(_) => {
                    let outcome = applied.next().unwrap_or(Ok(Changed::WasAbsent));
                    self.conclude(&item, outcome, safety)
                }
                None => Ok(()),
            });
            outcomes.push(done.map(|()| item.key));
        }
    }

    /// What there is to do for an item; nothing if things are as they shall be.
    fn plan(&self, item: &mut Item, safety: Safety, looks: bool) -> Result<Option<Change>> {
        let Some(place) = &item.place else {
            return Ok(None);
        };
        let Some(value) = &item.value else {
            item.before = Some(Before::Nothing);
            return Ok(Some(removal(place)));
        };
        let contents = Contents::Bytes(value.clone());
        if !looks {
            item.before = Some(Before::Nothing);
            return Ok(Some(write_of(place, contents, Replace::No)));
        }
        let before = self
            .look(&item.key, place, Some(value), Wait::Yes)
            .map_err(|failure| failure.during(Operation::Put, Some(&item.key)))?;
        if let Before::Same(file) = before {
            if self.is_enough(place, &file, safety) {
                self.tell_put(&item.key, &Written::with_version(version_of(&file)));
                return Ok(None);
            }
            item.before = Some(before);
            let path = place.path.clone();
            return Ok(Some(Change::Keep { path }));
        }
        item.before = Some(before);
        Ok(Some(write_of(place, contents, Replace::Yes)))
    }

    /// Concludes a change, or does a put by itself if something was there that nobody looked for, or is gone that was.
    fn conclude(&self, item: &Item, outcome: Outcome, safety: Safety) -> Result<()> {
        match (&item.value, &item.place) {
            (Some(value), Some(place)) if is_taken(&outcome) || is_lost(&outcome) => {
                let put = Put::new(&item.key, place.clone(), Condition::None);
                let contents = Contents::Bytes(value.clone());
                put.apply(self, contents, safety).map(drop)
            }
            _ => self.told(item, outcome),
        }
    }

    fn told(&self, item: &Item, outcome: Outcome) -> Result<()> {
        let Some(place) = &item.place else {
            return Ok(());
        };
        let told = match item.before {
            Some(before) if item.value.is_some() => {
                self.told_put(&item.key, place, outcome, before)
            }
            _ => self.told_delete(&item.key, place, outcome),
        };
        let operation = match item.value {
            Some(_) => Operation::Put,
            None => Operation::Delete,
        };
        told.map(drop)
            .map_err(|error| self.put_error(error, operation, &item.key))
    }
}

/// Reads requests in order until one fails or enough has been read, going on where a call before had to stop.
fn read_some(
    requests: &[Request],
    done: &Mutex<Vec<Entry>>,
    tree: &Tree,
    wait: Wait,
) -> Result<(Vec<Entry>, Option<Error>), Failure> {
    let mut entries = done.lock().unwrap_or_else(PoisonError::into_inner);
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
