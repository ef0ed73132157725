//! How often, how long apart, and at what share of all calls a call is repeated.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How failed calls are repeated.
///
/// The pause before the n-th repetition is `first_pause` doubled n−1 times, at most `longest_pause`, of which a random
/// part of up to a half is taken away so that callers do not come back all at once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a call is made in all, the first time included; 0 counts as 1. Default: 4.
    pub attempts: u32,
    /// The first pause. Default: 50 ms.
    pub first_pause: Duration,
    /// The longest pause. Default: 5 s.
    pub longest_pause: Duration,
    /// How many repetitions all calls of the store together may make at once. Each repetition takes one from this
    /// budget and each success gives a tenth back, so that in an outage the store is not asked several times as often
    /// as usual. Default: 100.
    pub budget: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
            budget: 100,
        }
    }
}

impl RetryPolicy {
    /// Makes a call so often at most.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Pauses so long, at first and at most.
    #[must_use]
    pub fn with_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }

    /// Allows so many repetitions to all calls together.
    #[must_use]
    pub fn with_budget(mut self, budget: u32) -> Self {
        self.budget = budget;
        self
    }

    /// The pause after so many failures, at least one.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self
            .first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause);
        whole.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

/// A retry costs this, a success gives one back.
const COST: u64 = 10;

/// What all calls may still spend on repetitions.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU64,
    full: u64,
}

impl Budget {
    pub(super) fn new(repetitions: u32) -> Self {
        let full = u64::from(repetitions) * COST;
        Self {
            left: AtomicU64::new(full),
            full,
        }
    }

    /// Takes the cost of one repetition; whether there was enough.
    pub(super) fn spend(&self) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(COST)
            })
            .is_ok()
    }

    pub(super) fn earn(&self) {
        // Full in normal times: then this is no more than a load.
        if self.left.load(Ordering::Relaxed) < self.full {
            let more = |left: u64| (left < self.full).then_some(left + 1);
            // None means that it is full, which is as good.
            let _ = self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }
}
