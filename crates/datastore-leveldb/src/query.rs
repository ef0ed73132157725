//! Listing: a walk over the keys in order, many entries a hop.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use interface_datastore::query::evaluate;
use interface_datastore::{BoxStream, Entry, Key, Operation, Query, Result};

use crate::database::Merge;
use crate::failure::Failure;
use crate::range::{Direction, KeyRange};
use crate::read::entry_of;
use crate::store::Inner;

/// The first hop gives few entries soon; later ones give more at a time.
const FIRST_GROUP: usize = 16;
const MAX_GROUP: usize = 256;
/// A hop ends after so many bytes of values.
const MAX_GROUP_BYTES: usize = 1 << 20;
/// A hop ends after so many entries that are not wanted.
const MAX_STEPS: usize = 4096;

/// Answers a query. Nothing is read before the stream is polled.
pub(crate) fn query(store: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Entry>> {
    let rest = query.clone().without_key_scope(true);
    if query.limit == Some(0) {
        return evaluate(stream::empty().boxed(), rest);
    }
    let direction = match query.reverse {
        false => Direction::Ascending,
        true => Direction::Descending,
    };
    let merge = Merge::new(&store.db, KeyRange::of_query(&query), direction);
    let listing = Listing {
        store,
        values: query.needs_values(),
        query,
        merge,
        ready: VecDeque::new(),
        group: FIRST_GROUP,
        ended: false,
    };
    let entries = stream::unfold(Some(listing), |listing| async {
        let mut listing = listing?;
        loop {
            if let Some(entry) = listing.ready.pop_front() {
                // An error is the last item.
                let rest = entry.is_ok().then_some(listing);
                return Some((entry, rest));
            }
            if listing.ended {
                return None;
            }
            listing = match listing.fill().await {
                Ok(listing) => listing,
                Err(error) => return Some((Err(error), None)),
            };
        }
    });
    evaluate(entries.boxed(), rest)
}

/// A walk in progress.
struct Listing {
    store: Arc<Inner>,
    query: Query,
    values: bool,
    merge: Merge,
    ready: VecDeque<Result<Entry>>,
    group: usize,
    ended: bool,
}

impl Listing {
    /// Reads the next group in one hop.
    async fn fill(mut self) -> Result<Self> {
        self.store.check_open(Operation::Query)?;
        let store = Arc::clone(&self.store);
        let step = move || {
            if let Err(failure) = self.fill_now() {
                self.ready
                    .push_back(Err(failure.during(Operation::Query, None)));
                self.ended = true;
            }
            self
        };
        store.hop(Operation::Query, step).await
    }

    fn fill_now(&mut self) -> Result<(), Failure> {
        let store = Arc::clone(&self.store);
        let mut bytes = 0usize;
        for _ in 0..MAX_STEPS {
            let Some((key, version)) = self.merge.next(&store.db)? else {
                self.ended = true;
                break;
            };
            // The range holds nothing that does not start with a slash.
            let Ok(key) = Key::raw(&key) else { continue };
            let Some(mut entry) =
                entry_of(key, version).filter(|entry| self.query.covers(&entry.key))
            else {
                continue;
            };
            if self.values {
                bytes = bytes.saturating_add(entry.value.as_ref().map_or(0, bytes::Bytes::len));
            } else {
                entry.value = None;
            }
            self.ready.push_back(Ok(entry));
            if self.ready.len() >= self.group || bytes >= MAX_GROUP_BYTES {
                break;
            }
        }
        self.group = MAX_GROUP.min(self.group * 2);
        Ok(())
    }
}
