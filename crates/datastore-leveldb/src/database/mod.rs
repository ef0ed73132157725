//! A database: its files, as they were when it was opened.

mod cache;
mod cursor;
mod files;
pub(crate) mod levels;
mod lookup;
mod manifest;
mod memtable;
pub(crate) mod merge;
mod open;
mod recover;
mod table;

use std::path::Path;
use std::sync::Arc;

use datastore_files::{Tree, Wait};

use self::cache::Cache;
use self::levels::TableMeta;
pub(crate) use self::memtable::Version;
use self::open::Contents;
pub(crate) use self::{
    files::{Listing, names},
    merge::Merge,
    table::Table,
};
use crate::failure::{Damage, Failure};
use crate::format::Fault;
use crate::format::block::Block;
use crate::format::table::Handle;
use crate::options::LevelOptions;

/// A database that is open for reading.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) tree: Tree,
    pub(crate) contents: Contents,
    pub(crate) salvage: bool,
    max_block_len: u64,
    tables: Cache<u64, Arc<Table>>,
    /// By table and offset.
    blocks: Cache<(u64, u64), Block>,
}

impl Database {
    /// Opens the database in the folder `path`. Writes nothing.
    pub(crate) fn open(path: &Path, options: &LevelOptions) -> Result<Self, Failure> {
        // Nothing is ever written, so the folder for temporary files is never made.
        let tree = Tree::open(Arc::clone(&options.fs), path, Path::new(".unused"))?;
        let contents = open::load(&tree, options)?;
        Ok(Self {
            tree,
            contents,
            salvage: options.salvage,
            max_block_len: options.max_block_len,
            tables: Cache::new(options.open_tables),
            blocks: Cache::new(options.block_cache),
        })
    }

    /// An open table, from the cache if it is there. In a database that is salvaged, what is left of a damaged one.
    pub(crate) fn table(&self, meta: &TableMeta, wait: Wait) -> Result<Arc<Table>, Failure> {
        if let Some(table) = self.tables.get(&meta.number) {
            return Ok(table);
        }
        let is_recoverable = self.salvage && !meta.is_missing;
        let table = match self.open_table(meta, wait) {
            // The whole table is searched: not where it is polled.
            Err(Failure::Damaged(_)) if is_recoverable && wait == Wait::No => {
                return Err(files::would_block(&self.tree, &meta.name));
            }
            Err(Failure::Damaged(damage)) if is_recoverable => {
                Table::recover(&self.tree, meta, damage, self.max_block_len, wait)
            }
            opened => opened,
        };
        let table = Arc::new(table?);
        self.tables.insert(meta.number, Arc::clone(&table), 1);
        Ok(table)
    }

    /// Opens a table, past the cache and salvage.
    pub(crate) fn open_table(&self, meta: &TableMeta, wait: Wait) -> Result<Table, Failure> {
        if meta.is_missing {
            let damage = files::missing_table(&self.tree, &meta.name);
            return Err(Failure::Damaged(damage));
        }
        Table::open(&self.tree, meta, self.max_block_len, wait)
    }

    /// A block of a table, from the cache if it is there.
    pub(crate) fn block(
        &self,
        meta: &TableMeta,
        handle: Handle,
        wait: Wait,
    ) -> Result<Block, Failure> {
        let place = (meta.number, handle.offset);
        if let Some(block) = self.blocks.get(&place) {
            return Ok(block);
        }
        let block = self.read_block(&*self.table(meta, wait)?, handle, wait)?;
        self.blocks.insert(place, block.clone(), block.len());
        Ok(block)
    }

    /// A block of a table, from the file.
    pub(crate) fn read_block(
        &self,
        table: &Table,
        handle: Handle,
        wait: Wait,
    ) -> Result<Block, Failure> {
        table.read_block(handle, self.max_block_len, wait)
    }

    /// Damage in a file of the database.
    pub(crate) fn damage(&self, name: &Path, what: Fault) -> Damage {
        files::damage(&self.tree, name, None, what)
    }

    /// Whether reading goes on after a failure.
    pub(crate) fn salvages(&self, failure: &Failure) -> bool {
        self.salvage && failure.is_loss()
    }

    /// Closes files and forgets blocks.
    pub(crate) fn release(&self) {
        self.tables.clear();
        self.blocks.clear();
    }
}
