//! Reads: of the newest state, and of snapshots.

use std::{fmt, ops::RangeBounds, sync::Arc};

use bytes::Bytes;
use datastore_engine::{
    BoxFuture, BoxStream, EngineReader, Entry, Error, Result, Scan,
    implement::{Chunk, Handle, MayWait, scan_stream},
};
use datastore_files::Blocking;
use fjall::Readable;

use crate::{
    engine::Opened,
    error::{interrupted, translate},
};

/// A smaller value that is asked for by its key is copied, so that it does not keep the block alive that it was read from.
/// Entries of a scan share their blocks: neighbours are held together.
const SHARED_FROM: usize = 1024;

/// The state of one moment. Keeps what it sees from being compacted away as long as it lives.
#[derive(Clone)]
pub(crate) struct Snapshot {
    handle: Arc<Handle<Opened>>,
    moment: Arc<fjall::Snapshot>,
    blocking: Blocking,
}

fn copied_if_small(bytes: fjall::Slice) -> Bytes {
    if bytes.len() < SHARED_FROM {
        return Bytes::copy_from_slice(&bytes);
    }
    bytes.into()
}

/// A value as it is in a snapshot, or, without one, in all that was ever applied.
fn get(
    handle: &Handle<Opened>,
    opened: &Opened,
    moment: Option<&fjall::Snapshot>,
    key: &[u8],
) -> Result<Option<Bytes>> {
    // fjall's trees take no other keys, not even to look for.
    if !(1..=usize::from(u16::MAX)).contains(&key.len()) {
        return Ok(None);
    }
    let found = match moment {
        Some(moment) => moment.get(&opened.entries, key),
        None => opened.entries.get(key),
    };
    Ok(found
        .map_err(|error| translate(handle.path(), error))?
        .map(copied_if_small))
}

/// Runs a read of one moment: the newest if none is given.
fn at<T>(
    opened: &Opened,
    moment: Option<&fjall::Snapshot>,
    read: impl Fn(Option<&fjall::Snapshot>) -> T,
) -> T {
    if moment.is_some() {
        return read(moment);
    }
    // A plain get may see a part of a batch that is just being applied. A snapshot does not, but costs a fourth of a get.
    let found = opened.writes.undisturbed(|| read(None));
    found.unwrap_or_else(|| read(Some(&opened.database.snapshot())))
}

pub(crate) async fn get_one(
    handle: &Arc<Handle<Opened>>,
    blocking: Blocking,
    moment: Option<&Arc<fjall::Snapshot>>,
    key: &[u8],
) -> Result<Option<Bytes>> {
    let read = |handle: &Handle<Opened>, opened: &Opened, moment: Option<&_>, key: &[u8]| {
        at(opened, moment, |moment| get(handle, opened, moment, key))
    };
    let now = |opened: &Opened| read(handle, opened, moment.map(Arc::as_ref), key);
    if let Some(answer) = handle.try_with(now) {
        return answer;
    }
    let (place, moment) = (Arc::clone(handle), moment.cloned());
    let key = Bytes::copy_from_slice(key);
    let work = move || place.with(|opened| read(&place, opened, moment.as_deref(), &key));
    let hopped = blocking.run(handle.path(), work).await;
    hopped.map_err(interrupted)?
}

pub(crate) async fn get_many(
    handle: &Arc<Handle<Opened>>,
    blocking: Blocking,
    moment: Option<&Arc<fjall::Snapshot>>,
    keys: &[&[u8]],
) -> Result<Vec<Option<Bytes>>> {
    let read = |handle: &Handle<Opened>, opened: &Opened, moment: Option<&_>, keys: &[&[u8]]| {
        at(opened, moment, |moment| {
            let found = keys.iter().map(|key| get(handle, opened, moment, key));
            found.collect()
        })
    };
    let now = |opened: &Opened| read(handle, opened, moment.map(Arc::as_ref), keys);
    if let Some(answer) = handle.try_with(now) {
        return answer;
    }
    let (place, moment) = (Arc::clone(handle), moment.cloned());
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
    let work = move || {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        place.with(|opened| read(&place, opened, moment.as_deref(), &keys))
    };
    let hopped = blocking.run(handle.path(), work).await;
    hopped.map_err(interrupted)?
}

/// None if no key can be in the range.
fn range_of(opened: &Opened, moment: Option<&fjall::Snapshot>, scan: &Scan) -> Option<fjall::Iter> {
    let range = scan.key_range();
    if range.is_empty() {
        return None;
    }
    let bounds = (range.start_bound(), range.end_bound());
    Some(match moment {
        Some(moment) => moment.range::<&[u8], _>(&opened.entries, bounds),
        None => opened
            .database
            .snapshot()
            .range::<&[u8], _>(&opened.entries, bounds),
    })
}

/// The entries of a scan, read as they are asked for.
pub(crate) struct Entries {
    handle: Arc<Handle<Opened>>,
    range: Option<fjall::Iter>,
    scan: Scan,
    left: u64,
}

impl Entries {
    /// Begins a scan. Blocks.
    pub(crate) fn new(
        handle: &Arc<Handle<Opened>>,
        moment: Option<&fjall::Snapshot>,
        scan: Scan,
    ) -> Result<Self> {
        let range = handle.with(|opened| Ok(range_of(opened, moment, &scan)))?;
        Ok(Self::of(handle, range, scan))
    }

    /// Begins a scan if it need not wait for upkeep.
    fn try_new(
        handle: &Arc<Handle<Opened>>,
        moment: Option<&fjall::Snapshot>,
        scan: Scan,
    ) -> Option<Result<Self>> {
        let range = handle.try_with(|opened| Ok(range_of(opened, moment, &scan)))?;
        Some(range.map(|range| Self::of(handle, range, scan)))
    }

    fn of(handle: &Arc<Handle<Opened>>, range: Option<fjall::Iter>, scan: Scan) -> Self {
        Self {
            handle: Arc::clone(handle),
            range,
            left: scan.limit.unwrap_or(u64::MAX),
            scan,
        }
    }

    fn read(&mut self) -> Result<Option<Entry>> {
        let (Some(range), scan) = (self.range.as_mut(), &self.scan) else {
            return Ok(None);
        };
        self.handle.beside(|| {
            let next = if scan.reverse {
                range.next_back()
            } else {
                range.next()
            };
            let Some(guard) = next else { return Ok(None) };
            let failed = |error| translate(self.handle.path(), error);
            let (key, value) = if scan.keys_only {
                (guard.key().map_err(failed)?, Bytes::new())
            } else {
                let (key, value) = guard.into_inner().map_err(failed)?;
                (key, value.into())
            };
            Ok(Some(Entry {
                key: key.into(),
                value,
            }))
        })
    }
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        self.left = self.left.checked_sub(1)?;
        self.read().transpose()
    }
}

/// Reads everything there is; how many entries, or what went wrong behind so many.
pub(crate) fn count(handle: &Arc<Handle<Opened>>) -> (u64, Option<Error>) {
    let mut count = 0;
    let entries = Entries::new(handle, None, Scan::all());
    let outcome = entries.and_then(|mut entries| {
        entries.try_for_each(|entry| {
            entry?;
            count += 1;
            Ok(())
        })
    });
    (count, outcome.err())
}

pub(crate) fn scan(
    handle: Arc<Handle<Opened>>,
    blocking: Blocking,
    moment: Option<Arc<fjall::Snapshot>>,
    scan: Scan,
) -> BoxStream<'static, Result<Entry>> {
    let place = Arc::clone(&handle);
    let open = move |may_wait| match may_wait {
        MayWait::No => Entries::try_new(&handle, moment.as_deref(), scan.clone()),
        MayWait::Yes => Some(Entries::new(&handle, moment.as_deref(), scan.clone())),
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
    pub(crate) fn new(
        handle: Arc<Handle<Opened>>,
        moment: fjall::Snapshot,
        blocking: Blocking,
    ) -> Self {
        Self {
            handle,
            moment: Arc::new(moment),
            blocking,
        }
    }
}

impl EngineReader for Snapshot {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(get_one(
            &self.handle,
            self.blocking,
            Some(&self.moment),
            key,
        ))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a [u8]]) -> BoxFuture<'a, Result<Vec<Option<Bytes>>>> {
        Box::pin(get_many(
            &self.handle,
            self.blocking,
            Some(&self.moment),
            keys,
        ))
    }

    fn scan(&self, asked: Scan) -> BoxStream<'static, Result<Entry>> {
        scan(
            Arc::clone(&self.handle),
            self.blocking,
            Some(Arc::clone(&self.moment)),
            asked,
        )
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.handle).finish()
    }
}
