//! Streams of puts over what is there: new keys, equal values and others, in every order.

use std::collections::BTreeMap;

use bytes::Bytes;
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::StreamExt;
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, Durability, Key, PutManyOptions, Query, WatchEvent,
};

/// What the store holds before, at the place of each letter, and what is put then.
const CASES: &[&str] = &[
    // n: a new key, e: an equal value, o: another value, a: the same key as the one before
    "nnnn",
    "eeee",
    "oooo",
    "neon",
    // More than are looked for first.
    "nnnnnnnnnnnnnnnn",
    "nnnnnnnnnnnneonneo",
    "ennnnnnnnnnnneonneo",
    "nnnnnnnnnnnnaannaa",
    "nnnnnnnnnnnneaoana",
];

fn key(at: usize) -> Key {
    Key::new(format!("/KEY{}", 100 + at))
}

async fn check(case: &str, durability: Durability, concurrency: usize) {
    let place = format!("{case} at {durability}, {concurrency} at a time");
    let folder = tempfile::tempdir().unwrap();
    let options = FlatfsOptions::new().with_blocking(Blocking::Inline);
    let store = FlatfsDatastore::open(folder.path().join("blocks"), options)
        .await
        .unwrap();
    let mut expected = BTreeMap::new();
    let mut pairs: Vec<(Key, Bytes)> = Vec::new();
    for (at, letter) in case.chars().enumerate() {
        let value = Bytes::from(format!("value {at}"));
        let before = match letter {
            'e' => Some(value.clone()),
            'o' => Some(Bytes::from_static(b"of other length, or other contents")),
            _ => None,
        };
        if let Some(before) = before {
            store.put(&key(at), before).await.unwrap();
        }
        let key = match letter {
            'a' => pairs[at - 1].0.clone(),
            _ => key(at),
        };
        expected.insert(key.clone(), value.clone());
        pairs.push((key, value));
    }
    let watched = store.watch(&Key::root()).await.unwrap();
    let keys: Vec<Key> = pairs.iter().map(|(key, _)| key.clone()).collect();
    let options = PutManyOptions::default()
        .with_durability(durability)
        .with_concurrency(concurrency);
    let source = futures::stream::iter(pairs.into_iter().map(Ok)).boxed();
    let stored: Vec<Key> = store
        .put_many_opts(source, options)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(stored, keys, "{place}");
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    let found: BTreeMap<Key, Bytes> = entries
        .into_iter()
        .map(|entry| (entry.key, entry.value.unwrap()))
        .collect();
    assert_eq!(found, expected, "{place}");
    let told: Vec<WatchEvent> = watched.take(keys.len()).try_collect().await.unwrap();
    let mut told: Vec<&Key> = told.iter().filter_map(WatchEvent::key).collect();
    let mut wanted: Vec<&Key> = keys.iter().collect();
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted, "{place}");
    let counted = store.usage().0;
    let (recounted, _) = store.recount().await.unwrap();
    assert_eq!(counted, recounted, "{place}: the disk usage");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_over_what_is_there() {
    for case in CASES {
        for durability in [Durability::Process, Durability::Ordered, Durability::Power] {
            for concurrency in [1, 5, 64] {
                check(case, durability, concurrency).await;
            }
        }
    }
}
