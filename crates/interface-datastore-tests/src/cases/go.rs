//! The suite of go-datastore.

use bytes::Bytes;
use futures_util::TryStreamExt;
use interface_datastore::{
    DatastoreExt, Durability, Entry, ErrorKind, Key, Query, SyncOptions,
    query::{Comparison, Filter, Order, Select},
};

use super::support::{all_pairs, expect_empty, keys_of};
use crate::{
    Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
    naive,
};

const PER_GROUP: usize = 100;

/// Four groups of keys, with values that are neither in key order nor all different.
fn groups(subject: &Subject, per_group: usize) -> Outcome<Vec<(Key, Bytes)>> {
    let mut data = Vec::new();
    for (namespace, word) in [
        ("", "key"),
        ("/prefix", "key"),
        ("/prefix/sub", "key"),
        ("/capital", "KEY"),
    ] {
        for i in 0..per_group {
            let key = subject.key(format!("{namespace}/{i}{word}{i}"))?;
            let value = format!("{}{}", (i * 37 + 11) % 50, "v".repeat(i % 7));
            data.push((key, Bytes::from(value)));
        }
    }
    Ok(data)
}

/// Stores the groups, asks every question and compares; then empties the store.
async fn ask(
    subject: &Subject,
    per_group: usize,
    queries: impl IntoIterator<Item = Query>,
) -> Outcome {
    let (store, data) = (subject.store(), groups(subject, per_group)?);
    store.put_many(data.clone()).try_collect::<Vec<_>>().await?;
    for query in queries {
        naive::check(subject, &data, query).await?;
    }
    store
        .delete_many(keys_of(&data))
        .try_collect::<Vec<_>>()
        .await?;
    expect_empty(store).await
}

/// One entry through all its life: put, has, size, get, delete.
pub(crate) async fn basic_put_get(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/foo")?);
    store.put(&key, "Hello Datastore!").await?;
    for _ in 0..2 {
        ensure!(store.has(&key).await?, "has is false after a put");
        ensure_eq!(store.get_size(&key).await?, 16, "size");
        ensure_eq!(store.get(&key).await?, "Hello Datastore!", "value");
    }
    store.delete(&key).await?;
    ensure!(!store.has(&key).await?, "has is true after a delete");
    expect_error(
        store.get_size(&key).await,
        ErrorKind::NotFound,
        "size after a delete",
    )?;
    Ok(())
}

/// What was never put is not found, has no size, and can be deleted.
pub(crate) async fn not_founds(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/notreal")?);
    expect_error(
        store.get(&key).await,
        ErrorKind::NotFound,
        "get of a missing key",
    )?;
    expect_error(
        store.get_size(&key).await,
        ErrorKind::NotFound,
        "size of a missing key",
    )?;
    ensure!(!store.has(&key).await?, "has of a missing key is true");
    store.delete(&key).await?;
    ensure!(
        !store.has(&key).await?,
        "has of a missing key is true after its delete"
    );
    Ok(())
}

/// Strict descendants of prefixes, cleaned as Go cleans them.
pub(crate) async fn prefixes(subject: &Subject) -> Outcome {
    let scopes = [
        "",
        "/",
        "/./",
        "/.././/",
        "/prefix/../",
        "/prefix",
        "/prefix/",
        "/prefix/sub/",
        "/0/",
        "/bad/",
    ];
    let scopes = scopes.map(|scope| subject.key(Key::clean_path(scope)));
    let scopes = scopes.into_iter().collect::<Outcome<Vec<_>>>()?;
    ask(subject, PER_GROUP, scopes.into_iter().map(Query::within)).await
}

fn by_last_byte() -> Order {
    Order::custom(|a: &Entry, b: &Entry| a.key.as_bytes().last().cmp(&b.key.as_bytes().last()))
}

fn orders() -> Vec<Vec<Order>> {
    vec![
        vec![Order::by_key()],
        vec![Order::by_key().descending()],
        vec![Order::by_value()],
        vec![Order::by_value().descending()],
        vec![Order::by_key(), Order::by_value()],
        vec![by_last_byte()],
        vec![Order::by_key().descending(), by_last_byte()],
    ]
}

fn with_orders(query: Query, orders: Vec<Order>) -> Query {
    orders.into_iter().fold(query, Query::with_order)
}

/// By key, by value, by a function, and by several.
pub(crate) async fn orders_alone(subject: &Subject) -> Outcome {
    let queries = orders()
        .into_iter()
        .map(|orders| with_orders(Query::all(), orders));
    ask(subject, PER_GROUP, queries).await
}

/// Offsets and limits at the start, within, at the end and beyond it.
pub(crate) async fn limits(subject: &Subject) -> Outcome {
    let all = 4 * PER_GROUP as u64;
    let pairs = [
        (0, all),
        (0, all / 10),
        (0, 1),
        (all / 10, all / 10),
        (all / 2, all / 10),
        (all - 1, all / 10),
        (all * 2, all / 10),
        (all / 10, all - 1),
        (all / 2, all),
        (1, all / 2),
        (all, 1),
    ];
    let queries = pairs.map(|(offset, limit)| Query::all().with_offset(offset).with_limit(limit));
    ask(subject, PER_GROUP, queries).await
}

fn filters(subject: &Subject) -> Outcome<Vec<Vec<Filter>>> {
    let key = subject.key("/0key0")?;
    let prefix = subject.prefix("/prefix")?;
    let compare = |how| Filter::Key(how, key.clone());
    let value = |how| Filter::Value(how, Bytes::from_static(b"25vv"));
    let odd = Filter::custom(|entry: &Entry| {
        entry
            .value
            .as_ref()
            .is_some_and(|value| value.len() % 2 == 1)
    });
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let mut filters: Vec<_> = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]
        .into_iter()
        .flat_map(|how| [vec![compare(how)], vec![value(how)]])
        .collect();
    filters.extend([
        vec![Filter::key_prefix(&prefix)],
        vec![Filter::key_prefix(&prefix).negate()],
        vec![odd.clone()],
        vec![odd, Filter::key_prefix(&prefix), value(Greater)],
        vec![compare(Greater), value(Less)],
    ]);
    Ok(filters)
}

fn with_filters(query: Query, filters: Vec<Filter>) -> Query {
    filters.into_iter().fold(query, Query::with_filter)
}

/// Comparisons of keys and values, prefixes, a closure, and several at once.
pub(crate) async fn filters_alone(subject: &Subject) -> Outcome {
    let queries = filters(subject)?
        .into_iter()
        .map(|filters| with_filters(Query::all(), filters));
    ask(subject, PER_GROUP, queries.collect::<Vec<_>>()).await
}

/// Many keys: every one is read, all are listed, and none is left after all were deleted.
pub(crate) async fn many_keys(subject: &Subject) -> Outcome {
    let (store, data) = (subject.store(), groups(subject, PER_GROUP)?);
    for (key, value) in &data {
        store.put(key, value.clone()).await?;
    }
    for (key, value) in &data {
        ensure_eq!(store.get(key).await?, value, "value of {key}");
    }
    naive::check(subject, &data, Query::all()).await?;
    for (key, _) in &data {
        store.delete(key).await?;
    }
    expect_empty(store).await
}

/// Sizes without values.
pub(crate) async fn sizes(subject: &Subject) -> Outcome {
    ask(subject, PER_GROUP, [Query::all().sizes_only()]).await
}

/// Sync of several prefixes at several moments keeps what was written, and promises no more than the store can.
pub(crate) async fn sync(subject: &Subject) -> Outcome {
    let store = subject.store();
    let prefix = subject.key("/prefix")?;
    let pairs = [
        ("/prefix", "foo"),
        ("/prefix/sub", "bar"),
        ("/foo", "baz"),
        ("/bar", "qux"),
    ];
    let mut data = Vec::new();
    for (name, value) in pairs {
        let key = subject.key(name)?;
        store.put(&key, value).await?;
        data.push((key, Bytes::from(value)));
        for scope in [&prefix, &Key::root(), &subject.key("/prefix/sub")?] {
            let held: Durability = store.sync_opts(scope, SyncOptions::default()).await?;
            let most = store.capabilities(scope).max_durability;
            ensure!(
                held <= most,
                "sync of {scope} promises {held}, the store gives at most {most}"
            );
        }
    }
    data.sort();
    ensure_eq!(all_pairs(store).await?, data, "entries after syncs");
    Ok(())
}

/// The product of offsets, limits, filters, prefixes, orders and what is selected.
pub(crate) async fn combinations(subject: &Subject) -> Outcome {
    const SMALL: usize = 12;
    let all = 4 * SMALL as u64;
    let scopes = [
        Key::root(),
        subject.key("/prefix")?,
        subject.key("/prefix/sub")?,
        subject.key("/bad")?,
    ];
    let filters = [
        vec![],
        vec![Filter::key_prefix(subject.prefix("/prefix")?)],
        vec![Filter::Value(
            Comparison::Greater,
            Bytes::from_static(b"25"),
        )],
    ];
    let orders = [
        vec![],
        vec![Order::by_key()],
        vec![Order::by_key().descending(), Order::by_value()],
    ];
    let mut queries = Vec::new();
    for scope in &scopes {
        for filters in &filters {
            for orders in &orders {
                for offset in [0, all / 10, all * 2] {
                    for limit in [None, Some(0), Some(all / 10)] {
                        for select in [Select::Values, Select::Sizes, Select::Keys] {
                            let mut query = Query::within(scope.clone())
                                .with_offset(offset)
                                .with_select(select);
                            query.limit = limit;
                            query = with_filters(query, filters.clone());
                            queries.push(with_orders(query, orders.clone()));
                        }
                    }
                }
            }
        }
    }
    ask(subject, SMALL, queries).await
}

fn large(i: u8) -> Bytes {
    Bytes::from(vec![i; 256 << 10])
}

/// Twenty values of 256 KiB are invisible before the commit and there after it.
pub(crate) async fn batch_large(subject: &Subject) -> Outcome {
    let (store, mut batch) = (subject.store(), subject.store().batch());
    for i in 0..20 {
        batch.put(subject.key(format!("/batch/{i}"))?, large(i));
    }
    expect_empty(store).await?;
    batch.commit().await?;
    for i in 0..20 {
        let value = store.get(&subject.key(format!("/batch/{i}"))?).await?;
        ensure!(
            value == large(i),
            "the value of /batch/{i} is not what the batch put"
        );
    }
    Ok(())
}

/// A batch of deletes takes effect with the commit.
pub(crate) async fn batch_delete(subject: &Subject) -> Outcome {
    let (store, mut batch) = (subject.store(), subject.store().batch());
    for i in 0..20 {
        let key = subject.key(format!("/batch/{i}"))?;
        store.put(&key, "value").await?;
        batch.delete(key);
    }
    ensure_eq!(
        all_pairs(store).await?.len(),
        20,
        "entries before the commit"
    );
    batch.commit().await?;
    expect_empty(store).await
}

/// Put a, put b, delete a, delete b, put b: only the last operation on each key counts.
pub(crate) async fn batch_put_and_delete(subject: &Subject) -> Outcome {
    let (store, mut batch) = (subject.store(), subject.store().batch());
    let (a, b) = (subject.key("/a")?, subject.key("/b")?);
    batch
        .put(a.clone(), "a1")
        .put(b.clone(), "b1")
        .delete(a.clone())
        .delete(b.clone())
        .put(b.clone(), "b2");
    batch.commit().await?;
    ensure_eq!(
        all_pairs(store).await?,
        [(b, "b2".into())],
        "entries after the commit"
    );
    Ok(())
}
