//! Queries as data, and the one evaluator that does what a store cannot do itself.

mod evaluate;
mod filter;
mod order;

use std::ops::Bound;

use bytes::Bytes;

pub use self::{
    evaluate::evaluate,
    filter::{Comparison, Filter, Predicate},
    order::{Comparator, Direction, Order, OrderBy},
};
use crate::Key;

/// What the entries of a query's result carry besides their key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Select {
    /// Values, and so sizes.
    #[default]
    Values,
    /// Sizes of values.
    Sizes,
    /// Nothing that costs anything.
    Keys,
}

/// Which entries are wanted, in which order, and how much of them.
///
/// Applied in this order: prefix, scope, range and start-after; filters, all of which must accept; orders; offset;
/// limit. Without orders entries come as the store holds them.
///
/// ```
/// use interface_datastore::{Key, Query, query::{Order, Filter}};
/// let newest_three = Query::default()
///     .with_within(Key::new("/log"))
///     .with_filter(Filter::key_suffix(".entry"))
///     .with_order(Order::by_key().descending())
///     .with_limit(3);
/// ```
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Query {
    /// Keys that start with these bytes, whatever follows, as in JavaScript: `/a` finds `/a`, `/ab` and `/a/b`.
    /// Empty means all; bytes that do not start with `/` find nothing.
    pub prefix: Bytes,
    /// Keys strictly under this one by whole namespaces, as in Go: `/a` finds `/a/b` alone.
    pub within: Option<Key>,
    /// Keys not before this one, in byte order.
    pub start: Option<Bound<Key>>,
    /// Keys not behind this one, in byte order.
    pub end: Option<Bound<Key>>,
    /// Keys that come after this one in the walk: greater, or less if `reverse`. Implies key order.
    pub start_after: Option<Key>,
    /// Walk in descending key order instead of the store's own.
    pub reverse: bool,
    /// All must accept.
    pub filters: Vec<Filter>,
    /// Applied one after another, each a stable sort: **the last is the most significant**, as in JavaScript.
    pub orders: Vec<Order>,
    /// How many entries to skip.
    pub offset: u64,
    /// How many entries at most; none: no limit. 0 gives nothing.
    pub limit: Option<u64>,
    /// What entries carry.
    pub select: Select,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $set:ident($($arg:ident: $type:ty),*) |$query:ident| $body:expr;)*) => {
        $($(#[$doc])* #[must_use] pub fn $set(mut self, $($arg: $type),*) -> Self {
            { let $query = &mut self; $body; }
            self
        })*
    };
}

impl Query {
    /// Every entry.
    pub fn all() -> Self {
        Self::default()
    }

    /// Every entry whose key starts with these bytes.
    pub fn prefix(prefix: impl AsRef<[u8]>) -> Self {
        Self::default().with_prefix(prefix)
    }

    /// Every entry strictly under `key`.
    pub fn within(key: Key) -> Self {
        Self::default().with_within(key)
    }

    setters! {
        /// Only keys that start with these bytes.
        with_prefix(prefix: impl AsRef<[u8]>) |q| q.prefix = Bytes::copy_from_slice(prefix.as_ref());
        /// Only keys strictly under `key`.
        with_within(key: Key) |q| q.within = Some(key);
        /// Only keys from `key` on, itself included.
        with_start(key: Key) |q| q.start = Some(Bound::Included(key));
        /// Only keys before `key`.
        with_end(key: Key) |q| q.end = Some(Bound::Excluded(key));
        /// Only keys that come after `key` in the walk.
        with_start_after(key: Key) |q| q.start_after = Some(key);
        /// Walk in descending key order.
        reversed() |q| q.reverse = true;
        /// Adds a filter.
        with_filter(filter: Filter) |q| q.filters.push(filter);
        /// Adds an order that outranks those before it.
        with_order(order: Order) |q| q.orders.push(order);
        /// Skips so many entries.
        with_offset(offset: u64) |q| q.offset = offset;
        /// Ends after so many entries.
        with_limit(limit: u64) |q| q.limit = Some(limit);
        /// Chooses what entries carry.
        with_select(select: Select) |q| q.select = select;
        /// Keys alone.
        keys_only() |q| q.select = Select::Keys;
        /// Keys and sizes.
        sizes_only() |q| q.select = Select::Sizes;
    }

    /// Whether values must be read to answer: because they are selected, filtered on or sorted by.
    pub fn needs_values(&self) -> bool {
        self.select == Select::Values
            || self.filters.iter().any(Filter::needs_value)
            || self.orders.iter().any(Order::needs_value)
    }

    /// Whether sizes must be known to answer.
    pub fn needs_sizes(&self) -> bool {
        self.select != Select::Keys
            || self.filters.iter().any(Filter::needs_size)
            || self.orders.iter().any(Order::needs_size)
    }

    /// Whether `key` is in the prefix, scope, range and start-after. Filters are not asked.
    pub fn covers(&self, key: &Key) -> bool {
        let beyond_cursor = self
            .start_after
            .as_ref()
            .is_none_or(|cursor| match self.reverse {
                false => key > cursor,
                true => key < cursor,
            });
        beyond_cursor
            && key.has_prefix(&self.prefix)
            && self
                .within
                .as_ref()
                .is_none_or(|scope| scope.is_ancestor_of(key))
            && self.start.as_ref().is_none_or(|start| match start {
                Bound::Included(start) => key >= start,
                Bound::Excluded(start) => key > start,
                Bound::Unbounded => true,
            })
            && self.end.as_ref().is_none_or(|end| match end {
                Bound::Included(end) => key <= end,
                Bound::Excluded(end) => key < end,
                Bound::Unbounded => true,
            })
    }

    /// The narrowest range of key bytes, in byte order, that holds every key this query [covers](Self::covers).
    ///
    /// For stores that keep keys in order; keys inside may still not be covered. A range whose start lies behind its
    /// end is empty.
    pub fn key_bounds(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let mut low: Bound<Vec<u8>> = Bound::Unbounded;
        let mut high: Bound<Vec<u8>> = Bound::Unbounded;
        let mut narrow = |prefix: &[u8]| {
            raise(&mut low, Bound::Included(prefix.to_vec()));
            if let Some(end) = crate::prefix_upper_bound(prefix) {
                lower(&mut high, Bound::Excluded(end));
            }
        };
        if !self.prefix.is_empty() {
            narrow(&self.prefix);
        }
        if let Some(scope) = &self.within {
            let mut under = scope.as_bytes().to_vec();
            if !scope.is_root() {
                under.push(b'/');
            }
            narrow(&under);
        }
        let bytes = |bound: &Bound<Key>| bound.as_ref().map(|key| key.as_bytes().to_vec());
        if let Some(start) = &self.start {
            raise(&mut low, bytes(start));
        }
        if let Some(end) = &self.end {
            lower(&mut high, bytes(end));
        }
        if let Some(cursor) = &self.start_after {
            let cursor = Bound::Excluded(cursor.as_bytes().to_vec());
            if self.reverse {
                lower(&mut high, cursor);
            } else {
                raise(&mut low, cursor);
            }
        }
        (low, high)
    }

    /// Whether the result's order is fixed by the query rather than left to the store.
    pub fn is_ordered(&self) -> bool {
        self.reverse || self.start_after.is_some() || !self.orders.is_empty()
    }

    /// The same question without what [`covers`](Self::covers) checks: for stores that have served all of that.
    ///
    /// `in_key_order` tells that the store also walks its keys in the order that the query implies.
    #[must_use]
    pub fn without_key_scope(mut self, in_key_order: bool) -> Self {
        self.prefix = Bytes::new();
        self.within = None;
        self.start = None;
        self.end = None;
        if !in_key_order && self.start_after.is_some() && !self.reverse {
            self.orders.insert(0, Order::by_key());
        }
        self.start_after = None;
        if in_key_order {
            self.reverse = false;
        }
        self
    }
}

fn raise(low: &mut Bound<Vec<u8>>, to: Bound<Vec<u8>>) {
    let higher = match (&*low, &to) {
        (_, Bound::Unbounded) => false,
        (Bound::Unbounded, _) => true,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b)) => b > a,
        (Bound::Included(a), Bound::Excluded(b)) => b >= a,
        (Bound::Excluded(a), Bound::Excluded(b)) => b > a,
    };
    if higher {
        *low = to;
    }
}

fn lower(high: &mut Bound<Vec<u8>>, to: Bound<Vec<u8>>) {
    let tighter = match (&*high, &to) {
        (_, Bound::Unbounded) => false,
        (Bound::Unbounded, _) => true,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b)) => b < a,
        (Bound::Included(a), Bound::Excluded(b)) => b <= a,
        (Bound::Excluded(a), Bound::Excluded(b)) => b < a,
    };
    if tighter {
        *high = to;
    }
}
