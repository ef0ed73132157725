//! Reading: what the store holds, under what is pending.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use datastore_engine::{BoxStream, Entry, Error, ErrorKind, KeyRange, Result, Scan};
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    DatastoreExt, Key, Query,
    query::{Order, Select},
};

use super::{Inner, core::Core, error::translate, names::Names};

/// So many values are asked for at once.
pub(super) const AT_ONCE: usize = 16;

impl Core {
    /// The value under a key.
    pub(super) async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(pending) = self.pending()
            && let Some(value) = pending.changes.get(key)
        {
            return Ok(value.clone());
        }
        let too_long = self
            .can
            .max_key_len
            .is_some_and(|max| key.len() as u64 > max);
        if key.is_empty() || too_long {
            return Ok(None);
        }
        self.store
            .try_get(&self.names.entry(key))
            .await
            .map_err(translate)
    }

    /// The store's entries in a range, in the order of the scan.
    fn stored(
        self: &Arc<Self>,
        scan: Scan,
        limit: Option<u64>,
    ) -> BoxStream<'static, Result<Entry>> {
        if scan.keys_only || self.in_order {
            let names = self.names.clone();
            let found = self.store.query(self.query(&scan, limit));
            return Box::pin(found.map(move |entry| {
                let entry = entry.map_err(translate)?;
                let key = engine_key(&names, &entry.key)?;
                let value = entry.value.unwrap_or_default();
                Ok(Entry { key, value })
            }));
        }
        let looked_up = LookedUp::new(self.clone(), scan, limit.unwrap_or(u64::MAX));
        Box::pin(stream::try_unfold(looked_up, |mut looked_up| async move {
            Ok(looked_up.next().await?.map(|entry| (entry, looked_up)))
        }))
    }

    fn query(&self, scan: &Scan, limit: Option<u64>) -> Query {
        let mut query = self.range_query(scan.key_range());
        if scan.reverse {
            query = query.reversed();
        } else if !self.in_order {
            query = query.with_order(Order::by_key());
        }
        // A store that sorts what it lists would hold all values for it.
        query.select = match scan.keys_only || !self.in_order {
            true => Select::Keys,
            false => Select::Values,
        };
        query.limit = limit;
        query
    }

    /// The names of the keys in a range that is not empty.
    fn range_query(&self, range: KeyRange<'_>) -> Query {
        let mut query = Query::prefix(self.names.entries());
        if !range.start.is_empty() {
            query = query.with_start(self.names.entry(range.start));
        }
        match range.end {
            Some(end) => query.with_end(self.names.entry(end)),
            None => query,
        }
    }
}

/// The entries of a store without order: their keys are listed and sorted first, their values looked up as they are asked for.
struct LookedUp {
    core: Arc<Core>,
    /// What is still to be listed, in the order of the scan.
    scan: Scan,
    left: u64,
    page: BoxStream<'static, Result<(Bytes, Option<Bytes>)>>,
    asked: u64,
    listed: u64,
}

impl LookedUp {
    fn new(core: Arc<Core>, scan: Scan, left: u64) -> Self {
        Self {
            page: Self::page(&core, &scan, left),
            core,
            scan,
            left,
            asked: left,
            listed: 0,
        }
    }

    fn page(
        core: &Arc<Core>,
        scan: &Scan,
        most: u64,
    ) -> BoxStream<'static, Result<(Bytes, Option<Bytes>)>> {
        let limit = Some(most).filter(|most| *most < u64::MAX);
        let core = core.clone();
        let found = core.store.query(core.query(scan, limit)).map_err(translate);
        let values = found.map_ok(move |entry| {
            let core = core.clone();
            async move {
                let key = engine_key(&core.names, &entry.key)?;
                let value = core.store.try_get(&entry.key).await.map_err(translate)?;
                Ok((key, value))
            }
        });
        Box::pin(values.try_buffered(AT_ONCE))
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            let Some((key, value)) = self.page.try_next().await? else {
                let through = self.listed < self.asked || self.left == 0;
                if through || self.scan.key_range().is_empty() {
                    return Ok(None);
                }
                // Some of those that were listed have vanished: others come after them.
                (self.asked, self.listed) = (self.left, 0);
                self.page = Self::page(&self.core, &self.scan, self.left);
                continue;
            };
            self.listed += 1;
            if self.scan.reverse {
                self.scan.end = Some(key.clone());
            } else {
                self.scan.start = [&key[..], &[0]].concat().into();
            }
            if let Some(value) = value {
                self.left -= 1;
                return Ok(Some(Entry { key, value }));
            }
        }
    }
}

/// The keys that the store holds in a range, in no order, `most` at most.
pub(super) async fn stored_keys(core: &Core, range: KeyRange<'_>, most: u64) -> Result<Vec<Bytes>> {
    let mut query = core.range_query(range).keys_only();
    query.limit = Some(most);
    let stored: Vec<Key> = core
        .store
        .query_keys(query)
        .try_collect()
        .await
        .map_err(translate)?;
    let keys = stored.iter().map(|name| engine_key(&core.names, name));
    keys.collect()
}

/// The engine's key of a name that the store lists among the entries.
fn engine_key(names: &Names, name: &Key) -> Result<Bytes> {
    names.key_of(name).map(Bytes::from).ok_or_else(|| {
        Error::new(ErrorKind::Damaged)
            .with_detail("the store holds a key among the entries that is not that of an entry")
            .with_remedy("remove it from the store; `check` counts those keys")
    })
}

/// A scan of the engine: of the store, and of what is pending when it is first polled.
pub(super) fn scan(inner: Arc<Inner>, scan: Scan) -> BoxStream<'static, Result<Entry>> {
    let core = inner.core.clone();
    let begun = async move {
        inner.core.check_open()?;
        inner.queue.settle().await;
        Ok::<_, Error>(merged(&inner.core, &scan))
    };
    let entries = stream::once(begun).try_flatten();
    // An engine that was closed says so, and an error is the last item.
    let last = stream::unfold(Some(Box::pin(entries)), move |entries| {
        let core = core.clone();
        async move {
            let mut entries = entries?;
            let next = match core.check_open() {
                Ok(()) => entries.next().await?,
                Err(closed) => Err(closed),
            };
            let rest = next.is_ok().then_some(entries);
            Some((next, rest))
        }
    });
    Box::pin(last)
}

fn merged(core: &Arc<Core>, scan: &Scan) -> BoxStream<'static, Result<Entry>> {
    let range = scan.key_range();
    if range.is_empty() || scan.limit == Some(0) {
        return Box::pin(stream::empty());
    }
    let mut changed: VecDeque<(Bytes, Option<Bytes>)> = match core.pending() {
        Some(pending) => {
            let changes = pending.changes.range::<[u8], _>(range);
            changes
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }
        None => VecDeque::new(),
    };
    // Each change may stand for an entry of the store, or take one away.
    let limit = scan
        .limit
        .map(|limit| limit.saturating_add(changed.len() as u64));
    let stored = core.stored(scan.clone(), limit);
    if changed.is_empty() {
        return stored;
    }
    if scan.reverse {
        changed.make_contiguous().reverse();
    }
    let merging = Merging {
        stored,
        ahead: None,
        changed,
        reverse: scan.reverse,
        keys_only: scan.keys_only,
    };
    let entries = stream::try_unfold(merging, |mut merging| async move {
        Ok(merging.next().await?.map(|entry| (entry, merging)))
    });
    let limit = scan.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    Box::pin(entries.take(limit))
}

/// The store's entries with changes laid over them.
struct Merging {
    stored: BoxStream<'static, Result<Entry>>,
    ahead: Option<Entry>,
    changed: VecDeque<(Bytes, Option<Bytes>)>,
    reverse: bool,
    keys_only: bool,
}

impl Merging {
    async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            if self.ahead.is_none() {
                self.ahead = self.stored.try_next().await?;
            }
            let Some((key, _)) = self.changed.front() else {
                return Ok(self.ahead.take());
            };
            if let Some(ahead) = &self.ahead {
                if ahead.key == key {
                    self.ahead = None;
                } else if (ahead.key < key) != self.reverse {
                    return Ok(self.ahead.take());
                }
            }
            let Some((key, Some(value))) = self.changed.pop_front() else {
                continue;
            };
            let value = if self.keys_only { Bytes::new() } else { value };
            return Ok(Some(Entry { key, value }));
        }
    }
}
