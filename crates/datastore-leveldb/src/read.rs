//! Reading single values, one or many.

use std::sync::Arc;

use datastore_files::Wait;
use interface_datastore::implement::read_in_groups;
use interface_datastore::{
    BoxStream, Entry, Error, ErrorKind, GetOptions, Key, Operation, Result, Want, abortable,
};

use crate::database::{Database, Version};
use crate::failure::Failure;
use crate::store::{Inner, LevelDatastore};

/// How many keys make up a group at most, whatever concurrency is allowed.
const MAX_GROUP: usize = 512;
/// Values of a group are read ahead up to so many bytes.
const MAX_READ_AHEAD: usize = 4 << 20;

impl LevelDatastore {
    pub(crate) async fn get(&self, key: &Key, options: GetOptions) -> Result<Entry> {
        let operation = options.operation();
        self.inner.check_open(operation)?;
        let signal = options.abort.clone();
        let work = async {
            let (inner, wanted) = (Arc::clone(&self.inner), key.clone());
            let read = move |_: &_, wait| read(&inner.db, &wanted, &options, wait);
            let tree = &self.inner.db.tree;
            let answer = tree.answer(self.inner.blocking, read).await;
            answer.map_err(|failure| failure.during(operation, Some(key)))
        };
        abortable(signal.as_ref(), operation, Some(key), work).await
    }

    pub(crate) fn get_many(
        &self,
        source: BoxStream<'static, Result<Key>>,
        concurrency: usize,
    ) -> BoxStream<'static, Result<Entry>> {
        let store = Arc::clone(&self.inner);
        read_in_groups(source, concurrency.clamp(1, MAX_GROUP), move |keys| {
            let store = Arc::clone(&store);
            Box::pin(async move { read_group(store, keys).await })
        })
    }
}

/// Reads one key.
fn read(db: &Database, key: &Key, options: &GetOptions, wait: Wait) -> Result<Entry, Failure> {
    let operation = options.operation();
    let not_found = || Error::not_found(operation, key);
    let found = db.newest(key.as_bytes(), wait)?.ok_or_else(not_found)?;
    let entry = entry_of(key.clone(), found).ok_or_else(not_found)?;
    let wanted = options.if_version.as_ref();
    if wanted.is_some_and(|wanted| entry.version.as_ref() != Some(wanted)) {
        let error = Error::new(ErrorKind::PreconditionFailed, operation).with_key(key);
        return Err(error.with_detail("the value has another version").into());
    }
    Ok(cut(entry, options.want)?)
}

/// Leaves of a whole entry what was asked for.
fn cut(mut entry: Entry, want: Want) -> Result<Entry> {
    match want {
        Want::Value => {}
        Want::Range(range) => {
            let whole = entry.value.take().unwrap_or_default();
            let range = range.resolve_in(whole.len());
            // Resolved against the value itself, so it fits.
            entry.value = Some(whole.slice(range.map_err(|error| error.with_key(&entry.key))?));
        }
        _ => entry.value = None,
    }
    Ok(entry)
}

/// An entry with the value; none if the key was deleted.
pub(crate) fn entry_of(key: Key, found: Version) -> Option<Entry> {
    let version = interface_datastore::Version::from(found.sequence);
    Some(Entry::of_value(key, found.value?).with_version(Some(version)))
}

/// Reads as many keys as fit into memory, in one hop.
async fn read_group(store: Arc<Inner>, keys: Vec<Key>) -> Vec<Result<Entry>> {
    let group = || async {
        store.check_open(Operation::Get)?;
        let inner = Arc::clone(&store);
        store
            .hop(Operation::Get, move || read_some(&inner.db, &keys))
            .await
    };
    group().await.unwrap_or_else(|error| vec![Err(error)])
}

fn read_some(db: &Database, keys: &[Key]) -> Vec<Result<Entry>> {
    let options = GetOptions::default();
    let (mut entries, mut bytes) = (Vec::new(), 0usize);
    for key in keys {
        let entry = read(db, key, &options, Wait::Yes);
        let entry = entry.map_err(|failure| failure.during(Operation::Get, Some(key)));
        let read = entry.as_ref().ok().and_then(|entry| entry.value.as_ref());
        bytes = bytes.saturating_add(read.map_or(0, bytes::Bytes::len));
        let ends = entry.is_err() || bytes >= MAX_READ_AHEAD;
        entries.push(entry);
        if ends {
            break;
        }
    }
    entries
}
