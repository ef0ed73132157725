//! Listing: several shard folders at a time, many entries a hop.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datastore_files::{Action, DirEntry, Entries, FileError, Folder, Kind, Wait};
use futures_util::stream;
use futures_util::{Stream, StreamExt};
use interface_datastore::query::evaluate;
use interface_datastore::{BoxStream, Entry, Key, Operation, Query, Result};

use crate::failure::{Failure, file_error};
use crate::read::entry;
use crate::store::Inner;

/// How many folders are read at a time where calls move to other threads.
const WORKERS: usize = 4;
/// The first hop gives few entries soon; later ones give more at a time.
const FIRST_GROUP: usize = 16;
const MAX_GROUP: usize = 512;
/// A hop ends after so many bytes of values.
const MAX_GROUP_BYTES: u64 = 1 << 20;
/// A hop ends after so many files that are not wanted.
const MAX_STEPS: usize = 8192;

/// Answers a query. Nothing is read before the stream is polled.
pub(crate) fn query(store: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Entry>> {
    let rest = query.clone().without_key_scope(false);
    if query.limit == Some(0) {
        return evaluate(stream::empty().boxed(), rest);
    }
    // Who wants few entries is served soonest by one reader.
    let few = query.limit.is_some_and(|limit| limit <= FIRST_GROUP as u64) && !query.is_ordered();
    let workers = if few || !store.blocking.hops() {
        1
    } else {
        WORKERS
    };
    let listing = Arc::new(Listing {
        needs: Needs {
            values: query.needs_values(),
            sizes: query.needs_sizes(),
            doubt: store.unclean.is_active(),
        },
        query,
        store,
        root: Mutex::new(Root::Unopened),
    });
    let groups = stream::select_all((0..workers).map(|_| Worker::new(&listing).groups().boxed()));
    evaluate(until_error(groups.flat_map(stream::iter)).boxed(), rest)
}

/// An error is the last item.
fn until_error(
    entries: impl Stream<Item = Result<Entry>> + Send + 'static,
) -> impl Stream<Item = Result<Entry>> + Send + 'static {
    let mut failed = false;
    entries.take_while(move |entry| {
        let go_on = !failed;
        failed = entry.is_err();
        std::future::ready(go_on)
    })
}

/// What the workers of one query share.
struct Listing {
    store: Arc<Inner>,
    query: Query,
    needs: Needs,
    root: Mutex<Root>,
}

struct Needs {
    values: bool,
    sizes: bool,
    /// Whether values are in doubt, so that each file has to be looked at.
    doubt: bool,
}

/// The shard folders still to come.
enum Root {
    Unopened,
    Open(Entries),
    Ended,
}

impl Listing {
    fn root(&self) -> MutexGuard<'_, Root> {
        // A panic elsewhere leaves the iterator as it was.
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next folder that may hold wanted values; none at the end. Blocks.
    fn next_folder(&self) -> Result<Option<Open>, Failure> {
        loop {
            let Some(entry) = self.next_root_entry()? else {
                return Ok(None);
            };
            if !self.may_be_shard(&entry) {
                continue;
            }
            if let Some(open) = self.open(Path::new(&entry.name))? {
                return Ok(Some(open));
            }
        }
    }

    fn next_root_entry(&self) -> Result<Option<DirEntry>, Failure> {
        let tree = &self.store.tree;
        let mut root = self.root();
        if let Root::Unopened = *root {
            let entries = tree.entries(Path::new(""))?;
            *root = entries.map_or(Root::Ended, Root::Open);
        }
        let next = match &mut *root {
            Root::Open(entries) => entries.next(),
            _ => None,
        };
        match next {
            Some(Ok(entry)) => Ok(Some(entry)),
            Some(Err(error)) => {
                *root = Root::Ended;
                Err(FileError::new(Action::List, tree.path(), error).into())
            }
            None => {
                *root = Root::Ended;
                Ok(None)
            }
        }
    }

    fn may_be_shard(&self, entry: &DirEntry) -> bool {
        let hidden = entry.name.as_encoded_bytes().starts_with(b".");
        let folder = match entry.kind {
            Kind::Dir => true,
            Kind::Link => self.store.follows_links,
            _ => false,
        };
        let store = &self.store;
        let may_hold = || store.sharding.may_hold(&entry.name, &self.query.prefix);
        folder && !hidden && (store.lists_unreachable || may_hold())
    }

    fn open(&self, path: &Path) -> Result<Option<Open>, Failure> {
        let Some(folder) = self.store.tree.folder(path)? else {
            return Ok(None);
        };
        let entries = folder.entries()?;
        Ok(Some(Open { folder, entries }))
    }
}

/// A folder that is being listed.
struct Open {
    folder: Folder,
    entries: Entries,
}

/// Lists one folder after another.
struct Worker {
    listing: Arc<Listing>,
    open: Option<Open>,
    group: usize,
}

impl Worker {
    fn new(listing: &Arc<Listing>) -> Self {
        Self {
            listing: Arc::clone(listing),
            open: None,
            group: FIRST_GROUP,
        }
    }

    /// Groups of entries, each read in one hop.
    fn groups(self) -> impl Stream<Item = VecDeque<Result<Entry>>> + Send + 'static {
        stream::unfold(Some(self), |worker| async {
            let mut worker = worker?;
            let store = Arc::clone(&worker.listing.store);
            let step = move || {
                let (group, more) = worker.fill();
                (group, more.then_some(worker))
            };
            let read = async {
                store.check_open(Operation::Query)?;
                store.hop(Operation::Query, step).await
            };
            match read.await {
                Ok((group, worker)) => Some((group, worker)),
                Err(error) => Some((VecDeque::from([Err(error)]), None)),
            }
        })
    }

    /// The next group, and whether there may be more.
    fn fill(&mut self) -> (VecDeque<Result<Entry>>, bool) {
        let mut found = VecDeque::with_capacity(self.group);
        let mut bytes = 0;
        for _ in 0..MAX_STEPS {
            match self.next() {
                Ok(Found::Entry(entry)) => {
                    bytes += entry.value.as_ref().map_or(0, |value| value.len() as u64);
                    found.push_back(Ok(entry));
                }
                Ok(Found::Nothing) => {}
                Ok(Found::End) => return (found, false),
                Err(failure) => {
                    found.push_back(Err(failure.during(Operation::Query, None)));
                    return (found, false);
                }
            }
            if found.len() >= self.group || bytes >= MAX_GROUP_BYTES {
                break;
            }
        }
        self.group = MAX_GROUP.min(self.group * 2);
        (found, true)
    }

    fn next(&mut self) -> Result<Found, Failure> {
        let Some(open) = &mut self.open else {
            self.open = match self.listing.store.sharding.shard.length() {
                0 => self.listing.take_root()?,
                _ => self.listing.next_folder()?,
            };
            return Ok(match self.open {
                Some(_) => Found::Nothing,
                None => Found::End,
            });
        };
        match open.entries.next() {
            Some(Ok(entry)) => self.listing.found(&open.folder, &entry),
            Some(Err(error)) => {
                let failed = open.folder.listing_failed(error);
                self.open = None;
                Err(failed.into())
            }
            None => {
                self.open = None;
                Ok(Found::Nothing)
            }
        }
    }
}

enum Found {
    Entry(Entry),
    Nothing,
    End,
}

impl Listing {
    /// The root as the only folder, for stores that have all values in it.
    fn take_root(&self) -> Result<Option<Open>, Failure> {
        match std::mem::replace(&mut *self.root(), Root::Ended) {
            Root::Unopened => self.open(Path::new("")),
            _ => Ok(None),
        }
    }

    /// The entry of a file; nothing if it is of no key, of one that is not wanted, or gone by now.
    fn found(&self, folder: &Folder, file: &DirEntry) -> Result<Found, Failure> {
        if file.kind != Kind::File {
            return Ok(Found::Nothing);
        }
        let key = self.key_of(folder.path().as_os_str(), &file.name);
        let Some(key) = key.filter(|key| self.query.covers(key)) else {
            return Ok(Found::Nothing);
        };
        if self.is_torn(folder, &file.name, &key)? {
            return Ok(Found::Nothing);
        }
        let found = if self.needs.values {
            self.value(folder, &file.name, &key)
        } else if self.needs.sizes {
            let found = folder.metadata(&file.name);
            found
                .map(|found| found.map(|found| entry(&key, &found)))
                .map_err(|error| file_error(error, Operation::Query, Some(&key)).into())
        } else {
            return Ok(Found::Entry(Entry::of_key(key)));
        };
        Ok(found?.map_or(Found::Nothing, Found::Entry))
    }

    /// Whether a file was damaged by a loss of power, so that no read finds it.
    fn is_torn(&self, folder: &Folder, name: &OsStr, key: &Key) -> Result<bool, Failure> {
        if !self.needs.doubt {
            return Ok(false);
        }
        let store = &self.store;
        let failed = |error| file_error(error, Operation::Query, Some(key));
        let Some(found) = folder.metadata(name).map_err(failed)? else {
            // Moved aside by now.
            return Ok(true);
        };
        let path = folder.path().join(name);
        let torn = store
            .unclean
            .is_torn(&store.tree, &path, key, &found, Wait::Yes);
        Ok(torn.map_err(failed)?)
    }

    fn value(&self, folder: &Folder, name: &OsStr, key: &Key) -> Result<Option<Entry>, Failure> {
        let failed = |error| file_error(error, Operation::Query, Some(key));
        let Some(file) = folder.open_file(name).map_err(failed)? else {
            return Ok(None);
        };
        let len = file.metadata().len;
        let mut entry = entry(key, file.metadata());
        entry.value = Some(file.read(0..len, Wait::Yes).map_err(failed)?);
        Ok(Some(entry))
    }

    fn key_of(&self, folder: &OsStr, name: &OsStr) -> Option<Key> {
        let sharding = &self.store.sharding;
        match sharding.key_of(folder, name) {
            None if self.store.lists_unreachable => sharding.key_by_name(name),
            key => key,
        }
    }
}
