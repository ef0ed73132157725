//! Blocks of tables: entries in order, whose keys share beginnings, with points at which reading can start.

use std::{cmp::Ordering, ops::Range};

use bytes::Bytes;

use super::{
    Fault, internal_key,
    reader::{Reader, write_varint},
    table::Handle,
};

/// A block, its compression undone. Clones share its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    bytes: Bytes,
    /// Where the entries end and the restart points begin.
    entries_end: usize,
    restarts: usize,
}

/// An entry as it is stored: its key is `shared` bytes of the key before it and then `own`.
#[derive(Debug, Clone)]
struct Stored {
    shared: usize,
    own: Range<usize>,
    value: Range<usize>,
}

/// An entry: the key is an internal one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Bytes,
}

impl Block {
    /// A block without entries.
    pub(crate) fn empty() -> Self {
        Self {
            bytes: Bytes::new(),
            entries_end: 0,
            restarts: 0,
        }
    }

    /// Looks for the restart points.
    pub(crate) fn new(bytes: Bytes) -> Result<Self, Fault> {
        const BAD: Fault = "a block does not tell where its entries start";
        let (before, count) = bytes
            .split_at_checked(bytes.len().checked_sub(4).ok_or(BAD)?)
            .ok_or(BAD)?;
        let restarts = Reader::new(count).u32().ok_or(BAD)? as usize;
        let room = restarts.checked_mul(4).ok_or(BAD)?;
        let entries_end = before.len().checked_sub(room).ok_or(BAD)?;
        let block = Self {
            bytes,
            entries_end,
            restarts,
        };
        block.check_restarts()?;
        Ok(block)
    }

    /// Restart points begin at the start and ascend: so a walk through all of them passes each entry once.
    fn check_restarts(&self) -> Result<(), Fault> {
        let mut last = None;
        for index in 0..self.restarts {
            let offset = self.restart(index)?;
            let fits = match last {
                None => offset == 0,
                Some(last) => offset > last && offset < self.entries_end,
            };
            if !fits {
                return Err("the restart points of a block are not in order");
            }
            last = Some(offset);
        }
        match self.restarts == 0 && self.entries_end > 0 {
            true => Err("a block has no restart points"),
            false => Ok(()),
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where the entries behind a restart point begin.
    fn restart(&self, index: usize) -> Result<usize, Fault> {
        let at = self.entries_end + index * 4;
        let stored = self.bytes.get(at..).map(Reader::new);
        let offset = stored.and_then(|mut reader| reader.u32());
        let offset = offset.map(|offset| offset as usize);
        offset
            .filter(|offset| *offset <= self.entries_end)
            .ok_or("a restart point lies outside of its block")
    }

    /// The entry at an offset, and where the next one begins.
    fn stored(&self, offset: usize) -> Result<(Stored, usize), Fault> {
        self.try_stored(offset)
            .ok_or("an entry of a block is cut off")
    }

    fn try_stored(&self, offset: usize) -> Option<(Stored, usize)> {
        let mut reader = Reader::new(self.bytes.get(offset..self.entries_end)?);
        let shared = reader.varint_usize()?;
        let own = reader.varint_usize()?;
        let value = reader.varint_usize()?;
        let own_start = self.entries_end - reader.rest().len();
        reader.take(own)?;
        let value_start = self.entries_end - reader.rest().len();
        reader.take(value)?;
        let next = self.entries_end - reader.rest().len();
        let entry = Stored {
            shared,
            own: own_start..value_start,
            value: value_start..next,
        };
        Some((entry, next))
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        // Ranges come from `stored`, which found them inside.
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    fn value(&self, entry: &Stored) -> Bytes {
        self.bytes.slice_ref(self.part(&entry.value))
    }

    /// Makes the key that follows `key` into the entry's own.
    fn extend(&self, key: &mut Vec<u8>, entry: &Stored) -> Result<(), Fault> {
        if entry.shared > key.len() {
            return Err("a key shares more bytes than the one before it has");
        }
        key.truncate(entry.shared);
        key.extend_from_slice(self.part(&entry.own));
        Ok(())
    }

    /// How many restart points have keys for which `before` holds; it holds for those of the smaller keys.
    fn restarts_where(&self, before: impl Fn(&[u8]) -> bool) -> Result<usize, Fault> {
        let (mut low, mut high) = (0, self.restarts);
        while low < high {
            let middle = low + (high - low) / 2;
            let offset = self.restart(middle)?;
            // Restart points may lie at the very end: a block without entries has one.
            let holds = offset < self.entries_end && {
                let (entry, _) = self.stored(offset)?;
                if entry.shared != 0 {
                    return Err("a key at a restart point is not whole");
                }
                before(self.part(&entry.own))
            };
            if holds {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// The bytes of an index that leads to these blocks, each with its last key; for tables whose own index is lost.
pub(crate) fn encode_index(blocks: &[(Vec<u8>, Handle)]) -> Bytes {
    let (mut bytes, mut restarts) = (Vec::new(), Vec::new());
    for (key, handle) in blocks {
        restarts.push(bytes.len());
        let value = handle.encode();
        for number in [0, key.len() as u64, value.len() as u64] {
            write_varint(&mut bytes, number);
        }
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&value);
    }
    let count = restarts.len();
    for number in restarts.into_iter().chain([count]) {
        // An index of 4 GiB would lead to more blocks than a file has.
        bytes.extend_from_slice(&(number as u32).to_le_bytes());
    }
    bytes.into()
}

/// Gives the entries of a block from the first one not before a key on.
#[derive(Debug, Clone)]
pub(crate) struct Ascending {
    block: Block,
    offset: usize,
    key: Vec<u8>,
    /// The entry at which the walk begins.
    first: Option<Entry>,
}

impl Ascending {
    /// From the first entry whose key is not less than `from`, or from the very first.
    pub(crate) fn new(block: &Block, from: Option<&[u8]>) -> Result<Self, Fault> {
        let mut walk = Self {
            block: block.clone(),
            offset: 0,
            key: Vec::new(),
            first: None,
        };
        let Some(from) = from else {
            return Ok(walk);
        };
        let is_before = |key: &[u8]| internal_key::compare(key, from) == Ordering::Less;
        let before = block.restarts_where(is_before)?;
        if let Some(last_before) = before.checked_sub(1) {
            walk.offset = block.restart(last_before)?;
        }
        loop {
            match walk.next()? {
                Some(entry) if is_before(&entry.key) => {}
                first => {
                    walk.first = first;
                    return Ok(walk);
                }
            }
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.offset >= self.block.entries_end {
            return Ok(None);
        }
        let (stored, next) = self.block.stored(self.offset)?;
        self.block.extend(&mut self.key, &stored)?;
        self.offset = next;
        Ok(Some(Entry {
            key: self.key.clone(),
            value: self.block.value(&stored),
        }))
    }
}

/// Gives the entries of a block from the last one before a key down.
#[derive(Debug, Clone)]
pub(crate) struct Descending {
    block: Block,
    /// The entries behind one restart point that are still to be given.
    run: Vec<Stored>,
    /// How many restart points are still to be visited.
    restarts: usize,
}

impl Descending {
    /// From the last entry whose key is less than `before`, or from the very last.
    pub(crate) fn new(block: &Block, before: Option<&[u8]>) -> Result<Self, Fault> {
        let is_before = |key: &[u8]| {
            before.is_none_or(|before| internal_key::compare(key, before) == Ordering::Less)
        };
        let mut walk = Self {
            block: block.clone(),
            run: Vec::new(),
            restarts: block.restarts_where(is_before)?,
        };
        walk.load_run(is_before)?;
        Ok(walk)
    }

    /// Takes apart the entries behind the next restart point, as far as their keys are wanted.
    fn load_run(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<(), Fault> {
        let Some(index) = self.restarts.checked_sub(1) else {
            return Ok(());
        };
        let end = match index + 1 < self.block.restarts {
            true => self.block.restart(index + 1)?,
            false => self.block.entries_end,
        };
        let mut offset = self.block.restart(index)?;
        let mut key = Vec::new();
        while offset < end {
            let (stored, next) = self.block.stored(offset)?;
            self.block.extend(&mut key, &stored)?;
            if !wanted(&key) {
                break;
            }
            self.run.push(stored);
            offset = next;
        }
        self.restarts = index;
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        while self.run.is_empty() && self.restarts > 0 {
            self.load_run(|_| true)?;
        }
        let Some(last) = self.run.last() else {
            return Ok(None);
        };
        let entry = Entry {
            key: self.last_key(),
            value: self.block.value(last),
        };
        self.run.pop();
        Ok(Some(entry))
    }

    /// Puts the key of the last entry together, going back to where each of its bytes was stored.
    fn last_key(&self) -> Vec<u8> {
        let whole = self.run.last().map_or(0, |e| e.shared + e.own.len());
        let mut key = vec![0; whole];
        let mut missing = whole;
        for entry in self.run.iter().rev() {
            let own = self.block.part(&entry.own);
            // Sharing was checked when the run was taken apart, so the lengths fit.
            let filled = key.get_mut(entry.shared..missing).unwrap_or_default();
            if let Some(bytes) = own.get(..filled.len()) {
                filled.copy_from_slice(bytes);
            }
            missing = missing.min(entry.shared);
            if missing == 0 {
                break;
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(user: &str) -> Vec<u8> {
        [user.as_bytes(), &[1, 9, 0, 0, 0, 0, 0, 0]].concat()
    }

    /// A block of these keys, each its own value, with a restart point every `interval` entries.
    fn block(users: &[&str], interval: usize) -> Block {
        let (mut bytes, mut restarts, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for (index, user) in users.iter().enumerate() {
            let key = internal(user);
            let mut shared = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
            if index % interval == 0 {
                restarts.push(bytes.len() as u32);
                shared = 0;
            }
            bytes.extend([shared as u8, (key.len() - shared) as u8, user.len() as u8]);
            bytes.extend_from_slice(&key[shared..]);
            bytes.extend_from_slice(user.as_bytes());
            last = key;
        }
        if restarts.is_empty() {
            restarts.push(0);
        }
        for offset in &restarts {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(&(restarts.len() as u32).to_le_bytes());
        Block::new(bytes.into()).unwrap()
    }

    fn up(block: &Block, from: Option<&[u8]>) -> Vec<String> {
        let mut walk = Ascending::new(block, from).unwrap();
        shown(std::iter::from_fn(|| walk.next().unwrap()))
    }

    fn down(block: &Block, before: Option<&[u8]>) -> Vec<String> {
        let mut walk = Descending::new(block, before).unwrap();
        shown(std::iter::from_fn(|| walk.next().unwrap()))
    }

    fn shown(entries: impl Iterator<Item = Entry>) -> Vec<String> {
        let show = |entry: Entry| {
            let text = String::from_utf8(entry.value.to_vec()).unwrap();
            assert_eq!(entry.key, internal(&text));
            text
        };
        entries.map(show).collect()
    }

    #[test]
    fn walks_from_every_key_both_ways() {
        let users = [
            "/a",
            "/a/b",
            "/a/bc",
            "/ab",
            "/b",
            "/ba/long/one",
            "/ba/long/two",
            "/c",
        ];
        for count in 0..=users.len() {
            let users = &users[..count];
            for interval in [1, 2, 3, 16] {
                let block = block(users, interval);
                assert_eq!(up(&block, None), users);
                let reversed: Vec<_> = users.iter().rev().copied().collect();
                assert_eq!(down(&block, None), reversed);
                for bound in users.iter().copied().chain(["", "/aa", "/z"]) {
                    let from = internal_key::first_of(bound.as_bytes());
                    let at = users.partition_point(|user| *user < bound);
                    assert_eq!(up(&block, Some(&from)), users[at..], "{bound} {interval}");
                    let below = &reversed[count - at..];
                    assert_eq!(down(&block, Some(&from)), below, "{bound} {interval}");
                }
            }
        }
    }

    #[test]
    fn contradictory_blocks_are_refused() {
        for (entries, restarts) in [
            (&b"\0\x01\0k"[..], &[][..]),
            (b"\0\x01\0k", &[1]),
            (b"\0\x01\0k", &[0, 0]),
            (b"\0\x01\0k", &[0, 4]),
            (b"\0\x01\0k", &[0, 900]),
        ] {
            let mut bytes = entries.to_vec();
            bytes.extend(
                restarts
                    .iter()
                    .flat_map(|offset: &u32| offset.to_le_bytes()),
            );
            bytes.extend_from_slice(&(restarts.len() as u32).to_le_bytes());
            assert!(Block::new(bytes.into()).is_err(), "{restarts:?}");
        }
        for bytes in [&b""[..], b"\0", b"\xff\xff\xff\xff", b"\x01\0\0\0"] {
            assert!(Block::new(Bytes::from_static(bytes)).is_err(), "{bytes:?}");
        }
        for entries in [&b"\x01\x01\0k"[..], b"\0\x09\0k", b"\0\x01\x09k", b"\0\x01"] {
            let bytes = [entries, &[0; 4], &[1, 0, 0, 0]].concat();
            let block = Block::new(bytes.into()).unwrap();
            assert!(Ascending::new(&block, None).unwrap().next().is_err());
            assert!(Descending::new(&block, None).is_err(), "{entries:?}");
        }
    }
}
