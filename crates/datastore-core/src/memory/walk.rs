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
    BoxStream, Entry, Key, Query, Result, Timestamp,
    query::{Direction, OrderBy, Select, evaluate},
};

use super::{
    shared::Shared,
    table::{Bounds, Slot},
};

/// How many entries are taken under one lock at first, and at most.
const FIRST_CHUNK: usize = 16;
const MOST_CHUNK: usize = 256;

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
    let walk = Walk {
        store,
        bounds: query.key_bounds(),
        reverse: by_key.unwrap_or(query.reverse),
        values: query.needs_values(),
        metadata: query.select != Select::Keys || !served,
        query,
        found: VecDeque::new(),
        chunk: FIRST_CHUNK,
        moment: None,
        state: State::Before,
    };
    if served {
        // The walk has left out what is not selected.
        rest.select = Select::Values;
    }
    evaluate(Box::pin(walk), rest)
}

struct Walk {
    store: Arc<Shared>,
    query: Query,
    /// What is still to be walked.
    bounds: Bounds,
    reverse: bool,
    values: bool,
    metadata: bool,
    found: VecDeque<(Key, Slot)>,
    chunk: usize,
    /// When the snapshot was taken, if anything can have expired by then.
    moment: Option<Timestamp>,
    state: State,
}

enum State {
    /// Not polled yet.
    Before,
    /// Over this snapshot.
    Walking(u64),
    Through,
}

impl Walk {
    fn refill(&mut self, snapshot: u64) {
        let (found, last) =
            self.store
                .read()
                .chunk(snapshot, &self.bounds, self.reverse, self.chunk);
        self.chunk = (self.chunk * 2).min(MOST_CHUNK);
        self.found = found.into();
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
    }

    fn end(&mut self) {
        if let State::Walking(snapshot) = std::mem::replace(&mut self.state, State::Through) {
            self.store.write().release(snapshot);
        }
    }

    fn entry(&self, key: Key, slot: Slot) -> Entry {
        let mut entry = Entry::of_key(key);
        if self.metadata {
            entry.size = Some(slot.value.len() as u64);
            entry.version = Some(slot.version());
            entry.expires = slot.expires;
        }
        if self.values {
            entry.value = Some(slot.value);
        }
        entry
    }
}

impl Stream for Walk {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if matches!(this.state, State::Before) {
            match this.store.begin_walk() {
                Ok((snapshot, moment)) => {
                    this.moment = moment;
                    this.state = State::Walking(snapshot);
                }
                Err(error) => {
                    this.state = State::Through;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        loop {
            while let Some((key, slot)) = this.found.pop_front() {
                if this.moment.is_none_or(|now| slot.lives(now)) && this.query.covers(&key) {
                    return Poll::Ready(Some(Ok(this.entry(key, slot))));
                }
            }
            match this.state {
                State::Walking(snapshot) => this.refill(snapshot),
                State::Before | State::Through => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.end();
    }
}
