//! Mounts: the cases of the JavaScript suite, batches over several mounts, and what spans them.

use datastore_core::{
    BlackHoleDatastore, MemoryDatastore, MountDatastore, ReadOnlyDatastore, mount::Mount,
};
use futures::{FutureExt, StreamExt, TryStreamExt};
use interface_datastore::{
    Batch, Claim, Condition, Datastore, DatastoreExt, DiskUsageOptions, Durability, ErrorKind, Key,
    Maintenance, MaintenanceEvent, Query, Timestamp, WatchEvent, WriteOptions, query::Order,
};
use pollster::block_on;

fn key(text: &str) -> Key {
    Key::new(text)
}

async fn keys(store: &impl Datastore, query: Query) -> Vec<String> {
    let keys: Vec<Key> = store.query_keys(query).try_collect().await.unwrap();
    keys.iter().map(ToString::to_string).collect()
}

/// `/a` and `/a/b` with whole keys, `/cool` stripped.
struct Mounted {
    a: MemoryDatastore,
    b: MemoryDatastore,
    cool: MemoryDatastore,
    store: MountDatastore,
}

fn mounted() -> Mounted {
    let [a, b, cool] = [(); 3].map(|()| MemoryDatastore::new());
    let mounts = [
        Mount::new(key("/a"), &a),
        Mount::new(key("/cool"), &cool).stripped(),
        Mount::new(key("/a/b"), &b),
    ];
    let store = MountDatastore::new(mounts).unwrap();
    Mounted { a, b, cool, store }
}

#[test]
fn keys_without_a_mount() {
    block_on(async {
        let stores = [MountDatastore::new([]).unwrap(), mounted().store];
        for store in stores {
            for name in ["/", "/ab", "/coo", "/cooler", "/other/a"] {
                let name = key(name);
                let put = store.put(&name, "1").await.unwrap_err();
                let get = store.get(&name).await.unwrap_err();
                let delete = store.delete(&name).await.unwrap_err();
                let mut batch = Batch::new();
                batch.put(name.clone(), "1");
                let write = store.write(batch).await.unwrap_err();
                let names = [
                    (&put, "PutFailedError"),
                    (&get, "NotFoundError"),
                    (&delete, "DeleteFailedError"),
                    (&write, "BatchFailedError"),
                ];
                for (error, js_name) in names {
                    assert_eq!(error.kind(), ErrorKind::NoMount);
                    assert_eq!((error.key(), error.js_name()), (Some(&name), js_name));
                }
                assert!(!store.has(&name).await.unwrap());
                assert!(keys(&store, Query::all()).await.is_empty());
            }
        }
    });
}

#[test]
fn keys_go_to_the_deepest_mount() {
    /// A key, the store that holds it, and what it is called there.
    const PLACES: &[(&str, &str, &str)] = &[
        ("/a", "a", "/a"),
        ("/a/x", "a", "/a/x"),
        ("/a/bc", "a", "/a/bc"),
        ("/a/b", "b", "/a/b"),
        ("/a/b/c", "b", "/a/b/c"),
        ("/cool", "cool", "/"),
        ("/cool/hello", "cool", "/hello"),
    ];
    block_on(async {
        let Mounted { a, b, cool, store } = mounted();
        for (name, place, there) in PLACES {
            store.put(&key(name), *name).await.unwrap();
            let inner = match *place {
                "a" => &a,
                "b" => &b,
                _ => &cool,
            };
            assert_eq!(inner.get(&key(there)).await.unwrap(), *name);
            assert_eq!(store.get(&key(name)).await.unwrap(), *name);
            assert!(store.has(&key(name)).await.unwrap());
        }
        assert_eq!(keys(&a, Query::all()).await, ["/a", "/a/bc", "/a/x"]);
        assert_eq!(
            keys(&store, Query::prefix("/cool")).await,
            ["/cool", "/cool/hello"]
        );
        store.delete(&key("/cool/hello")).await.unwrap();
        assert_eq!(keys(&cool, Query::all()).await, ["/"]);
        let error = store.get(&key("/cool/none")).await.unwrap_err();
        assert_eq!(
            error.key(),
            Some(&key("/cool/none")),
            "named as it is outside"
        );
    });
}

#[test]
fn foreign_and_shadowed_entries_are_hidden() {
    block_on(async {
        let Mounted { a, b, store, .. } = mounted();
        for name in ["/elsewhere", "/a/b", "/a/b/shadowed", "/ab", "/a/own"] {
            a.put(&key(name), "1").await.unwrap();
        }
        b.put(&key("/a/misplaced"), "1").await.unwrap();
        b.put(&key("/a/b/own"), "1").await.unwrap();
        for query in [
            Query::all(),
            Query::prefix("/a"),
            Query::all().with_order(Order::by_value()),
        ] {
            assert_eq!(keys(&store, query).await, ["/a/b/own", "/a/own"]);
        }
        assert_eq!(
            keys(&store, Query::all().with_limit(1).with_offset(1)).await,
            ["/a/own"]
        );
        assert!(!store.has(&key("/a/b/shadowed")).await.unwrap());
    });
}

#[test]
fn two_mounts_at_one_key_are_refused() {
    let memory = MemoryDatastore::new();
    let twice = ["/a", "/b", "/a"].map(|prefix| Mount::new(key(prefix), &memory));
    let error = MountDatastore::new(twice).unwrap_err();
    assert_eq!(
        (error.kind(), error.key()),
        (ErrorKind::InvalidArgument, Some(&key("/a")))
    );
}

fn batch(names: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for name in names {
        batch.put(key(name), "1");
    }
    batch
}

#[test]
fn a_batch_in_one_mount_is_that_stores_own() {
    block_on(async {
        let Mounted { cool, store, .. } = mounted();
        let mut one = batch(&["/cool/x", "/cool/y"]);
        one.require(key("/cool/x"), Condition::IfAbsent);
        let atomic = WriteOptions::default().with_atomic(true);
        store.write_opts(one.clone(), atomic.clone()).await.unwrap();
        assert_eq!(keys(&cool, Query::all()).await, ["/x", "/y"]);
        let error = store.write_opts(one, atomic).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        assert_eq!(error.key(), Some(&key("/cool/x")));
        store.write(Batch::new()).await.unwrap();
    });
}

#[test]
fn a_batch_over_mounts_is_applied_or_refused_beforehand() {
    block_on(async {
        let Mounted { a, cool, store, .. } = mounted();
        let both = batch(&["/a/x", "/cool/x"]);
        let mut conditional = both.clone();
        conditional.require(key("/a/x"), Condition::IfAbsent);
        let mut elsewhere = batch(&["/a/x"]);
        elsewhere.require(key("/cool/x"), Condition::IfAbsent);
        let mut unmounted = both.clone();
        unmounted.put(key("/nowhere"), "1");
        let plain = WriteOptions::default;
        let refusals = [
            (conditional, plain(), ErrorKind::Unsupported),
            (elsewhere, plain(), ErrorKind::Unsupported),
            (
                both.clone(),
                plain().with_atomic(true),
                ErrorKind::Unsupported,
            ),
            (
                both.clone(),
                plain().with_durability(Durability::Power),
                ErrorKind::Unsupported,
            ),
            (unmounted, plain(), ErrorKind::NoMount),
        ];
        for (batch, options, kind) in refusals {
            let error = store.write_opts(batch.clone(), options).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{batch:?}");
            assert!(keys(&store, Query::all()).await.is_empty(), "{batch:?}");
        }
        store.write(both).await.unwrap();
        assert_eq!(keys(&a, Query::all()).await, ["/a/x"]);
        assert_eq!(keys(&cool, Query::all()).await, ["/x"]);
    });
}

#[test]
fn a_batch_that_fails_half_way_says_how_far_it_got() {
    block_on(async {
        let [first, second] = [(); 2].map(|()| MemoryDatastore::new());
        let mounts = [
            Mount::new(key("/long/prefix"), &first),
            Mount::new(key("/b"), &second).stripped(),
        ];
        let store = MountDatastore::new(mounts).unwrap();
        second.close().await.unwrap();
        let both = batch(&["/b/1", "/long/prefix/1", "/b/2", "/long/prefix/2"]);
        let error = store.write(both).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        let report = error.report().unwrap();
        assert_eq!(
            report.applied,
            [key("/long/prefix/1"), key("/long/prefix/2")]
        );
        assert_eq!(report.failed, [key("/b/1"), key("/b/2")]);
        assert!(report.unknown.is_empty());

        let view = ReadOnlyDatastore::new(&MemoryDatastore::new());
        let store =
            MountDatastore::new([Mount::new(key("/a"), &first), Mount::new(key("/v"), &view)]);
        let error = store
            .unwrap()
            .write(batch(&["/a/1", "/v/1"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly);
        assert!(
            !first.has(&key("/a/1")).await.unwrap(),
            "refused beforehand"
        );
    });
}

#[test]
fn watching_merges_the_mounts_of_the_scope() {
    block_on(async {
        let Mounted { a, b, cool, store } = mounted();
        let mut events = store.watch(&key("/a")).await.unwrap();
        a.put(&key("/a/b/shadowed"), "1").await.unwrap();
        a.put(&key("/a/1"), "1").await.unwrap();
        b.put(&key("/a/b/1"), "1").await.unwrap();
        cool.put(&key("/a"), "1").await.unwrap();
        let mut seen = Vec::new();
        while let Some(Some(event)) = events.next().now_or_never() {
            let WatchEvent::Put { key, .. } = event.unwrap() else {
                panic!("not a put")
            };
            seen.push(key.to_string());
        }
        seen.sort();
        assert_eq!(seen, ["/a/1", "/a/b/1"]);
        store.close().await.unwrap();
        assert_eq!(events.count().await, 0);
        assert_eq!(
            store.watch(&key("/no")).await.err().unwrap().kind(),
            ErrorKind::NoMount
        );
    });
}

#[test]
fn usage_and_upkeep_reach_all_mounts_of_the_scope() {
    block_on(async {
        let now = || Timestamp::from_millis(1000);
        let [a, b] = [(); 2].map(|()| MemoryDatastore::with_clock(now));
        let hole = BlackHoleDatastore::new();
        let mounts = [
            Mount::new(key("/a"), &a),
            Mount::new(key("/b"), &b).stripped(),
            Mount::new(key("/hole"), &hole),
        ];
        let store = MountDatastore::new(mounts).unwrap();
        a.put(&key("/a/1"), "1").await.unwrap();
        b.put(&key("/22"), "2").await.unwrap();
        for (scope, bytes) in [
            ("/", 9),
            ("/a", 5),
            ("/b", 4),
            ("/b/22", 4),
            ("/b/3", 0),
            ("/c", 0),
        ] {
            let scope = key(scope);
            let used = store
                .disk_usage_opts(&scope, DiskUsageOptions::default())
                .await
                .unwrap();
            assert_eq!(used.bytes, bytes, "{scope}");
        }
        for (inner, name) in [(&a, "/a/old"), (&b, "/old")] {
            let past = Timestamp::from_millis(1);
            inner.put_expiring(&key(name), "1", past).await.unwrap();
        }
        let events: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await.unwrap();
        let found = events.iter().filter_map(|event| match event {
            MaintenanceEvent::Finding(finding) => Some((
                finding.code.as_str(),
                finding.key.as_ref().unwrap().to_string(),
            )),
            _ => None,
        });
        let expect = [
            ("expired-entry", "/a/old".to_owned()),
            ("expired-entry", "/b/old".to_owned()),
            ("mount-not-maintained", "/hole".to_owned()),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expect);
        let refused = store
            .maintain(Maintenance::Scrub)
            .try_next()
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert_eq!(
            store.sync(&Key::root()).await.unwrap(),
            Durability::Volatile
        );

        b.close().await.unwrap();
        hole.close().await.unwrap();
        let error = store.disk_usage().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(
            error.to_string().contains("other mounts failed as well"),
            "{error}"
        );
    });
}

#[test]
fn capabilities_are_those_of_the_mounts_of_the_scope() {
    let memory = MemoryDatastore::new();
    let hole = BlackHoleDatastore::new();
    let mounts = [Mount::new(key("/m"), &memory), Mount::new(key("/h"), &hole)];
    let store = MountDatastore::new(mounts).unwrap();
    /// Retains, watch, atomic batch, writable, gc.
    type Row = (&'static str, [Claim; 5]);
    use Claim::{No, Varies, Yes};
    let rows: &[Row] = &[
        ("/m", [Yes, Yes, Yes, Yes, Yes]),
        ("/m/below", [Yes, Yes, Yes, Yes, Yes]),
        ("/h", [No, No, Yes, Yes, No]),
        ("/", [Varies, No, Varies, Varies, Varies]),
        ("/none", [No, No, No, No, No]),
    ];
    for (scope, expect) in rows {
        let can = store.capabilities(&key(scope));
        let claims = [
            can.retains,
            can.watch,
            can.atomic_batch,
            can.writable,
            can.maintenance.gc,
        ];
        assert_eq!(claims, *expect, "{scope}");
    }
}
