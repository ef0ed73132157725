//! Reading single values.

use std::ops::Range;

use datastore_files::{Kind, Metadata, OpenFile, Tree, Wait};
use interface_datastore::{
    Entry, Error, ErrorKind, GetOptions, Key, Operation, Result, Version, Want, abortable,
};

use crate::failure::Failure;
use crate::names::Place;
use crate::store::FlatfsDatastore;

impl FlatfsDatastore {
    pub(crate) async fn get(&self, key: &Key, options: GetOptions) -> Result<Entry> {
        let operation = options.operation();
        let inner = &self.inner;
        inner.check_open(operation)?;
        let signal = options.abort.clone();
        let work = async {
            inner.gates.settled(key).await;
            let place = inner.sharding.place(key);
            let place = place.ok_or_else(|| Error::not_found(operation, key))?;
            let request = Request::new(key.clone(), place, options);
            let read = move |tree: &Tree, wait: Wait| request.read(tree, wait);
            let answer = inner.tree.answer(inner.blocking, read).await;
            answer.map_err(|failure| failure.during(operation, Some(key)))
        };
        abortable(signal.as_ref(), operation, Some(key), work).await
    }
}

/// A read of one key.
pub(crate) struct Request {
    pub(crate) key: Key,
    pub(crate) place: Place,
    pub(crate) options: GetOptions,
}

impl Request {
    pub(crate) fn new(key: Key, place: Place, options: GetOptions) -> Self {
        Self {
            key,
            place,
            options,
        }
    }

    pub(crate) fn read(&self, tree: &Tree, wait: Wait) -> Result<Entry, Failure> {
        let path = &self.place.path;
        let found = match self.options.want {
            Want::Exists | Want::Metadata => {
                let found = tree.metadata(path, wait)?;
                let found = found.filter(|metadata| metadata.kind == Kind::File);
                found.map(|metadata| self.told(&metadata)).transpose()?
            }
            _ => match tree.open_file(path, wait)? {
                Some(file) => Some(self.read_value(&file, wait)?),
                None => None,
            },
        };
        Ok(found.ok_or_else(|| Error::not_found(self.options.operation(), &self.key))?)
    }

    /// Opens the value, and tells which part of it is wanted.
    pub(crate) fn open(&self, tree: &Tree, wait: Wait) -> Result<(OpenFile, Range<u64>), Failure> {
        let file = tree.open_file(&self.place.path, wait)?;
        let file = file.ok_or_else(|| Error::not_found(Operation::Get, &self.key))?;
        self.told(file.metadata())?;
        let range = self.range(file.metadata().len)?;
        Ok((file, range))
    }

    fn read_value(&self, file: &OpenFile, wait: Wait) -> Result<Entry, Failure> {
        let mut entry = self.told(file.metadata())?;
        let range = self.range(file.metadata().len)?;
        entry.value = Some(file.read(range, wait)?);
        Ok(entry)
    }

    fn range(&self, len: u64) -> Result<Range<u64>> {
        match self.options.want {
            Want::Range(range) => range
                .resolve(len)
                .map_err(|error| error.with_key(&self.key)),
            _ => Ok(0..len),
        }
    }

    /// The entry without its value, if it has the version that is asked for.
    pub(crate) fn told(&self, metadata: &Metadata) -> Result<Entry> {
        match &self.options.if_version {
            Some(wanted) if *wanted != version_of(metadata) => {
                let error =
                    Error::new(ErrorKind::PreconditionFailed, Operation::Get).with_key(&self.key);
                Err(error.with_detail("the value has another version"))
            }
            _ => Ok(entry(&self.key, metadata)),
        }
    }
}

/// What is known of a value without reading it.
pub(crate) fn entry(key: &Key, metadata: &Metadata) -> Entry {
    Entry::of_size(key.clone(), metadata.len).with_version(Some(version_of(metadata)))
}

/// Every file that this crate writes gets a time of change of its own; number and length tell those of others apart.
pub(crate) fn version_of(metadata: &Metadata) -> Version {
    let mut bytes = [0; 24];
    let parts = [metadata.modified, metadata.id, metadata.len];
    for (to, from) in bytes
        .iter_mut()
        .zip(parts.into_iter().flat_map(u64::to_be_bytes))
    {
        *to = from;
    }
    Version::from_bytes(&bytes)
}
