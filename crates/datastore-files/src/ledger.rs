//! Whether syncing the whole file system costs less than syncing what a group changed, one by one.

use std::sync::Mutex;
use std::time::Duration;

use crate::tree::lock;

/// How a group is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each file or folder by itself.
    Each,
    /// The whole file system, with all that others have left unwritten.
    Whole,
}

/// Groups smaller than this are synced one by one. Measured on ext4: the whole cost 0.8 times as much for two files and 0.6
/// times for four, which is worth the risk of meeting somebody else's data.
const MIN_GROUP: usize = 4;
/// So many groups are synced whole before one is synced one by one, to know what that costs now.
const REMEASURE: u32 = 256;
/// Part of the average that a new measurement makes up.
const WEIGHT: f64 = 0.125;
/// What a byte that others have left unwritten costs, at a gigabyte a second.
const NANOS_PER_BYTE: f64 = 1.0;
/// What may be lost to others before anything was gained.
const FIRST_CREDIT: f64 = 4e6;
/// And at most.
const MAX_CREDIT: f64 = 20e6;
/// After a loss, one by one goes on until a part of its time makes up for it: first this part, and half of it after each loss
/// that comes again.
const FIRST_SHARE: f64 = 1.0 / 16.0;
const LAST_SHARE: f64 = 1.0 / 1024.0;

/// Keeps account of what the whole way has gained over the other, and lets a group go that way while its gains pay for what
/// it may lose to other programs' data. Times are in nanoseconds.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Account>);

/// The accounts of a tree.
#[derive(Debug, Default)]
pub(crate) struct Ledgers {
    /// Contents of files.
    pub(crate) files: Ledger,
    /// Names in folders.
    pub(crate) names: Ledger,
}

#[derive(Debug)]
struct Account {
    /// The file system can be synced as a whole.
    possible: bool,
    /// What one unit of a group costs by itself, on average.
    each: Option<f64>,
    /// Groups that went whole since the last that went one by one.
    since_each: u32,
    credit: f64,
    share: f64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self(Mutex::new(Account {
            possible: true,
            each: None,
            since_each: 0,
            credit: FIRST_CREDIT,
            share: FIRST_SHARE,
        }))
    }
}

impl Ledger {
    /// How a group of so many shall go. `unwritten` is asked how many bytes others have left unwritten, if that matters.
    pub(crate) fn choose(&self, group: usize, unwritten: impl FnOnce() -> u64) -> Way {
        let credit = lock(&self.0).credit_for(group);
        // Bytes are exact enough as a float.
        if credit > 0.0 && credit > unwritten() as f64 * NANOS_PER_BYTE {
            Way::Whole
        } else {
            Way::Each
        }
    }

    /// Whether large groups go whole at the moment, as far as that can be told without looking.
    pub(crate) fn leans_to_whole(&self) -> bool {
        let account = lock(&self.0);
        account.possible && account.credit > 0.0
    }

    /// Takes note of what a group of so many units took.
    pub(crate) fn record(&self, way: Way, units: f64, took: Duration) {
        let took = took.as_nanos() as f64;
        let account = &mut *lock(&self.0);
        match way {
            Way::Each => account.went_each(units, took),
            Way::Whole => account.went_whole(units, took),
        }
    }

    /// The file system cannot be synced as a whole.
    fn give_up(&self) {
        lock(&self.0).possible = false;
    }
}

impl Ledgers {
    /// The file system cannot be synced as a whole.
    pub(crate) fn give_up(&self) {
        self.files.give_up();
        self.names.give_up();
    }
}

impl Account {
    /// What a group of so many may lose; nothing if it has to go one by one.
    fn credit_for(&self, group: usize) -> f64 {
        let due = match self.each {
            Some(_) => self.since_each >= REMEASURE,
            None => self.since_each > 0,
        };
        if group >= MIN_GROUP && self.possible && !due {
            self.credit
        } else {
            0.0
        }
    }

    fn went_each(&mut self, units: f64, took: f64) {
        if units < MIN_GROUP as f64 {
            return;
        }
        let cost = took / units;
        let each = self.each.map_or(cost, |each| each + (cost - each) * WEIGHT);
        self.each = Some(each);
        self.since_each = 0;
        self.credit = (self.credit + took * self.share).min(MAX_CREDIT);
    }

    fn went_whole(&mut self, units: f64, took: f64) {
        self.since_each = self.since_each.saturating_add(1);
        // The first group of all cannot be judged. It would not be fair either: everything is cold.
        let Some(each) = self.each else { return };
        let gain = each * units - took;
        self.credit = (self.credit + gain).min(MAX_CREDIT);
        if gain >= 0.0 {
            self.share = (self.share * 2.0).min(FIRST_SHARE);
        } else if self.credit <= 0.0 {
            self.share = (self.share / 2.0).max(LAST_SHARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ledger, Way};

    const UNITS: f64 = 16.0;
    const GROUP: usize = 16;
    const EACH: Duration = Duration::from_micros(640);

    /// Has groups go as the ledger says; gives how many went whole and what all took.
    fn run(ledger: &Ledger, groups: usize, whole: Duration) -> (usize, Duration) {
        let mut wholes = 0;
        let mut total = Duration::ZERO;
        for _ in 0..groups {
            let way = ledger.choose(GROUP, || 0);
            let took = if way == Way::Whole { whole } else { EACH };
            wholes += usize::from(way == Way::Whole);
            total += took;
            ledger.record(way, UNITS, took);
        }
        (wholes, total)
    }

    #[test]
    fn the_cheaper_way_is_gone() {
        // What a whole sync takes, and how many of 10000 groups go that way, at least and at most.
        let table = [
            (Duration::from_micros(150), 9_900, 9_990),
            (Duration::from_micros(600), 9_900, 9_990),
            (Duration::from_micros(960), 1, 1_500),
            (Duration::from_millis(3), 1, 150),
            (Duration::from_millis(150), 1, 10),
            (Duration::from_secs(3), 1, 2),
        ];
        for (whole, least, most) in table {
            let (wholes, total) = run(&Ledger::default(), 10_000, whole);
            assert!((least..=most).contains(&wholes), "{whole:?}: {wholes}");
            // The first, and the first that is judged, cost what they cost; what comes later costs little.
            let limit = whole * 2 + EACH * 10_000 * 11 / 10;
            assert!(total <= limit, "{whole:?}: {total:?} of {limit:?}");
        }
    }

    #[test]
    fn what_was_slow_is_tried_again_and_kept_once_it_is_fast() {
        let ledger = Ledger::default();
        run(&ledger, 1_000, Duration::from_millis(20));
        let (wholes, _) = run(&ledger, 20_000, Duration::from_micros(150));
        assert!(wholes > 10_000, "{wholes}");
    }

    #[test]
    fn small_groups_and_what_others_left_go_one_by_one() {
        let ledger = Ledger::default();
        run(&ledger, 100, Duration::from_micros(150));
        let table = [
            (GROUP, 0, Way::Whole),
            (4, 0, Way::Whole),
            (3, 0, Way::Each),
            (1, 0, Way::Each),
            (GROUP, 1 << 20, Way::Whole),
            (GROUP, 400 << 20, Way::Each),
            (GROUP, u64::MAX, Way::Each),
        ];
        for (group, unwritten, expected) in table {
            let way = ledger.choose(group, || unwritten);
            assert_eq!(way, expected, "{group} files, {unwritten} bytes");
        }
        ledger.give_up();
        assert_eq!(ledger.choose(GROUP, || 0), Way::Each);
        assert!(!ledger.leans_to_whole());
    }
}
