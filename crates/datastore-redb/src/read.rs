//! Reads: of the newest state, and of snapshots.

use std::{fmt, ops::RangeBounds, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use datastore_engine::{
    BoxFuture, BoxStream, EngineReader, Entry, Result, Scan,
    implement::{Chunk, Handle, MayWait, scan_stream},
};
use datastore_files::Blocking;

use crate::{
    error::{interrupted, translate},
    newest::{Opened, Rows},
};

/// Entries of a scan are copied into pieces of memory of this size: neighbours are held together, and an allocation serves
/// several.
const PIECE: usize = 4096;

/// The state of one moment. Keeps its pages from being used again as long as it lives.
#[derive(Clone)]
pub(crate) struct Snapshot {
    handle: Arc<Handle<Opened>>,
    rows: Arc<Rows>,
    blocking: Blocking,
}

pub(crate) fn get(handle: &Handle<Opened>, rows: &Rows, key: &[u8]) -> Result<Option<Bytes>> {
    let found = rows
        .get(key)
        .map_err(|error| translate(handle.path(), error))?;
    Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
}

pub(crate) fn get_many(
    handle: &Handle<Opened>,
    rows: &Rows,
    keys: &[&[u8]],
) -> Result<Vec<Option<Bytes>>> {
    keys.iter().map(|key| get(handle, rows, key)).collect()
}

/// The entries of a scan, read as they are asked for.
pub(crate) struct Entries {
    handle: Arc<Handle<Opened>>,
    range: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
    scan: Scan,
    left: u64,
    /// What is left of the newest piece.
    room: BytesMut,
}

impl Entries {
    fn new(handle: Arc<Handle<Opened>>, rows: &Rows, scan: Scan) -> Result<Self> {
        let range = scan.key_range();
        let bounds = (range.start_bound(), range.end_bound());
        let opened = if range.is_empty() {
            None
        } else {
            Some(
                rows.range::<&[u8]>(bounds)
                    .map_err(|error| translate(handle.path(), error))?,
            )
        };
        let left = scan.limit.unwrap_or(u64::MAX);
        Ok(Self {
            handle,
            range: opened,
            scan,
            left,
            room: BytesMut::new(),
        })
    }
}

/// Copies an entry out of the pages.
fn copied(room: &mut BytesMut, key: &[u8], value: &[u8]) -> Entry {
    let len = key.len() + value.len();
    if len > PIECE / 4 {
        return Entry {
            key: Bytes::copy_from_slice(key),
            value: Bytes::copy_from_slice(value),
        };
    }
    if room.capacity() < len {
        *room = BytesMut::with_capacity(PIECE);
    }
    room.put_slice(key);
    let key = room.split().freeze();
    room.put_slice(value);
    let value = room.split().freeze();
    Entry { key, value }
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        self.left = self.left.checked_sub(1)?;
        let (range, scan) = (self.range.as_mut()?, &self.scan);
        let read = self.handle.beside(|| {
            let next = if scan.reverse {
                range.next_back()
            } else {
                range.next()
            };
            let Some(found) = next else { return Ok(None) };
            let (key, value) = found.map_err(|error| translate(self.handle.path(), error))?;
            let value = if scan.keys_only { &[] } else { value.value() };
            Ok(Some(copied(&mut self.room, key.value(), value)))
        });
        read.transpose()
    }
}

/// A scan of the state that `rows` gives, if it need not wait for it.
pub(crate) fn scan_of(
    handle: Arc<Handle<Opened>>,
    blocking: Blocking,
    scan: Scan,
    rows: impl Fn(&Handle<Opened>, MayWait) -> Option<Result<Arc<Rows>>> + Send + 'static,
) -> BoxStream<'static, Result<Entry>> {
    let place = Arc::clone(&handle);
    let open = move |may_wait| {
        let rows = rows(&handle, may_wait)?;
        Some(rows.and_then(|rows| {
            let (kept, scan) = (Arc::clone(&handle), scan.clone());
            handle.beside(|| Entries::new(kept, &rows, scan))
        }))
    };
    scan_stream(open, move |chunk: Chunk<Entries, _>| {
        let place = Arc::clone(&place);
        async move {
            let filled = blocking.run(place.path(), move || chunk.fill()).await;
            filled.map_err(interrupted)
        }
    })
}

impl Snapshot {
    pub(crate) fn new(handle: Arc<Handle<Opened>>, rows: Arc<Rows>, blocking: Blocking) -> Self {
        Self {
            handle,
            rows,
            blocking,
        }
    }
}

impl EngineReader for Snapshot {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move { self.handle.beside(|| get(&self.handle, &self.rows, key)) })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(async move {
            self.handle
                .beside(|| get_many(&self.handle, &self.rows, keys))
        })
    }

    fn scan(&self, scan: Scan) -> BoxStream<'static, Result<Entry>> {
        let rows = Arc::clone(&self.rows);
        scan_of(
            Arc::clone(&self.handle),
            self.blocking,
            scan,
            move |_, _| Some(Ok(Arc::clone(&rows))),
        )
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.handle).finish()
    }
}
