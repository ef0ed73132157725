//! One writer at a time for each key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_lock::MutexGuardArc;
use interface_datastore::Key;

use crate::lock::lock;

type Gate = Arc<async_lock::Mutex<()>>;

/// Lets writers of one key pass one after another, in the order of their coming. Keys have gates only while they are
/// used, so this stays as small as the number of writes under way. Clones share the gates.
#[derive(Clone, Default)]
pub(crate) struct KeyGates(Arc<Mutex<HashMap<Key, Gate>>>);

impl KeyGates {
    /// Waits for its turn. Cancel-safe: dropped while it waits, it gives its turn up.
    pub(crate) async fn enter(&self, key: &Key) -> Turn {
        let mut turn = self.turn(key);
        turn.held = Some(turn.gate.lock_arc().await);
        turn
    }

    /// Waits for the gates of several keys; always in the same order, so that two such calls cannot block each other.
    pub(crate) async fn enter_all<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Vec<Turn> {
        let mut keys: Vec<&Key> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        let mut turns = Vec::with_capacity(keys.len());
        for key in keys {
            turns.push(self.enter(key).await);
        }
        turns
    }

    /// Its turn if nobody has the gate now.
    pub(crate) fn try_enter(&self, key: &Key) -> Option<Turn> {
        let mut turn = self.turn(key);
        turn.held = Some(turn.gate.try_lock_arc()?);
        Some(turn)
    }

    fn turn(&self, key: &Key) -> Turn {
        let gate = lock(&self.0).entry(key.clone()).or_default().clone();
        Turn {
            gates: self.clone(),
            key: key.clone(),
            gate,
            held: None,
        }
    }
}

/// A turn at the gate of a key, held or waited for.
pub(crate) struct Turn {
    gates: KeyGates,
    key: Key,
    gate: Gate,
    held: Option<MutexGuardArc<()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The guard shares the gate: let go of it first, so that only the map and this turn are left.
        self.held = None;
        let mut gates = lock(&self.gates.0);
        if Arc::strong_count(&self.gate) == 2 {
            gates.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, join};

    use super::*;

    #[test]
    fn gates_exclude_and_vanish() {
        let gates = KeyGates::default();
        let (a, b) = (Key::new("/a"), Key::new("/b"));
        let held = gates.try_enter(&a);
        assert!(held.is_some() && gates.try_enter(&a).is_none());
        assert!(gates.try_enter(&b).is_some());
        assert!(
            gates.enter(&a).now_or_never().is_none(),
            "it waits, and gives up"
        );
        drop(held);
        pollster::block_on(async {
            let both = || async { drop(gates.enter_all([&b, &a, &b].into_iter()).await) };
            join!(both(), both());
        });
        assert!(lock(&gates.0).is_empty());
    }
}
