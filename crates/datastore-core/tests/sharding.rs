//! Sharding beyond the vectors: the marker is no entry, and opening is safe against a second opener.

use datastore_core::{
    FaultDatastore, MemoryDatastore, ShardingDatastore,
    fault::{Fault, Rule},
    sharding::Shard,
};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, Condition, Datastore, DatastoreExt, ErrorKind, Key, Maintenance, Operation, Query,
    WatchEvent,
};
use pollster::block_on;

fn key(text: &str) -> Key {
    Key::new(text)
}

fn next_to_last() -> Shard {
    Shard::next_to_last(2).unwrap()
}

#[test]
fn opening_creates_finds_and_compares() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let error = ShardingDatastore::open(&inner, None).await.unwrap_err();
        assert_eq!(error.js_name(), "OpenFailedError");
        assert!(error.remedy().is_some());
        let created = ShardingDatastore::open(&inner, Some(next_to_last()))
            .await
            .unwrap();
        let marker = inner.get(&key("/SHARDING")).await.unwrap();
        assert_eq!(marker, "/repo/flatfs/shard/v1/next-to-last/2\n");
        created.put(&key("/hello"), "1").await.unwrap();
        assert_eq!(inner.get(&key("/ll/hello")).await.unwrap(), "1");
        let found = ShardingDatastore::open(&inner, None).await.unwrap();
        assert_eq!(found.shard(), next_to_last());
        assert_eq!(found.get(&key("/hello")).await.unwrap(), "1");
        let other = ShardingDatastore::open(&inner, Shard::prefix(2).ok())
            .await
            .unwrap_err();
        assert!(
            other.to_string().contains("next-to-last/2, not by"),
            "{other}"
        );
    });
}

/// Another opener writes its marker after ours saw none.
#[test]
fn the_first_of_two_openers_decides() {
    block_on(async {
        for (wanted, agrees) in [(next_to_last(), true), (Shard::prefix(2).unwrap(), false)] {
            let inner = MemoryDatastore::new();
            let first = ShardingDatastore::open(&inner, Some(next_to_last())).await;
            assert!(first.is_ok());
            let not_yet = Fault::fail(ErrorKind::NotFound);
            let late = Rule::new(Operation::Get, not_yet).times(1);
            let late = FaultDatastore::new(&inner, vec![late]);
            let second = ShardingDatastore::open(&late, Some(wanted)).await;
            assert_eq!(second.is_ok(), agrees, "{wanted}: {second:?}");
            let marker = inner.get(&key("/SHARDING")).await.unwrap();
            assert_eq!(marker, "/repo/flatfs/shard/v1/next-to-last/2\n");
        }
    });
}

#[test]
fn the_marker_is_no_entry() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let store = ShardingDatastore::open(&inner, Some(next_to_last()))
            .await
            .unwrap();
        let marker = key("/SHARDING");
        let before = inner.get(&marker).await.unwrap();
        assert!(!store.has(&marker).await.unwrap());
        assert!(store.get(&marker).await.unwrap_err().is_not_found());
        for refused in [
            store.put(&marker, "1").await.map(drop),
            store.delete(&marker).await,
            store.write(batch_of(&marker)).await.map(drop),
            store.write(condition_on(&marker)).await.map(drop),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.kind(), error.key()),
                (ErrorKind::InvalidKey, Some(&marker))
            );
        }
        assert_eq!(inner.get(&marker).await.unwrap(), before);
        let keys: Vec<Key> = store.query_keys(Query::all()).try_collect().await.unwrap();
        assert!(keys.is_empty());
        assert_eq!(store.delete_prefix("").await.unwrap(), 0);
        assert!(inner.has(&marker).await.unwrap());
    });
}

fn batch_of(name: &Key) -> Batch {
    let mut batch = Batch::new();
    batch.put(key("/fine"), "1").delete(name.clone());
    batch
}

fn condition_on(name: &Key) -> Batch {
    let mut batch = Batch::new();
    batch
        .put(key("/fine"), "1")
        .require(name.clone(), Condition::IfAbsent);
    batch
}

#[test]
fn what_javascript_lost_is_hidden_and_left_alone() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let store = ShardingDatastore::new(&inner, Shard::next_to_last(3).unwrap());
        // By JavaScript, `/ab/cd` lies here and is listed as `/c/ab/cd`.
        inner.put(&key("/b/c/ab/cd"), "1").await.unwrap();
        store.put(&key("/kept"), "1").await.unwrap();
        let keys: Vec<Key> = store.query_keys(Query::all()).try_collect().await.unwrap();
        assert_eq!(keys, [key("/kept")]);
        assert_eq!(store.delete_prefix("").await.unwrap(), 1);
        assert!(inner.has(&key("/b/c/ab/cd")).await.unwrap());
    });
}

#[test]
fn watching_and_upkeep_speak_of_outer_keys() {
    block_on(async {
        let inner = MemoryDatastore::new();
        let store = ShardingDatastore::new(&inner, next_to_last());
        let mut events = store.watch(&key("/a")).await.unwrap();
        store.put(&key("/other"), "1").await.unwrap();
        store.put(&key("/a/hello"), "1").await.unwrap();
        let event = events.try_next().await.unwrap().unwrap();
        assert!(matches!(event, WatchEvent::Put { key: name, .. } if name == key("/a/hello")));
        let scope = key("/a");
        let maintained = store.maintain_opts(Maintenance::Gc, &scope, Default::default());
        let refused = maintained.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.key()),
            (ErrorKind::Unsupported, Some(&scope))
        );
        assert!(!store.capabilities(&scope).maintenance.gc.may());
        assert!(store.capabilities(&Key::root()).maintenance.gc.may());
        assert_eq!(
            store
                .maintain(Maintenance::Gc)
                .try_collect::<Vec<_>>()
                .await
                .unwrap(),
            []
        );
    });
}
