//! Reads of the newest state: sled has no other.

use std::{collections::VecDeque, ops::RangeBounds, sync::Arc};

use bytes::Bytes;
use datastore_engine::{
    BoxStream, Entry, Error, Result, Scan,
    implement::{Chunk, Handle, MayWait, scan_stream},
};
use datastore_files::Blocking;

use crate::{error::interrupted, opened::Opened};

/// A scan looks up the place where it was for so many entries at a time; the first time for few, as most scans are short.
const FIRST_ENTRIES: usize = 8;
const MOST_ENTRIES: usize = 256;
/// It stops earlier once it has read so many bytes.
const MOST_BYTES: usize = 64 * 1024;

pub(crate) fn get_many(opened: &Opened, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
    let tree = opened.tree()?;
    let get = |key: &&[u8]| {
        let found = tree.get(key).map_err(opened.failed())?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    };
    keys.iter().map(get).collect()
}

/// The number of entries, each of them read; where reading them ends early, the error.
pub(crate) fn count(opened: &Opened) -> Result<(u64, Option<Error>)> {
    let mut entries = 0;
    for entry in opened.tree()?.iter() {
        match entry {
            Ok(_) => entries += 1,
            Err(error) => return Ok((entries, Some(opened.failed()(error)))),
        }
    }
    Ok((entries, None))
}

/// The entries of a scan. sled's own iterators would keep the database open behind a close.
pub(crate) struct Entries {
    handle: Arc<Handle<Opened>>,
    /// What is still to be read.
    scan: Scan,
    found: VecDeque<Entry>,
    chunk: usize,
    ended: bool,
}

impl Entries {
    fn new(handle: Arc<Handle<Opened>>, scan: Scan) -> Self {
        Self {
            ended: scan.key_range().is_empty(),
            handle,
            scan,
            found: VecDeque::new(),
            chunk: FIRST_ENTRIES,
        }
    }

    fn fill(&mut self) -> Result<()> {
        let left = self.scan.limit.unwrap_or(u64::MAX);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.chunk);
        let (found, scan) = (&mut self.found, &self.scan);
        self.handle.with(|opened| read(opened, scan, most, found))?;
        self.ended = self.found.is_empty();
        self.chunk = (self.chunk * 2).min(MOST_ENTRIES);
        self.scan.limit = self.scan.limit.map(|limit| limit - self.found.len() as u64);
        if let Some(last) = self.found.back() {
            if self.scan.reverse {
                self.scan.end = Some(last.key.clone());
            } else {
                self.scan.start = [&last.key[..], &[0]].concat().into();
            }
            self.ended = self.scan.key_range().is_empty() || self.scan.limit == Some(0);
        }
        Ok(())
    }
}

fn read(opened: &Opened, scan: &Scan, most: usize, found: &mut VecDeque<Entry>) -> Result<()> {
    let range = scan.key_range();
    let bounds = (range.start_bound(), range.end_bound());
    let mut entries = opened.tree()?.range::<&[u8], _>(bounds);
    let mut bytes = 0;
    while found.len() < most && bytes < MOST_BYTES {
        let next = if scan.reverse {
            entries.next_back()
        } else {
            entries.next()
        };
        let Some(entry) = next else { break };
        let (key, value) = entry.map_err(opened.failed())?;
        bytes += key.len() + value.len();
        found.push_back(Entry {
            key: Bytes::copy_from_slice(&key),
            value: match scan.keys_only {
                true => Bytes::new(),
                false => Bytes::copy_from_slice(&value),
            },
        });
    }
    Ok(())
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.found.is_empty()
            && !self.ended
            && let Err(error) = self.fill()
        {
            self.ended = true;
            return Some(Err(error));
        }
        let next = self.found.pop_front()?;
        Some(self.handle.beside(|| Ok(next)))
    }
}

pub(crate) fn scan(
    handle: Arc<Handle<Opened>>,
    blocking: Blocking,
    scan: Scan,
) -> BoxStream<'static, Result<Entry>> {
    let place = Arc::clone(&handle);
    let open = move |may_wait| {
        let entries = Entries::new(Arc::clone(&handle), scan.clone());
        match may_wait {
            // Nobody waits but behind a close.
            MayWait::No => handle
                .try_with(|_| Ok(()))
                .map(|open| open.map(|()| entries)),
            MayWait::Yes => Some(handle.with(|_| Ok(entries))),
        }
    };
    scan_stream(open, move |chunk: Chunk<Entries, _>| {
        let place = Arc::clone(&place);
        async move {
            let filled = blocking.run(place.path(), move || chunk.fill()).await;
            filled.map_err(interrupted)
        }
    })
}
