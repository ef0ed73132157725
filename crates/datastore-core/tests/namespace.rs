//! Namespaces and key transforms: the cases of the JavaScript suite, and that nothing leads out of a namespace.

use std::{collections::BTreeSet, sync::Arc};

use datastore_core::{
    BlackHoleDatastore, KeyTransformDatastore, MemoryDatastore, NamespaceDatastore,
    ShardingDatastore,
    key_transform::{PrefixTransform, from_fns},
    sharding::Shard,
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Batch, Bytes, Condition, Datastore, DatastoreExt, DiskUsageOptions, Error, ErrorKind, Key,
    Maintenance, MaintenanceEvent, Operation, PutManyOptions, PutOptions, Query, Timestamp,
    WatchEvent,
};
use pollster::block_on;

fn key(text: &str) -> Key {
    Key::new(text)
}

async fn keys(store: &(impl Datastore + ?Sized), query: Query) -> Vec<String> {
    let keys: Vec<Key> = store.query_keys(query).try_collect().await.unwrap();
    keys.iter().map(ToString::to_string).collect()
}

/// Nested keys of the JavaScript suite.
const NESTED: &[&str] = &[
    "/foo",
    "/foo/bar",
    "/foo/bar/baz",
    "/foo/barb",
    "/foo/bar/bazb",
    "/foo/bar/baz/barb",
];

#[test]
fn the_same_keys_are_seen_inside_and_out() {
    block_on(async {
        for prefix in ["/abc", "/"] {
            let inner = MemoryDatastore::new();
            let transform = PrefixTransform::new(key(prefix));
            let stores: [Arc<dyn Datastore>; 2] = [
                NamespaceDatastore::new(&inner, key(prefix)).handle(),
                KeyTransformDatastore::new(&inner, transform).handle(),
            ];
            for store in stores {
                for name in NESTED {
                    store.put(&key(name), *name).await.unwrap();
                    let below = key(prefix).child(&key(name));
                    assert_eq!(inner.get(&below).await.unwrap(), *name);
                    assert_eq!(store.get(&key(name)).await.unwrap(), *name);
                }
                let outer = keys(&store, Query::all()).await;
                let below = outer
                    .iter()
                    .map(|name| key(prefix).child(&key(name)).to_string());
                assert_eq!(keys(&inner, Query::all()).await, below.collect::<Vec<_>>());
                assert_eq!(outer.len(), NESTED.len());
            }
        }
    });
}

#[test]
fn namespaces_of_one_store_list_their_own() {
    const PREFIXES: &[&str] = &[
        "abc",
        "123",
        "sub/prefix",
        "sub",
        "a",
        "a/b",
        "a/bc",
        "b",
        "ab",
    ];
    block_on(async {
        let inner = MemoryDatastore::new();
        let at = |prefix: &str| NamespaceDatastore::new(&inner, key(prefix));
        for prefix in PREFIXES {
            for name in NESTED {
                at(prefix).put(&key(name), *prefix).await.unwrap();
            }
        }
        for prefix in PREFIXES {
            let below = PREFIXES
                .iter()
                .filter(|other| key(prefix).is_ancestor_of(&key(other)));
            let expect = NESTED.len() * (1 + below.count());
            let entries: Vec<_> = at(prefix).query(Query::all()).try_collect().await.unwrap();
            assert_eq!(entries.len(), expect, "{prefix}");
            let found: BTreeSet<Key> = entries.into_iter().map(|entry| entry.key).collect();
            assert!(NESTED.iter().all(|name| found.contains(&key(name))));
        }
    });
}

/// A namespace `/ns` with an entry in each place that it might mix up.
fn crowded() -> (MemoryDatastore, NamespaceDatastore) {
    let inner = MemoryDatastore::new();
    for name in [
        "/", "/ns", "/ns/a", "/ns/a/b", "/ns-a", "/nsx", "/nsx/y", "/other", "/n",
    ] {
        block_on(inner.put(&key(name), name.to_owned())).unwrap();
    }
    block_on(inner.put(&Key::raw("/ns/").unwrap(), "odd")).unwrap();
    let namespace = NamespaceDatastore::new(&inner, key("/ns"));
    (inner, namespace)
}

#[test]
fn siblings_stay_out_and_the_own_root_is_in() {
    block_on(async {
        let (_, ns) = crowded();
        assert_eq!(keys(&ns, Query::all()).await, ["/", "/a", "/a/b"]);
        assert_eq!(
            keys(&ns, Query::all().reversed()).await,
            ["/a/b", "/a", "/"]
        );
        assert_eq!(keys(&ns, Query::all().with_limit(2)).await, ["/", "/a"]);
        assert_eq!(
            keys(&ns, Query::within(Key::root()).with_limit(1)).await,
            ["/a"]
        );
        assert_eq!(ns.get(&Key::root()).await.unwrap(), "/ns");
        for absent in ["/x", "/x/y", "/ns", "/other"] {
            assert!(!ns.has(&key(absent)).await.unwrap(), "{absent}");
        }
        let all = [Key::root(), key("/a")];
        let deleted: Vec<Key> = ns.delete_many(all.clone()).try_collect().await.unwrap();
        assert_eq!(deleted, all);
        assert_eq!(keys(&ns, Query::all()).await, ["/a/b"]);
    });
}

#[test]
fn deleting_by_the_empty_prefix_leaves_the_neighbours() {
    block_on(async {
        let (inner, ns) = crowded();
        assert_eq!(ns.delete_prefix("").await.unwrap(), 3);
        let rest = keys(&inner, Query::all()).await;
        assert_eq!(
            rest,
            ["/", "/n", "/ns-a", "/ns/", "/nsx", "/nsx/y", "/other"]
        );
    });
}

#[test]
fn watching_speaks_of_the_namespace_alone() {
    block_on(async {
        let (inner, ns) = crowded();
        let mut all = ns.watch(&Key::root()).await.unwrap();
        let mut below = ns.watch(&key("/a")).await.unwrap();
        for name in ["/nsx/y", "/other", "/ns-a", "/ns", "/ns/a/b", "/"] {
            inner.delete(&key(name)).await.unwrap();
        }
        let deleted = |name: &str| WatchEvent::Delete { key: key(name) };
        let mut next = |from_all: bool| {
            let events = if from_all { &mut all } else { &mut below };
            events
                .next()
                .now_or_never()
                .map(|event| event.unwrap().unwrap())
        };
        assert_eq!(next(true), Some(deleted("/")));
        assert_eq!(next(true), Some(deleted("/a/b")));
        assert_eq!(next(true), None);
        assert_eq!(next(false), Some(deleted("/a/b")));
        assert_eq!(next(false), None);
    });
}

#[test]
fn usage_and_upkeep_stay_within() {
    block_on(async {
        let inner = MemoryDatastore::with_clock(|| Timestamp::from_millis(1000));
        let ns = NamespaceDatastore::new(&inner, key("/ns"));
        let past = Timestamp::from_millis(1);
        let mut batch = Batch::new();
        for name in ["/ns", "/ns/a", "/nsx", "/other"] {
            batch.put_expiring(key(name), "1", past);
        }
        // In one batch: writes sweep what has expired before them.
        inner.write(batch).await.unwrap();
        let events: Vec<_> = ns.maintain(Maintenance::Gc).try_collect().await.unwrap();
        let found = events.into_iter().filter_map(|event| match event {
            MaintenanceEvent::Finding(finding) => finding.key.map(|key| key.to_string()),
            _ => None,
        });
        assert_eq!(found.collect::<Vec<_>>(), ["/", "/a"]);
        let left: Vec<_> = inner.maintain(Maintenance::Gc).try_collect().await.unwrap();
        assert_eq!(left.len(), 3, "two findings and the progress: {left:?}");

        let (_, ns) = crowded();
        let used = ns.disk_usage().await.unwrap().bytes;
        let names = ["/ns", "/ns/a", "/ns/a/b"];
        let odd = "/ns/".len() + "odd".len();
        assert_eq!(
            used as usize,
            names.iter().map(|name| 2 * name.len()).sum::<usize>() + odd
        );
        let scope = key("/a");
        let used = ns
            .disk_usage_opts(&scope, DiskUsageOptions::default())
            .await
            .unwrap();
        assert_eq!(used.bytes as usize, 2 * ("/ns/a".len() + "/ns/a/b".len()));
    });
}

#[test]
fn batches_and_their_conditions_stay_within() {
    block_on(async {
        let (inner, ns) = crowded();
        let mut batch = Batch::new();
        batch.put(key("/new"), "1").delete(key("/a"));
        batch.require(key("/x"), Condition::IfAbsent);
        ns.write(batch.clone()).await.unwrap();
        assert_eq!(inner.get(&key("/ns/new")).await.unwrap(), "1");
        assert!(!inner.has(&key("/ns/a")).await.unwrap());
        batch.require(Key::root(), Condition::IfAbsent);
        let error = ns.write(batch).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        assert_eq!(error.key(), Some(&Key::root()), "named as it is here");
    });
}

#[test]
fn closing_a_view_leaves_the_store_open() {
    block_on(async {
        let (inner, ns) = crowded();
        let sibling = NamespaceDatastore::new(&inner, key("/nsx"));
        let clone = ns.clone();
        let events = ns.watch(&Key::root()).await.unwrap();
        ns.close().await.unwrap();
        ns.close().await.unwrap();
        assert_eq!(events.count().await, 0, "the stream ends");
        assert_eq!(
            clone.get(&key("/a")).await.unwrap_err().kind(),
            ErrorKind::Closed
        );
        let error = clone.query(Query::all()).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(sibling.has(&key("/y")).await.unwrap());
        assert!(inner.has(&key("/ns/a")).await.unwrap());
    });
}

#[test]
fn errors_of_the_callers_own_source_come_back_as_they_are() {
    block_on(async {
        let (_, ns) = crowded();
        let own = Error::new(ErrorKind::TimedOut, Operation::Get).with_key(&key("/mine"));
        let source = stream::iter([Ok((key("/p"), Bytes::new())), Err(own.clone())]);
        let mut stored = ns.put_many_opts(Box::pin(source), PutManyOptions::default());
        assert_eq!(stored.next().await.unwrap().unwrap(), key("/p"));
        let error = stored.next().await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.key()), (own.kind(), own.key()));
        let body = Box::pin(stream::iter([Ok(Bytes::from("half")), Err(own.clone())]));
        let error = ns.put_stream(&key("/a"), body).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (own.kind(), own.key()));
        assert_eq!(
            ns.get(&key("/a")).await.unwrap(),
            "/ns/a",
            "keeps its old value"
        );
    });
}

#[test]
fn a_namespace_over_sharding_lists_its_entries() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let sharding = ShardingDatastore::open(&inner, Shard::next_to_last(2).ok())
            .await
            .unwrap();
        let ns = NamespaceDatastore::new(&sharding, key("/ns"));
        for name in NESTED {
            ns.put(&key(name), "1").await.unwrap();
        }
        sharding.put(&key("/nsx/y"), "1").await.unwrap();
        let mut found = keys(&ns, Query::all()).await;
        found.sort();
        let mut expect = NESTED.to_vec();
        expect.sort_unstable();
        assert_eq!(found, expect);
        assert_eq!(
            keys(&ns, Query::prefix("/foo/bar/baz/")).await,
            ["/foo/bar/baz/barb"]
        );
    });
}

#[test]
fn a_transform_that_does_not_lead_back_is_refused() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let parent = |key: &Key| Some(key.parent());
        let same = |key: &Key| Some(key.clone());
        let store = KeyTransformDatastore::new(&inner, from_fns(parent, same));
        inner.put(&key("/a"), "another's").await.unwrap();
        let name = key("/a/b");
        let error = store.put(&name, "1").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.key()),
            (ErrorKind::InvalidKey, Some(&name))
        );
        assert!(!store.has(&name).await.unwrap());
        assert!(store.get(&name).await.unwrap_err().is_not_found());
        assert_eq!(
            store.delete(&name).await.unwrap_err().kind(),
            ErrorKind::InvalidKey
        );
        let mut batch = Batch::new();
        batch.put(Key::root(), "kept?").delete(name.clone());
        assert_eq!(
            store.write(batch).await.unwrap_err().kind(),
            ErrorKind::InvalidKey
        );
        assert_eq!(keys(&inner, Query::all()).await, ["/a"], "nothing was done");
        let put: Result<Vec<_>, _> = store
            .put_many([(name.clone(), Bytes::new())])
            .try_collect()
            .await;
        assert_eq!(put.unwrap_err().key(), Some(&name));
        let got: Result<Vec<_>, _> = store.get_many([name.clone()]).try_collect().await;
        let error = got.unwrap_err();
        assert!(error.is_not_found() && error.key() == Some(&name));
    });
}

#[test]
fn the_black_hole_refuses_what_would_need_a_memory() {
    block_on(async {
        let hole = BlackHoleDatastore::new();
        hole.put(&key("/a"), "1").await.unwrap();
        assert!(hole.get(&key("/a")).await.unwrap_err().is_not_found());
        assert!(keys(&hole, Query::all()).await.is_empty());
        let conditional = PutOptions::if_absent();
        let error = hole
            .put_opts(&key("/a"), Bytes::new(), conditional)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            hole.watch(&key("/a")).await.err().unwrap().kind(),
            ErrorKind::Unsupported
        );
        hole.close().await.unwrap();
        assert_eq!(
            hole.put(&key("/a"), "1").await.unwrap_err().kind(),
            ErrorKind::Closed
        );
    });
}
