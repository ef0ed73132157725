//! Tables and their blocks.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use datastore_files::{OpenFile, Tree, Wait};

use super::files;
use super::levels::TableMeta;
use super::recover::recover;
use crate::failure::{Damage, Failure};
use crate::format::block::{Ascending, Block};
use crate::format::table::{self, BlockFault, FOOTER, Footer, Handle};
use crate::format::{Fault, internal_key::first_of};

/// An open table.
#[derive(Debug)]
pub(crate) struct Table {
    file: OpenFile,
    tree: Tree,
    name: PathBuf,
    len: u64,
    pub(crate) index: Block,
    /// Where the blocks with entries end.
    pub(crate) entries_end: u64,
    /// Why some blocks of a recovered table may be missing.
    pub(crate) loss: Option<Damage>,
}

impl Table {
    /// Opens the file of a table and reads its index.
    pub(crate) fn open(
        tree: &Tree,
        meta: &TableMeta,
        max_block: u64,
        wait: Wait,
    ) -> Result<Self, Failure> {
        let mut opened = Self::without_index(tree, meta, wait)?;
        let footer = opened.footer(wait)?;
        opened.index = opened.read_block(footer.index, max_block, wait)?;
        opened.entries_end = footer.meta_index.offset;
        Ok(opened)
    }

    fn footer(&self, wait: Wait) -> Result<Footer, Failure> {
        let damaged = |what| Failure::Damaged(self.damage(None, what));
        if self.file.metadata().len < self.len {
            return Err(damaged("the table is shorter than the manifest says"));
        }
        let at = self.len.checked_sub(FOOTER);
        let at = at.ok_or_else(|| damaged("the table is too short to be one"))?;
        table::parse_footer(&self.file.read(at..self.len, wait)?).map_err(damaged)
    }

    /// Opens the file of a table that [`open`](Self::open) has found damaged, and looks for its blocks.
    pub(crate) fn recover(
        tree: &Tree,
        meta: &TableMeta,
        damage: Damage,
        max_block: u64,
        wait: Wait,
    ) -> Result<Self, Failure> {
        let mut opened = Self::without_index(tree, meta, wait)?;
        let footer = opened.footer(wait).ok();
        opened.len = opened.file.metadata().len;
        let recovered = recover(&opened.file, footer, max_block, wait)?;
        opened.index = recovered.index;
        opened.entries_end = recovered.end;
        opened.loss = (!recovered.is_complete).then_some(damage);
        Ok(opened)
    }

    fn without_index(tree: &Tree, meta: &TableMeta, wait: Wait) -> Result<Self, Failure> {
        let file = files::open(tree, &meta.name, wait)?;
        Ok(Self {
            len: meta.len.unwrap_or(file.metadata().len),
            file,
            tree: tree.clone(),
            name: meta.name.clone(),
            index: Block::empty(),
            entries_end: 0,
            loss: None,
        })
    }

    /// Reads a block from the file.
    pub(crate) fn read_block(
        &self,
        handle: Handle,
        max: u64,
        wait: Wait,
    ) -> Result<Block, Failure> {
        let stored = self.read_stored(handle, max, wait)?;
        let bytes = table::open_block(&stored, max).map_err(|fault| match fault {
            BlockFault::Damaged(what) => self.damaged(handle, what),
            BlockFault::Compression(kind) => Failure::Compression {
                path: self.tree.full(&self.name),
                kind,
            },
            BlockFault::TooLarge(len) => self.too_large(len, max),
        })?;
        Block::new(bytes).map_err(|what| self.damaged(handle, what))
    }

    /// Reads the bytes of a block, its trailer included.
    fn read_stored(&self, handle: Handle, max: u64, wait: Wait) -> Result<Bytes, Failure> {
        let end = handle.end().filter(|end| *end <= self.len);
        let Some(end) = end else {
            return Err(self.damaged(handle, "a block lies outside of its file"));
        };
        if handle.len > max {
            return Err(self.too_large(handle.len, max));
        }
        Ok(self.file.read(handle.offset..end, wait)?)
    }

    fn too_large(&self, len: u64, max: u64) -> Failure {
        let path = self.tree.full(&self.name);
        Failure::TooLarge { path, len, max }
    }

    fn damaged(&self, handle: Handle, what: Fault) -> Failure {
        Failure::Damaged(self.damage(Some(handle.offset), what))
    }

    /// Damage in this table.
    pub(crate) fn damage(&self, offset: Option<u64>, what: Fault) -> Damage {
        files::damage(&self.tree, &self.name, offset, what)
    }

    /// Bytes of the file between the blocks in which two keys would be.
    pub(crate) fn len_between(&self, low: &[u8], high: Option<&[u8]>) -> Result<u64, Fault> {
        let Range { start, end } = self.offset_of(low)?..match high {
            Some(high) => self.offset_of(high)?,
            None => self.entries_end,
        };
        Ok(end.saturating_sub(start))
    }

    /// Where the block begins in which a key would be; the end of the blocks for keys behind the last.
    fn offset_of(&self, user: &[u8]) -> Result<u64, Fault> {
        match Ascending::new(&self.index, Some(&first_of(user)))?.next()? {
            Some(entry) => Ok(Handle::parse(&entry.value)?.offset),
            None => Ok(self.entries_end),
        }
    }
}
