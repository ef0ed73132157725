//! [`NamespaceDatastore`]: a part of a store as a store of its own.

use interface_datastore::{Datastore, Key};

use crate::{
    pass_on::pass_on,
    translate::{Below, Translated},
};

/// The entries of a store at or under a key, as a store of their own: `/a` here is `/ns/a` there.
///
/// The key that equals the prefix is the root here, and is listed. Neighbours such as `/nsx` never show. Nothing leads
/// out of it: queries, watchers, syncs, disk usage, maintenance, batches and their conditions are confined to the
/// prefix, and errors name keys as they are here. Prefixes, ranges, orders by key and, unless the root is among the keys
/// asked for, limits are served by the inner store.
///
/// Closing ends this view and its clones alone, as the inner store belongs to others as well.
///
/// ```
/// use datastore_core::{MemoryDatastore, NamespaceDatastore};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let all = MemoryDatastore::new();
/// let settings = NamespaceDatastore::new(&all, Key::new("/settings"));
/// settings.put(&Key::new("/theme"), "dark").await?;
/// assert_eq!(all.get(&Key::new("/settings/theme")).await?, "dark");
/// # Ok::<(), interface_datastore::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct NamespaceDatastore(Translated<Below>);

impl NamespaceDatastore {
    /// The part of `inner` at or under `prefix`; under the root, all of it.
    pub fn new(inner: &(impl Datastore + ?Sized), prefix: Key) -> Self {
        Self(Translated::view(inner.handle(), Below(prefix)))
    }

    fn inner(&self) -> &Translated<Below> {
        &self.0
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for NamespaceDatastore {
    pass_on! {
        handle capabilities put_opts get_opts delete_opts query_opts put_stream_opts get_stream_opts put_many_opts
        get_many_opts delete_many_opts write_opts watch_opts sync_opts disk_usage_opts maintain_opts close_opts
    }
}
