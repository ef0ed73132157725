//! The entries in their order, which of them expire, and their bytes counted.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Bound,
};

use bytes::Bytes;
use interface_datastore::{
    Error, ErrorKind, Key, Operation, Result, Timestamp, Version,
    implement::{MomentMap, Numbered},
};

/// One stored value.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) value: Bytes,
    pub(super) expires: Option<Timestamp>,
    /// Number of the write that stored it.
    pub(super) written: u64,
}

impl Slot {
    pub(super) fn version(&self) -> Version {
        Version::from(self.written)
    }

    /// The bytes that it takes under `key`.
    pub(super) fn size(&self, key: &Key) -> u64 {
        (key.as_bytes().len() + self.value.len()) as u64
    }

    /// Whether it is still there at `now`.
    pub(super) fn lives(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl Numbered for Slot {
    fn number(&self) -> u64 {
        self.written
    }
}

/// The bounds of a walk, by the bytes of keys.
pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What the store holds, and what snapshots still need of its past.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: MomentMap<Key, Slot>,
    /// Entries that expire, soonest first.
    expiring: BTreeSet<(Timestamp, Key)>,
    /// Bytes of all keys and values.
    bytes: u64,
    closed: bool,
}

impl Table {
    pub(super) fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, operation));
        }
        Ok(())
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(key)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Stores a value; its slot's number.
    pub(super) fn put(&mut self, key: Key, value: Bytes, expires: Option<Timestamp>) -> u64 {
        let written = self.slots.begin();
        let slot = Slot {
            value,
            expires,
            written,
        };
        self.bytes += slot.size(&key);
        if let Some(expires) = expires {
            self.expiring.insert((expires, key.clone()));
        }
        if self.expiring.is_empty() {
            let key_len = key.as_bytes().len();
            if let Some(old) = self.slots.insert(key, slot) {
                self.bytes -= (key_len + old.value.len()) as u64;
            }
        } else if let Some(old) = self.slots.insert(key.clone(), slot) {
            self.forget(&key, &old);
        }
        written
    }

    /// Removes a value; whether there was one.
    pub(super) fn delete(&mut self, key: &Key) -> bool {
        self.slots.begin();
        let Some((key, old)) = self.slots.remove(key) else {
            return false;
        };
        self.forget(&key, &old);
        true
    }

    /// Lets go of everything; walks under way fail.
    pub(super) fn close(&mut self) {
        self.slots.clear();
        self.expiring.clear();
        (self.bytes, self.closed) = (0, true);
    }

    /// Takes a slot that is no longer live out of the counts.
    fn forget(&mut self, key: &Key, old: &Slot) {
        self.bytes -= old.size(key);
        if let Some(expires) = old.expires {
            let renewed = self
                .slots
                .get(key)
                .is_some_and(|slot| slot.expires == Some(expires));
            if !renewed {
                self.expiring.remove(&(expires, key.clone()));
            }
        }
    }

    /// The key of the entry that expires first, if it has expired at `now`.
    pub(super) fn expired(&self, now: Timestamp) -> Option<Key> {
        let (expires, key) = self.expiring.first()?;
        (*expires <= now).then(|| key.clone())
    }

    /// The keys of up to about `most` expired entries at or under `scope`.
    pub(super) fn expired_within(&self, scope: &Key, now: Timestamp, most: usize) -> Vec<Key> {
        let expired = self
            .expiring
            .iter()
            .take_while(|(expires, _)| *expires <= now);
        expired
            .map(|(_, key)| key)
            .filter(|key| *key == scope || scope.is_ancestor_of(key))
            .take(most)
            .cloned()
            .collect()
    }

    /// Bytes of the keys and values within `bounds`.
    pub(super) fn bytes_within(&self, bounds: &Bounds) -> u64 {
        let within = self.slots.range(as_slices(bounds));
        within.map(|(key, slot)| slot.size(key)).sum()
    }

    /// Whether any entry expires at all: only then the time matters.
    pub(super) fn any_expires(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// Holds the present state, for [`chunk`](Self::chunk), until it is [released](Self::release).
    pub(super) fn snapshot(&mut self) -> u64 {
        self.slots.hold()
    }

    pub(super) fn release(&mut self, snapshot: u64) {
        self.slots.release(snapshot);
    }

    /// What `pick` makes of the next `count` keys of the snapshot within `bounds`, in the walk's order.
    ///
    /// The second part is the last key looked at; none once the walk is through.
    pub(super) fn chunk<T>(
        &self,
        snapshot: u64,
        bounds: &Bounds,
        reverse: bool,
        count: usize,
        pick: impl Fn(&Key, &Slot) -> Option<T>,
    ) -> (VecDeque<T>, Option<Key>) {
        let mut found = VecDeque::with_capacity(count.min(self.slots.len()));
        let (mut looked_at, mut last) = (0, None);
        let bounds = as_slices(bounds);
        self.slots.walk(snapshot, bounds, reverse, |key, slot| {
            found.extend(slot.and_then(|slot| pick(key, slot)));
            looked_at += 1;
            if looked_at == count {
                last = Some(key.clone());
            }
            looked_at < count
        });
        (found, last)
    }
}

fn as_slices((low, high): &Bounds) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let slice = |bound| Bound::map(bound, Vec::as_slice);
    (slice(low.as_ref()), slice(high.as_ref()))
}
