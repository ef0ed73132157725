//! The shared evaluator: the whole of a query over any stream of entries.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{Order, OrderBy, Query, Select};
use crate::{BoxStream, Entry, Result};

/// Answers `query` from `entries`: everything that the store has not served already.
///
/// A store that did a part of the query itself clears that part first ([`Query::without_key_scope`], say). The entries
/// must carry values if [`Query::needs_values`] and sizes if [`Query::needs_sizes`]; both are taken out again where
/// they are not selected. Without orders the result streams; with orders it is held in memory, at most about twice
/// `offset + limit` entries of it. After an error of the source the result ends.
pub fn evaluate(
    entries: BoxStream<'static, Result<Entry>>,
    query: Query,
) -> BoxStream<'static, Result<Entry>> {
    let orders = effective_orders(&query);
    let source = if orders.is_empty() {
        Source::Direct(entries)
    } else {
        Source::Gathering(Gathering::new(entries, orders, &query))
    };
    Box::pin(Evaluation {
        source,
        skip: query.offset,
        take: query.limit,
        query,
    })
}

/// The query's orders, with the key order that a reverse walk or a cursor implies as the least significant.
fn effective_orders(query: &Query) -> Vec<Order> {
    let mut orders = query.orders.clone();
    if query.reverse {
        orders.insert(0, Order::by_key().descending());
    } else if query.start_after.is_some() {
        orders.insert(0, Order::by_key());
    }
    orders
}

struct Evaluation {
    source: Source,
    query: Query,
    skip: u64,
    take: Option<u64>,
}

enum Source {
    Direct(BoxStream<'static, Result<Entry>>),
    Gathering(Gathering),
    Sorted(std::vec::IntoIter<(Entry, u64)>),
    Ended,
}

impl Stream for Evaluation {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.take == Some(0) {
            this.source = Source::Ended;
        }
        loop {
            let entry = match ready!(this.source.poll_entry(cx, &this.query)) {
                Some(Ok(entry)) => entry,
                other => {
                    this.source = Source::Ended;
                    return Poll::Ready(other);
                }
            };
            if this.skip > 0 {
                this.skip -= 1;
                continue;
            }
            if let Some(left) = &mut this.take {
                *left -= 1;
            }
            return Poll::Ready(Some(Ok(strip(entry, this.query.select))));
        }
    }
}

impl Source {
    /// The next entry that the filters accept, in the wanted order.
    fn poll_entry(&mut self, cx: &mut Context<'_>, query: &Query) -> Poll<Option<Result<Entry>>> {
        loop {
            match self {
                Self::Ended => return Poll::Ready(None),
                Self::Sorted(entries) => {
                    return Poll::Ready(entries.next().map(|(entry, _)| Ok(entry)));
                }
                Self::Direct(entries) => match ready!(entries.as_mut().poll_next(cx)) {
                    Some(Ok(entry)) if !wanted(query, &entry) => {}
                    other => return Poll::Ready(other),
                },
                Self::Gathering(gathering) => match ready!(gathering.poll_gather(cx, query)) {
                    Ok(sorted) => *self = Self::Sorted(sorted.into_iter()),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
    }
}

fn wanted(query: &Query, entry: &Entry) -> bool {
    query.covers(&entry.key) && query.filters.iter().all(|filter| filter.accepts(entry))
}

fn strip(mut entry: Entry, select: Select) -> Entry {
    match select {
        Select::Values => {}
        Select::Sizes => {
            entry.size = entry
                .size
                .or(entry.value.as_ref().map(|value| value.len() as u64));
            entry.value = None;
        }
        Select::Keys => entry.value = None,
    }
    entry
}

/// Gathers what must be sorted, and drops what the limit cannot reach.
struct Gathering {
    entries: BoxStream<'static, Result<Entry>>,
    orders: Vec<Order>,
    /// With their place in the source, which decides between equals: each sort is stable.
    held: Vec<(Entry, u64)>,
    seen: u64,
    /// How many entries from the front can be asked for.
    reach: Option<usize>,
    values_needed: bool,
}

impl Gathering {
    fn new(entries: BoxStream<'static, Result<Entry>>, orders: Vec<Order>, query: &Query) -> Self {
        let reach = query
            .limit
            .and_then(|limit| usize::try_from(limit.saturating_add(query.offset)).ok());
        let values_needed = query.select == Select::Values || orders.iter().any(Order::needs_value);
        Self {
            entries,
            orders,
            held: Vec::new(),
            seen: 0,
            reach,
            values_needed,
        }
    }

    fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        query: &Query,
    ) -> Poll<Result<Vec<(Entry, u64)>>> {
        while let Some(next) = ready!(self.entries.as_mut().poll_next(cx)) {
            let entry = next?;
            if wanted(query, &entry) {
                self.hold(entry);
            }
        }
        let held = mem::take(&mut self.held);
        Poll::Ready(Ok(self.sort(held)))
    }

    fn hold(&mut self, entry: Entry) {
        let entry = if self.values_needed {
            entry
        } else {
            strip(entry, Select::Sizes)
        };
        self.held.push((entry, self.seen));
        self.seen += 1;
        if let Some(reach) = self.reach {
            if self.held.len() > reach.saturating_mul(2).max(64) {
                let held = mem::take(&mut self.held);
                self.held = self.sort(held);
                self.held.truncate(reach);
            }
        }
    }

    fn sort(&self, mut entries: Vec<(Entry, u64)>) -> Vec<(Entry, u64)> {
        let compare = |(a, a_place): &(Entry, u64), (b, b_place): &(Entry, u64)| {
            let by_order = self
                .orders
                .iter()
                .rev()
                .map(|order| order.compare(a, b))
                .find(|ordering| ordering.is_ne());
            by_order
                .unwrap_or(Ordering::Equal)
                .then(a_place.cmp(b_place))
        };
        if self
            .orders
            .iter()
            .any(|order| matches!(order.by, OrderBy::Custom(_)))
        {
            return merge_sort(entries, compare);
        }
        entries.sort_unstable_by(compare);
        entries
    }
}

/// Sorts by a comparison that may contradict itself, on which the standard sorts are free to panic.
fn merge_sort<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut runs: VecDeque<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while let Some(a) = runs.pop_front() {
        match runs.pop_front() {
            Some(b) => runs.push_back(merge(a, b, &compare)),
            None => return a,
        }
    }
    Vec::new()
}

fn merge<T>(a: Vec<T>, b: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let next = if compare(y, x).is_lt() {
            b.next()
        } else {
            a.next()
        };
        merged.extend(next);
    }
    merged.extend(a);
    merged.extend(b);
    merged
}
