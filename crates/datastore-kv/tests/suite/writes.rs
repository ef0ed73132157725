//! Versions, batches, and writes that are dropped half way.

use datastore_fjall::FjallOptions;
use datastore_kv::{KvDatastore, KvOptions, MemoryEngine};
use futures::{FutureExt, StreamExt, TryStreamExt, executor::block_on};
use interface_datastore::{
    Batch, Condition, Datastore, DatastoreExt, Durability, ErrorKind, Key, PutOptions, WatchEvent,
};

use crate::engines::{Altered, poll_out};

#[test]
fn versions_are_never_given_twice() {
    block_on(async {
        let (engine, key) = (MemoryEngine::new(), Key::new("/a"));
        let mut seen = Vec::new();
        for _ in 0..3 {
            let store = KvDatastore::open(engine.clone()).await.unwrap();
            for _ in 0..3 {
                let version = store.put(&key, "value").await.unwrap().version.unwrap();
                assert!(!seen.contains(&version));
                seen.push(version);
            }
        }
    });
}

#[test]
fn the_durability_of_writes_that_ask_for_none_can_be_chosen() {
    for level in Durability::ALL {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let options = KvOptions::new().path(folder.path()).durability(level);
            let engine = FjallOptions::new().open(folder.path()).await.unwrap();
            let store = options.open(engine).await.unwrap();
            let default = store.capabilities(&Key::root()).default_durability;
            assert_eq!(default, level);
            store.put(&Key::new("/a"), "1").await.unwrap();
            store.close().await.unwrap();
        });
    }
    let beyond = KvOptions::new().path("place").durability(Durability::Power);
    let error = block_on(beyond.open(MemoryEngine::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(error.path(), Some("place".as_ref()));
}

#[test]
fn a_batch_tells_the_version_of_its_one_value() {
    let (a, b) = (Key::new("/a"), Key::new("/b"));
    let batch = |ops: &str| {
        let mut batch = Batch::new();
        for op in ops.split_whitespace() {
            match op {
                "a" => batch.put(a.clone(), "1"),
                "b" => batch.put(b.clone(), "1"),
                "-a" => batch.delete(a.clone()),
                _ => batch.delete(b.clone()),
            };
        }
        batch
    };
    let rows = [
        ("", false),
        ("-a", false),
        ("a", true),
        ("a a -b", true),
        ("a -a", false),
        ("-a a", true),
        ("a b", false),
    ];
    for (ops, told) in rows {
        block_on(async {
            let store = KvDatastore::open(MemoryEngine::new()).await.unwrap();
            let version = store.write(batch(ops)).await.unwrap().version;
            assert_eq!(version.is_some(), told, "{ops:?}");
            if told {
                assert_eq!(
                    store.metadata(&a).await.unwrap().version,
                    version,
                    "{ops:?}"
                );
            }
        });
    }
}

#[test]
fn a_batch_of_many_keys_holds_its_conditions() {
    block_on(async {
        let store = KvDatastore::open(MemoryEngine::new()).await.unwrap();
        let keys: Vec<Key> = (0..2000).map(|n| Key::new(format!("/many/{n}"))).collect();
        let batch = || {
            let mut batch = Batch::new();
            for key in &keys {
                batch.put(key.clone(), "value");
                batch.require(key.clone(), Condition::IfAbsent);
            }
            batch
        };
        store.write(batch()).await.unwrap();
        let listed: Vec<_> = store
            .query_keys(interface_datastore::Query::all())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed.len(), keys.len());
        store.delete(&keys[1999]).await.unwrap();
        let refused = store.write(batch()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PreconditionFailed);
        assert_eq!(refused.key(), Some(&keys[0]));
        assert!(!store.has(&keys[1999]).await.unwrap());
    });
}

#[test]
fn a_dropped_write_has_happened_when_the_next_call_looks() {
    let store = poll_out(KvDatastore::open(Altered::late())).unwrap();
    let (key, other) = (Key::new("/a"), Key::new("/b"));
    // Takes the first block of numbers.
    poll_out(store.put(&other, "value")).unwrap();
    let mut events = poll_out(store.watch(&key)).unwrap();
    assert!(store.put(&key, "dropped").now_or_never().is_none());
    assert_eq!(poll_out(store.get(&key)).unwrap(), "dropped");
    let event = poll_out(events.next()).unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Put { .. }), "{event:?}");

    assert!(store.delete(&key).now_or_never().is_none());
    let absent = poll_out(store.put_opts(&key, "new".into(), PutOptions::if_absent()));
    absent.expect("the delete came first");

    let mut events = poll_out(store.watch(&other)).unwrap();
    assert!(store.put(&other, "last").now_or_never().is_none());
    poll_out(store.close()).unwrap();
    let event = poll_out(events.next()).unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Put { .. }), "{event:?}");
    assert!(poll_out(events.next()).is_none());
}

/// Writes that depend on nothing reach the engine together, so that it can sync them together; those that do depend wait for
/// those of their keys.
#[test]
fn concurrent_puts_share_the_way_into_the_engine() {
    let engine = Altered::late();
    let store = poll_out(KvDatastore::open(engine.clone())).unwrap();
    // Takes the first block of numbers.
    poll_out(store.put(&Key::new("/first"), "value")).unwrap();
    let begun = || engine.begun.load(std::sync::atomic::Ordering::SeqCst);
    let rows = [
        (PutOptions::default(), "/same", 16),
        (PutOptions::default(), "", 16),
        (PutOptions::if_absent(), "/new", 1),
    ];
    for (options, key, together) in rows {
        let before = begun();
        let puts: Vec<_> = (0..16)
            .map(|n| {
                let key = if key.is_empty() {
                    format!("/{n}")
                } else {
                    key.to_owned()
                };
                let (store, options) = (store.clone(), options.clone());
                async move {
                    store
                        .put_opts(&Key::new(key), "value".into(), options)
                        .await
                }
            })
            .collect();
        let mut puts = Box::pin(futures::future::join_all(puts));
        assert!(puts.as_mut().now_or_never().is_none());
        assert_eq!(begun() - before, together, "{key:?}");
        let done = poll_out(puts);
        let stored = done.iter().filter(|outcome| outcome.is_ok()).count() as u64;
        assert_eq!(stored, together, "{key:?}");
    }
}
