//! A listing of the inner store with the buffered operations applied.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, VecDeque},
};

use futures_util::{StreamExt, stream};
use interface_datastore::{BoxStream, Entry, Key, Result};

use super::buffer::Waiting;

/// In which order the inner store's entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Ascending,
    Descending,
    /// Any: buffered entries come last.
    Unordered,
}

/// The entries of `inner` but for the keys in `buffered`, with what `buffered` leaves of those; in the order of `walk`.
pub(super) fn merge(
    inner: BoxStream<'static, Result<Entry>>,
    buffered: BTreeMap<Key, Waiting>,
    walk: Walk,
) -> BoxStream<'static, Result<Entry>> {
    if buffered.is_empty() {
        return inner;
    }
    let mut entries: VecDeque<Entry> = buffered
        .iter()
        .filter_map(|(key, waiting)| waiting.entry(key))
        .collect();
    if walk == Walk::Descending {
        entries.make_contiguous().reverse();
    }
    let state = Merging {
        inner,
        ahead: None,
        buffered,
        entries,
        walk,
    };
    Box::pin(stream::try_unfold(state, Merging::next))
}

struct Merging {
    inner: BoxStream<'static, Result<Entry>>,
    /// The inner store's next entry, already read.
    ahead: Option<Entry>,
    buffered: BTreeMap<Key, Waiting>,
    /// What the buffer leaves, still to be given.
    entries: VecDeque<Entry>,
    walk: Walk,
}

impl Merging {
    async fn next(mut self) -> Result<Option<(Entry, Self)>> {
        while self.ahead.is_none() {
            match self.inner.next().await.transpose()? {
                // The buffer knows better.
                Some(entry) if self.buffered.contains_key(&entry.key) => {}
                Some(entry) => self.ahead = Some(entry),
                None => break,
            }
        }
        let own_first = match (self.entries.front(), &self.ahead) {
            (Some(own), Some(inner)) => match self.walk {
                Walk::Ascending => own.key.cmp(&inner.key) == Ordering::Less,
                Walk::Descending => own.key.cmp(&inner.key) == Ordering::Greater,
                Walk::Unordered => false,
            },
            (own, None) => own.is_some(),
            (None, Some(_)) => false,
        };
        let next = if own_first {
            self.entries.pop_front()
        } else {
            self.ahead.take()
        };
        Ok(next.map(|entry| (entry, self)))
    }
}
