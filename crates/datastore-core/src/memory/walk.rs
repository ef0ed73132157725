//! Listing: a stream over a snapshot that takes the lock for a chunk at a time.

use std::{
    collections::VecDeque,
    ops::Bound,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use interface_datastore::{
    BoxStream, Entry, Key, Operation, Query, Result, Timestamp,
    query::{Direction, OrderBy, Select, evaluate},
};

use super::{
    shared::Shared,
    table::{Bounds, Slot},
};

/// How many entries are taken under one lock at first, and at most.
const FIRST_CHUNK: usize = 16;
const MOST_CHUNK: usize = 64;

/// Answers a query. Nothing happens before the stream is polled.
pub(super) fn query(store: Arc<Shared>, query: Query) -> BoxStream<'static, Result<Entry>> {
    let mut rest = query.clone().without_key_scope(true);
    // A walk is a sort by key: it serves the least significant order if that is by key.
    let by_key = rest
        .orders
        .first()
        .filter(|order| matches!(order.by, OrderBy::Key))
        .map(|order| order.direction == Direction::Descending);
    if by_key.is_some() {
        rest.orders.remove(0);
    }
    let served = rest.filters.is_empty() && rest.orders.is_empty();
    let mut bounds = query.key_bounds();
    if query.within.as_ref().is_some_and(Key::is_root) {
        // The root is within the bounds of what is under it.
        raise_above_root(&mut bounds);
    }
    let walk = Walk {
        store,
        bounds,
        reverse: by_key.unwrap_or(query.reverse),
        pick: Pick {
            values: query.needs_values(),
            metadata: query.select != Select::Keys || !served,
            moment: None,
        },
        found: VecDeque::new(),
        chunk: FIRST_CHUNK,
        state: State::Before,
    };
    if served && rest.offset == 0 && rest.limit.is_none() {
        return Box::pin(walk);
    }
    if served {
        // The walk has left out what is not selected.
        rest.select = Select::Values;
    }
    evaluate(Box::pin(walk), rest)
}

fn raise_above_root(bounds: &mut Bounds) {
    let root = Key::root();
    let low = match &bounds.0 {
        Bound::Included(low) | Bound::Excluded(low) => low.as_slice(),
        Bound::Unbounded => &[],
    };
    if low <= root.as_bytes() {
        bounds.0 = Bound::Excluded(root.as_bytes().to_vec());
    }
}

struct Walk {
    store: Arc<Shared>,
    /// What is still to be walked.
    bounds: Bounds,
    reverse: bool,
    pick: Pick,
    found: VecDeque<Entry>,
    chunk: usize,
    state: State,
}

/// What is made of the slots.
#[derive(Clone, Copy)]
struct Pick {
    values: bool,
    metadata: bool,
    /// When the snapshot was taken, if anything can have expired by then.
    moment: Option<Timestamp>,
}

impl Pick {
    fn entry(self, key: &Key, slot: &Slot) -> Option<Entry> {
        if self.moment.is_some_and(|now| !slot.lives(now)) {
            return None;
        }
        let mut entry = Entry::of_key(key.clone());
        if self.metadata {
            entry.size = Some(slot.value.len() as u64);
            entry.version = Some(slot.version());
            entry.expires = slot.expires;
        }
        if self.values {
            entry.value = Some(slot.value.clone());
        }
        Some(entry)
    }
}

enum State {
    /// Not polled yet.
    Before,
    /// Over this snapshot.
    Walking(u64),
    Through,
}

impl Walk {
    fn refill(&mut self, snapshot: u64) -> Result<()> {
        let pick = self.pick;
        let table = self.store.read();
        table.check_open(Operation::Query)?;
        let (found, last) = table.chunk(
            snapshot,
            &self.bounds,
            self.reverse,
            self.chunk,
            |key, slot| pick.entry(key, slot),
        );
        drop(table);
        self.chunk = (self.chunk * 2).min(MOST_CHUNK);
        self.found = found;
        match last {
            None => self.end(),
            Some(last) => {
                let behind = Bound::Excluded(last.as_bytes().to_vec());
                if self.reverse {
                    self.bounds.1 = behind;
                } else {
                    self.bounds.0 = behind;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if let State::Walking(snapshot) = std::mem::replace(&mut self.state, State::Through) {
            self.store.write().release(snapshot);
        }
    }
}

impl Stream for Walk {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if matches!(this.state, State::Before) {
            match this.store.begin_walk() {
                Ok((snapshot, moment)) => {
                    this.pick.moment = moment;
                    this.state = State::Walking(snapshot);
                }
                Err(error) => {
                    this.state = State::Through;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        loop {
            if let Some(entry) = this.found.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            let State::Walking(snapshot) = this.state else {
                return Poll::Ready(None);
            };
            if let Err(error) = this.refill(snapshot) {
                this.end();
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.end();
    }
}
