//! Listing entries: the questions of the JavaScript suite.

use std::cmp::Ordering;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join};
use interface_datastore::{
    BoxStream, Datastore, DatastoreExt, Entry, Key, Query, QueryOptions, Result,
    query::{Filter, Order},
};

use super::support::{
    aborted_signal, all_pairs, expect_aborted_stream, pairs_of, poll_stream_once, sorted,
};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

const DATA: [(&str, &str); 4] = [
    ("/q/1hello", "1"),
    ("/z/2world", "2"),
    ("/z/3hello2", "3"),
    ("/dht/provider/third/bafyyyyy", "4"),
];

/// Puts the first entries of the data set by a batch, and gives them in its order.
pub(crate) async fn load(subject: &Subject, count: usize) -> Outcome<Vec<(Key, Bytes)>> {
    let pairs: Vec<(Key, Bytes)> = DATA
        .iter()
        .take(count)
        .map(|(key, value)| Ok((subject.key(key)?, Bytes::from(*value))))
        .collect::<Outcome<_>>()?;
    let mut batch = subject.store().batch();
    for (key, value) in &pairs {
        batch.put(key.clone(), value.clone());
    }
    batch.commit().await?;
    Ok(pairs)
}

/// Loads the data set, asks, and compares with the entries at these places of the data set: as a set, or in this very
/// order.
async fn check(subject: &Subject, query: Query, places: &[usize], in_order: bool) -> Outcome {
    let data = load(subject, DATA.len()).await?;
    let expected: Vec<_> = places
        .iter()
        .filter_map(|place| data.get(*place).cloned())
        .collect();
    let got = pairs_of(subject.store().query(query).try_collect().await?);
    if in_order {
        ensure_eq!(got, expected, "entries in order");
    } else {
        ensure_eq!(sorted(got), sorted(expected), "entries");
    }
    Ok(())
}

/// A way to list keys.
pub(crate) type List = fn(&dyn Datastore, Query) -> BoxStream<'static, Result<Key>>;

/// The keys of entries that are listed whole.
fn entries(store: &dyn Datastore, query: Query) -> BoxStream<'static, Result<Key>> {
    Box::pin(store.query(query).map_ok(|entry| entry.key))
}

/// Lists, and counts.
pub(crate) async fn lists(subject: &Subject, list: List, query: Query, count: usize) -> Outcome {
    let listed = list(subject.store(), query).count().await;
    ensure_eq!(listed, count, "entries");
    Ok(())
}

/// A filter as a closure.
pub(crate) fn not_ending(subject: &Subject, end: &str) -> Outcome<Filter> {
    let end = subject.part(end)?;
    Ok(Filter::custom(move |entry: &Entry| {
        !entry.key.as_bytes().ends_with(&end)
    }))
}

/// A filter as data.
pub(crate) fn ending(subject: &Subject, end: &str) -> Outcome<Filter> {
    Ok(Filter::key_suffix(subject.part(end)?))
}

/// An empty query gives all.
pub(crate) async fn empty(subject: &Subject) -> Outcome {
    check(subject, Query::all(), &[0, 1, 2, 3], false).await
}

/// A prefix selects by the first bytes of keys.
pub(crate) async fn prefix(subject: &Subject) -> Outcome {
    check(
        subject,
        Query::prefix(subject.prefix("/z")?),
        &[1, 2],
        false,
    )
    .await
}

/// A prefix finds what lies several namespaces below it.
pub(crate) async fn prefix_three_slashes(subject: &Subject) -> Outcome {
    check(
        subject,
        Query::prefix(subject.prefix("/dht/provider")?),
        &[3],
        false,
    )
    .await
}

/// A closure filters.
pub(crate) async fn one_filter(subject: &Subject) -> Outcome {
    let query = Query::all().with_filter(not_ending(subject, "hello")?);
    check(subject, query, &[1, 2, 3], false).await
}

/// All filters must accept.
pub(crate) async fn two_filters(subject: &Subject) -> Outcome {
    let query = Query::all()
        .with_filter(not_ending(subject, "hello")?)
        .with_filter(ending(subject, "hello2")?);
    check(subject, query, &[2], false).await
}

/// A limit ends the listing.
pub(crate) async fn limit(subject: &Subject) -> Outcome {
    load(subject, DATA.len()).await?;
    lists(subject, entries, Query::all().with_limit(1), 1).await
}

/// An offset skips.
pub(crate) async fn offset(subject: &Subject) -> Outcome {
    load(subject, DATA.len()).await?;
    lists(subject, entries, Query::all().with_offset(1), 3).await
}

/// A comparison that never says "equal" sorts all the same.
pub(crate) async fn one_order(subject: &Subject) -> Outcome {
    let order = Order::custom(|a: &Entry, b: &Entry| match a.value < b.value {
        true => Ordering::Less,
        false => Ordering::Greater,
    });
    check(subject, Query::all().with_order(order), &[0, 1, 2, 3], true).await
}

/// Descending by value.
pub(crate) async fn one_order_reversed(subject: &Subject) -> Outcome {
    let order = Order::by_value().descending();
    check(subject, Query::all().with_order(order), &[3, 2, 1, 0], true).await
}

/// Deletes and puts during a listing do not end it.
pub(crate) async fn mutating_meanwhile(subject: &Subject) -> Outcome {
    mutate_while(subject, entries, DATA.len()).await
}

/// Deletes and puts during a listing of the first entries of the data set, and looks at what is left.
pub(crate) async fn mutate_while(subject: &Subject, list: List, count: usize) -> Outcome {
    let data = load(subject, count).await?;
    mutate_during(subject, list(subject.store(), Query::all())).await?;
    let left = sorted_after_mutation(subject, &data)?;
    let found = all_pairs(subject.store()).await?;
    ensure_eq!(found, left, "entries after the listing");
    Ok(())
}

/// On the first key listed, deletes `/z/3hello2` and puts `/z/4hello3`; then lists to the end.
async fn mutate_during(subject: &Subject, mut listing: BoxStream<'static, Result<Key>>) -> Outcome {
    let store = subject.store();
    let (doomed, added) = (subject.key("/z/3hello2")?, subject.key("/z/4hello3")?);
    ensure!(listing.try_next().await?.is_some(), "the listing is empty");
    ensure!(store.has(&doomed).await?, "{doomed} is missing");
    store.delete(&doomed).await?;
    ensure!(
        !store.has(&doomed).await?,
        "{doomed} is there after its delete"
    );
    store.put(&added, "4").await?;
    while listing.try_next().await?.is_some() {}
    Ok(())
}

/// The data set as [`mutate_during`] leaves it.
fn sorted_after_mutation(subject: &Subject, data: &[(Key, Bytes)]) -> Outcome<Vec<(Key, Bytes)>> {
    let doomed = subject.key("/z/3hello2")?;
    let mut left: Vec<_> = data
        .iter()
        .filter(|(key, _)| *key != doomed)
        .cloned()
        .collect();
    left.push((subject.key("/z/4hello3")?, "4".into()));
    Ok(sorted(left))
}

/// A listing during a put works, and so does the put.
pub(crate) async fn mutated_meanwhile(subject: &Subject) -> Outcome {
    put_while(subject, entries, DATA.len()).await
}

/// Puts during a listing of the first entries of the data set.
pub(crate) async fn put_while(subject: &Subject, list: List, count: usize) -> Outcome {
    load(subject, count).await?;
    let (store, key) = (subject.store(), subject.key("/z/key-1")?);
    let listing = list(store, Query::all()).try_fold(0, async |count, _| Ok(count + 1));
    let (put, listed) = join(store.put(&key, "new"), listing).await;
    put?;
    ensure!(listed? >= count, "the listing left out entries");
    ensure_eq!(store.get(&key).await?, "new", "value put during a listing");
    Ok(())
}

/// An aborted listing says so; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    break_off(subject, Query::all()).await
}

/// Aborts one listing and drops another.
pub(crate) async fn break_off(subject: &Subject, query: Query) -> Outcome {
    let data = load(subject, 3).await?;
    let store = subject.store();
    let options = QueryOptions::default().with_abort(aborted_signal());
    expect_aborted_stream(store.query_opts(query.clone(), options), "an aborted query").await?;
    poll_stream_once(store.query(query)).await;
    let left = all_pairs(store).await?;
    ensure_eq!(left, sorted(data), "entries after a dropped listing");
    Ok(())
}
