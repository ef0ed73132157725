//! Tables and their blocks.

use std::ops::Range;

use bytes::Bytes;
use datastore_files::{OpenFile, Tree, Wait};

use super::files;
use super::levels::TableMeta;
use crate::failure::{Damage, Failure};
use crate::format::block::{Ascending, Block};
use crate::format::table::{self, BlockFault, FOOTER, Handle};
use crate::format::{Fault, internal_key::first_of};

/// An open table.
#[derive(Debug)]
pub(crate) struct Table {
    file: OpenFile,
    tree: Tree,
    meta_name: std::path::PathBuf,
    len: u64,
    pub(crate) index: Block,
    pub(crate) index_handle: Handle,
}

impl Table {
    /// Opens the file of a table and reads its index.
    pub(crate) fn open(
        tree: &Tree,
        meta: &TableMeta,
        max_block: u64,
        wait: Wait,
    ) -> Result<Self, Failure> {
        let file = files::open(tree, &meta.name, wait)?;
        let found = file.metadata().len;
        let len = meta.len.unwrap_or(found);
        let damaged = |what| Failure::Damaged(files::damage(tree, &meta.name, None, what));
        if found < len {
            return Err(damaged("the table is shorter than the manifest says"));
        }
        let footer_at = len.checked_sub(FOOTER);
        let footer_at = footer_at.ok_or_else(|| damaged("the table is too short to be one"))?;
        let footer = file.read(footer_at..len, wait)?;
        let index_handle = table::index_of(&footer).map_err(damaged)?;
        let mut opened = Self {
            file,
            tree: tree.clone(),
            meta_name: meta.name.clone(),
            len,
            index: Block::empty(),
            index_handle,
        };
        opened.index = opened.read_block(index_handle, max_block, wait)?;
        Ok(opened)
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
                path: self.tree.full(&self.meta_name),
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
        let path = self.tree.full(&self.meta_name);
        Failure::TooLarge { path, len, max }
    }

    fn damaged(&self, handle: Handle, what: Fault) -> Failure {
        Failure::Damaged(self.damage(Some(handle.offset), what))
    }

    /// Damage in this table.
    pub(crate) fn damage(&self, offset: Option<u64>, what: Fault) -> Damage {
        files::damage(&self.tree, &self.meta_name, offset, what)
    }

    /// Bytes of the file between the blocks in which two keys would be.
    pub(crate) fn len_between(&self, low: &[u8], high: Option<&[u8]>) -> Result<u64, Fault> {
        let Range { start, end } = self.offset_of(low)?..match high {
            Some(high) => self.offset_of(high)?,
            None => self.index_handle.offset,
        };
        Ok(end.saturating_sub(start))
    }

    /// Where the block begins in which a key would be; the end of the blocks for keys behind the last.
    fn offset_of(&self, user: &[u8]) -> Result<u64, Fault> {
        match Ascending::new(&self.index, Some(&first_of(user)))?.next()? {
            Some(entry) => Ok(Handle::parse(&entry.value)?.offset),
            None => Ok(self.index_handle.offset),
        }
    }
}
