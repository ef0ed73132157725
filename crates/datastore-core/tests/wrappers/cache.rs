use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datastore_core::{
    CacheDatastore, MemoryDatastore,
    fault::{Fault, Gate, Rule},
};
use futures::{FutureExt, StreamExt, join};
use interface_datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, GetOptions, Operation, PutOptions, Timestamp,
    Version,
};

use crate::support::{all, failing, faulty, key, kind, pieces};

const ROOM: u64 = 1 << 20;

#[test]
fn a_cached_value_answers_every_question() {
    pollster::block_on(async {
        let (memory, counted) = faulty(vec![]);
        let store = CacheDatastore::new(&counted, ROOM);
        let a = key("/a");
        let version = memory.put(&a, "value").await.unwrap().version;
        let read = store.get_opts(&a, GetOptions::default()).await.unwrap();
        assert_eq!(
            read,
            store.get_opts(&a, GetOptions::default()).await.unwrap()
        );
        assert_eq!(read.version, version);
        assert_eq!(store.get_range(&a, 1..3).await.unwrap(), "al");
        assert_eq!(store.get_size(&a).await.unwrap(), 5);
        assert!(store.has(&a).await.unwrap());
        let stream = store.get_stream(&a).await.unwrap();
        assert_eq!(all(stream.body).await.unwrap().concat(), b"value");
        assert_eq!(all(store.get_many([a.clone()])).await.unwrap(), [read]);
        assert_eq!(
            (counted.calls(Operation::Get), counted.calls(Operation::Has)),
            (1, 0)
        );
        let stats = store.stats();
        assert_eq!((stats.misses, stats.hits, stats.entries), (1, 6, 1));
        assert_eq!(
            kind(store.get_range(&a, 6..9).await),
            ErrorKind::InvalidArgument
        );
    });
}

/// Ways to write, after each of which a read gives what was written.
#[test]
fn writes_replace_what_is_cached() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        let store = CacheDatastore::new(&memory, ROOM);
        let a = key("/a");
        for (way, expected) in [
            ("put", Some("put")),
            ("stream", Some("stream")),
            ("many", Some("many")),
            ("batch", Some("batch")),
            ("delete_many", None),
            ("put", Some("put")),
            ("delete", None),
        ] {
            let mut batch = Batch::new();
            match way {
                "put" => drop(store.put(&a, way).await.unwrap()),
                "stream" => drop(store.put_stream(&a, pieces(&["str", "eam"])).await.unwrap()),
                "many" => drop(
                    all(store.put_many([(a.clone(), way.into())]))
                        .await
                        .unwrap(),
                ),
                "batch" => drop(
                    store
                        .write(batch.put(a.clone(), way).clone())
                        .await
                        .unwrap(),
                ),
                "delete_many" => drop(all(store.delete_many([a.clone()])).await.unwrap()),
                _ => store.delete(&a).await.unwrap(),
            }
            for read in ["first", "cached"] {
                let value = store.try_get(&a).await.unwrap();
                assert_eq!(
                    value.as_deref(),
                    expected.map(str::as_bytes),
                    "{way}, {read}"
                );
            }
        }
    });
}

/// A read that began before a write must not cache the old value after it, whichever way it is written.
#[test]
fn a_slow_read_does_not_bring_the_old_value_back() {
    for way in ["put", "delete", "put_many", "write"] {
        pollster::block_on(async {
            let gate = Gate::new();
            let slow = Fault::none().gated_after(&gate);
            let (memory, gated) = faulty(vec![Rule::new(Operation::Get, slow).times(1)]);
            let store = CacheDatastore::new(&gated, ROOM).with_absence(true);
            let a = key("/a");
            memory.put(&a, "old").await.unwrap();
            let write = async {
                gate.reached_by(1).await;
                match way {
                    "put" => drop(store.put(&a, "new").await.unwrap()),
                    "delete" => store.delete(&a).await.unwrap(),
                    "put_many" => drop(
                        all(store.put_many([(a.clone(), "new".into())]))
                            .await
                            .unwrap(),
                    ),
                    _ => drop(
                        store
                            .write(Batch::new().put(a.clone(), "new").clone())
                            .await
                            .unwrap(),
                    ),
                }
                gate.open();
            };
            let (read, ()) = join!(store.get(&a), write);
            assert_eq!(read.unwrap(), "old", "it was read before the write");
            let now = store.try_get(&a).await.unwrap();
            assert_eq!(now, memory.try_get(&a).await.unwrap(), "{way}");
        });
    }
}

/// While a write is under way a read may see either value, and so must cache neither.
#[test]
fn nothing_is_cached_during_a_write() {
    pollster::block_on(async {
        let gate = Gate::new();
        let (memory, gated) = faulty(vec![Rule::new(
            Operation::Put,
            Fault::none().gated_before(&gate),
        )]);
        let store = CacheDatastore::new(&gated, ROOM);
        let a = key("/a");
        memory.put(&a, "old").await.unwrap();
        let reads = async {
            gate.reached_by(1).await;
            assert_eq!(store.get(&a).await.unwrap(), "old");
            assert_eq!(store.stats().entries, 0);
            gate.open();
        };
        let (put, ()) = join!(store.put(&a, "new"), reads);
        put.unwrap();
        assert_eq!(store.get(&a).await.unwrap(), "new");
    });
}

/// Of two writes at once it is not known which came last: neither is cached. The first is held back until the second is
/// done, before or after it takes effect.
#[test]
fn racing_writes_are_not_cached() {
    for (before, last) in [(true, "first"), (false, "second")] {
        pollster::block_on(async {
            let gate = Gate::new();
            let held = match before {
                true => Fault::none().gated_before(&gate),
                false => Fault::none().gated_after(&gate),
            };
            let (_, gated) = faulty(vec![Rule::new(Operation::Put, held).times(1)]);
            let store = CacheDatastore::new(&gated, ROOM);
            let a = key("/a");
            let second = async {
                gate.reached_by(1).await;
                store.put(&a, "second").await.unwrap();
                gate.open();
            };
            let (first, ()) = join!(store.put(&a, "first"), second);
            first.unwrap();
            assert_eq!(store.get(&a).await.unwrap(), last);
        });
    }
}

#[test]
fn a_failed_or_dropped_write_leaves_nothing_stale() {
    pollster::block_on(async {
        let gate = Gate::new();
        let a = key("/a");
        let lost = Fault::fail_after(ErrorKind::OutcomeUnknown);
        let stuck = Fault::none().gated_after(&gate);
        for fault in [lost, stuck] {
            let (memory, unsteady) = faulty(vec![Rule::new(Operation::Put, fault.clone())]);
            let store = CacheDatastore::new(&unsteady, ROOM);
            memory.put(&a, "old").await.unwrap();
            store.get(&a).await.unwrap();
            let outcome = store.put(&a, "new").now_or_never();
            assert!(outcome.is_none_or(|outcome| outcome.is_err()), "{fault:?}");
            assert_eq!(
                store.get(&a).await.unwrap(),
                memory.get(&a).await.unwrap(),
                "{fault:?}"
            );
            store.get(&a).await.unwrap();
            assert_eq!(
                store.stats().hits,
                1,
                "reads are cached again after {fault:?}"
            );
        }
    });
}

#[test]
fn dropping_a_stream_of_writes_ends_them() {
    pollster::block_on(async {
        let store = CacheDatastore::new(&MemoryDatastore::new(), ROOM);
        let pairs = ["/a", "/b", "/c"].map(|name| (key(name), name.to_owned().into()));
        let mut many = store.put_many(pairs);
        many.next().await.unwrap().unwrap();
        drop(many);
        for hits in 0..2 {
            store.get(&key("/a")).await.unwrap();
            assert_eq!(store.stats().hits, hits);
        }
    });
}

#[test]
fn the_least_recently_used_goes_first() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        // Room for two entries: each is reckoned at 128 and its key and value.
        let store = CacheDatastore::new(&memory, 2 * (128 + 2 + 10));
        for name in ["/a", "/b"] {
            store.put(&key(name), "0123456789").await.unwrap();
        }
        store.get(&key("/a")).await.unwrap();
        store.put(&key("/c"), "0123456789").await.unwrap();
        let stats = store.stats();
        assert_eq!(
            (stats.entries, stats.evictions, stats.bytes),
            (2, 1, 2 * 140)
        );
        for (name, hit) in [("/a", 1), ("/c", 1), ("/b", 0)] {
            let before = store.stats().hits;
            store.get(&key(name)).await.unwrap();
            assert_eq!(store.stats().hits - before, hit, "{name}");
        }
        store.put(&key("/large"), vec![0; 1000]).await.unwrap();
        assert_eq!(
            store.stats().entries,
            2,
            "what cannot fit drives nothing out"
        );
        store.clear();
        assert_eq!((store.stats().entries, store.stats().bytes), (0, 0));
    });
}

#[test]
fn absence_is_remembered_if_asked_for() {
    pollster::block_on(async {
        for (remember, asked) in [(false, 2), (true, 1)] {
            let (_, counted) = faulty(vec![]);
            let store = CacheDatastore::new(&counted, ROOM).with_absence(remember);
            let a = key("/a");
            for _ in 0..2 {
                assert_eq!(kind(store.get(&a).await), ErrorKind::NotFound);
            }
            assert_eq!(counted.calls(Operation::Get), asked, "{remember}");
            assert!(!store.has(&a).await.unwrap());
            store.put(&a, "").await.unwrap();
            assert!(store.has(&a).await.unwrap(), "{remember}");
        }
    });
}

#[test]
fn expired_entries_are_not_given() {
    pollster::block_on(async {
        let millis = Arc::new(AtomicU64::new(1_000));
        let clock = {
            let millis = millis.clone();
            move || Timestamp::from_millis(millis.load(Ordering::SeqCst))
        };
        let memory = MemoryDatastore::with_clock(clock.clone());
        let store = CacheDatastore::new(&memory, ROOM).with_clock(clock);
        let a = key("/a");
        store
            .put_expiring(&a, "1", Timestamp::from_millis(2_000))
            .await
            .unwrap();
        let entry = store.get_opts(&a, GetOptions::default()).await.unwrap();
        assert_eq!(
            (store.stats().hits, entry.expires),
            (1, Some(Timestamp::from_millis(2_000)))
        );
        millis.store(2_000, Ordering::SeqCst);
        assert_eq!(kind(store.get(&a).await), ErrorKind::NotFound);
    });
}

#[test]
fn foreign_changes_are_seen_when_told() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        let store = CacheDatastore::new(&memory, ROOM);
        let a = key("/a");
        store.put(&a, "ours").await.unwrap();
        let version = memory.put(&a, "theirs").await.unwrap().version.unwrap();
        assert_eq!(store.get(&a).await.unwrap(), "ours", "nobody told");
        let theirs = GetOptions::default().with_if_version(version);
        assert_eq!(
            store.get_opts(&a, theirs).await.unwrap().into_value(),
            "theirs"
        );
        store.invalidate(&a);
        assert_eq!(store.get(&a).await.unwrap(), "theirs");
        let unknown = GetOptions::default().with_if_version(Version::from(99));
        assert_eq!(
            kind(store.get_opts(&a, unknown).await),
            ErrorKind::PreconditionFailed
        );
    });
}

#[test]
fn refused_writes_and_failed_reads_cache_nothing() {
    pollster::block_on(async {
        let (memory, unsteady) = faulty(vec![failing(Operation::Get, ErrorKind::Failed)]);
        let store = CacheDatastore::new(&unsteady, ROOM).with_absence(true);
        let a = key("/a");
        memory.put(&a, "old").await.unwrap();
        assert_eq!(kind(store.get(&a).await), ErrorKind::Failed);
        let refused = store
            .put_opts(&a, "new".into(), PutOptions::if_absent())
            .await;
        assert_eq!(kind(refused), ErrorKind::PreconditionFailed);
        assert_eq!(store.get(&a).await.unwrap(), "old");
        store.close().await.unwrap();
        assert_eq!(kind(store.get(&a).await), ErrorKind::Closed);
    });
}
