//! Listing: a scan of the engine that serves prefix, scope, range, cursor, direction and, where nothing else is asked, limit.

use std::{
    ops::Bound,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use datastore_engine::{self as engine, Engine, Scan};
use futures_core::Stream;
use interface_datastore::{
    BoxFuture, BoxStream, Entry, Error, ErrorKind, Key, Operation, Query, Result, Timestamp,
    query::{Direction, OrderBy, Select, evaluate},
};

use crate::{
    error::{translate, unreadable},
    open::Inner,
    record,
};

/// The first key of an entry, and the first behind them all.
const FIRST: &[u8] = b"/";
const END: &[u8] = b"0";

type Scanned = BoxStream<'static, engine::Result<engine::Entry>>;

/// Answers a query. Nothing happens before the stream is polled.
pub(crate) fn query<E: Engine>(
    store: Arc<Inner<E>>,
    query: Query,
) -> BoxStream<'static, Result<Entry>> {
    let mut rest = query.clone().without_key_scope(true);
    // A scan is a sort by key: it serves the least significant order if that is by key.
    let by_key = rest.orders.first();
    let by_key = by_key.filter(|order| matches!(order.by, OrderBy::Key));
    let by_key = by_key.map(|order| order.direction == Direction::Descending);
    if by_key.is_some() {
        rest.orders.remove(0);
    }
    let served = rest.filters.is_empty() && rest.orders.is_empty();
    let mut scan = scan_of(&query);
    scan.reverse = by_key.unwrap_or(query.reverse);
    if served {
        scan.limit = query.limit.map(|limit| limit.saturating_add(query.offset));
    }
    let plan = Plan {
        scan,
        keys_only: served && query.select == Select::Keys,
        values: query.needs_values(),
        moment: None,
    };
    let walk = Box::pin(Walk::Before(Box::pin(begin(store, plan))));
    if served && rest.offset == 0 && rest.limit.is_none() {
        return walk;
    }
    if served {
        // The walk leaves out what is not selected.
        rest.select = Select::Values;
    }
    evaluate(walk, rest)
}

/// What a walk does.
struct Plan {
    scan: Scan,
    /// Keys are all that is wanted.
    keys_only: bool,
    values: bool,
    /// When the walk began, if anything can have expired by then.
    moment: Option<Timestamp>,
}

async fn begin<E: Engine>(store: Arc<Inner<E>>, mut plan: Plan) -> Result<(Plan, Scanned)> {
    store.check_open(Operation::Query)?;
    store.orphans.settle().await;
    plan.moment = store.moment();
    let mut scan = plan.scan.clone();
    if plan.moment.is_some() {
        // Which entries have expired is told by their records, and they do not count.
        scan.limit = None;
    } else {
        scan.keys_only = plan.keys_only;
    }
    Ok((plan, store.engine.scan(scan)))
}

/// The range that holds the keys which the query covers, and no others.
pub(crate) fn scan_of(query: &Query) -> Scan {
    let behind = |mut key: Vec<u8>| {
        key.push(0);
        key
    };
    let (low, high) = query.key_bounds();
    let mut start = match low {
        Bound::Included(key) => key,
        Bound::Excluded(key) => behind(key),
        Bound::Unbounded => Vec::new(),
    };
    let end = match high {
        Bound::Included(key) => behind(key),
        Bound::Excluded(key) => key,
        Bound::Unbounded => END.to_vec(),
    };
    // The root is within the bounds of what is under it.
    let root_is_out = query.within.as_ref().is_some_and(Key::is_root);
    let first: &[u8] = if root_is_out { b"/\0" } else { FIRST };
    if &*start < first {
        start = first.to_vec();
    }
    Scan::range(start, end.min(END.to_vec()))
}

/// The two ranges of what is at or under a key.
pub(crate) fn scans_within(scope: &Key) -> [Scan; 2] {
    let own = [scope.as_bytes(), b"\0"].concat();
    if scope.is_root() {
        return [Scan::range(FIRST, own.clone()), Scan::range(own, END)];
    }
    let under = Scan::prefix([scope.as_bytes(), b"/"].concat());
    [Scan::range(scope.as_bytes().to_vec(), own), under]
}

/// The key of an entry as the engine keeps it.
pub(crate) fn key_of(operation: Operation, key: &Bytes) -> Result<Key> {
    Key::raw(key).map_err(|error| Error::new(ErrorKind::Damaged, operation).with_source(error))
}

impl Plan {
    /// The entry of a record; none if it has expired.
    #[inline]
    fn entry(&self, found: engine::Entry) -> Option<Result<Entry>> {
        let key = match key_of(Operation::Query, &found.key) {
            Ok(key) => key,
            Err(error) => return Some(Err(error)),
        };
        if self.keys_only && self.moment.is_none() {
            return Some(Ok(Entry::of_key(key)));
        }
        let (head, value) = match record::parse(found.value) {
            Ok(parsed) => parsed,
            Err(why) => return Some(Err(unreadable(Operation::Query, &key, why))),
        };
        if self.moment.is_some_and(|now| !head.lives_at(now)) {
            return None;
        }
        let mut entry = Entry::of_key(key);
        if !self.keys_only {
            entry.size = Some(value.len() as u64);
            entry.version = Some(head.version());
            entry.expires = head.expires;
        }
        if self.values {
            entry.value = Some(value);
        }
        Some(Ok(entry))
    }
}

/// The entries of a scan.
enum Walk {
    /// Not polled yet, or waiting for what must come first.
    Before(BoxFuture<'static, Result<(Plan, Scanned)>>),
    Walking(Plan, Scanned),
    Through,
}

impl Stream for Walk {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut *self {
                Self::Before(begin) => match ready!(begin.as_mut().poll(cx)) {
                    Ok((plan, scanned)) => *self = Self::Walking(plan, scanned),
                    Err(error) => {
                        *self = Self::Through;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Self::Walking(plan, scanned) => {
                    let found = match ready!(scanned.as_mut().poll_next(cx)) {
                        Some(Ok(found)) => plan.entry(found),
                        Some(Err(error)) => Some(Err(translate(Operation::Query, error))),
                        None => {
                            *self = Self::Through;
                            return Poll::Ready(None);
                        }
                    };
                    match found {
                        None => {}
                        Some(Ok(entry)) => return Poll::Ready(Some(Ok(entry))),
                        // An error is the last.
                        Some(Err(error)) => {
                            *self = Self::Through;
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
                Self::Through => return Poll::Ready(None),
            }
        }
    }
}
