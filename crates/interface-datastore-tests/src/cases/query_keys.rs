//! Listing keys: the questions of the JavaScript suite.

use std::cmp::Ordering;

use futures_util::TryStreamExt;
use interface_datastore::{
    BoxStream, Datastore, DatastoreExt, Entry, Key, Query, Result,
    query::{Order, Select},
};

use super::{
    query::{break_off, ending, lists, load, mutate_while, not_ending, put_while},
    support::keys_of,
};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq},
};

const COUNT: usize = 3;

/// Loads the data set, asks for keys, and compares with those at these places: as a set, or in this very order.
async fn check(subject: &Subject, query: Query, places: &[usize], in_order: bool) -> Outcome {
    let data = keys_of(&load(subject, COUNT).await?);
    let mut expected: Vec<_> = places
        .iter()
        .filter_map(|place| data.get(*place).cloned())
        .collect();
    let mut got: Vec<_> = subject.store().query_keys(query).try_collect().await?;
    if !in_order {
        expected.sort();
        got.sort();
    }
    ensure_eq!(got, expected, "keys");
    Ok(())
}

fn keys(store: &dyn Datastore, query: Query) -> BoxStream<'static, Result<Key>> {
    store.query_keys(query)
}

/// An empty query gives all keys, and no values.
pub(crate) async fn empty(subject: &Subject) -> Outcome {
    check(subject, Query::all(), &[0, 1, 2], false).await?;
    let entries: Vec<Entry> = subject
        .store()
        .query(Query::all().with_select(Select::Keys))
        .try_collect()
        .await?;
    ensure!(
        entries.iter().all(|entry| entry.value.is_none()),
        "a query for keys gives values"
    );
    Ok(())
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

/// A closure filters.
pub(crate) async fn one_filter(subject: &Subject) -> Outcome {
    let query = Query::all().with_filter(not_ending(subject, "hello")?);
    check(subject, query, &[1, 2], false).await
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
    load(subject, COUNT).await?;
    lists(subject, keys, Query::all().with_limit(1), 1).await
}

/// An offset skips.
pub(crate) async fn offset(subject: &Subject) -> Outcome {
    load(subject, COUNT).await?;
    lists(subject, keys, Query::all().with_offset(1), 2).await
}

/// A comparison that never says "equal" sorts all the same.
pub(crate) async fn one_order(subject: &Subject) -> Outcome {
    let order = Order::custom(|a: &Entry, b: &Entry| match a.key < b.key {
        true => Ordering::Less,
        false => Ordering::Greater,
    });
    check(subject, Query::all().with_order(order), &[0, 1, 2], true).await
}

/// Descending by key.
pub(crate) async fn one_order_reversed(subject: &Subject) -> Outcome {
    let order = Order::by_key().descending();
    check(subject, Query::all().with_order(order), &[2, 1, 0], true).await
}

/// Deletes and puts during a listing do not end it.
pub(crate) async fn mutating_meanwhile(subject: &Subject) -> Outcome {
    mutate_while(subject, keys, COUNT).await
}

/// A listing during a put works, and so does the put.
pub(crate) async fn mutated_meanwhile(subject: &Subject) -> Outcome {
    put_while(subject, keys, COUNT).await
}

/// An aborted listing says so; a dropped one leaves the store at work.
pub(crate) async fn aborted(subject: &Subject) -> Outcome {
    break_off(subject, Query::all().keys_only()).await
}
