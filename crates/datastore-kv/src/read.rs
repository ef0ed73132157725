//! Reading values by their keys.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use datastore_engine::Engine;
use interface_datastore::{
    BoxStream, Condition, Entry, Error, ErrorKind, GetOptions, Key, Operation, Result, Want,
    implement::read_in_groups,
};

use crate::{
    error::{translate, unmet, unreadable},
    open::Inner,
    record,
};

impl<E: Engine> Inner<E> {
    pub(crate) fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation));
        }
        Ok(())
    }

    pub(crate) async fn get(&self, key: &Key, options: &GetOptions) -> Result<Entry> {
        let operation = options.operation();
        self.orphans.settle().await;
        let record = if self.can.keys.allows(key) {
            let record = self.engine.get(key.as_bytes()).await;
            record.map_err(|error| translate(operation, error).with_key(key))?
        } else {
            self.check_open(operation)?;
            None
        };
        self.entry(key, record, options)
    }

    /// What was asked for, of a record.
    fn entry(&self, key: &Key, record: Option<Bytes>, options: &GetOptions) -> Result<Entry> {
        let operation = options.operation();
        let record = record.ok_or_else(|| Error::not_found(operation, key))?;
        let parsed = record::parse(record);
        let (head, value) = parsed.map_err(|why| unreadable(operation, key, why))?;
        if !self.lives(head) {
            return Err(Error::not_found(operation, key));
        }
        let version = head.version();
        if let Some(wanted) = options
            .if_version
            .as_ref()
            .filter(|wanted| **wanted != version)
        {
            return Err(unmet(operation, key, &Condition::IfMatch(wanted.clone())));
        }
        let mut entry = Entry::of_size(key.clone(), value.len() as u64)
            .with_version(Some(version))
            .with_expires(head.expires);
        entry.value = match options.want {
            Want::Metadata | Want::Exists => None,
            Want::Range(range) => {
                let range = range.resolve_in(value.len());
                Some(value.slice(range.map_err(|error| error.with_key(key))?))
            }
            _ => Some(value),
        };
        Ok(entry)
    }

    /// The values of several keys, up to the first that fails.
    async fn get_group(&self, keys: &[Key]) -> Vec<Result<Entry>> {
        self.orphans.settle().await;
        // A key that is too long holds nothing, and what comes behind it is not given.
        let allowed = keys.iter().take_while(|key| self.can.keys.allows(key));
        let names: Vec<&[u8]> = allowed.map(Key::as_bytes).collect();
        let mut records = match self.engine.get_many(&names).await {
            Ok(records) => records,
            Err(error) => return vec![Err(translate(Operation::Get, error))],
        };
        if records.len() < keys.len() {
            records.push(None);
        }
        let options = GetOptions::default();
        let mut entries = Vec::with_capacity(records.len());
        for (key, record) in keys.iter().zip(records) {
            let entry = self.entry(key, record, &options);
            let failed = entry.is_err();
            entries.push(entry);
            if failed {
                break;
            }
        }
        entries
    }
}

/// Reads the keys of a source, those that are ready in one call of the engine.
pub(crate) fn get_many<E: Engine>(
    store: Arc<Inner<E>>,
    source: BoxStream<'static, Result<Key>>,
    concurrency: usize,
) -> BoxStream<'static, Result<Entry>> {
    read_in_groups(source, concurrency, move |keys| {
        let store = store.clone();
        Box::pin(async move { store.get_group(&keys).await })
    })
}
