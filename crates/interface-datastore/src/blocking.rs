//! The same store for programs without `async`.

use std::{ops::RangeBounds, sync::Arc};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;

use crate::{
    Batch, BoxStream, DatastoreExt, DiskUsage, Durability, Entry, Key, Query, Result, WatchEvent,
    Written,
};

/// A store whose calls wait: drives each future on the calling thread.
///
/// Stores of this family that touch disks run their blocking steps on that thread too. Must not be used inside an
/// asynchronous task, whose thread it would hold up. A store that needs a runtime (one that speaks to a network, say)
/// must be used on a thread that has entered it.
///
/// ```
/// # fn demo(store: std::sync::Arc<dyn interface_datastore::Datastore>) -> interface_datastore::Result<()> {
/// use interface_datastore::{Key, Query, blocking};
///
/// let store = blocking::Datastore::new(&store);
/// store.put(&Key::new("/a"), "1")?;
/// for entry in store.query(Query::all()) {
///     println!("{}", entry?.key);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Datastore(Arc<dyn crate::Datastore>);

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// As the method of the same name of [`DatastoreExt`].
        pub fn $name(&self, $($arg: $type),*) -> Result<$out> {
            pollster::block_on(self.0.$name($($arg),*))
        }
    )*};
}

impl Datastore {
    /// The blocking form of a store.
    pub fn new(store: &(impl crate::Datastore + ?Sized)) -> Self {
        Self(store.handle())
    }

    /// The store itself, for the calls with options.
    pub fn inner(&self) -> &Arc<dyn crate::Datastore> {
        &self.0
    }

    calls! {
        /// Stores a value.
        put(key: &Key, value: impl Into<Bytes>) -> Written;
        /// Reads a value.
        get(key: &Key) -> Bytes;
        /// Reads a value; none if there is none.
        try_get(key: &Key) -> Option<Bytes>;
        /// Reads a part of a value.
        get_range(key: &Key, range: impl RangeBounds<u64>) -> Bytes;
        /// The length of a value in bytes.
        get_size(key: &Key) -> u64;
        /// Size, version and expiry of a value.
        metadata(key: &Key) -> Entry;
        /// Whether the key holds a value.
        has(key: &Key) -> bool;
        /// Removes a value.
        delete(key: &Key) -> ();
        /// Stores a value only if the key holds none; whether it did.
        put_if_absent(key: &Key, value: impl Into<Bytes>) -> bool;
        /// Applies a batch.
        write(batch: Batch) -> Written;
        /// Removes all keys that start with these bytes; how many there were.
        delete_prefix(prefix: impl AsRef<[u8]>) -> u64;
        /// Makes all acknowledged writes at or under `scope` as durable as the store can.
        sync(scope: &Key) -> Durability;
        /// The space that the whole store takes.
        disk_usage() -> DiskUsage;
        /// Closes the store for all handles.
        close() -> ();
    }

    /// Stores pairs, in order; gives each key once it is stored.
    pub fn put_many(
        &self,
        pairs: impl IntoIterator<Item = (Key, Bytes), IntoIter: Send + 'static>,
    ) -> Iter<Key> {
        Iter(self.0.put_many(pairs))
    }

    /// Reads values, in order.
    pub fn get_many(
        &self,
        keys: impl IntoIterator<Item = Key, IntoIter: Send + 'static>,
    ) -> Iter<Entry> {
        Iter(self.0.get_many(keys))
    }

    /// Removes keys, in order; gives each back once it is gone.
    pub fn delete_many(
        &self,
        keys: impl IntoIterator<Item = Key, IntoIter: Send + 'static>,
    ) -> Iter<Key> {
        Iter(self.0.delete_many(keys))
    }

    /// Lists entries.
    pub fn query(&self, query: Query) -> Iter<Entry> {
        Iter(self.0.query(query))
    }

    /// Lists keys.
    pub fn query_keys(&self, query: Query) -> Iter<Key> {
        Iter(self.0.query_keys(query))
    }

    /// Events of the changes at or under `scope` from now on; each step waits for the next.
    ///
    /// # Errors
    /// As [`crate::Datastore::watch_opts`].
    pub fn watch(&self, scope: &Key) -> Result<Iter<WatchEvent>> {
        pollster::block_on(self.0.watch(scope)).map(Iter)
    }
}

/// A stream of results as an iterator whose steps wait.
pub struct Iter<T>(BoxStream<'static, Result<T>>);

impl<T> Iterator for Iter<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        pollster::block_on(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> std::fmt::Debug for Iter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
