//! Queries answered the plain way, from a list of all entries, to compare a store's answers with.

use std::{cmp::Ordering, ops::Bound};

use bytes::Bytes;
use futures_util::TryStreamExt;
use interface_datastore::{
    Claim, DatastoreExt, Entry, Key, Query,
    query::{Order, Select},
};

use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq},
};

/// Asks the store that holds exactly `data` and compares its answer with the plain one.
///
/// Where the query leaves the order open, any order is right, unless the store claims key order.
pub(crate) async fn check(subject: &Subject, data: &[(Key, Bytes)], query: Query) -> Outcome {
    let got: Vec<Entry> = subject.store().query(query.clone()).try_collect().await?;
    let in_key_order = subject.capabilities().key_order == Claim::Yes;
    compare(&got, data, &query, in_key_order)
        .map_err(|failure| failure.during(format_args!("{query:?}")))
}

/// Compares an answer with the plain one.
pub(crate) fn compare(
    got: &[Entry],
    data: &[(Key, Bytes)],
    query: &Query,
    in_key_order: bool,
) -> Outcome {
    let matching = matching(data, query);
    let orders = orders(query, in_key_order);
    let sorted = sort(matching, &orders);
    let skipped = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let window: Vec<&Entry> = sorted.iter().skip(skipped).take(limit).collect();
    ensure_eq!(
        keys(got).len(),
        window.len(),
        "number of entries, which are {:?}",
        keys(got)
    );
    let mut seen = std::collections::HashSet::new();
    for (place, (entry, expected)) in got.iter().zip(&window).enumerate() {
        ensure!(seen.insert(&entry.key), "{} comes twice", entry.key);
        let known = sorted
            .iter()
            .find(|known| known.key == entry.key)
            .ok_or_else(|| Failure::new(format!("{} is not an answer", entry.key)))?;
        // Entries that no order tells apart may stand in each other's place.
        ensure!(
            known.key == expected.key || compare_by(&orders, known, expected).is_eq(),
            "{} stands at place {place}, where {} or its like belongs",
            entry.key,
            expected.key
        );
        check_contents(entry, known, query.select)?;
    }
    Ok(())
}

fn keys(entries: &[Entry]) -> Vec<&Key> {
    entries.iter().map(|entry| &entry.key).collect()
}

fn check_contents(entry: &Entry, known: &Entry, select: Select) -> Outcome {
    let key = &entry.key;
    match select {
        Select::Values => ensure_eq!(entry.value, known.value, "value of {key}"),
        Select::Sizes => {
            ensure_eq!(entry.size, known.size, "size of {key}");
            ensure!(
                entry.value.is_none(),
                "a query for sizes gives the value of {key}"
            );
        }
        _ => ensure!(
            entry.value.is_none(),
            "a query for keys gives the value of {key}"
        ),
    }
    if entry.size.is_some() {
        ensure_eq!(entry.size, known.size, "size of {key}");
    }
    Ok(())
}

fn matching(data: &[(Key, Bytes)], query: &Query) -> Vec<Entry> {
    data.iter()
        .filter(|(key, _)| covers(query, key))
        .map(|(key, value)| Entry::of_value(key.clone(), value.clone()))
        .filter(|entry| query.filters.iter().all(|filter| filter.accepts(entry)))
        .collect()
}

/// The rules of prefix, scope, range and cursor, written down a second time.
fn covers(query: &Query, key: &Key) -> bool {
    let bytes = key.as_bytes();
    let under = |scope: &Key| {
        let mut start = scope.as_bytes().to_vec();
        if start != b"/" {
            start.push(b'/');
        }
        bytes.starts_with(&start) && key != scope
    };
    let from = match &query.start {
        Some(Bound::Included(start)) => bytes >= start.as_bytes(),
        Some(Bound::Excluded(start)) => bytes > start.as_bytes(),
        _ => true,
    };
    let to = match &query.end {
        Some(Bound::Included(end)) => bytes <= end.as_bytes(),
        Some(Bound::Excluded(end)) => bytes < end.as_bytes(),
        _ => true,
    };
    let beyond = query.start_after.as_ref().is_none_or(|cursor| {
        if query.reverse {
            bytes < cursor.as_bytes()
        } else {
            bytes > cursor.as_bytes()
        }
    });
    bytes.starts_with(&query.prefix)
        && query.within.as_ref().is_none_or(under)
        && from
        && to
        && beyond
}

/// All that decides about places, the least significant first.
fn orders(query: &Query, in_key_order: bool) -> Vec<Order> {
    let mut orders = Vec::new();
    if query.reverse {
        orders.push(Order::by_key().descending());
    } else if query.start_after.is_some() || in_key_order {
        orders.push(Order::by_key());
    }
    orders.extend(query.orders.iter().cloned());
    orders
}

fn sort(mut entries: Vec<Entry>, orders: &[Order]) -> Vec<Entry> {
    for order in orders {
        // By insertion: the library's sorts may panic on a comparison that contradicts itself.
        let mut sorted: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = sorted
                .iter()
                .rposition(|before| order.compare(before, &entry).is_le());
            sorted.insert(place.map_or(0, |place| place + 1), entry);
        }
        entries = sorted;
    }
    entries
}

fn compare_by(orders: &[Order], a: &Entry, b: &Entry) -> Ordering {
    orders
        .iter()
        .rev()
        .map(|order| order.compare(a, b))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}
