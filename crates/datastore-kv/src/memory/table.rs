//! The entries, and what snapshots still need of their past.

use std::{collections::BTreeMap, iter::Peekable};

use bytes::Bytes;
use datastore_engine::{Batch, BatchOp, Entry, KeyRange, Scan};

/// A value with the number of the commit that stored it.
#[derive(Debug)]
struct Slot {
    value: Bytes,
    committed: u64,
}

/// What a key held before a commit: kept as long as a snapshot is older than that commit.
#[derive(Debug)]
struct Past {
    /// Number of the commit that ended it.
    until: u64,
    slot: Option<Slot>,
}

/// An ordered map whose commits are numbered and whose state at earlier numbers can be read.
///
/// As long as no snapshot is held this is a plain map. While one is held, the first change of a key after it keeps the
/// key's former slot.
#[derive(Debug, Default)]
pub(super) struct Table {
    live: BTreeMap<Bytes, Slot>,
    past: BTreeMap<Bytes, Vec<Past>>,
    /// How many snapshots there are of each commit.
    snapshots: BTreeMap<u64, usize>,
    /// Number of the latest commit.
    committed: u64,
    /// Bytes of all keys and values.
    bytes: u64,
}

impl Table {
    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of all keys and values, counted anew.
    pub(super) fn counted_bytes(&self) -> u64 {
        let sizes = self.live.iter().map(|(key, slot)| size(key, &slot.value));
        sizes.sum()
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        self.committed += 1;
        for op in batch.iter() {
            match op {
                BatchOp::Put { key, value } => self.put(key, value.to_bytes()),
                BatchOp::Delete { key } => self.delete(key),
                BatchOp::DeleteRange(range) => self.delete_range(range),
            }
        }
    }

    fn put(&mut self, key: &[u8], value: Bytes) {
        let committed = self.committed;
        self.bytes += size(key, &value);
        if let Some(slot) = self.live.get_mut(key) {
            let old = std::mem::replace(slot, Slot { value, committed });
            self.bytes -= size(key, &old.value);
            self.keep(key, Some(old));
        } else {
            let key = Bytes::copy_from_slice(key);
            self.keep(&key, None);
            self.live.insert(key, Slot { value, committed });
        }
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some(old) = self.live.remove(key) {
            self.bytes -= size(key, &old.value);
            self.keep(key, Some(old));
        }
    }

    fn delete_range(&mut self, range: KeyRange<'_>) {
        if range.is_empty() {
            return;
        }
        let met = self.live.range::<[u8], _>(range);
        let met: Vec<Bytes> = met.map(|(key, _)| key.clone()).collect();
        met.iter().for_each(|key| self.delete(key));
    }

    /// Keeps what the commit at hand replaced, if a snapshot can see it.
    fn keep(&mut self, key: &[u8], slot: Option<Slot>) {
        let Some((newest, _)) = self.snapshots.last_key_value() else {
            return;
        };
        let pasts = self.past.get(key).and_then(|pasts| pasts.last());
        let since = match (&slot, pasts) {
            (Some(slot), _) => slot.committed,
            (None, Some(past)) => past.until,
            (None, None) => 0,
        };
        if since <= *newest {
            let until = self.committed;
            let key = Bytes::copy_from_slice(key);
            self.past.entry(key).or_default().push(Past { until, slot });
        }
    }

    /// Holds the present state until it is [released](Self::release).
    pub(super) fn snapshot(&mut self) -> u64 {
        *self.snapshots.entry(self.committed).or_default() += 1;
        self.committed
    }

    pub(super) fn release(&mut self, snapshot: u64) {
        let Some(count) = self.snapshots.get_mut(&snapshot) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.snapshots.remove(&snapshot);
        match self.snapshots.first_key_value() {
            None => self.past.clear(),
            // Only the oldest snapshot needs what no other does.
            Some((oldest, _)) if *oldest > snapshot => {
                let oldest = *oldest;
                self.past.retain(|_, pasts| {
                    pasts.retain(|past| past.until > oldest);
                    !pasts.is_empty()
                });
            }
            Some(_) => {}
        }
    }

    /// The value now.
    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.live.get(key).map(|slot| slot.value.clone())
    }

    /// The value at a snapshot.
    pub(super) fn get_at(&self, snapshot: u64, key: &[u8]) -> Option<Bytes> {
        self.slot_at(snapshot, key).map(|slot| slot.value.clone())
    }

    fn at<'a>(&'a self, snapshot: u64, key: &'a Bytes) -> (&'a Bytes, Option<&'a Slot>) {
        (key, self.slot_at(snapshot, key))
    }

    fn slot_at(&self, snapshot: u64, key: &[u8]) -> Option<&Slot> {
        let mut pasts = self.past.get(key).into_iter().flatten();
        let slot = match pasts.find(|past| past.until > snapshot) {
            Some(past) => past.slot.as_ref(),
            None => self.live.get(key),
        };
        slot.filter(|slot| slot.committed <= snapshot)
    }

    /// The next entries of a scan of a snapshot, out of at most `count` keys, which the scan is moved behind. Whether it may
    /// go on.
    pub(super) fn read(&self, snapshot: u64, scan: &mut Scan, count: usize) -> (Vec<Entry>, bool) {
        let range = scan.key_range();
        let mut found = Vec::new();
        if range.is_empty() || scan.limit == Some(0) {
            return (found, false);
        }
        let limit = scan.limit.unwrap_or(u64::MAX);
        let mut last = None;
        let mut look = |(key, slot): (&Bytes, Option<&Slot>)| {
            if let Some(slot) = slot {
                let value = if scan.keys_only {
                    Bytes::new()
                } else {
                    slot.value.clone()
                };
                let key = key.clone();
                found.push(Entry { key, value });
            }
            last = Some(key.clone());
            (found.len() as u64) < limit
        };
        let live = self.live.range::<[u8], _>(range);
        let looked = if self.past.is_empty() {
            let live = live.map(|(key, slot)| (key, Some(slot)));
            if scan.reverse {
                live.rev().take(count).take_while(|at| look(*at)).count()
            } else {
                live.take(count).take_while(|at| look(*at)).count()
            }
        } else {
            let live = live.map(|(key, _)| key);
            let past = self.past.range::<[u8], _>(range).map(|(key, _)| key);
            let at = |key| self.at(snapshot, key);
            if scan.reverse {
                let keys = merged(live.rev(), past.rev(), true).map(at);
                keys.take(count).take_while(|at| look(*at)).count()
            } else {
                let keys = merged(live, past, false).map(at);
                keys.take(count).take_while(|at| look(*at)).count()
            }
        };
        let more = looked == count;
        if let Some(last) = last {
            if scan.reverse {
                scan.end = Some(last);
            } else {
                scan.start = [&last[..], &[0]].concat().into();
            }
        }
        scan.limit = scan.limit.map(|limit| limit - found.len() as u64);
        (found, more)
    }
}

fn size(key: &[u8], value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64
}

/// Two sequences that are sorted alike as one without doubles.
fn merged<'a>(
    a: impl Iterator<Item = &'a Bytes>,
    b: impl Iterator<Item = &'a Bytes>,
    reverse: bool,
) -> impl Iterator<Item = &'a Bytes> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let first = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if (x < y) != reverse || x == y => *x,
            (Some(_), Some(y)) => *y,
            (x, y) => *x.or(y)?,
        };
        skip(&mut a, first);
        skip(&mut b, first);
        Some(first)
    })
}

fn skip<'a>(keys: &mut Peekable<impl Iterator<Item = &'a Bytes>>, key: &Bytes) {
    keys.next_if(|next| *next == key);
}
