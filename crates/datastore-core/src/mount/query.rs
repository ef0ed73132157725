//! Queries over several mounts.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use interface_datastore::{
    BoxStream, Claim, Entry, Key, Operation, Query, QueryOptions, Result, abortable_stream,
    prefix_upper_bound,
    query::{Filter, Order, Select, evaluate},
};

use super::{Mount, Table, at_or_under, merge::merge};

pub(super) fn query(
    table: &Arc<Table>,
    query: Query,
    options: QueryOptions,
) -> BoxStream<'static, Result<Entry>> {
    let asked = asked(table, &query);
    let orders = merge_orders(&asked, &query);
    let mut whole = Query::default()
        .with_offset(query.offset)
        .with_select(query.select);
    whole.limit = query.limit;
    let mut streams = Vec::with_capacity(asked.len());
    let mut whole_is_done = query.offset == 0 && (query.limit.is_none() || asked.len() == 1);
    for (mount, below) in asked {
        let part = part_of(&query, mount, &below, orders.as_deref());
        whole_is_done &= part.select == query.select;
        streams.push(mount.store.query_opts(part, QueryOptions::default()));
    }
    let entries: BoxStream<'static, _> = match orders {
        _ if streams.len() == 1 => streams.remove(0),
        Some(orders) => merge(streams, orders),
        None => Box::pin(futures_util::StreamExt::flatten(stream::iter(streams))),
    };
    let entries = if whole_is_done {
        entries
    } else {
        evaluate(entries, whole)
    };
    abortable_stream(options.abort, Operation::Query, entries)
}

/// The mounts that can hold what is asked for, in the order of their prefixes, each with the mounts right below it.
fn asked<'a>(table: &'a Table, query: &Query) -> Vec<(&'a Mount, Vec<&'a Key>)> {
    let mut asked: Vec<_> = table
        .0
        .iter()
        .filter(|mount| can_hold(&mount.prefix, query))
        .map(|mount| {
            let below = table.0.iter().map(|other| &other.prefix);
            let below: Vec<_> = below
                .filter(|other| mount.prefix.is_ancestor_of(other))
                .collect();
            (mount, below)
        })
        .filter(|(_, below)| !below.iter().any(|deeper| holds_all(deeper, query)))
        .collect();
    asked.sort_by(|(a, _), (b, _)| a.prefix.cmp(&b.prefix));
    asked
}

/// Whether a key at or under `prefix` can be among those asked for.
fn can_hold(prefix: &Key, query: &Query) -> bool {
    let below = below(prefix);
    let by_prefix = prefix.has_prefix(&query.prefix)
        || query.prefix.starts_with(&below)
        || below.starts_with(&query.prefix);
    let by_scope = query
        .within
        .as_ref()
        .is_none_or(|scope| at_or_under(prefix, scope) || scope.is_ancestor_of(prefix));
    let (low, high) = query.key_bounds();
    let not_behind = match low {
        Bound::Included(low) | Bound::Excluded(low) => {
            prefix_upper_bound(&below).is_none_or(|end| low < end)
        }
        Bound::Unbounded => true,
    };
    let not_before = match high {
        Bound::Included(high) | Bound::Excluded(high) => high.as_slice() >= prefix.as_bytes(),
        Bound::Unbounded => true,
    };
    by_prefix && by_scope && not_behind && not_before
}

/// Whether every key asked for is at or under `prefix`.
fn holds_all(prefix: &Key, query: &Query) -> bool {
    let by_scope = query.within.as_ref();
    query.prefix.starts_with(&below(prefix))
        || by_scope.is_some_and(|scope| at_or_under(prefix, scope))
}

/// What the keys below a key start with.
fn below(prefix: &Key) -> Vec<u8> {
    let mut below = prefix.as_bytes().to_vec();
    if !prefix.is_root() {
        below.push(b'/');
    }
    below
}

/// By which orders the answers of the mounts are to be merged; none if one after the other will do.
///
/// If all mounts list in key order, the whole does, and that decides between equals as it does in each.
fn merge_orders(asked: &[(&Mount, Vec<&Key>)], query: &Query) -> Option<Vec<Order>> {
    let mut orders = query.orders.clone();
    if query.reverse {
        orders.insert(0, Order::by_key().descending());
        return Some(orders);
    }
    let in_key_order = asked
        .iter()
        .all(|(mount, _)| mount.store.capabilities(&mount.prefix).key_order == Claim::Yes);
    if query.start_after.is_some() || in_key_order {
        orders.insert(0, Order::by_key());
    }
    (!orders.is_empty()).then_some(orders)
}

/// What one mount is asked: its own keys alone, sorted, as many as can be needed.
fn part_of(query: &Query, mount: &Mount, below: &[&Key], orders: Option<&[Order]>) -> Query {
    let mut part = query.clone();
    if mount.whole_keys && !mount.prefix.is_root() {
        if query.prefix.len() < mount.prefix.as_bytes().len() {
            part.prefix = Bytes::copy_from_slice(mount.prefix.as_bytes());
        }
        if !query.prefix.starts_with(&self::below(&mount.prefix)) {
            part.filters.push(tree(&mount.prefix));
        }
    }
    let hidden = below.iter().filter(|deeper| can_hold(deeper, query));
    part.filters
        .extend(hidden.map(|deeper| tree(deeper).negate()));
    part.limit = query.limit.map(|limit| limit.saturating_add(query.offset));
    part.offset = 0;
    part.select = match orders {
        Some(orders) if orders.iter().any(Order::needs_value) => Select::Values,
        Some(orders) if orders.iter().any(Order::needs_size) && part.select == Select::Keys => {
            Select::Sizes
        }
        _ => part.select,
    };
    part
}

/// The keys at or under a key.
fn tree(prefix: &Key) -> Filter {
    Filter::AnyOf(vec![
        Filter::key_equals(prefix.clone()),
        Filter::key_prefix(below(prefix)),
    ])
}
