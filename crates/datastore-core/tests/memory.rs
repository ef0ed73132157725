//! What the memory store promises beyond the conformance cases: expiry by its clock, snapshots, sizes, order of events.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datastore_core::MemoryDatastore;
use futures::{FutureExt, StreamExt, TryStreamExt};
use interface_datastore::{
    Action, Batch, Condition, Datastore, DatastoreExt, DiskUsageOptions, Durability, ErrorKind,
    GetOptions, Key, Maintenance, MaintenanceEvent, PutOptions, Query, Timestamp, WatchEvent,
    WriteOptions,
    query::{Filter, Order, OrderBy},
};
use pollster::block_on;

fn key(text: &str) -> Key {
    Key::new(text)
}

/// A store whose clock the test sets.
fn clocked() -> (MemoryDatastore, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(1000));
    let clock = now.clone();
    let store =
        MemoryDatastore::with_clock(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)));
    (store, now)
}

async fn put_until(store: &MemoryDatastore, name: &str, millis: u64) {
    let expires = Timestamp::from_millis(millis);
    store.put_expiring(&key(name), "v", expires).await.unwrap();
}

async fn keys(store: &impl Datastore, query: Query) -> Vec<String> {
    let keys: Vec<Key> = store.query_keys(query).try_collect().await.unwrap();
    keys.iter().map(ToString::to_string).collect()
}

#[test]
fn an_expired_entry_is_gone_from_its_moment_on() {
    block_on(async {
        let (store, now) = clocked();
        put_until(&store, "/a", 2000).await;
        let entry = store.metadata(&key("/a")).await.unwrap();
        assert_eq!(entry.expires, Some(Timestamp::from_millis(2000)));
        now.store(1999, Ordering::SeqCst);
        assert!(store.has(&key("/a")).await.unwrap());
        now.store(2000, Ordering::SeqCst);
        assert!(!store.has(&key("/a")).await.unwrap());
        assert!(keys(&store, Query::all()).await.is_empty());
        // It does not stand in the way of a conditional put either.
        put_until(&store, "/b", 1).await;
        assert!(store.put_if_absent(&key("/b"), "new").await.unwrap());
    });
}

#[test]
fn a_new_value_of_a_key_has_its_own_expiry() {
    block_on(async {
        let (store, now) = clocked();
        put_until(&store, "/a", 2000).await;
        store.put(&key("/a"), "forever").await.unwrap();
        put_until(&store, "/b", 2000).await;
        put_until(&store, "/b", 2000).await;
        put_until(&store, "/c", 2000).await;
        put_until(&store, "/c", 4000).await;
        now.store(3000, Ordering::SeqCst);
        assert_eq!(keys(&store, Query::all()).await, ["/a", "/c"]);
        assert_eq!(store.disk_usage().await.unwrap().bytes, 9 + 3);
    });
}

#[test]
fn watchers_learn_of_expiry_when_it_is_noticed() {
    /// What notices it.
    type Notice = fn(&MemoryDatastore);
    let notices: &[Notice] = &[
        |store| assert!(!block_on(store.has(&key("/a"))).unwrap()),
        |store| drop(block_on(store.put(&key("/other"), "1")).unwrap()),
        |store| assert!(block_on(keys(store, Query::prefix("/x"))).is_empty()),
        |store| assert_eq!(block_on(store.disk_usage()).unwrap().bytes, 0),
        |store| {
            let events = block_on(store.maintain(Maintenance::Gc).collect::<Vec<_>>());
            assert_eq!(events.len(), 2);
        },
    ];
    for notice in notices {
        let (store, now) = clocked();
        block_on(put_until(&store, "/a", 2000));
        let mut events = block_on(store.watch(&key("/a"))).unwrap();
        now.store(2000, Ordering::SeqCst);
        assert!(events.next().now_or_never().is_none());
        notice(&store);
        let event = events.next().now_or_never().unwrap().unwrap().unwrap();
        assert_eq!(event, WatchEvent::Delete { key: key("/a") });
    }
}

#[test]
fn gc_removes_the_expired_entries_of_its_scope() {
    block_on(async {
        let (store, now) = clocked();
        for index in 0..600 {
            put_until(&store, &format!("/in/{index}"), 2000).await;
        }
        put_until(&store, "/inside", 2000).await;
        put_until(&store, "/in/later", 9000).await;
        now.store(3000, Ordering::SeqCst);
        let events = store.maintain_opts(Maintenance::Gc, &key("/in"), Default::default());
        let events: Vec<_> = events.try_collect().await.unwrap();
        let removed = events.iter().filter(|event| match event {
            MaintenanceEvent::Finding(finding) => {
                finding.action == Action::Removed
                    && finding.key.as_ref().unwrap().has_prefix("/in/")
            }
            _ => false,
        });
        assert_eq!(removed.count(), 600);
        let progress = MaintenanceEvent::Progress {
            done: 600,
            total: None,
        };
        assert_eq!(events.last(), Some(&progress));
        let rest: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await.unwrap();
        assert_eq!(rest.len(), 2, "one finding and the progress: {rest:?}");
    });
}

/// What happens to the store while a query is open.
enum Change {
    Put(&'static str),
    Delete(&'static str),
}
use Change::{Delete, Put};

#[test]
fn a_query_sees_the_moment_of_its_first_poll() {
    let changes: &[&[Change]] = &[
        &[Put("/000")],
        &[Put("/zzz")],
        &[Put("/k0500")],
        &[Put("/k0500"), Put("/k0500")],
        &[Delete("/k0500")],
        &[Delete("/k0999"), Put("/k0999")],
        &[Put("/k0999a"), Delete("/k0999a")],
        &[Delete("/k0998"), Put("/k0998"), Delete("/k0998")],
    ];
    for reverse in [false, true] {
        for changes in changes {
            block_on(check_snapshot(changes, reverse));
        }
    }
}

async fn check_snapshot(changes: &[Change], reverse: bool) {
    let store = MemoryDatastore::new();
    let names: Vec<String> = (0..1000).map(|index| format!("/k{index:04}")).collect();
    for name in &names {
        store.put(&key(name), "old").await.unwrap();
    }
    let mut query = Query::all();
    query.reverse = reverse;
    let mut entries = store.query(query.clone());
    let mut seen = vec![entries.next().await.unwrap().unwrap()];
    for change in changes {
        match change {
            Put(name) => drop(store.put(&key(name), "new").await.unwrap()),
            Delete(name) => store.delete(&key(name)).await.unwrap(),
        }
    }
    // A later query sees the changes, and does not disturb the first.
    let later: Vec<_> = store.query(query).try_collect().await.unwrap();
    for entry in later {
        assert_eq!(store.get(&entry.key).await.unwrap(), entry.value.unwrap());
    }
    seen.extend(entries.try_collect::<Vec<_>>().await.unwrap());
    if reverse {
        seen.reverse();
    }
    let found: Vec<String> = seen.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(found, names);
    assert!(
        seen.iter()
            .all(|entry| entry.value.as_deref() == Some(b"old"))
    );
}

#[test]
fn queries_at_different_moments_each_see_their_own() {
    block_on(async {
        let store = MemoryDatastore::new();
        let mut open = Vec::new();
        for round in 0..50u64 {
            for index in 0..40u64 {
                let name = key(&format!("/{index:02}"));
                // Each round some keys change, some vanish, some stay.
                match (index + round) % 3 {
                    0 => drop(store.put(&name, round.to_string()).await.unwrap()),
                    1 if round % 2 == 1 => store.delete(&name).await.unwrap(),
                    _ => {}
                }
            }
            let now: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
            let mut entries = store.query(Query::all());
            let first = entries.next().await.unwrap().unwrap();
            open.push((now, first, entries));
            if round % 7 == 3 {
                drop(open.remove(open.len() / 2));
            }
        }
        for (expect, first, rest) in open {
            let mut found = vec![first];
            found.extend(rest.try_collect::<Vec<_>>().await.unwrap());
            assert_eq!(found, expect);
        }
    });
}

/// Queries, and what they find among `/`, `/a`, `/a/b`, `/a-b`, `/a/b/c`, `/b`.
#[test]
fn walks_serve_ranges_and_directions() {
    let by_key = Order::by_key;
    let cases: &[(Query, &[&str])] = &[
        (Query::all(), &["/", "/a", "/a-b", "/a/b", "/a/b/c", "/b"]),
        (Query::all().reversed().with_limit(2), &["/b", "/a/b/c"]),
        (
            Query::within(Key::root()),
            &["/a", "/a-b", "/a/b", "/a/b/c", "/b"],
        ),
        (Query::within(key("/a")), &["/a/b", "/a/b/c"]),
        (
            Query::prefix("/a").with_start_after(key("/a")),
            &["/a-b", "/a/b", "/a/b/c"],
        ),
        (
            Query::all().reversed().with_start_after(key("/a-b")),
            &["/a", "/"],
        ),
        (
            Query::all().with_start(key("/a/b")).with_end(key("/b")),
            &["/a/b", "/a/b/c"],
        ),
        (Query::all().with_start(key("/c")).with_end(key("/a")), &[]),
        (
            Query::all().with_order(by_key().descending()).with_limit(1),
            &["/b"],
        ),
        (
            Query::all()
                .with_start_after(key("/a/b"))
                .with_order(by_key().descending()),
            &["/b", "/a/b/c"],
        ),
        (
            Query::all()
                .with_order(by_key().descending())
                .with_order(Order::new(OrderBy::KeyDepth)),
            &["/b", "/a-b", "/a", "/", "/a/b", "/a/b/c"],
        ),
        (
            Query::all()
                .with_filter(Filter::key_suffix("b"))
                .with_offset(1)
                .with_limit(1),
            &["/a/b"],
        ),
    ];
    block_on(async {
        let store = MemoryDatastore::new();
        for name in ["/b", "/a/b/c", "/a/b", "/a-b", "/a", "/"] {
            store.put(&key(name), name.to_owned()).await.unwrap();
        }
        for (query, expect) in cases {
            assert_eq!(keys(&store, query.clone()).await, *expect, "{query:?}");
        }
    });
}

#[test]
fn versions_are_never_given_twice() {
    block_on(async {
        let store = MemoryDatastore::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 {
            let written = store.put(&key("/a"), "same").await.unwrap();
            assert!(seen.insert(written.version.unwrap()));
            store.delete(&key("/a")).await.unwrap();
        }
        let mut batch = Batch::new();
        batch.put(key("/a"), "1");
        assert!(seen.insert(store.write(batch.clone()).await.unwrap().version.unwrap()));
        batch.put(key("/b"), "1");
        assert_eq!(store.write(batch).await.unwrap().version, None);
    });
}

#[test]
fn a_batch_whose_condition_fails_does_nothing() {
    block_on(async {
        let store = MemoryDatastore::new();
        let old = store.put(&key("/a"), "1").await.unwrap().version.unwrap();
        store.put(&key("/a"), "2").await.unwrap();
        let mut batch = Batch::new();
        batch.put(key("/b"), "1").delete(key("/a"));
        batch.require(key("/c"), Condition::IfAbsent);
        batch.require(key("/a"), Condition::IfMatch(old.clone()));
        let error = store.write(batch).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.key()),
            (ErrorKind::PreconditionFailed, Some(&key("/a")))
        );
        assert_eq!(keys(&store, Query::all()).await, ["/a"]);
        let stale = GetOptions::default().with_if_version(old);
        let error = store.get_opts(&key("/a"), stale).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    });
}

#[test]
fn disk_usage_counts_the_bytes_of_keys_and_values() {
    block_on(async {
        let store = MemoryDatastore::new();
        store.put(&key("/a"), "1234").await.unwrap();
        store.put(&key("/a/b"), "12").await.unwrap();
        store.put(&key("/ab"), "1").await.unwrap();
        store.put(&key("/ab"), "12345").await.unwrap();
        store.put(&key("/c"), "x").await.unwrap();
        store.delete(&key("/c")).await.unwrap();
        for (scope, bytes) in [("/", 6 + 6 + 8), ("/a", 6 + 6), ("/ab", 8), ("/c", 0)] {
            let scope = key(scope);
            let used = store
                .disk_usage_opts(&scope, DiskUsageOptions::default())
                .await
                .unwrap();
            assert_eq!((used.bytes, used.exact), (bytes, true), "{scope}");
        }
    });
}

#[test]
fn more_durability_than_memory_has_is_refused_before_any_effect() {
    block_on(async {
        let store = MemoryDatastore::new();
        let options = PutOptions::default().with_durability(Durability::Process);
        let error = store
            .put_opts(&key("/a"), "1".into(), options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let mut batch = Batch::new();
        batch.put(key("/a"), "1");
        let options = WriteOptions::default().with_durability(Durability::Process);
        let error = store.write_opts(batch, options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(keys(&store, Query::all()).await.is_empty());
    });
}

#[test]
fn closing_ends_watchers_and_walks() {
    block_on(async {
        let store = MemoryDatastore::new();
        for index in 0..500 {
            store.put(&key(&format!("/{index}")), "1").await.unwrap();
        }
        let mut entries = store.query(Query::all());
        entries.next().await.unwrap().unwrap();
        let events = store.watch(&Key::root()).await.unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();
        assert_eq!(events.count().await, 0);
        let rest: Result<Vec<_>, _> = entries.try_collect().await;
        assert_eq!(
            rest.unwrap_err().kind(),
            ErrorKind::Closed,
            "cut short, and not as if through"
        );
        let error = store.query(Query::all()).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        for task in Maintenance::ALL {
            let error = store.maintain(task).try_next().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{task}");
        }
        assert_eq!(
            store.put(&key("/a"), "1").await.unwrap_err().kind(),
            ErrorKind::Closed
        );
    });
}
