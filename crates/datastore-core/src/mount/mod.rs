//! [`MountDatastore`]: several stores under one tree of keys.

mod batch;
mod combine;
mod merge;
mod query;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use interface_datastore::{
    Batch, BoxFuture, BoxStream, Capabilities, CloseOptions, Datastore, DeleteOptions, DiskUsage,
    DiskUsageOptions, Durability, Entry, Error, ErrorKind, Finding, GetOptions, Key,
    MaintainOptions, Maintenance, MaintenanceEvent, Operation, PutOptions, Query, QueryOptions,
    Result, Severity, SyncOptions, ValueStream, WatchEvent, WatchOptions, WriteOptions, Written,
    abortable_stream, check_aborted,
    implement::{fail_stream, refuse_stream},
};

use crate::{
    pass_on::pass_on,
    translate::{Mapping, Shape, Translated},
};

/// A store and the key under which it is mounted.
#[derive(Debug, Clone)]
pub struct Mount {
    prefix: Key,
    store: Arc<dyn Datastore>,
    /// Whether the store can hold keys that are not under the prefix.
    whole_keys: bool,
}

impl Mount {
    /// `store` holds all keys at or under `prefix`. It is given whole keys, as in JavaScript: `/photos/1` is `/photos/1`
    /// there as well.
    pub fn new(prefix: Key, store: &(impl Datastore + ?Sized)) -> Self {
        Self {
            prefix,
            store: store.handle(),
            whole_keys: true,
        }
    }

    /// The store is given keys without the prefix, as in Go: `/photos/1` is `/1` there, `/photos` is the root.
    #[must_use]
    pub fn stripped(mut self) -> Self {
        if self.whole_keys && !self.prefix.is_root() {
            let above = Above(self.prefix.clone());
            self.store = Arc::new(Translated::new(self.store, above));
            self.whole_keys = false;
        }
        self
    }

    /// The key under which it is mounted.
    pub fn prefix(&self) -> &Key {
        &self.prefix
    }

    fn holds(&self, key: &Key) -> bool {
        at_or_under(&self.prefix, key)
    }

    /// The part of `scope` that lies in this mount; none if they have nothing in common.
    fn within(&self, scope: &Key) -> Option<Key> {
        if self.holds(scope) {
            Some(scope.clone())
        } else {
            at_or_under(scope, &self.prefix).then(|| self.prefix.clone())
        }
    }
}

fn at_or_under(scope: &Key, key: &Key) -> bool {
    scope == key || scope.is_ancestor_of(key)
}

/// Several stores under one tree of keys: each key belongs to the mount with the longest prefix, by whole namespaces.
///
/// * A key without a mount fails with [`NoMount`](ErrorKind::NoMount) on reads and writes; `has` says `false`.
/// * A query asks only the mounts that can hold what it looks for. What a store holds beside its mount, or below a deeper
///   mount, is hidden. Orders are merged lazily from the stores' own sorted answers, which get the limit as well.
/// * A batch whose keys and conditions all lie in one mount is that store's. One that spans mounts is applied mount after
///   mount and is not atomic: it must have no conditions, and a failure carries a
///   [`BatchReport`](interface_datastore::BatchReport).
/// * Watching, syncing, disk usage, maintenance and closing go to all mounts at or under the scope, and to the one that
///   holds it. The first error is told, with a word on the others; the other mounts are served all the same.
///
/// ```
/// use datastore_core::{MemoryDatastore, MountDatastore, mount::Mount};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let (blocks, rest) = (MemoryDatastore::new(), MemoryDatastore::new());
/// let store = MountDatastore::new([
///     Mount::new(Key::new("/blocks"), &blocks).stripped(),
///     Mount::new(Key::root(), &rest),
/// ])?;
/// store.put(&Key::new("/blocks/1"), "block").await?;
/// assert_eq!(blocks.get(&Key::new("/1")).await?, "block");
/// # Ok::<(), interface_datastore::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MountDatastore(Arc<Table>);

/// The mounts, those with the most bytes in their prefix first: the first that holds a key is the deepest.
#[derive(Debug)]
struct Table(Vec<Mount>);

impl MountDatastore {
    /// The stores of these mounts under one tree.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if two mounts have the same prefix.
    pub fn new(mounts: impl IntoIterator<Item = Mount>) -> Result<Self> {
        let mut mounts: Vec<Mount> = mounts.into_iter().collect();
        mounts.sort_by(|a, b| {
            let len = |mount: &Mount| mount.prefix.as_bytes().len();
            len(b).cmp(&len(a)).then(a.prefix.cmp(&b.prefix))
        });
        let doubled = mounts.windows(2).find_map(|pair| match pair {
            [a, b] if a.prefix == b.prefix => Some(a.prefix.clone()),
            _ => None,
        });
        match doubled {
            Some(prefix) => Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
                .with_key(&prefix)
                .with_detail("two stores are mounted at the same key")),
            None => Ok(Self(Arc::new(Table(mounts)))),
        }
    }
}

impl fmt::Debug for MountDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = self.0.0.iter().map(|mount| (&mount.prefix, &mount.store));
        f.debug_map().entries(mounts).finish()
    }
}

impl Table {
    fn owner(&self, key: &Key) -> Option<usize> {
        self.0.iter().position(|mount| mount.holds(key))
    }

    fn store(&self, operation: Operation, key: &Key) -> Result<&Arc<dyn Datastore>> {
        let mount = self.0.iter().find(|mount| mount.holds(key));
        mount
            .map(|mount| &mount.store)
            .ok_or_else(|| no_mount(operation, key))
    }

    /// The mounts that hold a part of `scope`, each with that part, in the order of their prefixes.
    fn within<'a>(&'a self, scope: &'a Key) -> Vec<(usize, &'a Mount, Key)> {
        let owner = self.owner(scope);
        let mut parts: Vec<_> = self
            .0
            .iter()
            .enumerate()
            .filter(|(index, mount)| Some(*index) == owner || !mount.holds(scope))
            .filter_map(|(index, mount)| Some((index, mount, mount.within(scope)?)))
            .collect();
        parts.sort_by(|(_, a, _), (_, b, _)| a.prefix.cmp(&b.prefix));
        parts
    }
}

fn no_mount(operation: Operation, key: &Key) -> Error {
    Error::new(ErrorKind::NoMount, operation)
        .with_key(key)
        .with_remedy("mount a store at the key or above it")
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for MountDatastore {
    // Pairs and keys may go to any mount, one after the other.
    pass_on! { handle put_many_each get_many_each delete_many_each }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        combine::capabilities(&self.0, prefix)
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            let store = self.0.store(Operation::Put, key)?;
            store.put_opts(key, value, options).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let operation = options.operation();
            check_aborted(options.abort.as_ref(), operation, Some(key))?;
            match self.0.store(operation, key) {
                Ok(store) => store.get_opts(key, options).await,
                Err(_) if operation == Operation::Has => Err(Error::not_found(operation, key)),
                Err(error) => Err(error),
            }
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            let store = self.0.store(Operation::Delete, key)?;
            store.delete_opts(key, options).await
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        query::query(&self.0, query, options)
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            let store = self.0.store(Operation::Put, key)?;
            store.put_stream_opts(key, body, options).await
        })
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Get, Some(key))?;
            let store = self.0.store(Operation::Get, key)?;
            store.get_stream_opts(key, options).await
        })
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(batch::write(&self.0, batch, options))
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            let parts = self.0.within(scope);
            if parts.is_empty() {
                return Err(no_mount(Operation::Watch, scope));
            }
            if !self.capabilities(scope).watch.may() {
                let what = "watching, by at least one of the stores mounted there";
                return Err(Error::unsupported(Operation::Watch, what).with_key(scope));
            }
            let mut streams = Vec::with_capacity(parts.len());
            let watched = WatchOptions::default().with_capacity(options.capacity);
            for (index, mount, part) in parts {
                let events = mount.store.watch_opts(&part, watched.clone()).await?;
                let table = self.0.clone();
                let own = move |event: &Result<WatchEvent>| {
                    let key = event.as_ref().ok().and_then(WatchEvent::key);
                    std::future::ready(key.is_none_or(|key| table.owner(key) == Some(index)))
                };
                streams.push(events.filter(own));
            }
            let all = Box::pin(stream::select_all(streams));
            Ok(abortable_stream(options.abort, Operation::Watch, all))
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Sync, Some(scope))?;
            let synced = self.at_all(scope, |store, part| {
                let options = options.clone();
                Box::pin(async move { store.sync_opts(&part, options).await })
            });
            // Where nothing is mounted there is nothing to lose.
            Ok(synced.await?.into_iter().min().unwrap_or(Durability::Power))
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::DiskUsage, Some(scope))?;
            let used = self.at_all(scope, |store, part| {
                let options = options.clone();
                Box::pin(async move { store.disk_usage_opts(&part, options).await })
            });
            let parts = used.await?;
            let mut sum = DiskUsage::exact(0);
            for part in parts {
                sum.bytes = sum.bytes.saturating_add(part.bytes);
                sum.exact &= part.exact;
            }
            Ok(sum)
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let operation = Operation::Maintain;
        if let Err(aborted) = check_aborted(options.abort.as_ref(), operation, Some(scope)) {
            return fail_stream(aborted);
        }
        if !self.capabilities(scope).maintenance.claim(task).may() {
            let what = format!("maintenance of kind {task}, by any store mounted there");
            return refuse_stream(operation, Some(scope), what);
        }
        let parts = self
            .0
            .within(scope)
            .into_iter()
            .map(|(index, mount, part)| {
                let can = mount.store.capabilities(&part).maintenance.claim(task);
                if !can.may() {
                    return skipped(task, mount);
                }
                let events = mount.store.maintain_opts(task, &part, options.clone());
                let table = self.0.clone();
                let own = move |event: &Result<MaintenanceEvent>| {
                    let key = match event {
                        Ok(MaintenanceEvent::Finding(finding)) => finding.key.as_ref(),
                        _ => None,
                    };
                    std::future::ready(key.is_none_or(|key| table.owner(key) == Some(index)))
                };
                Box::pin(events.filter(own)) as BoxStream<'static, _>
            });
        let all = stream::iter(parts.collect::<Vec<_>>()).flatten();
        abortable_stream(options.abort, operation, Box::pin(all))
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            let closed = self
                .0
                .0
                .iter()
                .map(|mount| mount.store.close_opts(options.clone()));
            gather(join_all(closed).await).map(drop)
        })
    }
}

impl MountDatastore {
    /// Does the same at all mounts of a scope, at once.
    async fn at_all<T>(
        &self,
        scope: &Key,
        work: impl Fn(Arc<dyn Datastore>, Key) -> BoxFuture<'static, Result<T>>,
    ) -> Result<Vec<T>> {
        let parts = self.0.within(scope).into_iter();
        let steps = parts.map(|(_, mount, part)| work(mount.store.clone(), part));
        gather(join_all(steps).await)
    }
}

/// All outcomes, or the first error with a word on the others.
fn gather<T>(outcomes: Vec<Result<T>>) -> Result<Vec<T>> {
    let (mut done, mut errors) = (Vec::with_capacity(outcomes.len()), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(value) => done.push(value),
            Err(error) => errors.push(error),
        }
    }
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else {
        return Ok(done);
    };
    let others: Vec<String> = errors.map(|error| error.to_string()).collect();
    if others.is_empty() {
        return Err(first);
    }
    let detail = format!("other mounts failed as well: {}", others.join("; "));
    Err(Error::new(first.kind(), first.operation())
        .with_key_opt(first.key())
        .with_detail(detail)
        .with_source(first))
}

fn skipped(task: Maintenance, mount: &Mount) -> BoxStream<'static, Result<MaintenanceEvent>> {
    let detail = format!("the store mounted here offers no maintenance of kind {task}");
    let finding = Finding::new(Severity::Info, "mount-not-maintained", detail);
    let finding = finding.with_key(mount.prefix.clone());
    Box::pin(stream::iter([Ok(MaintenanceEvent::Finding(finding))]))
}

/// Outer keys are inner keys below this one.
#[derive(Debug)]
struct Above(Key);

impl Mapping for Above {
    fn inward(&self, outer: &Key) -> Option<Key> {
        outer.strip_namespace(&self.0)
    }

    fn outward(&self, inner: &Key) -> Option<Key> {
        Some(self.0.child(inner))
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Strips(&self.0)
    }

    fn complaint(&self) -> &'static str {
        "the key has no name below the mount"
    }
}
