//! The smallest store that does all that can be done in memory: an example, and what the harness is tested on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use interface_datastore::{
    Action, Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition,
    ConditionScope, Datastore, DeleteOptions, DiskUsage, DiskUsageOptions, Durability, Entry,
    Error, ErrorKind, Finding, GetOptions, Key, MaintainOptions, Maintenance, MaintenanceEvent,
    Operation, PutOptions, Query, QueryOptions, Result, Severity, SyncOptions, Timestamp, Version,
    Want, WatchEvent, WatchOptions, WriteOptions, Written, abortable_stream, check_aborted,
    implement, implement::Watchers, query,
};

/// A map behind a lock that keeps every rule of the trait. Cheap to clone; clones share the map.
///
/// Made to be read and to be wrapped by tests, not for speed.
#[derive(Debug, Clone, Default)]
pub struct ReferenceDatastore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    watchers: Watchers,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Key, Stored>,
    last_version: u64,
    closed: bool,
}

#[derive(Debug, Clone)]
struct Stored {
    value: Bytes,
    version: Version,
    expires: Option<Timestamp>,
}

impl Stored {
    fn is_live(&self) -> bool {
        self.expires.is_none_or(|moment| moment > Timestamp::now())
    }

    fn entry(&self, key: &Key) -> Entry {
        Entry::of_size(key.clone(), self.value.len() as u64)
            .with_version(Some(self.version.clone()))
            .with_expires(self.expires)
    }

    fn entry_with_value(&self, key: &Key) -> Entry {
        let mut entry = self.entry(key);
        entry.value = Some(self.value.clone());
        entry
    }
}

impl State {
    fn live(&self, key: &Key) -> Option<&Stored> {
        self.entries.get(key).filter(|stored| stored.is_live())
    }
}

fn is_in(scope: &Key, key: &Key) -> bool {
    scope == key || scope.is_ancestor_of(key)
}

impl ReferenceDatastore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state, unless the store is closed.
    fn open(&self, operation: Operation) -> Result<MutexGuard<'_, State>> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Error::new(ErrorKind::Closed, operation));
        }
        Ok(state)
    }

    /// All that writes: checks the conditions, then applies the operations, under one lock.
    fn apply(
        &self,
        operation: Operation,
        ops: Vec<BatchOp>,
        conditions: &[(Key, Condition)],
        durability: Option<Durability>,
    ) -> Result<Written> {
        self.capabilities(&Key::root())
            .durability(operation, durability)?;
        let mut state = self.open(operation)?;
        for (key, condition) in conditions {
            let current = state.live(key).map(|stored| &stored.version);
            if !condition.holds(current) {
                return Err(Error::new(ErrorKind::PreconditionFailed, operation).with_key(key));
            }
        }
        let mut written = Written::default();
        for op in ops {
            let event = match op {
                BatchOp::Put {
                    key,
                    value,
                    expires,
                    ..
                } => {
                    state.last_version += 1;
                    let version = Version::from(state.last_version);
                    written = Written::with_version(version.clone());
                    let stored = Stored {
                        value,
                        version: version.clone(),
                        expires,
                    };
                    state.entries.insert(key.clone(), stored);
                    Some(WatchEvent::Put {
                        key,
                        version: Some(version),
                    })
                }
                BatchOp::Delete { key } => {
                    let there = state.entries.remove(&key).is_some();
                    there.then_some(WatchEvent::Delete { key })
                }
                _ => return Err(Error::unsupported(operation, "this kind of operation")),
            };
            if let Some(event) = event {
                self.0.watchers.tell(&event);
            }
        }
        Ok(written)
    }

    fn read(&self, key: &Key, options: &GetOptions) -> Result<Entry> {
        let operation = options.operation();
        check_aborted(options.abort.as_ref(), operation, Some(key))?;
        let state = self.open(operation)?;
        let stored = state
            .live(key)
            .ok_or_else(|| Error::not_found(operation, key))?;
        if options
            .if_version
            .as_ref()
            .is_some_and(|wanted| *wanted != stored.version)
        {
            return Err(Error::new(ErrorKind::PreconditionFailed, operation).with_key(key));
        }
        match options.want {
            Want::Value => Ok(stored.entry_with_value(key)),
            Want::Range(range) => {
                let range = range
                    .resolve_in(stored.value.len())
                    .map_err(|error| error.with_key(key))?;
                let mut entry = stored.entry(key);
                entry.value = Some(stored.value.slice(range));
                Ok(entry)
            }
            Want::Metadata | Want::Exists => Ok(stored.entry(key)),
            _ => Err(Error::unsupported(operation, "this kind of read").with_key(key)),
        }
    }

    fn snapshot(&self, query: &Query) -> Result<Vec<Result<Entry>>> {
        let state = self.open(Operation::Query)?;
        let entries = state.entries.iter().filter(|(_, stored)| stored.is_live());
        let covered = entries.filter(|(key, _)| query.covers(key));
        Ok(covered
            .map(|(key, stored)| Ok(stored.entry_with_value(key)))
            .collect())
    }

    fn collect_garbage(&self, scope: &Key) -> Result<Vec<Result<MaintenanceEvent>>> {
        let mut state = self.open(Operation::Maintain)?;
        let mut events = Vec::new();
        state.entries.retain(|key, stored| {
            let keep = stored.is_live() || !is_in(scope, key);
            if !keep {
                self.0
                    .watchers
                    .tell(&WatchEvent::Delete { key: key.clone() });
                let finding = Finding::new(Severity::Info, "expired", "the entry has expired")
                    .with_key(key.clone())
                    .with_action(Action::Removed);
                events.push(Ok(MaintenanceEvent::Finding(finding)));
            }
            keep
        });
        Ok(events)
    }
}

impl Datastore for ReferenceDatastore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut can = Capabilities::none();
        can.writable = Claim::Yes;
        can.retains = Claim::Yes;
        can.linearizable = Claim::Yes;
        can.dropped_writes_settle = Claim::Yes;
        can.if_absent = ConditionScope::InProcess;
        can.if_match = ConditionScope::InProcess;
        can.versions = Claim::Yes;
        can.expiry = Claim::Yes;
        can.ranged_get = Claim::Yes;
        can.atomic_batch = Claim::Yes;
        can.batch_conditions = Claim::Yes;
        can.key_order = Claim::Yes;
        can.snapshot_query = Claim::Yes;
        can.watch = Claim::Yes;
        can.disk_usage = Claim::Yes;
        can.maintenance.gc = Claim::Yes;
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            let mut batch = Batch::new();
            match options.expires {
                Some(moment) => batch.put_expiring(key.clone(), value, moment),
                None => batch.put(key.clone(), value),
            };
            let condition = [(key.clone(), options.condition)];
            self.apply(
                Operation::Put,
                batch.into_parts().0,
                &condition,
                options.durability,
            )
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move { self.read(key, &options) })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            if options.condition == Condition::IfAbsent {
                let error = Error::new(ErrorKind::InvalidArgument, Operation::Delete);
                return Err(error
                    .with_key(key)
                    .with_detail("deleting what is absent does nothing"));
            }
            let ops = vec![BatchOp::Delete { key: key.clone() }];
            let condition = [(key.clone(), options.condition)];
            self.apply(Operation::Delete, ops, &condition, options.durability)
                .map(drop)
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let (store, signal) = (self.clone(), options.abort);
        let rest = query.clone().without_key_scope(false);
        // Nothing is read before the stream is polled.
        let entries = stream::once(async move { store.snapshot(&query).map(stream::iter) });
        let answer = query::evaluate(Box::pin(entries.try_flatten()), rest);
        abortable_stream(signal, Operation::Query, answer)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Write, None)?;
            let (ops, conditions) = batch.into_parts();
            self.apply(Operation::Write, ops, &conditions, options.durability)?;
            Ok(Written::default())
        })
    }

    fn watch_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: WatchOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<WatchEvent>>>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Watch, Some(scope))?;
            let _open = self.open(Operation::Watch)?;
            Ok(self.0.watchers.subscribe(scope, options))
        })
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Sync, Some(scope))?;
            self.open(Operation::Sync).map(|_| Durability::Volatile)
        })
    }

    fn disk_usage_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: DiskUsageOptions,
    ) -> BoxFuture<'a, Result<DiskUsage>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::DiskUsage, Some(scope))?;
            let state = self.open(Operation::DiskUsage)?;
            let held = state.entries.iter().filter(|(key, _)| is_in(scope, key));
            Ok(DiskUsage::exact(
                held.map(|(_, stored)| stored.value.len() as u64).sum(),
            ))
        })
    }

    fn maintain_opts(
        &self,
        task: Maintenance,
        scope: &Key,
        options: MaintainOptions,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        if task != Maintenance::Gc {
            return implement::refuse_stream(
                Operation::Maintain,
                Some(scope),
                "maintenance but gc",
            );
        }
        let (store, scope) = (self.clone(), scope.clone());
        let events = stream::once(async move { store.collect_garbage(&scope).map(stream::iter) });
        abortable_stream(
            options.abort,
            Operation::Maintain,
            Box::pin(events.try_flatten()),
        )
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            self.0
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .closed = true;
            self.0.watchers.close();
            Ok(())
        })
    }
}
