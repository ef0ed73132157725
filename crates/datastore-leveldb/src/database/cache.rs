//! What was used last, up to a weight.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

/// A cache of values that are cheap to clone. The least recently used go first.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    max: usize,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    entries: LruCache<K, (V, usize)>,
    weight: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache of values whose weights sum up to `max` at most.
    pub(crate) fn new(max: usize) -> Self {
        let inner = Inner {
            entries: LruCache::new_unbounded(),
            weight: 0,
        };
        Self {
            max,
            inner: Mutex::new(inner),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        // Nothing that is called under the lock panics, and what it guards is whole between statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.inner()
            .entries
            .get(key)
            .map(|(value, _)| value.clone())
    }

    /// Keeps a value, unless it alone is too heavy.
    pub(crate) fn insert(&self, key: K, value: V, weight: usize) {
        if weight > self.max {
            return;
        }
        let mut inner = self.inner();
        if let Some((_, old)) = inner.entries.insert(key, (value, weight)) {
            inner.weight = inner.weight.saturating_sub(old);
        }
        inner.weight = inner.weight.saturating_add(weight);
        while inner.weight > self.max {
            let Some((_, (_, removed))) = inner.entries.remove_lru() else {
                break;
            };
            inner.weight = inner.weight.saturating_sub(removed);
        }
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.entries.clear();
        inner.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn weights_are_bounded() {
        let cache = Cache::new(10);
        for (key, weight) in [(1, 4), (2, 4), (1, 5), (3, 11), (4, 3)] {
            cache.insert(key, key * 10, weight);
        }
        // 2 was used least recently when 4 came; 3 was too heavy from the start.
        let found: Vec<_> = (1..=4).map(|key| cache.get(&key)).collect();
        assert_eq!(found, [Some(10), None, None, Some(40)]);
        cache.clear();
        assert_eq!(cache.get(&1), None);
    }
}
