//! The entries in their order, and their bytes counted.

use std::ops::Bound;

use bytes::Bytes;
use datastore_engine::{Batch, BatchOp, Entry, KeyRange, Scan};
use interface_datastore::implement::{MomentMap, Numbered};

/// A value with the number of the commit that stored it.
#[derive(Debug, Clone)]
struct Slot {
    value: Bytes,
    committed: u64,
}

impl Numbered for Slot {
    fn number(&self) -> u64 {
        self.committed
    }
}

/// What the engine holds, and what snapshots still need of its past.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: MomentMap<Bytes, Slot>,
    /// Bytes of all keys and values.
    bytes: u64,
}

impl Table {
    pub(super) fn len(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of all keys and values, counted anew.
    pub(super) fn counted_bytes(&self) -> u64 {
        let all = KeyRange {
            start: &[],
            end: None,
        };
        let slots = self.slots.range(bounds(all));
        slots.map(|(key, slot)| size(key, &slot.value)).sum()
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        let committed = self.slots.begin();
        for op in batch.iter() {
            match op {
                BatchOp::Put { key, value } => {
                    let value = value.to_bytes();
                    self.put(key, Slot { value, committed });
                }
                BatchOp::Delete { key } => self.delete(key),
                BatchOp::DeleteRange(range) => self.delete_range(range),
            }
        }
    }

    fn put(&mut self, key: &[u8], slot: Slot) {
        self.bytes += size(key, &slot.value);
        match self.slots.update(key, slot) {
            Ok(old) => self.bytes -= size(key, &old.value),
            Err(slot) => drop(self.slots.insert(Bytes::copy_from_slice(key), slot)),
        }
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some((_, old)) = self.slots.remove(key) {
            self.bytes -= size(key, &old.value);
        }
    }

    fn delete_range(&mut self, range: KeyRange<'_>) {
        let met = self.slots.range(bounds(range));
        let met: Vec<Bytes> = met.map(|(key, _)| key.clone()).collect();
        met.iter().for_each(|key| self.delete(key));
    }

    /// Holds the present state until it is [released](Self::release).
    pub(super) fn snapshot(&mut self) -> u64 {
        self.slots.hold()
    }

    pub(super) fn release(&mut self, snapshot: u64) {
        self.slots.release(snapshot);
    }

    /// The value now.
    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.slots.get(key).map(|slot| slot.value.clone())
    }

    /// The value at a snapshot.
    pub(super) fn get_at(&self, snapshot: u64, key: &[u8]) -> Option<Bytes> {
        let slot = self.slots.get_at(snapshot, key);
        slot.map(|slot| slot.value.clone())
    }

    /// The next entries of a scan of a snapshot, out of at most `count` keys, which the scan is moved behind. Whether it may
    /// go on.
    pub(super) fn read(&self, snapshot: u64, scan: &mut Scan, count: usize) -> (Vec<Entry>, bool) {
        let mut found = Vec::new();
        let limit = scan.limit.unwrap_or(u64::MAX);
        if limit == 0 {
            return (found, false);
        }
        let (mut looked, mut last) = (0, None);
        let range = bounds(scan.key_range());
        self.slots.walk(snapshot, range, scan.reverse, |key, slot| {
            if let Some(slot) = slot {
                let value = if scan.keys_only {
                    Bytes::new()
                } else {
                    slot.value.clone()
                };
                let key = key.clone();
                found.push(Entry { key, value });
            }
            looked += 1;
            let more = looked < count && (found.len() as u64) < limit;
            if !more {
                last = Some(key.clone());
            }
            more
        });
        // Without a last one all that is in the range was seen.
        let Some(last) = last else {
            return (found, false);
        };
        if scan.reverse {
            scan.end = Some(last);
        } else {
            scan.start = [&last[..], &[0]].concat().into();
        }
        scan.limit = scan.limit.map(|limit| limit - found.len() as u64);
        (found, true)
    }
}

fn bounds(range: KeyRange<'_>) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let end = range.end.map_or(Bound::Unbounded, Bound::Excluded);
    (Bound::Included(range.start), end)
}

fn size(key: &[u8], value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64
}
