//! What is in logs and not in tables yet, in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use bytes::Bytes;
use datastore_files::{Tree, Wait};
use interface_datastore::{Finding, Severity};

use super::files;
use crate::failure::{Damage, Failure};
use crate::format::{
    batch::{self, Op},
    log::Item,
};
use crate::range::{Direction, KeyRange};

/// The newest entry of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) sequence: u64,
    /// None if the key was deleted.
    pub(crate) value: Option<Bytes>,
}

/// What a key takes in a map, about, besides its own bytes.
const MEMORY_OF_A_KEY: u64 = 128;

/// The newest entry of each key of the logs.
#[derive(Debug, Default)]
pub(crate) struct MemTable(BTreeMap<Bytes, Version>);

impl MemTable {
    fn apply(&mut self, op: Op) {
        let version = Version {
            sequence: op.sequence,
            value: op.value,
        };
        match self.0.get_mut(&op.key) {
            // Only logs of a rebuilt database may come in another order than they were written.
            Some(held) if held.sequence > version.sequence => {}
            Some(held) => *held = version,
            None => drop(self.0.insert(op.key, version)),
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Version> {
        self.0.get(key)
    }

    /// The first entry of the range, or the first beyond `last` in that direction.
    pub(crate) fn next(
        &self,
        range: &KeyRange,
        direction: Direction,
        last: Option<&Bytes>,
    ) -> Option<(&Bytes, &Version)> {
        let mut low = Bound::Included(&range.low[..]);
        let mut high = range
            .high
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        match (direction, last) {
            (Direction::Ascending, Some(last)) => low = Bound::Excluded(last),
            (Direction::Descending, Some(last)) => high = Bound::Excluded(last),
            (_, None) => {}
        }
        // Asked for a range that ends before it begins, a map would panic.
        let ends = range.high.as_deref();
        if ends.is_some_and(|high| high <= &range.low[..])
            || last.is_some_and(|last| !range.contains(last))
        {
            return None;
        }
        let mut found = self.0.range::<[u8], _>((low, high));
        match direction {
            Direction::Ascending => found.next(),
            Direction::Descending => found.next_back(),
        }
    }

    /// Bytes of keys and values in a range.
    pub(crate) fn len_of(&self, range: &KeyRange) -> u64 {
        let inside = self.0.iter().filter(|(key, _)| range.contains(key));
        inside
            .map(|(key, version)| (key.len() + version.value.as_ref().map_or(0, Bytes::len)) as u64)
            .sum()
    }
}

/// Reads logs, one after the other, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) table: MemTable,
    pub(crate) findings: Vec<Finding>,
    /// Damage behind which nothing readable has come yet.
    damage: Option<Damage>,
    read: u64,
}

impl Replay {
    /// Reads one log. `max` bounds the bytes of all logs together.
    ///
    /// A log that ends within a record is what a crash leaves: that record was never acknowledged as written, or was
    /// lost with the power, and it is passed over. So is damage with nothing readable behind it. Damage in front of what
    /// is readable is a failure, unless `salvage`.
    pub(crate) fn log(
        &mut self,
        tree: &Tree,
        name: &Path,
        max: u64,
        salvage: bool,
    ) -> Result<(), Failure> {
        let len = tree.metadata(name, Wait::Yes)?.map_or(0, |about| about.len);
        self.read = self.read.saturating_add(len);
        self.check_memory(tree, name, max)?;
        files::read_log(tree, name, |item| match item {
            Item::Record(record) => match batch::parse(&record) {
                Ok(mut ops) => {
                    self.damage_is_no_tail(salvage)?;
                    ops.try_for_each(|op| {
                        self.table.apply(op);
                        self.check_memory(tree, name, max)
                    })
                }
                Err(what) => self.damaged(files::damage(tree, name, None, what), salvage),
            },
            Item::Damage { offset, what } => {
                self.damaged(files::damage(tree, name, Some(offset), what), salvage)
            }
            Item::Torn { offset } => {
                let what =
                    "the log ends within a record, as after a crash; that record is passed over";
                let torn = files::damage(tree, name, Some(offset), what);
                self.findings
                    .push(torn.finding(Severity::Warning, "torn-log"));
                Ok(())
            }
        })
    }

    /// Refuses logs that take more memory than allowed: their own bytes, and what finding each key takes.
    fn check_memory(&self, tree: &Tree, name: &Path, max: u64) -> Result<(), Failure> {
        let keys = (self.table.0.len() as u64).saturating_mul(MEMORY_OF_A_KEY);
        let len = self.read.saturating_add(keys);
        match len > max {
            true => Err(Failure::TooLarge {
                path: tree.full(name),
                len,
                max,
            }),
            false => Ok(()),
        }
    }

    fn damaged(&mut self, damage: Damage, salvage: bool) -> Result<(), Failure> {
        if salvage {
            self.findings
                .push(damage.finding(Severity::Error, "damaged-log"));
        } else {
            self.damage.get_or_insert(damage);
        }
        Ok(())
    }

    fn damage_is_no_tail(&mut self, salvage: bool) -> Result<(), Failure> {
        match self.damage.take() {
            Some(damage) if !salvage => Err(Failure::Damaged(damage)),
            _ => Ok(()),
        }
    }

    /// After the last log: what was damaged in the end is what a loss of power leaves.
    pub(crate) fn finish(mut self) -> (MemTable, Vec<Finding>) {
        let tail = self.damage.take();
        let finding = |damage: Damage| damage.finding(Severity::Warning, "damaged-log-tail");
        self.findings.extend(tail.map(finding));
        (self.table, self.findings)
    }
}
