//! The operations that wait, and those that are being written.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use interface_datastore::{
    Batch, BatchOp, BatchReport, Entry, Error, ErrorKind, Key, Operation, Query, Result, Timestamp,
};

/// What an operation takes besides key and value, about.
const OPERATION_OVERHEAD: u64 = 64;

/// An operation that waits.
#[derive(Clone)]
pub(super) enum Waiting {
    Put {
        value: Bytes,
        expires: Option<Timestamp>,
    },
    Delete,
}

impl Waiting {
    pub(super) fn cost(&self, key: &Key) -> u64 {
        let value = match self {
            Self::Put { value, .. } => value.len(),
            Self::Delete => 0,
        };
        (key.as_bytes().len() as u64 + value as u64).saturating_add(OPERATION_OVERHEAD)
    }

    /// The entry that it leaves; none if it leaves the key without a value.
    pub(super) fn entry(&self, key: &Key) -> Option<Entry> {
        match self {
            Self::Put { value, expires }
                if expires.is_none_or(|moment| moment > Timestamp::now()) =>
            {
                Some(Entry::of_value(key.clone(), value.clone()).with_expires(*expires))
            }
            _ => None,
        }
    }

    fn into_op(self, key: Key) -> BatchOp {
        match self {
            Self::Put { value, expires } => BatchOp::Put {
                key,
                value,
                expires,
            },
            Self::Delete => BatchOp::Delete { key },
        }
    }
}

/// Which operations to flush.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    All,
    Under(&'a Key),
    Keys(&'a [Key]),
}

impl Which<'_> {
    fn includes(self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Under(scope) => scope == key || scope.is_ancestor_of(key),
            Self::Keys(keys) => keys.contains(key),
        }
    }
}

pub(super) struct Buffer {
    waiting: BTreeMap<Key, Waiting>,
    /// Handed to the inner store, which has not acknowledged them yet: readers still see them here.
    in_flight: BTreeMap<Key, Waiting>,
    bytes: u64,
    pub(super) max_operations: usize,
    pub(super) max_bytes: u64,
    pub(super) closed: bool,
}

impl Buffer {
    pub(super) fn new(max_operations: usize, max_bytes: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            bytes: 0,
            max_operations,
            max_bytes,
            closed: false,
        }
    }

    pub(super) fn check_open(&self, operation: Operation, key: Option<&Key>) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, operation).with_key_opt(key));
        }
        Ok(())
    }

    /// The last operation on a key, if it is still here.
    pub(super) fn look(&self, key: &Key) -> Option<&Waiting> {
        self.waiting.get(key).or_else(|| self.in_flight.get(key))
    }

    /// How many operations are here, and their bytes.
    pub(super) fn len(&self) -> (usize, u64) {
        (self.waiting.len() + self.in_flight.len(), self.bytes)
    }

    /// Adds an operation in place of one on the same key that waits; gives it back if there is no room.
    pub(super) fn try_add(&mut self, key: &Key, new: Waiting) -> Option<Waiting> {
        let freed = self.waiting.get(key).map(|old| old.cost(key));
        let operations = self.len().0 + usize::from(freed.is_none());
        let bytes = (self.bytes - freed.unwrap_or_default()).saturating_add(new.cost(key));
        if operations > self.max_operations || bytes > self.max_bytes {
            return Some(new);
        }
        self.bytes = bytes;
        self.waiting.insert(key.clone(), new);
        None
    }

    /// Forgets the operation on a key that waits.
    pub(super) fn discard(&mut self, key: &Key) -> bool {
        let discarded = self.waiting.remove(key);
        self.bytes -= discarded.as_ref().map_or(0, |old| old.cost(key));
        discarded.is_some()
    }

    /// Moves the operations that shall be flushed to those in flight. Nothing else may be in flight.
    pub(super) fn launch(&mut self, which: Which<'_>) -> Batch {
        self.in_flight = match which {
            Which::All => std::mem::take(&mut self.waiting),
            Which::Keys(keys) => keys
                .iter()
                .filter_map(|key| self.waiting.remove_entry(key))
                .collect(),
            Which::Under(_) => {
                let (go, stay) = std::mem::take(&mut self.waiting)
                    .into_iter()
                    .partition(|(key, _)| which.includes(key));
                self.waiting = stay;
                go
            }
        };
        let mut batch = Batch::new();
        for (key, waiting) in &self.in_flight {
            batch.push(waiting.clone().into_op(key.clone()));
        }
        batch
    }

    /// All operations in flight have taken effect.
    pub(super) fn land(&mut self) {
        for (key, done) in std::mem::take(&mut self.in_flight) {
            self.bytes -= done.cost(&key);
        }
    }

    /// The operations in flight wait again, but for those that took effect and those that a newer one replaces.
    pub(super) fn turn_back(&mut self, report: Option<&BatchReport>) {
        let applied: HashSet<&Key> = report.iter().flat_map(|report| &report.applied).collect();
        for (key, back) in std::mem::take(&mut self.in_flight) {
            if applied.contains(&key) || self.waiting.contains_key(&key) {
                self.bytes -= back.cost(&key);
            } else {
                self.waiting.insert(key, back);
            }
        }
    }

    /// What the buffer says about the keys that a query covers, in key order.
    pub(super) fn covered_by(&self, query: &Query) -> BTreeMap<Key, Waiting> {
        let mut covered = BTreeMap::new();
        for (key, waiting) in self.in_flight.iter().chain(&self.waiting) {
            if query.covers(key) {
                covered.insert(key.clone(), waiting.clone());
            }
        }
        covered
    }
}
