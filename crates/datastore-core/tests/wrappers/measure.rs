use std::num::NonZeroU32;

use datastore_core::{MeasureDatastore, MemoryDatastore};
use futures::{FutureExt, StreamExt};
use interface_datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Operation, PutOptions, Query,
};

use crate::support::{all, faulty, key, pieces};
use datastore_core::fault::{Fault, Gate, Rule};

#[test]
fn counts_calls_bytes_and_items() {
    pollster::block_on(async {
        let store = MeasureDatastore::new(&MemoryDatastore::new(), "test");
        let (a, b) = (key("/a"), key("/b"));
        store.put(&a, "four").await.unwrap();
        store.put_stream(&b, pieces(&["12", "3"])).await.unwrap();
        all(store.put_many([(key("/c"), "55555".into())]))
            .await
            .unwrap();
        store.get(&a).await.unwrap();
        store.get(&key("/none")).await.unwrap_err();
        let stream = store.get_stream(&b).await.unwrap();
        all(stream.body).await.unwrap();
        all(store.query(Query::all())).await.unwrap();
        store
            .put_opts(&a, "".into(), PutOptions::if_absent())
            .await
            .unwrap_err();
        let mut batch = Batch::new();
        batch.put(a.clone(), "333").delete(b);
        store.write(batch).await.unwrap();

        // operation, calls, succeeded, not found, failed, items, bytes in, bytes out
        let expected = [
            (Operation::Put, 4, 3, 0, 1, 1, 4 + 3 + 5, 0),
            (Operation::Get, 3, 2, 1, 0, 1, 0, 4 + 3),
            (Operation::Query, 1, 1, 0, 0, 3, 0, 4 + 3 + 5),
            (Operation::Write, 1, 1, 0, 0, 2, 3, 0),
        ];
        for (operation, calls, succeeded, not_found, failed, items, bytes_in, bytes_out) in expected
        {
            let stats = store.stats(operation).unwrap();
            let counted = (
                stats.calls,
                stats.succeeded,
                stats.not_found,
                stats.failed(),
            );
            assert_eq!(
                counted,
                (calls, succeeded, not_found, failed),
                "{operation}"
            );
            assert_eq!(
                (stats.items, stats.bytes_in, stats.bytes_out),
                (items, bytes_in, bytes_out),
                "{operation}"
            );
        }
        let errors = store.stats(Operation::Put).unwrap().errors;
        assert_eq!(errors, [(ErrorKind::PreconditionFailed, 1)]);
        assert_eq!(store.stats(Operation::Delete), None);
        assert_eq!(store.all_stats().len(), expected.len());
    });
}

#[test]
fn times_a_share_of_the_frequent_calls_and_all_others() {
    let untold = |store| store;
    let one_in =
        |calls| move |store: MeasureDatastore| store.time_one_in(NonZeroU32::new(calls).unwrap());
    // how the store is told, fewest and most of 1600 calls that are timed
    type Told = Box<dyn Fn(MeasureDatastore) -> MeasureDatastore>;
    let cases: [(Told, u64, u64); 4] = [
        (Box::new(untold), 60, 140),
        (Box::new(one_in(1)), 1600, 1600),
        (Box::new(one_in(100)), 4, 40),
        (Box::new(one_in(u32::MAX)), 1, 1),
    ];
    for (told, fewest, most) in cases {
        let store = told(MeasureDatastore::new(&MemoryDatastore::new(), "test"));
        pollster::block_on(async {
            let a = key("/a");
            for _ in 0..1600 {
                store.put(&a, "").await.unwrap();
                store.get(&a).await.unwrap();
                store.has(&key("/none")).await.unwrap();
                store.delete(&key("/none")).await.unwrap();
                all(store.query(Query::all())).await.unwrap();
            }
        });
        use Operation::{Delete, Get, Has, Put};
        for operation in [Put, Get, Has, Delete, Operation::Query] {
            let (fewest, most) = match operation {
                Operation::Query => (1600, 1600),
                _ => (fewest, most),
            };
            let stats = store.stats(operation).unwrap();
            let ended = stats.succeeded + stats.not_found;
            assert_eq!((stats.calls, ended), (1600, 1600), "{operation}");
            let timed = stats.timed;
            assert!((fewest..=most).contains(&timed), "{operation}: {timed}");
            assert_eq!(stats.latency.iter().sum::<u64>(), timed, "{operation}");
            assert!(stats.total >= stats.slowest && stats.slowest >= stats.mean().unwrap());
        }
    }
}

#[test]
fn a_call_begins_when_it_is_first_polled() {
    let store = MeasureDatastore::new(&MemoryDatastore::new(), "test");
    drop(store.get(&key("/a")));
    assert_eq!(store.stats(Operation::Get), None);
}

#[test]
fn counts_what_was_dropped_before_its_end() {
    let (_, stuck) = faulty(vec![Rule::new(
        Operation::Put,
        Fault::none().gated_before(&Gate::new()),
    )]);
    let store = MeasureDatastore::new(&stuck, "test");
    assert!(store.put(&key("/a"), "").now_or_never().is_none());
    drop(store.query(Query::all()).next().now_or_never());
    for operation in [Operation::Put, Operation::Query] {
        let stats = store.stats(operation).unwrap();
        let dropped = u64::from(operation == Operation::Put);
        assert_eq!((stats.calls, stats.dropped), (1, dropped), "{operation}");
    }
}
