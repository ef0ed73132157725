//! Reading: what the store holds, under what is pending.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use datastore_engine::{BoxStream, Entry, Error, KeyRange, Result, Scan};
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    self as store, DatastoreExt, Key, Query,
    query::{Order, Select},
};

use super::{Inner, core::Core, error::translate};

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

    /// The store's entries in a range, in the order of the scan, those of keys that are not ours left out.
    fn stored(
        self: &Arc<Self>,
        scan: &Scan,
        limit: Option<u64>,
    ) -> BoxStream<'static, Result<Entry>> {
        let core = self.clone();
        let query = self.query(scan, limit);
        let decoded = {
            let core = core.clone();
            move |entry: store::Entry| {
                let key = core.names.key_of(&entry.key)?;
                Some((Bytes::from(key), entry))
            }
        };
        let found = self.store.query(query).map_err(translate);
        let found = found.try_filter_map(move |entry| std::future::ready(Ok(decoded(entry))));
        if scan.keys_only || self.in_order {
            return Box::pin(found.map_ok(|(key, entry)| Entry {
                key,
                value: entry.value.unwrap_or_default(),
            }));
        }
        let values = found.map_ok(move |(key, entry)| {
            let core = core.clone();
            async move {
                let value = core.store.try_get(&entry.key).await.map_err(translate)?;
                Ok(value.map(|value| Entry { key, value }))
            }
        });
        // What was deleted since it was listed is left out.
        let values = values.try_buffered(AT_ONCE);
        Box::pin(values.try_filter_map(|entry| std::future::ready(Ok(entry))))
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

/// The keys that the store holds in a range, in no order, `most` at most.
pub(super) async fn stored_keys(core: &Core, range: KeyRange<'_>, most: u64) -> Result<Vec<Bytes>> {
    let mut query = core.range_query(range).keys_only();
    query.limit = Some(most);
    let names: Vec<Key> = core
        .store
        .query_keys(query)
        .try_collect()
        .await
        .map_err(translate)?;
    Ok(names
        .iter()
        .filter_map(|name| core.names.key_of(name))
        .map(Bytes::from)
        .collect())
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
    let stored = core.stored(scan, limit);
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
