//! Walks over the entries of one table and of one sorted level.

use std::ops::Range;
use std::sync::Arc;

use datastore_files::Wait;

use super::Database;
use super::levels::{Run, TableMeta, overlapping};
use crate::failure::Failure;
use crate::format::Fault;
use crate::format::block::{Ascending, Block, Descending, Entry};
use crate::format::internal_key::first_of;
use crate::format::table::Handle;
use crate::range::{Direction, KeyRange};

/// A walk over a block.
#[derive(Debug)]
enum BlockWalk {
    Up(Ascending),
    Down(Descending),
}

impl BlockWalk {
    fn new(block: &Block, direction: Direction, bound: Option<&[u8]>) -> Result<Self, Fault> {
        match direction {
            Direction::Ascending => Ascending::new(block, bound).map(Self::Up),
            Direction::Descending => Descending::new(block, bound).map(Self::Down),
        }
    }

    fn next(&mut self) -> Result<Option<Entry>, Fault> {
        match self {
            Self::Up(walk) => walk.next(),
            Self::Down(walk) => walk.next(),
        }
    }
}

/// A walk over those entries of a table that lie in a range; others beyond its far end may follow.
///
/// It holds no file open: tables and blocks come from the database's caches.
#[derive(Debug)]
pub(crate) struct TableWalk {
    meta: Arc<TableMeta>,
    direction: Direction,
    /// The internal key at which the walk begins: the first one wanted, or the one above the last. None once the first
    /// block is open.
    bound: Option<Vec<u8>>,
    index: Index,
    block: Option<BlockWalk>,
    /// What had to be passed over, if anything.
    pub(crate) lost: Option<Failure>,
}

/// The blocks that a walk has still to visit.
#[derive(Debug)]
enum Index {
    Closed,
    Open {
        /// Going down: the block that begins below the bound and may reach above it.
        first: Option<Entry>,
        walk: BlockWalk,
    },
    Lost,
}

impl TableWalk {
    pub(crate) fn new(meta: &Arc<TableMeta>, direction: Direction, range: &KeyRange) -> Self {
        let bound = match direction {
            Direction::Ascending => Some(first_of(&range.low)),
            Direction::Descending => range.high.as_deref().map(first_of),
        };
        Self {
            meta: Arc::clone(meta),
            direction,
            bound,
            index: Index::Closed,
            block: None,
            lost: None,
        }
    }

    /// The next entry. In a database that is salvaged what cannot be read is passed over.
    pub(crate) fn next(&mut self, db: &Database, wait: Wait) -> Result<Option<Entry>, Failure> {
        loop {
            match self.try_next(db, wait) {
                Err(failure) if db.salvages(&failure) => {
                    if matches!(self.index, Index::Closed) {
                        self.index = Index::Lost;
                    }
                    self.block = None;
                    self.lost.get_or_insert(failure);
                }
                other => return other,
            }
        }
    }

    fn try_next(&mut self, db: &Database, wait: Wait) -> Result<Option<Entry>, Failure> {
        let damaged = |meta: &TableMeta, what| Failure::Damaged(db.damage(&meta.name, what));
        loop {
            if let Some(block) = &mut self.block {
                let entry = block.next().map_err(|what| damaged(&self.meta, what))?;
                if entry.is_some() {
                    return Ok(entry);
                }
                self.block = None;
            }
            let Some(entry) = self.next_in_index(db, wait)? else {
                return Ok(None);
            };
            let handle = Handle::parse(&entry.value).map_err(|what| damaged(&self.meta, what))?;
            let block = db.block(&self.meta, handle, wait)?;
            let bound = self.bound.take();
            let walk = BlockWalk::new(&block, self.direction, bound.as_deref());
            self.block = Some(walk.map_err(|what| damaged(&self.meta, what))?);
        }
    }

    /// The entry of the index for the next block.
    fn next_in_index(&mut self, db: &Database, wait: Wait) -> Result<Option<Entry>, Failure> {
        let damaged = |what| Failure::Damaged(db.damage(&self.meta.name, what));
        if matches!(self.index, Index::Closed) {
            let table = db.table(&self.meta, wait)?;
            let opened = open_index(&table.index, self.direction, self.bound.as_deref());
            self.index = opened.map_err(damaged)?;
            self.lost = table.loss.clone().map(Failure::Damaged);
        }
        let Index::Open { first, walk } = &mut self.index else {
            return Ok(None);
        };
        if let Some(first) = first.take() {
            return Ok(Some(first));
        }
        match walk.next() {
            Ok(entry) => Ok(entry),
            Err(what) => {
                // Behind it nothing can be found.
                self.index = Index::Lost;
                Err(damaged(what))
            }
        }
    }
}

fn open_index(index: &Block, direction: Direction, bound: Option<&[u8]>) -> Result<Index, Fault> {
    // An index names each block by a key that is not less than its last.
    let first = match (direction, bound) {
        (Direction::Descending, Some(bound)) => Ascending::new(index, Some(bound))?.next()?,
        _ => None,
    };
    let walk = BlockWalk::new(index, direction, bound)?;
    Ok(Index::Open { first, walk })
}

/// A walk over those entries of a sorted level that lie in a range; others beyond its far end may follow.
#[derive(Debug)]
pub(crate) struct RunWalk {
    run: Run,
    direction: Direction,
    range: KeyRange,
    /// Tables still to come.
    rest: Range<usize>,
    table: Option<TableWalk>,
}

impl RunWalk {
    pub(crate) fn new(run: &Run, direction: Direction, range: &KeyRange) -> Self {
        Self {
            run: Arc::clone(run),
            direction,
            range: range.clone(),
            rest: overlapping(run, range),
            table: None,
        }
    }

    pub(crate) fn next(&mut self, db: &Database, wait: Wait) -> Result<Option<Entry>, Failure> {
        loop {
            if let Some(table) = &mut self.table {
                let entry = table.next(db, wait)?;
                if entry.is_some() {
                    return Ok(entry);
                }
            }
            let next = match self.direction {
                Direction::Ascending => self.rest.next(),
                Direction::Descending => self.rest.next_back(),
            };
            let Some(meta) = next.and_then(|at| self.run.get(at)) else {
                return Ok(None);
            };
            self.table = Some(TableWalk::new(meta, self.direction, &self.range));
        }
    }
}
