//! All entries of a range, the newest of each key, in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use bytes::Bytes;
use datastore_files::Wait;

use super::Database;
use super::cursor::{RunWalk, TableWalk};
use super::memtable::Version;
use crate::failure::Failure;
use crate::format::block::Entry;
use crate::format::internal_key::{self, Kind};
use crate::range::{Direction, KeyRange};

/// A walk over the whole database.
#[derive(Debug)]
pub(crate) struct Merge {
    range: KeyRange,
    direction: Direction,
    sources: Vec<Source>,
    /// The next entry of each source.
    heads: BinaryHeap<Head>,
    is_started: bool,
}

#[derive(Debug)]
enum Source {
    /// The memtable, with the key given last.
    Memory(Option<Bytes>),
    Table(TableWalk),
    Run(RunWalk),
}

#[derive(Debug)]
struct Head {
    key: Bytes,
    version: Version,
    source: usize,
    direction: Direction,
}

impl Ord for Head {
    /// The greatest is the one to come next; of one key the newest.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = match self.direction {
            Direction::Ascending => other.key.cmp(&self.key),
            Direction::Descending => self.key.cmp(&other.key),
        };
        by_key.then(self.version.sequence.cmp(&other.version.sequence))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Merge {
    /// A walk over a range. Nothing is read yet.
    pub(crate) fn new(db: &Database, range: KeyRange, direction: Direction) -> Self {
        let levels = &db.contents.levels;
        let tables = levels.loose.iter().filter(|table| table.overlaps(&range));
        let tables = tables.map(|table| Source::Table(TableWalk::new(table, direction, &range)));
        let runs = levels.runs.iter();
        let runs = runs.map(|run| Source::Run(RunWalk::new(run, direction, &range)));
        let sources = std::iter::once(Source::Memory(None))
            .chain(tables)
            .chain(runs)
            .collect();
        Self {
            range,
            direction,
            sources,
            heads: BinaryHeap::new(),
            is_started: false,
        }
    }

    /// The next key with its newest entry, which may be a deletion.
    pub(crate) fn next(&mut self, db: &Database) -> Result<Option<(Bytes, Version)>, Failure> {
        if !self.is_started {
            for source in 0..self.sources.len() {
                self.advance(db, source)?;
            }
            self.is_started = true;
        }
        let Some(Head {
            key,
            mut version,
            source,
            ..
        }) = self.heads.pop()
        else {
            return Ok(None);
        };
        self.advance(db, source)?;
        // Going down a source gives the older entries of a key first, so they are all looked at.
        while self.heads.peek().is_some_and(|head| head.key == key) {
            let Some(head) = self.heads.pop() else { break };
            if head.version.sequence > version.sequence {
                version = head.version;
            }
            self.advance(db, head.source)?;
        }
        Ok(Some((key, version)))
    }

    /// Takes the next entry of a source among the heads.
    fn advance(&mut self, db: &Database, at: usize) -> Result<(), Failure> {
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(());
        };
        let next = match source {
            Source::Memory(last) => {
                let memtable = &db.contents.memtable;
                let found = memtable.next(&self.range, self.direction, last.as_ref());
                let found = found.map(|(key, version)| (key.clone(), version.clone()));
                *last = found.as_ref().map(|(key, _)| key.clone());
                found
            }
            Source::Table(walk) => next_whole(db, || walk.next(db, Wait::Yes))?,
            Source::Run(walk) => next_whole(db, || walk.next(db, Wait::Yes))?,
        };
        let next = next.filter(|(key, _)| self.range.contains(key));
        self.heads.extend(next.map(|(key, version)| Head {
            key,
            version,
            source: at,
            direction: self.direction,
        }));
        Ok(())
    }
}

/// The next entry whose key can be taken apart.
fn next_whole(
    db: &Database,
    mut next: impl FnMut() -> Result<Option<Entry>, Failure>,
) -> Result<Option<(Bytes, Version)>, Failure> {
    while let Some(entry) = next()? {
        match taken_apart(entry) {
            Ok(found) => return Ok(Some(found)),
            Err(_) if db.salvage => {}
            Err(what) => return Err(Failure::Damaged(db.damage("".as_ref(), what))),
        }
    }
    Ok(None)
}

/// The user's key of an entry and what it says of it.
pub(crate) fn taken_apart(entry: Entry) -> Result<(Bytes, Version), crate::format::Fault> {
    let parts = internal_key::parse(&entry.key)?;
    let version = Version {
        sequence: parts.sequence,
        value: match parts.kind {
            Kind::Deletion => None,
            Kind::Value => Some(entry.value),
        },
    };
    let mut key = Bytes::from(entry.key);
    key.truncate(key.len() - internal_key::TAIL);
    Ok((key, version))
}
