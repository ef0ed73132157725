//! Finding the blocks of a table whose index or footer cannot be read.
//!
//! Blocks follow each other without gaps from the start of the file, each with its checksum behind it. So where a block ends
//! can be found by computing its checksum byte by byte until the one that is stored fits.

use bytes::Bytes;
use datastore_files::{OpenFile, Wait};

use crate::failure::Failure;
use crate::format::block::{Ascending, Block, encode_index};
use crate::format::checksum::Running;
use crate::format::internal_key::{self, compare};
use crate::format::table::{self, Footer, Handle, TRAILER};

/// What is read at first to look for the end of a block; twice as much each time it is not there.
const FIRST_READ: u64 = 16 << 10;

/// The blocks of a table that could be found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) index: Block,
    /// Where the blocks with entries end.
    pub(crate) end: u64,
    /// Whether the search went past the last block with entries, so that none was missed.
    pub(crate) is_complete: bool,
}

/// Looks for blocks from the start of the file on, up to the first that is damaged. `footer` is that of the file, if it
/// can be read.
pub(crate) fn recover(
    file: &OpenFile,
    footer: Option<Footer>,
    max_block: u64,
    wait: Wait,
) -> Result<Recovered, Failure> {
    let mut found = Vec::new();
    let (mut offset, mut end) = (0, 0);
    let mut is_complete = false;
    while !is_complete {
        let Some((handle, stored)) = find_block(file, offset, max_block, wait)? else {
            break;
        };
        offset = handle.end().unwrap_or(u64::MAX);
        is_complete = footer.is_some_and(|footer| handle.offset >= footer.meta_index.offset);
        let bytes = table::open_block(&stored, max_block);
        let Ok(block) = bytes
            .map_err(drop)
            .and_then(|bytes| Block::new(bytes).map_err(drop))
        else {
            // A filter, most likely.
            continue;
        };
        if is_complete || leads_to(&block, &found) {
            is_complete = true;
        } else if let Some(last_key) = last_key(&block, &found) {
            found.push((last_key, handle));
            end = offset;
        }
    }
    Ok(Recovered {
        // What was just encoded is well-formed.
        index: Block::new(encode_index(&found)).unwrap_or_else(|_| Block::empty()),
        end,
        is_complete,
    })
}

/// The block that begins at `offset`, as it is stored; none if no checksum fits.
fn find_block(
    file: &OpenFile,
    offset: u64,
    max_block: u64,
    wait: Wait,
) -> Result<Option<(Handle, Bytes)>, Failure> {
    let rest = file.metadata().len.saturating_sub(offset);
    let most = rest.min(max_block.saturating_add(TRAILER));
    let (mut read, mut sum, mut done) = (FIRST_READ.min(most), Running::new(), 0);
    loop {
        let bytes = file.read(offset..offset.saturating_add(read), wait)?;
        while let Some(trailer) = bytes.get(done..done + TRAILER as usize) {
            if sum.fits(trailer) {
                let len = done as u64;
                let stored = bytes.slice(..done + TRAILER as usize);
                return Ok(Some((Handle { offset, len }, stored)));
            }
            sum.add(trailer);
            done += 1;
        }
        if read >= most {
            return Ok(None);
        }
        read = read.saturating_mul(2).min(most);
    }
}

/// Whether a block is the index of those found, which comes after all of them.
fn leads_to(block: &Block, found: &[(Vec<u8>, Handle)]) -> bool {
    let mut walk = Ascending::new(block, None);
    let values = std::iter::from_fn(|| walk.as_mut().ok()?.next().ok()?.map(|entry| entry.value));
    !found.is_empty() && values.eq(found.iter().map(|(_, handle)| handle.encode()))
}

/// The last key of a block that holds entries behind those found; none for other blocks.
fn last_key(block: &Block, found: &[(Vec<u8>, Handle)]) -> Option<Vec<u8>> {
    let mut walk = Ascending::new(block, None).ok()?;
    let before = found.last().map(|(key, _)| key);
    let mut last: Option<Vec<u8>> = None;
    while let Some(entry) = walk.next().ok()? {
        internal_key::parse(&entry.key).ok()?;
        let is_behind = |last: &Vec<u8>| compare(last, &entry.key).is_lt();
        if !last.as_ref().or(before).is_none_or(is_behind) {
            return None;
        }
        last = Some(entry.key);
    }
    last
}
