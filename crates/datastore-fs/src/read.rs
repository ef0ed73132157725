//! Reading single values.

use std::borrow::Borrow;
use std::ops::ControlFlow;
use std::path::Path;

use datastore_files::{Kind, Metadata, OpenFile, ReadError, Tree, Wait};
use interface_datastore::{
    Entry, Error, ErrorKind, GetOptions, Key, Operation, Result, Version, Want, abortable,
};

use crate::failure::Failure;
use crate::layout::Place;
use crate::store::{FsDatastore, Inner};

impl FsDatastore {
    pub(crate) async fn get(&self, key: &Key, options: GetOptions) -> Result<Entry> {
        self.inner.check_open(options.operation())?;
        match self.get_at_once(key, options) {
            ControlFlow::Break(answer) => answer,
            // In a box of its own, so that the answers from the caches need no room for it.
            ControlFlow::Continue((options, asked)) => {
                Box::pin(self.get_patiently(key, options, asked)).await
            }
        }
    }

    /// Reads what can be read without waiting for anybody; else gives the options back, and whether the caches were asked.
    fn get_at_once(
        &self,
        key: &Key,
        options: GetOptions,
    ) -> ControlFlow<Result<Entry>, (GetOptions, bool)> {
        let inner = &self.inner;
        let wait = inner.tree.wait_here(inner.blocking);
        let Some(wait) = wait.filter(|_| inner.gates.are_free() && inner.takes(key)) else {
            return ControlFlow::Continue((options, false));
        };
        if options.abort.is_some() {
            return ControlFlow::Continue((options, false));
        }
        let operation = options.operation();
        let request = Request {
            key,
            place: inner.layout.place(key),
            options,
        };
        match request.read(&inner.tree, wait) {
            Err(failure) if failure.would_block() => ControlFlow::Continue((request.options, true)),
            answer => {
                ControlFlow::Break(answer.map_err(|failure| failure.during(operation, Some(key))))
            }
        }
    }

    async fn get_patiently(&self, key: &Key, options: GetOptions, asked: bool) -> Result<Entry> {
        let operation = options.operation();
        let inner = &self.inner;
        let signal = options.abort.clone();
        let work = async {
            inner.gates.settled(key).await;
            if !inner.takes(key) {
                return Err(Error::not_found(operation, key));
            }
            let request = Request {
                key: key.clone(),
                place: inner.layout.place(key),
                options,
            };
            let read = move |tree: &Tree, wait: Wait| request.read(tree, wait);
            let answer = if asked {
                inner.tree.answer_elsewhere(inner.blocking, read).await
            } else {
                inner.tree.answer(inner.blocking, read).await
            };
            answer.map_err(|failure| failure.during(operation, Some(key)))
        };
        abortable(signal.as_ref(), operation, Some(key), work).await
    }
}

/// A read of one key, owned or not.
pub(crate) struct Request<K = Key> {
    pub(crate) key: K,
    pub(crate) place: Place,
    pub(crate) options: GetOptions,
}

impl<K: Borrow<Key>> Request<K> {
    pub(crate) fn read(&self, tree: &Tree, wait: Wait) -> Result<Entry, Failure> {
        let found = match self.options.want {
            Want::Exists | Want::Metadata => self.read_metadata(tree, wait)?,
            _ => match open_value(tree, &self.place, wait)? {
                Some(file) => Some(self.read_value(&file, wait)?),
                None => None,
            },
        };
        Ok(found.ok_or_else(|| Error::not_found(self.options.operation(), self.key.borrow()))?)
    }

    fn read_metadata(&self, tree: &Tree, wait: Wait) -> Result<Option<Entry>, Failure> {
        let Some(metadata) = value_metadata(tree, &self.place, wait)? else {
            return Ok(None);
        };
        self.check_version(&metadata)?;
        let key = self.key.borrow();
        Ok(Some(match self.options.want {
            Want::Exists => Entry::of_key(key.clone()),
            _ => entry(key, &metadata),
        }))
    }

    fn read_value(&self, file: &OpenFile, wait: Wait) -> Result<Entry, Failure> {
        let metadata = file.metadata();
        self.check_version(metadata)?;
        let range = match self.options.want {
            Want::Range(range) => range
                .resolve(metadata.len)
                .map_err(|error| error.with_key(self.key.borrow()))?,
            _ => 0..metadata.len,
        };
        let mut entry = entry(self.key.borrow(), metadata);
        entry.value = Some(file.read(range, wait)?);
        Ok(entry)
    }

    pub(crate) fn check_version(&self, metadata: &Metadata) -> Result<()> {
        match &self.options.if_version {
            Some(wanted) if *wanted != version_of(metadata) => {
                let error = Error::new(ErrorKind::PreconditionFailed, Operation::Get)
                    .with_key(self.key.borrow());
                Err(error.with_detail("the value has another version"))
            }
            _ => Ok(()),
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

/// Opens the file of a value.
pub(crate) fn open_value(
    tree: &Tree,
    place: &Place,
    wait: Wait,
) -> Result<Option<OpenFile>, Failure> {
    look(place, |path| Ok(tree.open_file(path, wait)?))
}

/// Facts about the file of a value.
pub(crate) fn value_metadata(
    tree: &Tree,
    place: &Place,
    wait: Wait,
) -> Result<Option<Metadata>, Failure> {
    look(place, |path| {
        Ok(tree
            .metadata(path, wait)?
            .filter(|metadata| metadata.kind == Kind::File))
    })
}

/// Looks in both places of a key. A writer may move the value from the second to the first between our looks there, so
/// the first is asked again.
fn look<T>(
    place: &Place,
    find: impl Fn(&Path) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let found = find(&place.path)?;
    let Some(other) = place.other.as_ref().filter(|_| found.is_none()) else {
        return Ok(found);
    };
    match find(other)? {
        Some(found) => Ok(Some(found)),
        None => find(&place.path),
    }
}

impl Inner {
    /// The version of a key's present value. Blocks.
    pub(crate) fn current_version(&self, key: &Key) -> Result<Option<Version>, Failure> {
        let found = value_metadata(&self.tree, &self.layout.place(key), Wait::Yes)?;
        Ok(found.as_ref().map(version_of))
    }
}
