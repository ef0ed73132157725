//! The cached values, and the stamps by which a read learns that what it read may be out of date.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use hashlink::LruCache;
use interface_datastore::{Entry, Key, Timestamp, Version};

use super::CacheStats;
use crate::lock::lock;

/// What the table and the shared pointers of an entry take besides key and value, about.
const ENTRY_OVERHEAD: u64 = 128;

/// Keys share this many stamps; that two meet costs no more than a value not cached.
const STAMPS: usize = 1024;

/// What is known of a key.
#[derive(Debug, Clone)]
pub(super) enum Cached {
    Value {
        value: Bytes,
        version: Option<Version>,
        expires: Option<Timestamp>,
    },
    Absent,
}

impl Cached {
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        entry.value.clone().map(|value| Self::Value {
            value,
            version: entry.version.clone(),
            expires: entry.expires,
        })
    }

    fn cost(&self, key: &Key) -> u64 {
        let value = match self {
            Self::Value { value, .. } => value.len(),
            Self::Absent => 0,
        };
        (key.as_bytes().len() as u64 + value as u64).saturating_add(ENTRY_OVERHEAD)
    }

    fn expired(&self, now: impl FnOnce() -> Timestamp) -> bool {
        matches!(self, Self::Value { expires: Some(expires), .. } if *expires <= now())
    }
}

/// Allows to cache what is read now, as long as no write of the key begins before.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    place: usize,
    stamp: u64,
}

pub(super) enum Lookup {
    Hit(Cached),
    /// No ticket while a write of the key is under way: what is read then may be the old or the new value.
    Miss(Option<Ticket>),
}

pub(super) struct Table {
    hasher: RandomState,
    budget: u64,
    state: Mutex<State>,
}

struct State {
    entries: LruCache<Key, Cached>,
    bytes: u64,
    slots: Vec<Slot>,
    stats: CacheStats,
}

#[derive(Clone, Default)]
struct Slot {
    /// Grows with each write that begins.
    stamp: u64,
    /// Writes under way.
    writers: u32,
}

impl Table {
    pub(super) fn new(budget: u64) -> Self {
        Self {
            hasher: RandomState::new(),
            budget,
            state: Mutex::new(State {
                entries: LruCache::new_unbounded(),
                bytes: 0,
                slots: vec![Slot::default(); STAMPS],
                stats: CacheStats::default(),
            }),
        }
    }

    fn place(&self, key: &Key) -> usize {
        // The remainder is below `STAMPS`, so it fits.
        (self.hasher.hash_one(key) % STAMPS as u64) as usize
    }

    pub(super) fn lookup(&self, key: &Key, now: impl FnOnce() -> Timestamp) -> Lookup {
        let place = self.place(key);
        let mut state = lock(&self.state);
        let found = state.entries.get(key).cloned();
        match found {
            Some(cached) if !cached.expired(now) => {
                match cached {
                    Cached::Value { .. } => state.stats.hits += 1,
                    Cached::Absent => state.stats.absent_hits += 1,
                }
                return Lookup::Hit(cached);
            }
            Some(_) => state.remove(key),
            None => {}
        }
        state.stats.misses += 1;
        let free = state.slots.get(place).filter(|slot| slot.writers == 0);
        Lookup::Miss(free.map(|slot| Ticket {
            place,
            stamp: slot.stamp,
        }))
    }

    /// Caches what was read with the ticket, unless a write of the key has begun since.
    pub(super) fn fill(&self, key: &Key, ticket: Ticket, cached: Cached) {
        let mut state = lock(&self.state);
        let current = state.slots.get(ticket.place).map(|slot| slot.stamp);
        if current == Some(ticket.stamp) {
            state.insert(key, cached, self.budget);
        }
    }

    /// Forgets a key for a write of it that begins now.
    pub(super) fn begin_write(self: &Arc<Self>, key: &Key) -> Writing {
        let place = self.place(key);
        let mut state = lock(&self.state);
        state.remove(key);
        let (stamp, alone) = match state.slots.get_mut(place) {
            Some(slot) => {
                slot.stamp += 1;
                slot.writers += 1;
                (slot.stamp, slot.writers == 1)
            }
            None => (0, false),
        };
        Writing {
            table: self.clone(),
            key: key.clone(),
            ticket: Ticket { place, stamp },
            alone,
        }
    }

    /// Forgets a key that somebody else has changed.
    pub(super) fn invalidate(self: &Arc<Self>, key: &Key) {
        drop(self.begin_write(key));
    }

    pub(super) fn clear(&self) {
        let mut state = lock(&self.state);
        state.entries.clear();
        state.bytes = 0;
        state.slots.iter_mut().for_each(|slot| slot.stamp += 1);
    }

    pub(super) fn stats(&self) -> CacheStats {
        let state = lock(&self.state);
        CacheStats {
            entries: state.entries.len() as u64,
            bytes: state.bytes,
            ..state.stats
        }
    }
}

impl State {
    fn insert(&mut self, key: &Key, cached: Cached, budget: u64) {
        self.remove(key);
        let cost = cached.cost(key);
        if cost > budget {
            return;
        }
        self.bytes += cost;
        self.entries.insert(key.clone(), cached);
        while self.bytes > budget {
            let Some((key, evicted)) = self.entries.remove_lru() else {
                return;
            };
            self.bytes -= evicted.cost(&key);
            self.stats.evictions += 1;
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(removed) = self.entries.remove(key) {
            self.bytes -= removed.cost(key);
        }
    }
}

/// A write under way. While it lives, nothing of its key is cached; dropped, reads may fill the cache again.
pub(super) struct Writing {
    table: Arc<Table>,
    key: Key,
    ticket: Ticket,
    /// Whether no other write was under way when this one began.
    alone: bool,
}

impl Writing {
    /// Caches what was written, unless another write ran at the same time: which of the two came last is not known.
    pub(super) fn succeeded(self, cached: Cached) {
        if self.alone {
            self.table.fill(&self.key, self.ticket, cached);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = lock(&self.table.state);
        if let Some(slot) = state.slots.get_mut(self.ticket.place) {
            slot.writers = slot.writers.saturating_sub(1);
        }
    }
}
