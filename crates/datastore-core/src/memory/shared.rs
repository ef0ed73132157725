//! The state behind all handles of a memory store, and its operations.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use interface_datastore::{
    BatchOp, BoxStream, Condition, DiskUsage, Entry, Error, ErrorKind, GetOptions, Key, Operation,
    Query, Result, Timestamp, Want, WatchEvent, WatchOptions, implement::Watchers,
};

use super::{
    clock::Clock,
    table::{Slot, Table},
};

/// How many expired entries a write removes on its way: more than it can add, so that they cannot pile up.
const SWEEP_ON_WRITE: usize = 2;
/// How many entries are removed or counted under one lock.
const AT_ONCE: usize = 256;

pub(super) struct Shared {
    table: RwLock<Table>,
    watchers: Watchers,
    clock: Box<dyn Clock>,
}

/// A lock is poisoned by a panic of a caller's waker at worst, which leaves the table whole.
impl Shared {
    pub(super) fn new(clock: impl Clock) -> Self {
        Self {
            table: RwLock::default(),
            watchers: Watchers::new(),
            clock: Box::new(clock),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_open(&self, operation: Operation) -> Result<()> {
        self.read().check_open(operation)
    }

    /// Whether the slot is still there; asks the clock only if it can expire.
    fn lives(&self, slot: &Slot) -> bool {
        slot.expires.is_none() || slot.lives(self.clock.now())
    }

    pub(super) fn get(&self, key: &Key, options: &GetOptions) -> Result<Entry> {
        let operation = options.operation();
        let table = self.read();
        table.check_open(operation)?;
        let Some(slot) = table.get(key) else {
            return Err(Error::not_found(operation, key));
        };
        if !self.lives(slot) {
            drop(table);
            self.sweep(AT_ONCE);
            return Err(Error::not_found(operation, key));
        }
        let version = slot.version();
        if options
            .if_version
            .as_ref()
            .is_some_and(|wanted| *wanted != version)
        {
            return Err(unmet(operation, key, Some(slot)));
        }
        let size = slot.value.len();
        let value = match options.want {
            Want::Metadata | Want::Exists => None,
            Want::Range(range) => {
                let range = range
                    .resolve_in(size)
                    .map_err(|error| error.with_key(key))?;
                Some(slot.value.slice(range))
            }
            _ => Some(slot.value.clone()),
        };
        let mut entry = Entry::of_size(options.key_of_entry(key), size as u64)
            .with_version(Some(version))
            .with_expires(slot.expires);
        entry.value = value;
        Ok(entry)
    }

    pub(super) fn put(
        &self,
        key: &Key,
        value: Bytes,
        expires: Option<Timestamp>,
        condition: &Condition,
    ) -> Result<u64> {
        let mut table = self.write();
        table.check_open(Operation::Put)?;
        self.sweep_in(&mut table, SWEEP_ON_WRITE);
        self.check(&table, Operation::Put, key, condition)?;
        Ok(self.store(&mut table, key.clone(), value, expires))
    }

    pub(super) fn delete(&self, key: &Key, condition: &Condition) -> Result<()> {
        let mut table = self.write();
        table.check_open(Operation::Delete)?;
        self.sweep_in(&mut table, SWEEP_ON_WRITE);
        self.check(&table, Operation::Delete, key, condition)?;
        self.remove(&mut table, key);
        Ok(())
    }

    /// Applies all or, if a condition does not hold, nothing; the number of the last value stored.
    pub(super) fn apply(
        &self,
        ops: Vec<BatchOp>,
        requirements: &[(Key, Condition)],
    ) -> Result<Option<u64>> {
        let known = |op: &BatchOp| matches!(op, BatchOp::Put { .. } | BatchOp::Delete { .. });
        if !ops.iter().all(known) {
            return Err(Error::unsupported(
                Operation::Write,
                "an operation of this kind",
            ));
        }
        let mut table = self.write();
        table.check_open(Operation::Write)?;
        self.sweep_in(&mut table, ops.len().saturating_mul(SWEEP_ON_WRITE));
        for (key, condition) in requirements {
            self.check(&table, Operation::Write, key, condition)?;
        }
        let mut written = None;
        for op in ops {
            match op {
                BatchOp::Put {
                    key,
                    value,
                    expires,
                    ..
                } => written = Some(self.store(&mut table, key, value, expires)),
                other => self.remove(&mut table, other.key()),
            }
        }
        Ok(written)
    }

    fn check(
        &self,
        table: &Table,
        operation: Operation,
        key: &Key,
        condition: &Condition,
    ) -> Result<()> {
        if condition.is_none() {
            return Ok(());
        }
        let slot = table.get(key).filter(|slot| self.lives(slot));
        if condition.holds(slot.map(Slot::version).as_ref()) {
            return Ok(());
        }
        Err(unmet(operation, key, slot))
    }

    fn store(&self, table: &mut Table, key: Key, value: Bytes, expires: Option<Timestamp>) -> u64 {
        let told = self.watchers.any().then(|| key.clone());
        let written = table.put(key, value, expires);
        if let Some(key) = told {
            let version = Some(written.into());
            self.watchers.tell(&WatchEvent::Put { key, version });
        }
        written
    }

    /// Watchers are told under the table's lock, so that they learn of changes in their order.
    fn remove(&self, table: &mut Table, key: &Key) {
        if table.delete(key) && self.watchers.any() {
            self.watchers.tell(&WatchEvent::Delete { key: key.clone() });
        }
    }

    /// Removes up to `most` expired entries; the keys of those.
    pub(super) fn sweep(&self, most: usize) -> Vec<Key> {
        self.sweep_in(&mut self.write(), most)
    }

    fn sweep_in(&self, table: &mut Table, most: usize) -> Vec<Key> {
        let mut swept = Vec::new();
        if !table.any_expires() {
            return swept;
        }
        let now = self.clock.now();
        while swept.len() < most {
            let Some(key) = table.expired(now) else {
                break;
            };
            self.remove(table, &key);
            swept.push(key);
        }
        swept
    }

    /// Removes one lock's worth of the expired entries at or under `scope`; none once there are no more.
    pub(super) fn collect(&self, scope: &Key) -> Result<Option<Vec<Key>>> {
        let mut table = self.write();
        table.check_open(Operation::Maintain)?;
        let keys = table.expired_within(scope, self.clock.now(), AT_ONCE);
        for key in &keys {
            self.remove(&mut table, key);
        }
        Ok((!keys.is_empty()).then_some(keys))
    }

    /// A snapshot for a walk, and its moment if anything can expire.
    pub(super) fn begin_walk(&self) -> Result<(u64, Option<Timestamp>)> {
        let mut table = self.write();
        table.check_open(Operation::Query)?;
        let moment = table.any_expires().then(|| self.clock.now());
        self.sweep_in(&mut table, AT_ONCE);
        Ok((table.snapshot(), moment))
    }

    pub(super) fn disk_usage(&self, scope: &Key) -> Result<DiskUsage> {
        self.check_open(Operation::DiskUsage)?;
        while !self.sweep(AT_ONCE).is_empty() {}
        if scope.is_root() {
            return Ok(DiskUsage::exact(self.read().bytes()));
        }
        let below = Query::within(scope.clone()).key_bounds();
        let table = self.read();
        let own = table.get(scope).map_or(0, |slot| slot.size(scope));
        Ok(DiskUsage::exact(own + table.bytes_within(&below)))
    }

    pub(super) fn watch(
        &self,
        scope: &Key,
        options: WatchOptions,
    ) -> Result<BoxStream<'static, Result<WatchEvent>>> {
        // Under the lock no event falls between the check and the subscription.
        let table = self.write();
        table.check_open(Operation::Watch)?;
        Ok(self.watchers.subscribe(scope, options))
    }

    pub(super) fn close(&self) {
        let mut table = self.write();
        table.close();
        self.watchers.close();
    }
}

fn unmet(operation: Operation, key: &Key, found: Option<&Slot>) -> Error {
    let detail = match found {
        Some(_) => "the key holds another value",
        None => "the key holds no value",
    };
    Error::new(ErrorKind::PreconditionFailed, operation)
        .with_key(key)
        .with_detail(detail)
}
