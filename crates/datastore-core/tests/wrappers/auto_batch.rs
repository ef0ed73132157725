use datastore_core::{
    AutoBatchDatastore, MemoryDatastore,
    fault::{Fault, Gate, Rule},
};
use futures::{FutureExt, join};
use interface_datastore::{
    Batch, Condition, Datastore, DatastoreExt, DeleteOptions, Durability, ErrorKind, GetOptions,
    Key, Operation, PutOptions, Query, Timestamp,
    query::{Filter, Order},
};

use crate::support::{all, faulty, key, kind, listed, pieces};

#[test]
fn what_is_held_is_read_as_if_written() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        memory.put(&key("/deleted"), "old").await.unwrap();
        memory.put(&key("/replaced"), "old").await.unwrap();
        memory.put(&key("/stays"), "old").await.unwrap();
        let store = AutoBatchDatastore::new(&memory);
        store.put(&key("/new"), "value").await.unwrap();
        store.put(&key("/replaced"), "new").await.unwrap();
        store.delete(&key("/deleted")).await.unwrap();
        assert_eq!(store.held().0, 3);
        assert_eq!(
            memory.get(&key("/replaced")).await.unwrap(),
            "old",
            "nothing is written yet"
        );

        let new = key("/new");
        assert_eq!(store.get(&new).await.unwrap(), "value");
        assert_eq!(store.get_range(&new, 1..3).await.unwrap(), "al");
        assert_eq!(store.get_size(&new).await.unwrap(), 5);
        assert_eq!(
            all(store.get_stream(&new).await.unwrap().body)
                .await
                .unwrap()
                .concat(),
            b"value"
        );
        assert!(!store.has(&key("/deleted")).await.unwrap());
        assert_eq!(kind(store.get(&key("/deleted")).await), ErrorKind::NotFound);

        let cases = [
            (Query::all(), vec!["/new", "/replaced", "/stays"]),
            (Query::all().reversed(), vec!["/stays", "/replaced", "/new"]),
            (Query::all().with_offset(1).with_limit(1), vec!["/replaced"]),
            (Query::all().with_limit(1).keys_only(), vec!["/new"]),
            (
                Query::all().with_start_after(key("/new")),
                vec!["/replaced", "/stays"],
            ),
            (Query::prefix("/re"), vec!["/replaced"]),
            (
                Query::all().with_filter(Filter::value_equals("new")),
                vec!["/replaced"],
            ),
            (
                Query::all().with_order(Order::by_value()),
                vec!["/replaced", "/stays", "/new"],
            ),
        ];
        for flushed in [false, true] {
            for (query, expected) in cases.clone() {
                let names: Vec<_> = listed(&store, query.clone())
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|(name, _)| name)
                    .collect();
                assert_eq!(names, expected, "{query:?}, flushed: {flushed}");
            }
            store.flush().await.unwrap();
            assert_eq!(store.held(), (0, 0));
        }
        assert_eq!(memory.get(&key("/replaced")).await.unwrap(), "new");
    });
}

#[test]
fn full_buffers_are_written_in_one_batch() {
    pollster::block_on(async {
        let (memory, counted) = faulty(vec![]);
        let store = AutoBatchDatastore::new(&counted).with_limits(10, 1 << 20);
        for n in 0..35 {
            store.put(&key(&format!("/{n:02}")), "v").await.unwrap();
        }
        assert_eq!(
            (
                counted.calls(Operation::Write),
                counted.calls(Operation::Put)
            ),
            (3, 0)
        );
        assert_eq!(
            (
                store.held().0,
                listed(&memory, Query::all()).await.unwrap().len()
            ),
            (5, 30)
        );
        store.put(&key("/34"), "again").await.unwrap();
        assert_eq!(
            store.held().0,
            5,
            "an operation replaces the earlier one on its key"
        );
    });
}

#[test]
fn bytes_are_bounded_and_what_is_too_large_goes_at_once() {
    pollster::block_on(async {
        let (memory, counted) = faulty(vec![]);
        let store = AutoBatchDatastore::new(&counted).with_limits(100, 300);
        for n in 0..3 {
            store
                .put(&key(&format!("/{n}")), vec![0; 100])
                .await
                .unwrap();
            assert!(store.held().1 <= 300);
        }
        assert_eq!(counted.calls(Operation::Write), 2);
        store.put(&key("/large"), vec![0; 1000]).await.unwrap();
        assert!(memory.has(&key("/large")).await.unwrap());
    });
}

#[test]
fn sync_writes_what_is_at_or_under_its_scope() {
    pollster::block_on(async {
        for (scope, expected) in [
            ("/a", vec!["/a", "/a/b"]),
            ("/ab", vec!["/ab"]),
            ("/", vec!["/a", "/a/b", "/ab"]),
            ("/x", vec![]),
        ] {
            let memory = MemoryDatastore::new();
            let store = AutoBatchDatastore::new(&memory);
            for name in ["/a", "/a/b", "/ab"] {
                store.put(&key(name), "").await.unwrap();
            }
            store.sync(&key(scope)).await.unwrap();
            let written = all(memory.query_keys(Query::all())).await.unwrap();
            assert_eq!(
                written,
                expected.iter().map(|name| key(name)).collect::<Vec<_>>(),
                "{scope}"
            );
            assert_eq!(store.held().0, 3 - expected.len(), "{scope}");
            store.close().await.unwrap();
            assert_eq!(kind(store.get(&key("/a")).await), ErrorKind::Closed);
            assert_eq!(kind(store.put(&key("/a"), "").await), ErrorKind::Closed);
        }
    });
}

#[test]
fn close_writes_everything() {
    pollster::block_on(async {
        let (memory, counted) = faulty(vec![Rule::new(
            Operation::Close,
            Fault::fail(ErrorKind::Failed),
        )]);
        let store = AutoBatchDatastore::new(&counted);
        store.put(&key("/a"), "1").await.unwrap();
        assert_eq!(kind(store.close().await), ErrorKind::Failed);
        assert_eq!(memory.get(&key("/a")).await.unwrap(), "1");
    });
}

#[test]
fn a_failed_flush_is_reported_and_loses_nothing() {
    pollster::block_on(async {
        let down = Rule::new(Operation::Write, Fault::tear(1, ErrorKind::NoSpace)).times(3);
        let (memory, unsteady) = faulty(vec![down]);
        let store = AutoBatchDatastore::new(&unsteady).with_limits(2, 1 << 20);
        for name in ["/a", "/b"] {
            store.put(&key(name), name.to_owned()).await.unwrap();
        }
        assert_eq!(kind(store.sync(&Key::root()).await), ErrorKind::NoSpace);
        assert_eq!(store.held().0, 1, "what was done is not held any more");
        assert_eq!(kind(store.close().await), ErrorKind::NoSpace);
        // The second failure has done the rest, which it said.
        assert_eq!(store.held(), (0, 0));
        for name in ["/c", "/d"] {
            store.put(&key(name), "").await.unwrap();
        }
        assert_eq!(kind(store.put(&key("/e"), "").await), ErrorKind::NoSpace);
        assert!(
            !store.has(&key("/e")).await.unwrap(),
            "the refused write has no effect"
        );
        assert!(store.has(&key("/d")).await.unwrap());
        store.flush().await.unwrap();
        assert_eq!(all(memory.query_keys(Query::all())).await.unwrap().len(), 4);
    });
}

#[test]
fn a_flush_dropped_half_way_loses_nothing() {
    pollster::block_on(async {
        let gate = Gate::new();
        let stuck = Rule::new(Operation::Write, Fault::none().gated_before(&gate)).times(1);
        let (memory, gated) = faulty(vec![stuck]);
        let store = AutoBatchDatastore::new(&gated);
        store.put(&key("/a"), "1").await.unwrap();
        assert!(store.flush().now_or_never().is_none());
        assert_eq!(
            (store.held().0, store.get(&key("/a")).await.unwrap()),
            (1, "1".into())
        );
        store.flush().await.unwrap();
        assert_eq!(memory.get(&key("/a")).await.unwrap(), "1");
    });
}

/// While a batch is being written, its keys are read from memory and may be written anew.
#[test]
fn writes_during_a_flush_outlast_it() {
    for fails in [false, true] {
        pollster::block_on(async {
            let gate = Gate::new();
            let slow = if fails {
                Fault::fail(ErrorKind::Failed)
            } else {
                Fault::none()
            };
            let rule = Rule::new(Operation::Write, slow.gated_before(&gate)).times(1);
            let (memory, gated) = faulty(vec![rule]);
            let store = AutoBatchDatastore::new(&gated);
            let (a, b) = (key("/a"), key("/b"));
            store.put(&a, "first").await.unwrap();
            store.put(&b, "first").await.unwrap();
            let meanwhile = async {
                gate.reached_by(1).await;
                assert_eq!(store.get(&a).await.unwrap(), "first");
                assert_eq!(listed(&store, Query::all()).await.unwrap().len(), 2);
                store.put(&a, "second").await.unwrap();
                assert_eq!(store.get(&a).await.unwrap(), "second");
                gate.open();
            };
            let (flushed, ()) = join!(store.flush(), meanwhile);
            assert_eq!(flushed.is_err(), fails);
            assert_eq!(store.get(&a).await.unwrap(), "second");
            store.flush().await.unwrap();
            assert_eq!(memory.get(&a).await.unwrap(), "second");
            assert_eq!(memory.get(&b).await.unwrap(), "first");
            assert_eq!(store.held(), (0, 0));
        });
    }
}

#[test]
fn conditions_see_what_is_held() {
    pollster::block_on(async {
        let store = AutoBatchDatastore::new(&MemoryDatastore::new());
        let a = key("/a");
        store.put(&a, "held").await.unwrap();
        assert!(!store.put_if_absent(&a, "new").await.unwrap());
        store.put(&a, "held again").await.unwrap();
        let mut batch = Batch::new();
        batch
            .put(key("/b"), "")
            .require(a.clone(), Condition::IfAbsent);
        assert_eq!(
            kind(store.write(batch).await),
            ErrorKind::PreconditionFailed
        );
        store.delete(&a).await.unwrap();
        assert!(store.put_if_absent(&a, "new").await.unwrap());
    });
}

/// What is held has no version, so none is told or taken.
#[test]
fn versions_are_refused() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        let store = AutoBatchDatastore::new(&memory);
        let a = key("/a");
        let version = memory.put(&a, "stored").await.unwrap().version.unwrap();
        let mut batch = Batch::new();
        batch
            .delete(a.clone())
            .require(a.clone(), Condition::IfMatch(version.clone()));
        let named = GetOptions::default().with_if_version(version.clone());
        let refused = [
            kind(
                store
                    .put_opts(&a, "".into(), PutOptions::if_match(version.clone()))
                    .await,
            ),
            kind(
                store
                    .put_stream_opts(&a, pieces(&[""]), PutOptions::if_match(version.clone()))
                    .await,
            ),
            kind(
                store
                    .delete_opts(&a, DeleteOptions::if_match(version))
                    .await,
            ),
            kind(store.write(batch).await),
            kind(store.get_opts(&a, named.clone()).await),
            kind(store.get_stream_opts(&a, named).await),
        ];
        assert_eq!(refused, [ErrorKind::Unsupported; 6]);
        let entry = store.get_opts(&a, GetOptions::default()).await.unwrap();
        assert_eq!(
            (entry.version, memory.get(&a).await.unwrap()),
            (None, "stored".into())
        );
    });
}

/// A conditional write is under way: a put of its key must not slip into the buffer and be overwritten or overlooked.
#[test]
fn a_put_waits_for_a_conditional_write_of_its_key() {
    pollster::block_on(async {
        let gate = Gate::new();
        let (memory, gated) = faulty(vec![Rule::new(
            Operation::Put,
            Fault::none().gated_before(&gate),
        )]);
        let store = AutoBatchDatastore::new(&gated);
        let a = key("/a");
        let held = async {
            gate.reached_by(1).await;
            assert!(store.put(&a, "plain").now_or_never().is_none());
            assert!(store.put(&key("/b"), "plain").now_or_never().is_some());
            gate.open();
        };
        let (created, ()) = join!(store.put_if_absent(&a, "created"), held);
        assert!(created.unwrap());
        assert_eq!(memory.get(&a).await.unwrap(), "created");
    });
}

#[test]
fn more_than_volatile_is_not_held() {
    pollster::block_on(async {
        let store = AutoBatchDatastore::new(&MemoryDatastore::new());
        let durable = PutOptions::default().with_durability(Durability::Process);
        assert_eq!(
            kind(store.put_opts(&key("/a"), "".into(), durable).await),
            ErrorKind::Unsupported
        );
        let volatile = PutOptions::default().with_durability(Durability::Volatile);
        store
            .put_opts(&key("/a"), "".into(), volatile)
            .await
            .unwrap();
        assert_eq!(store.held().0, 1);
        assert_eq!(
            store.capabilities(&Key::root()).default_durability,
            Durability::Volatile
        );
    });
}

#[test]
fn streams_and_batches_come_after_what_is_held_of_their_keys() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        let store = AutoBatchDatastore::new(&memory);
        let a = key("/a");
        store.put(&a, "held").await.unwrap();
        store.put(&key("/other"), "held").await.unwrap();
        store.put_stream(&a, pieces(&["str", "eam"])).await.unwrap();
        assert_eq!(
            (store.held().0, memory.get(&a).await.unwrap()),
            (1, "stream".into())
        );
        store.put(&a, "held").await.unwrap();
        store
            .write(Batch::new().delete(a.clone()).clone())
            .await
            .unwrap();
        store.flush().await.unwrap();
        assert!(!store.has(&a).await.unwrap());
    });
}

#[test]
fn expired_entries_are_not_given() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        memory.put(&key("/a"), "old").await.unwrap();
        let store = AutoBatchDatastore::new(&memory);
        store
            .put_expiring(&key("/a"), "1", Timestamp::from_millis(1))
            .await
            .unwrap();
        assert_eq!(kind(store.get(&key("/a")).await), ErrorKind::NotFound);
        assert!(listed(&store, Query::all()).await.unwrap().is_empty());
    });
}

#[test]
fn an_operation_can_be_given_up() {
    pollster::block_on(async {
        let store = AutoBatchDatastore::new(&MemoryDatastore::new());
        store.put(&key("/a"), "1").await.unwrap();
        assert!(store.discard(&key("/a")) && !store.discard(&key("/a")));
        assert_eq!(store.held(), (0, 0));
        assert!(!store.has(&key("/a")).await.unwrap());
    });
}
