//! One write at a time for each key.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

const SHARDS: usize = 16;

type Gate = Arc<tokio::sync::Mutex<()>>;

/// A lock for each key, which takes memory only while it is held or waited for.
///
/// A [`Pass`] owns what it needs, so blocking work that was handed to another thread can hold it: if the caller is
/// dropped meanwhile, the key stays shut until the work has ended.
pub struct Gates<K> {
    shards: Arc<[Mutex<HashMap<K, Gate>>]>,
    /// How many hold a key or wait for one.
    busy: Arc<AtomicUsize>,
    hasher: RandomState,
}

impl<K> Clone for Gates<K> {
    fn clone(&self) -> Self {
        Self {
            shards: Arc::clone(&self.shards),
            busy: Arc::clone(&self.busy),
            hasher: self.hasher.clone(),
        }
    }
}

impl<K> fmt::Debug for Gates<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gates")
    }
}

impl<K: Hash + Eq + Clone> Default for Gates<K> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            busy: Arc::default(),
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> Gates<K> {
    /// Waits until nobody else holds the key. First come, first served. Cancel-safe.
    pub async fn pass(&self, key: &K) -> Pass<K> {
        let shard = self.shard_of(key);
        self.busy.fetch_add(1, SeqCst);
        let gate = Arc::clone(self.lock(shard).entry(key.clone()).or_default());
        let waiting = Waiting {
            gates: self,
            shard,
            key,
        };
        let held = gate.lock_owned().await;
        std::mem::forget(waiting);
        Pass {
            gates: self.clone(),
            shard,
            key: key.clone(),
            held: Some(held),
        }
    }

    /// Waits for all of the keys. They may repeat; two callers with common keys do not wait for each other in a ring.
    pub async fn pass_all(&self, keys: impl IntoIterator<Item = K>) -> Vec<Pass<K>>
    where
        K: Ord,
    {
        let mut sorted: Vec<K> = keys.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut passes = Vec::with_capacity(sorted.len());
        for key in &sorted {
            passes.push(self.pass(key).await);
        }
        passes
    }

    /// Whether nobody holds a key or waits for one.
    #[must_use]
    pub fn are_free(&self) -> bool {
        self.busy.load(SeqCst) == 0
    }

    /// Waits until the key is free, if somebody holds it; takes nothing.
    pub async fn settled(&self, key: &K) {
        if self.are_free() {
            return;
        }
        let busy = self.lock(self.shard_of(key)).contains_key(key);
        if busy {
            drop(self.pass(key).await);
        }
    }

    /// Waits until every key that is held now has been free once.
    pub async fn all_settled(&self) {
        let busy: Vec<K> = (0..SHARDS)
            .flat_map(|shard| self.lock(shard).keys().cloned().collect::<Vec<_>>())
            .collect();
        for key in busy {
            self.settled(&key).await;
        }
    }

    fn shard_of(&self, key: &K) -> usize {
        // The remainder is below SHARDS, so it fits.
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0)
    }

    fn release(&self, shard: usize, key: &K) {
        // One reference is the map's own: with it alone, nobody holds the key or waits for it.
        if let Entry::Occupied(entry) = self.lock(shard).entry(key.clone()) {
            if Arc::strong_count(entry.get()) == 1 {
                entry.remove();
            }
        }
        self.busy.fetch_sub(1, SeqCst);
    }
}

impl<K> Gates<K> {
    fn lock(&self, shard: usize) -> MutexGuard<'_, HashMap<K, Gate>> {
        // shard_of gives indexes below SHARDS only. A panic elsewhere cannot leave a map half changed.
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the key again if the wait for it is cancelled.
struct Waiting<'a, K: Hash + Eq + Clone> {
    gates: &'a Gates<K>,
    shard: usize,
    key: &'a K,
}

impl<K: Hash + Eq + Clone> Drop for Waiting<'_, K> {
    fn drop(&mut self) {
        self.gates.release(self.shard, self.key);
    }
}

/// Holds a key of [`Gates`] until dropped.
pub struct Pass<K: Hash + Eq + Clone> {
    gates: Gates<K>,
    shard: usize,
    key: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Hash + Eq + Clone> Pass<K> {
    /// The key that is held.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Pass<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

impl<K: Hash + Eq + Clone> Drop for Pass<K> {
    fn drop(&mut self) {
        drop(self.held.take());
        self.gates.release(self.shard, &self.key);
    }
}
