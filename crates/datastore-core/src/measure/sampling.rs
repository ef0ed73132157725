//! Which calls are timed.

use std::num::NonZeroU32;

/// A share of all calls, spread evenly and without a rhythm that a caller's own could fall in step with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    at_most: u64,
}

impl Sampling {
    /// Chooses about one in so many calls, and always the first.
    pub(super) fn one_in(calls: NonZeroU32) -> Self {
        Self {
            at_most: u64::MAX / u64::from(calls.get()),
        }
    }

    /// Whether the call of this number, counted from 0, is timed.
    pub(super) fn chooses(self, number: u64) -> bool {
        scattered(number) <= self.at_most
    }
}

/// A number that looks random, different for each: the finalizer of SplitMix64. That of 0 is 0.
fn scattered(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_its_share_in_every_rhythm() {
        let sampling = |calls| Sampling::one_in(NonZeroU32::new(calls).unwrap());
        assert!((0..1000).all(|number| sampling(1).chooses(number)));
        for (calls, step) in [(16, 1), (16, 2), (16, 16), (16, 5), (100, 64), (1000, 10)] {
            let numbers = (0..).step_by(step).take(100_000);
            let chosen = numbers.filter(|&number| sampling(calls).chooses(number));
            let (chosen, fair) = (chosen.count() as f64, 100_000.0 / f64::from(calls));
            // Five standard deviations: the numbers are fixed, so this never fails by chance.
            let off = (chosen - fair).abs() / fair.sqrt();
            assert!(off < 5.0, "one in {calls}, every {step}: {chosen}");
            assert!(sampling(calls).chooses(0));
        }
    }
}
