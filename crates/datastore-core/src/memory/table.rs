//! The entries, and what snapshots still need of their past.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map},
    ops::Bound,
};

use bytes::Bytes;
use interface_datastore::{Error, ErrorKind, Key, Operation, Result, Timestamp, Version};

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

/// The bounds of a walk, by the bytes of keys.
pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What a key held before a write: kept as long as a snapshot is older than that write.
#[derive(Debug)]
struct Past {
    /// Number of the write that ended it.
    until: u64,
    slot: Option<Slot>,
}

/// An ordered map whose writes are numbered and whose state at earlier numbers can be read.
///
/// As long as no snapshot is held this is a plain map. While one is held, the first change of a key after it keeps
/// the key's former slot: a snapshot costs what is written meanwhile, never a copy of the map.
#[derive(Debug, Default)]
pub(super) struct Table {
    live: BTreeMap<Key, Slot>,
    past: BTreeMap<Key, Vec<Past>>,
    /// How many snapshots there are of each write number.
    snapshots: BTreeMap<u64, usize>,
    /// Entries that expire, soonest first.
    expiring: BTreeSet<(Timestamp, Key)>,
    /// Number of the latest write.
    written: u64,
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
        self.live.get(key)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Stores a value; its slot's number.
    pub(super) fn put(&mut self, key: Key, value: Bytes, expires: Option<Timestamp>) -> u64 {
        self.written += 1;
        let slot = Slot {
            value,
            expires,
            written: self.written,
        };
        self.bytes += slot.size(&key);
        if let Some(expires) = expires {
            self.expiring.insert((expires, key.clone()));
        }
        if self.snapshots.is_empty() && self.expiring.is_empty() {
            let key_len = key.as_bytes().len();
            if let Some(old) = self.live.insert(key, slot) {
                self.bytes -= (key_len + old.value.len()) as u64;
            }
        } else {
            let old = self.live.insert(key.clone(), slot);
            if let Some(old) = &old {
                self.forget(&key, old);
            }
            if !self.snapshots.is_empty() {
                self.keep(key, old);
            }
        }
        self.written
    }

    /// Removes a value; whether there was one.
    pub(super) fn delete(&mut self, key: &Key) -> bool {
        let Some((key, old)) = self.live.remove_entry(key) else {
            return false;
        };
        self.written += 1;
        self.forget(&key, &old);
        if !self.snapshots.is_empty() {
            self.keep(key, Some(old));
        }
        true
    }

    /// Lets go of everything; walks under way fail.
    pub(super) fn close(&mut self) {
        *self = Self {
            closed: true,
            written: self.written,
            ..Self::default()
        };
    }

    /// Takes a slot that is no longer live out of the counts.
    fn forget(&mut self, key: &Key, old: &Slot) {
        self.bytes -= old.size(key);
        if let Some(expires) = old.expires {
            let renewed = self
                .live
                .get(key)
                .is_some_and(|slot| slot.expires == Some(expires));
            if !renewed {
                self.expiring.remove(&(expires, key.clone()));
            }
        }
    }

    /// Keeps what the latest write replaced, if a snapshot can see it.
    fn keep(&mut self, key: Key, slot: Option<Slot>) {
        let newest = self.snapshots.last_key_value().map_or(0, |(at, _)| *at);
        let pasts = self.past.entry(key).or_default();
        let since = match (&slot, pasts.last()) {
            (Some(slot), _) => slot.written,
            (None, Some(past)) => past.until,
            (None, None) => 0,
        };
        if since <= newest {
            pasts.push(Past {
                until: self.written,
                slot,
            });
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
        let within = range(&self.live, bounds);
        within.map(|(key, slot)| slot.size(key)).sum()
    }

    /// Whether any entry expires at all: only then the time matters.
    pub(super) fn any_expires(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// Holds the present state, for [`chunk`](Self::chunk), until it is [released](Self::release).
    pub(super) fn snapshot(&mut self) -> u64 {
        *self.snapshots.entry(self.written).or_default() += 1;
        self.written
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
        let mut found = VecDeque::with_capacity(count.min(self.live.len()));
        if is_empty(bounds) {
            return (found, None);
        }
        let live = range(&self.live, bounds);
        let mut last = None;
        let mut looked_at = 0;
        let mut look = |key: &Key, slot: Option<&Slot>| {
            found.extend(slot.and_then(|slot| pick(key, slot)));
            looked_at += 1;
            if looked_at == count {
                last = Some(key.clone());
            }
        };
        if !self.past.is_empty() {
            let past = range(&self.past, bounds).map(first);
            let live = live.map(first);
            let keys: Box<dyn Iterator<Item = &Key>> = if reverse {
                Box::new(merge(live.rev(), past.rev(), true))
            } else {
                Box::new(merge(live, past, false))
            };
            keys.take(count)
                .for_each(|key| look(key, self.slot_at(snapshot, key)));
        } else if reverse {
            let slots = live.rev().take(count);
            slots.for_each(|(key, slot)| look(key, Some(slot)));
        } else {
            let slots = live.take(count);
            slots.for_each(|(key, slot)| look(key, Some(slot)));
        }
        (found, last)
    }

    fn slot_at(&self, snapshot: u64, key: &Key) -> Option<&Slot> {
        let mut pasts = self.past.get(key).into_iter().flatten();
        if let Some(past) = pasts.find(|past| past.until > snapshot) {
            return past.slot.as_ref().filter(|slot| slot.written <= snapshot);
        }
        self.live.get(key).filter(|slot| slot.written <= snapshot)
    }
}

/// The part of a map within `bounds`, which must not be [empty](is_empty).
fn range<'a, V>(map: &'a BTreeMap<Key, V>, (low, high): &Bounds) -> btree_map::Range<'a, Key, V> {
    map.range::<[u8], _>((
        low.as_ref().map(Vec::as_slice),
        high.as_ref().map(Vec::as_slice),
    ))
}

fn first<'a, V>((key, _): (&'a Key, &'a V)) -> &'a Key {
    key
}

/// Both sequences, which are sorted alike, as one without doubles.
fn merge<'a>(
    a: impl Iterator<Item = &'a Key>,
    b: impl Iterator<Item = &'a Key>,
    reverse: bool,
) -> impl Iterator<Item = &'a Key> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let (Some(x), Some(y)) = (a.peek(), b.peek()) else {
            return a.next().or_else(|| b.next());
        };
        match if reverse { y.cmp(x) } else { x.cmp(y) } {
            std::cmp::Ordering::Less => a.next(),
            std::cmp::Ordering::Greater => b.next(),
            std::cmp::Ordering::Equal => {
                b.next();
                a.next()
            }
        }
    })
}

/// Whether nothing can lie within; the map refuses such ranges.
fn is_empty((low, high): &Bounds) -> bool {
    match (low, high) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
    }
}
