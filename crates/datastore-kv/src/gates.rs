//! Gates through which writes pass, so that a condition still holds when its write takes effect.

use async_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use interface_datastore::Key;

const GATES: usize = 256;

/// One gate for all keys of a hash. Writes without conditions pass side by side: the engine puts them in order. A write that
/// depends on what is there passes alone.
pub(crate) struct Gates([RwLock<()>; GATES]);

/// Which gates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choice([u64; GATES / 64]);

/// Passing, until this is dropped.
pub(crate) struct Passage<'a> {
    first: Option<Guard<'a>>,
    others: Vec<Guard<'a>>,
}

/// Held as long as it lives: beside others, or alone.
enum Guard<'a> {
    Beside { _held: RwLockReadGuard<'a, ()> },
    Alone { _held: RwLockWriteGuard<'a, ()> },
}

impl Choice {
    /// Every gate.
    pub(crate) fn all() -> Self {
        Self([u64::MAX; GATES / 64])
    }

    fn add(&mut self, key: &Key) {
        let gate = gate_of(key.as_bytes());
        // A gate's number is below 256.
        self.0[usize::from(gate >> 6)] |= 1 << (gate & 63);
    }

    /// The chosen numbers, ascending.
    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut bits)| {
            std::iter::from_fn(move || {
                let low = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(at * 64 + low)
            })
        })
    }
}

impl<'k> FromIterator<&'k Key> for Choice {
    fn from_iter<I: IntoIterator<Item = &'k Key>>(keys: I) -> Self {
        let mut choice = Self::default();
        keys.into_iter().for_each(|key| choice.add(key));
        choice
    }
}

/// Fowler, Noll and Vo's hash over words instead of bytes.
fn gate_of(key: &[u8]) -> u8 {
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let words = key.chunks_exact(8);
    let tail = words.remainder();
    let hash = words.fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        mix(hash, word.try_into().map_or(0, u64::from_le_bytes)).rotate_left(29)
    });
    let hash = tail
        .iter()
        .fold(hash, |hash, byte| mix(hash, (*byte).into()));
    let [.., gate] = (hash ^ (hash >> 32))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_le_bytes();
    gate
}

impl Gates {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| RwLock::new(())))
    }

    /// Waits for the chosen gates, always in the same order, so that two that wait cannot block each other. Cancel-safe.
    pub(crate) async fn enter(&self, choice: Choice, alone: bool) -> Passage<'_> {
        let mut passage = Passage {
            first: None,
            others: Vec::new(),
        };
        for gate in choice.iter() {
            // A choice holds numbers below 256 only.
            let gate = &self.0[gate];
            // Boxed, so that nobody carries room for a wait that is rare.
            let guard = match alone {
                true => Guard::Alone {
                    _held: match gate.try_write() {
                        Some(held) => held,
                        None => Box::pin(gate.write()).await,
                    },
                },
                false => Guard::Beside {
                    _held: match gate.try_read() {
                        Some(held) => held,
                        None => Box::pin(gate.read()).await,
                    },
                },
            };
            if passage.first.is_none() {
                passage.first = Some(guard);
            } else {
                passage.others.push(guard);
            }
        }
        passage
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, GATES, Gates};
    use futures_util::FutureExt;
    use interface_datastore::Key;

    #[test]
    fn keys_spread_over_the_gates() {
        let keys: Vec<Key> = (0..4096)
            .map(|n| Key::new(format!("/some/key{n}")))
            .collect();
        let choice: Choice = keys.iter().collect();
        assert!(choice.iter().count() > GATES * 9 / 10);
        assert!(choice.iter().is_sorted());
        assert_eq!(Choice::all().iter().count(), GATES);
    }

    #[test]
    fn who_is_alone_excludes_all_others() {
        let (gates, key) = (Gates::new(), Key::new("/a"));
        let choice: Choice = [&key, &key].into_iter().collect();
        let enters = |alone| gates.enter(choice, alone).now_or_never();
        let first = enters(false);
        assert!(first.is_some() && enters(false).is_some() && enters(true).is_none());
        drop(first);
        let alone = enters(true);
        assert!(alone.is_some() && enters(false).is_none() && enters(true).is_none());
        drop(alone);
        assert!(gates.enter(Choice::all(), true).now_or_never().is_some());
    }
}
