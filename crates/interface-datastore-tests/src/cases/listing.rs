//! Listing entries: prefixes, scopes, ranges, cursors, several orders, sizes, and what queries must leave alone.

use std::ops::Bound;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use interface_datastore::{
    DatastoreExt, Entry, Key, Query,
    query::{Comparison, Filter, Order, OrderBy, Select},
};

use super::support::{all_pairs, keys_of, sorted};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq},
    naive,
};

const NAMES: [&str; 16] = [
    "/a",
    "/ab",
    "/a/b",
    "/a/b/c",
    "/a/bc",
    "/a-b",
    "/a.b",
    "/b",
    "/b/a",
    "/b/a/a",
    "/c/1",
    "/c/2",
    "/c/10",
    "/z\u{ff}",
    "/z\u{100}x",
    "/z",
];

/// Stores the names with values of which some are equal, in an order that is not theirs.
async fn load(subject: &Subject) -> Outcome<Vec<(Key, Bytes)>> {
    let mut data = Vec::new();
    for i in 0..NAMES.len() {
        // 7 and 16 have no common divisor, so every name comes once.
        let at = i * 7 % NAMES.len();
        let name = NAMES.get(at).copied().unwrap_or_default();
        let value = Bytes::from(vec![b'v'; at * 5 % 4 + at % 2]);
        let key = subject.key(name)?;
        subject.store().put(&key, value.clone()).await?;
        data.push((key, value));
    }
    Ok(data)
}

async fn check_all(subject: &Subject, queries: impl IntoIterator<Item = Query>) -> Outcome {
    let data = load(subject).await?;
    for query in queries {
        for select in [Select::Values, Select::Sizes, Select::Keys] {
            naive::check(subject, &data, query.clone().with_select(select)).await?;
        }
    }
    Ok(())
}

/// Raw prefixes: none, the root, with a trailing slash, in the middle of a name, a key itself, behind the last byte.
pub(crate) async fn prefixes(subject: &Subject) -> Outcome {
    let logical = [
        "",
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/b/",
        "/ab",
        "/abc",
        "/c/1",
        "/z",
        "/z\u{ff}",
        "/z\u{100}",
        "/none",
    ];
    let mapped = logical
        .map(|prefix| subject.prefix(prefix))
        .into_iter()
        .collect::<Outcome<Vec<_>>>()?;
    let raw: [&[u8]; 5] = [b"a", b"//", b"/\xff", b"/z\xc3\xff\xff", b"\xff"];
    let prefixes = mapped.into_iter().chain(raw.map(Bytes::from_static));
    check_all(subject, prefixes.map(Query::prefix)).await
}

/// Whole namespaces: strictly under a key, which itself is not among them.
pub(crate) async fn scopes(subject: &Subject) -> Outcome {
    let scopes = ["/", "/a", "/ab", "/a/b", "/b", "/c", "/none", "/z"];
    let scopes = scopes
        .map(|scope| subject.key(scope))
        .into_iter()
        .collect::<Outcome<Vec<_>>>()?;
    check_all(subject, scopes.into_iter().map(Query::within)).await
}

/// Key ranges with all kinds of ends, crossed ones too.
pub(crate) async fn ranges(subject: &Subject) -> Outcome {
    let ends = ["/a", "/a/b", "/b", "/c/10", "/none", "/zzz"];
    let mut bounds = vec![None];
    for end in ends {
        let key = subject.key(end)?;
        bounds.extend([
            Some(Bound::Included(key.clone())),
            Some(Bound::Excluded(key)),
        ]);
    }
    bounds.push(Some(Bound::Unbounded));
    let mut queries = Vec::new();
    for start in &bounds {
        for end in &bounds {
            let mut query = Query::all();
            (query.start, query.end) = (start.clone(), end.clone());
            queries.push(query);
        }
    }
    check_all(subject, queries).await
}

/// Descending walks, alone and with all else.
pub(crate) async fn reversed(subject: &Subject) -> Outcome {
    let b = subject.key("/b")?;
    let queries = [
        Query::all(),
        Query::prefix(subject.prefix("/a")?),
        Query::all().with_start(b.clone()),
        Query::all().with_end(b.clone()).with_limit(3),
        Query::all().with_offset(2).with_limit(4),
        Query::all().with_start_after(b.clone()),
        Query::all().with_order(Order::new(OrderBy::ValueLen)),
    ];
    check_all(subject, queries.map(Query::reversed)).await
}

/// Page by page behind the last key seen gives every entry once, in both directions, even if keys come and go.
pub(crate) async fn pages(subject: &Subject) -> Outcome {
    let data = load(subject).await?;
    for reverse in [false, true] {
        let mut expected = sorted(data.clone());
        if reverse {
            expected.reverse();
        }
        for size in [1, 3, 100] {
            ensure_eq!(
                walk(subject, reverse, size).await?,
                keys_of(&expected),
                "keys of all pages of {size}"
            );
        }
    }
    let vanished = subject.key("/b/none")?;
    naive::check(subject, &data, Query::all().with_start_after(vanished)).await
}

async fn walk(subject: &Subject, reverse: bool, size: u64) -> Outcome<Vec<Key>> {
    let mut seen: Vec<Key> = Vec::new();
    loop {
        let mut query = Query::all().with_limit(size);
        query.reverse = reverse;
        query.start_after = seen.last().cloned();
        if query.start_after.is_none() && !reverse {
            query = query.with_order(Order::by_key());
        }
        let page: Vec<Key> = subject.store().query_keys(query).try_collect().await?;
        if page.is_empty() {
            return Ok(seen);
        }
        seen.extend(page);
        ensure!(seen.len() <= NAMES.len(), "paging does not end");
    }
}

/// Limit 0 gives nothing; an offset past the end too; the largest numbers are no trouble.
pub(crate) async fn odd_windows(subject: &Subject) -> Outcome {
    let mut queries = Vec::new();
    for offset in [0, 1, 15, 16, 17, u64::MAX] {
        for limit in [Some(0), Some(1), Some(16), Some(u64::MAX), None] {
            for order in [
                None,
                Some(Order::by_value()),
                Some(Order::by_key().descending()),
            ] {
                let mut query = Query::all().with_offset(offset);
                query.limit = limit;
                query.orders.extend(order);
                queries.push(query);
            }
        }
    }
    check_all(subject, queries).await
}

/// Of several orders the last is the most significant, and each is stable.
pub(crate) async fn several_orders(subject: &Subject) -> Outcome {
    let by_len = || Order::new(OrderBy::ValueLen);
    let never_equal = Order::custom(|a: &Entry, b: &Entry| {
        if a.value < b.value {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    });
    let sets = [
        vec![Order::by_key(), by_len()],
        vec![Order::by_key().descending(), by_len()],
        vec![by_len(), Order::by_key()],
        vec![by_len().descending(), Order::new(OrderBy::KeyDepth)],
        vec![
            Order::by_key(),
            by_len(),
            Order::new(OrderBy::KeyDepth).descending(),
        ],
        vec![Order::new(OrderBy::Namespaces)],
        vec![
            Order::by_value(),
            Order::new(OrderBy::Namespaces).descending(),
        ],
        vec![never_equal, Order::by_key()],
    ];
    let queries = sets.into_iter().flat_map(|orders| {
        let mut query = Query::all();
        query.orders = orders;
        [
            query.clone(),
            query.clone().with_limit(3),
            query.with_offset(2).with_limit(5),
        ]
    });
    check_all(subject, queries.collect::<Vec<_>>()).await
}

/// Filters of every kind, also on values where only keys are wanted.
pub(crate) async fn filters(subject: &Subject) -> Outcome {
    let a = subject.key("/a")?;
    let base = [
        Filter::Key(Comparison::Greater, a.clone()),
        Filter::key_prefix(subject.prefix("/a")?),
        Filter::key_suffix(subject.part("b")?),
        Filter::key_contains(subject.part("/b")?),
        Filter::KeyDepth(Comparison::GreaterOrEqual, 2),
        Filter::KeyName(Bytes::from_static(b"b")),
        Filter::KeyType(Bytes::new()),
        Filter::Value(Comparison::NotEqual, Bytes::from_static(b"v")),
        Filter::ValuePrefix(Bytes::from_static(b"vv")),
        Filter::ValueLen(Comparison::Less, 2),
        Filter::Always(true),
        Filter::Always(false),
        Filter::custom(|entry: &Entry| entry.value.as_ref().is_some_and(|value| value.len() == 2)),
    ];
    let mut queries: Vec<Query> = Vec::new();
    for (i, filter) in base.iter().enumerate() {
        let other = base.get((i * 5 + 3) % base.len()).unwrap_or(filter).clone();
        queries.push(Query::all().with_filter(filter.clone()));
        queries.push(
            Query::all()
                .with_filter(filter.clone().negate())
                .with_limit(3),
        );
        queries.push(
            Query::all()
                .with_filter(Filter::AnyOf(vec![filter.clone(), other.clone()]))
                .with_offset(1),
        );
        queries.push(
            Query::all().with_filter(Filter::AllOf(vec![filter.clone().negate(), other.clone()])),
        );
        queries.push(
            Query::all()
                .with_filter(filter.clone())
                .with_filter(other)
                .with_order(Order::by_key().descending()),
        );
    }
    check_all(subject, queries).await
}

/// Prefix, range, filter, orders, offset and limit in one query.
pub(crate) async fn all_together(subject: &Subject) -> Outcome {
    let (b, root) = (subject.key("/b")?, Key::root());
    let queries = (0..8_u64).map(|i| {
        let mut query = Query::all()
            .with_within(root.clone())
            .with_filter(Filter::ValueLen(Comparison::Less, 4))
            .with_order(Order::new(OrderBy::ValueLen))
            .with_offset(i % 3)
            .with_limit(2 + i);
        query.reverse = i % 2 == 1;
        if i & 2 != 0 {
            query = query.with_end(b.clone());
        }
        if i & 4 != 0 {
            query = query.with_start_after(b.clone());
        }
        query
    });
    check_all(subject, queries.collect::<Vec<_>>()).await
}

/// Queries without orders come in byte order of keys.
pub(crate) async fn key_order(subject: &Subject) -> Outcome {
    let expected = keys_of(&sorted(load(subject).await?));
    let listed: Vec<_> = subject
        .store()
        .query_keys(Query::all())
        .try_collect()
        .await?;
    ensure_eq!(listed, expected, "keys of a store that claims key order");
    let expected: Vec<_> = expected.into_iter().skip(3).take(5).collect();
    let query = Query::all().with_offset(3).with_limit(5);
    let listed: Vec<_> = subject.store().query_keys(query).try_collect().await?;
    ensure_eq!(listed, expected, "keys of a part of the listing");
    Ok(())
}

/// A query shows the state of the moment of its first pull, whatever happens meanwhile.
pub(crate) async fn snapshot(subject: &Subject) -> Outcome {
    let (store, data) = (subject.store(), load(subject).await?);
    let mut listing = store.query(Query::all());
    let first = listing
        .try_next()
        .await?
        .ok_or_else(|| Failure::new("the listing is empty"))?;
    let mut seen = vec![(first.key.clone(), first.into_value())];
    for (i, (key, _)) in data.iter().enumerate() {
        match i % 3 {
            0 => store.delete(key).await?,
            1 => drop(store.put(key, "changed").await?),
            _ => drop(
                store
                    .put(&subject.key(format!("/added{i}"))?, "new")
                    .await?,
            ),
        }
    }
    while let Some(entry) = listing.try_next().await? {
        seen.push((entry.key.clone(), entry.into_value()));
    }
    ensure_eq!(
        sorted(seen),
        sorted(data),
        "entries of a listing of one moment"
    );
    Ok(())
}

/// Without a snapshot: an entry that stays is listed once, one that vanishes is no error.
pub(crate) async fn changed_meanwhile(subject: &Subject) -> Outcome {
    let (store, data) = (subject.store(), load(subject).await?);
    let (gone, stays): (Vec<_>, Vec<_>) = data.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let mut listing = store.query(Query::all());
    let mut seen = Vec::new();
    seen.extend(listing.try_next().await?.map(|entry| entry.key));
    for (_, (key, _)) in &gone {
        store.delete(key).await?;
    }
    while let Some(entry) = listing.try_next().await? {
        seen.push(entry.key);
    }
    for (_, (key, _)) in stays {
        let times = seen.iter().filter(|seen| *seen == key).count();
        ensure_eq!(
            times,
            1,
            "how often {key} is listed, which was there all the time"
        );
    }
    ensure!(seen.len() <= data.len(), "a listing shows entries twice");
    Ok(())
}

/// Nothing is read before the stream is pulled, and listings dropped half way hold nothing up.
pub(crate) async fn lazy_and_dropped(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/late")?);
    let early = store.query_keys(Query::all());
    store.put(&key, "value").await?;
    ensure_eq!(
        early.try_collect::<Vec<_>>().await?,
        std::slice::from_ref(&key),
        "keys put before the first pull"
    );
    store.delete(&key).await?;
    let data = load(subject).await?;
    for pulled in 0..200 {
        let mut listing = store.query(Query::all());
        for _ in 0..pulled % 5 {
            listing.try_next().await?;
        }
        drop(
            store
                .query(Query::all().with_order(Order::by_value()))
                .next()
                .await,
        );
    }
    for (key, _) in &data {
        store.put(key, "after").await?;
    }
    ensure!(
        all_pairs(store)
            .await?
            .iter()
            .all(|(_, value)| value == "after"),
        "a put after dropped listings is missing"
    );
    Ok(())
}
