//! Finding one key.

use std::sync::Arc;

use datastore_files::Wait;

use super::Database;
use super::cursor::TableWalk;
use super::levels::{TableMeta, overlapping};
use super::memtable::Version;
use super::merge::taken_apart;
use crate::failure::Failure;
use crate::range::{Direction, KeyRange};

impl Database {
    /// The newest entry of a key, which may be a deletion.
    ///
    /// Where the key should be and only damage is found, that is a failure, even in a database that is salvaged.
    pub(crate) fn newest(&self, user: &[u8], wait: Wait) -> Result<Option<Version>, Failure> {
        let levels = &self.contents.levels;
        let held = self.contents.memtable.get(user).cloned();
        if held.is_some() && levels.are_ordered {
            return Ok(held);
        }
        let mut search = Search {
            db: self,
            wait,
            range: just(user),
            newest: held,
            lost: None,
        };
        for table in levels.loose.iter().filter(|table| table.may_hold(user)) {
            search.look_into(table)?;
        }
        for run in &levels.runs {
            if search.newest.is_some() && levels.are_ordered {
                break;
            }
            for table in run.get(overlapping(run, &search.range)).unwrap_or_default() {
                search.look_into(table)?;
            }
        }
        match (search.newest, search.lost) {
            (None, Some(failure)) => Err(failure),
            (newest, _) => Ok(newest),
        }
    }
}

/// The range of a single key.
fn just(user: &[u8]) -> KeyRange {
    let mut high = user.to_vec();
    high.push(0);
    KeyRange {
        low: user.to_vec(),
        high: Some(high),
    }
}

struct Search<'a> {
    db: &'a Database,
    wait: Wait,
    range: KeyRange,
    newest: Option<Version>,
    /// Damage where the key could have been.
    lost: Option<Failure>,
}

impl Search<'_> {
    fn look_into(&mut self, table: &Arc<TableMeta>) -> Result<(), Failure> {
        let mut walk = TableWalk::new(table, Direction::Ascending, &self.range);
        let found = walk.next(self.db, self.wait)?;
        if let Some(failure) = walk.lost.take() {
            self.lost.get_or_insert(failure);
        }
        let Some(entry) = found else {
            return Ok(());
        };
        match taken_apart(entry) {
            Ok((key, version)) if key == self.range.low => {
                // The first entry of a key in a table is its newest there.
                let is_newer = |held: &Version| version.sequence > held.sequence;
                if self.newest.as_ref().is_none_or(is_newer) {
                    self.newest = Some(version);
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(what) => {
                let failure = Failure::Damaged(self.db.damage(&table.name, what));
                if !self.db.salvage {
                    return Err(failure);
                }
                self.lost.get_or_insert(failure);
                Ok(())
            }
        }
    }
}
