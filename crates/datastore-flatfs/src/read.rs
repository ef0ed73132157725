//! Reading single values.

use std::ops::Range;
use std::sync::Arc;

use datastore_files::{Kind, Metadata, OpenFile, Reason, Tree, Wait};
use interface_datastore::{
    Entry, Error, ErrorKind, GetOptions, Key, Operation, Result, Version, Want, abortable,
};

use crate::failure::Failure;
use crate::names::Place;
use crate::store::{FlatfsDatastore, Inner};
use crate::unclean::Unclean;

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
            let request = Request::new(inner, key.clone(), place, options);
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
    /// What is in doubt, if anything is.
    doubt: Option<Arc<Unclean>>,
}

impl Request {
    pub(crate) fn new(store: &Inner, key: Key, place: Place, options: GetOptions) -> Self {
        let doubt = store
            .unclean
            .is_active()
            .then(|| Arc::clone(&store.unclean));
        Self {
            key,
            place,
            options,
            doubt,
        }
    }

    pub(crate) fn read(&self, tree: &Tree, wait: Wait) -> Result<Entry, Failure> {
        match self.options.want {
            Want::Exists | Want::Metadata => {
                let found = absent_if_too_long(tree.metadata(&self.place.path, wait))?;
                let found = found.filter(|metadata| metadata.kind == Kind::File);
                let metadata = found.ok_or_else(|| self.not_found())?;
                if let Some(doubt) = &self.doubt {
                    let path = &self.place.path;
                    if doubt.is_torn(tree, path, &self.key, &metadata, wait)? {
                        return Err(self.not_found().into());
                    }
                }
                Ok(self.told(&metadata)?)
            }
            _ => {
                let file = self.find(tree, wait)?;
                let mut entry = self.told(file.metadata())?;
                let range = self.range(file.metadata().len)?;
                entry.value = Some(file.read(range, wait)?);
                Ok(entry)
            }
        }
    }

    /// Opens the value, and tells which part of it is wanted.
    pub(crate) fn open(&self, tree: &Tree, wait: Wait) -> Result<(OpenFile, Range<u64>), Failure> {
        let file = self.find(tree, wait)?;
        self.told(file.metadata())?;
        let range = self.range(file.metadata().len)?;
        Ok((file, range))
    }

    fn find(&self, tree: &Tree, wait: Wait) -> Result<OpenFile, Failure> {
        let found = absent_if_too_long(tree.open_file(&self.place.path, wait))?;
        let file = found.ok_or_else(|| self.not_found())?;
        if let Some(doubt) = &self.doubt {
            let path = &self.place.path;
            if doubt.is_open_torn(tree, path, &self.key, &file, wait)? {
                return Err(self.not_found().into());
            }
        }
        Ok(file)
    }

    fn not_found(&self) -> Error {
        Error::not_found(self.options.operation(), &self.key)
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

/// Where names may not be as long as a key's, there is no such value.
fn absent_if_too_long<T>(found: datastore_files::Result<Option<T>>) -> Result<Option<T>, Failure> {
    match found {
        Err(error) if error.reason() == Reason::NameTooLong => Ok(None),
        found => Ok(found?),
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
