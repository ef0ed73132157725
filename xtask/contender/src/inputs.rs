//! Keys, values and random orders, the same in every contender of every language.

use bytes::Bytes;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use crate::options::Layout;

/// The key of number `index` of a kind. Its last part looks like the hash of a block.
pub(crate) fn key(layout: Layout, kind: &str, index: usize) -> String {
    key_in(layout, kind, kind, index)
}

/// A key beside those of the kind `folder`, that none of them equals.
pub(crate) fn key_in(layout: Layout, folder: &str, kind: &str, index: usize) -> String {
    let hash = BASE32_NOPAD.encode(&Sha256::digest(format!("bench-{kind}-{index}")));
    match layout {
        Layout::Nested => format!("/{folder}/{}/{hash}", index % 10),
        Layout::Flat => format!("/{hash}"),
    }
}

/// Xorshift of 32 bits, by Marsaglia: the harness defines the order of random reads by it.
pub(crate) struct Random(u32);

impl Random {
    const SPREAD: u32 = 2_654_435_761;

    pub(crate) fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(Self::SPREAD).max(1))
    }

    fn next(&mut self) -> u32 {
        for (left, shift) in [(true, 13), (false, 17), (true, 5)] {
            self.0 ^= if left {
                self.0 << shift
            } else {
                self.0 >> shift
            };
        }
        self.0
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }
}

/// Values that no compression shortens, cut out of one pool so that making them costs nothing.
#[derive(Clone)]
pub(crate) struct Values(Bytes);

impl Values {
    const POOL: usize = 1 << 20;
    /// Between the starts of neighbours; odd, so that starts spread over the pool.
    const STEP: usize = 4093;

    /// Values of at most `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        let mut random = Random::new(7);
        let mut pool = Vec::with_capacity(Self::POOL + longest + 4);
        while pool.len() < Self::POOL + longest {
            pool.extend_from_slice(&random.next().to_le_bytes());
        }
        Self(pool.into())
    }

    /// The value of number `index`.
    pub(crate) fn get(&self, index: usize, size: usize) -> Bytes {
        let start = index * Self::STEP % Self::POOL;
        self.0.slice(start..start + size)
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, Values, key, key_in};
    use crate::options::Layout;

    /// Figures of the harness' JavaScript generators.
    #[test]
    fn inputs_are_those_of_the_harness() {
        let hash = "FADUNARRYN4YQP7H37WILFSQ6MJEPBNRESGKUJJFHJVIESFNRBMA";
        assert_eq!(key(Layout::Nested, "small", 3), format!("/small/3/{hash}"));
        assert_eq!(key(Layout::Flat, "small", 3), format!("/{hash}"));
        let beside = key_in(Layout::Nested, "small", "absent", 13);
        assert!(beside.starts_with("/small/3/"));
        let mut random = Random::new(1);
        let drawn: Vec<usize> = (0..3).map(|_| random.below(10_000)).collect();
        assert_eq!(drawn, [1809, 4966, 2275]);
        assert_eq!(Values::new(16).get(5, 4)[..], [215, 225, 227, 26]);
    }
}
