//! What lies in the engine, and what is refused there.

use datastore_engine::{Batch, CommitOptions, Engine, EngineReader, Scan};
use datastore_kv::{KvDatastore, KvOptions, MemoryEngine};
use futures::{TryStreamExt, executor::block_on};
use interface_datastore::{
    DatastoreExt, ErrorKind, Key, Maintenance, MaintenanceEvent, Query, Timestamp,
};

async fn put_raw(engine: &MemoryEngine, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key, value);
    engine
        .commit(&batch, CommitOptions::default())
        .await
        .unwrap();
}

async fn all(engine: &MemoryEngine) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries: Vec<_> = engine.scan(Scan::all()).try_collect().await.unwrap();
    let pair = |entry: datastore_engine::Entry| (entry.key.to_vec(), entry.value.to_vec());
    entries.into_iter().map(pair).collect()
}

#[test]
fn entries_lie_as_described() {
    block_on(async {
        let engine = MemoryEngine::new();
        let store = KvDatastore::open(engine.clone()).await.unwrap();
        assert!(all(&engine).await.is_empty(), "opening writes nothing");
        store.put(&Key::new("/a"), "hello").await.unwrap();
        let expires = Timestamp::from_millis(0x0123_4567_89AB_CDEF);
        store
            .put_expiring(&Key::new("/b"), "", expires)
            .await
            .unwrap();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"\0datastore-kv", b"\x01\0\0\0\0\0\x10\0\x01"),
            (b"\x01\x01\x23\x45\x67\x89\xAB\xCD\xEF/b", b""),
            (b"/a", b"\0\0\0\0\0\0\0\0\x01hello"),
            (
                b"/b",
                b"\x01\0\0\0\0\0\0\0\x02\x01\x23\x45\x67\x89\xAB\xCD\xEF",
            ),
        ];
        assert_eq!(
            all(&engine).await,
            expected.map(|(k, v)| (k.to_vec(), v.to_vec()))
        );
    });
}

#[test]
fn what_is_no_store_is_refused() {
    let marker = b"\0datastore-kv";
    let rows: [(&[u8], &[u8], ErrorKind, &str); 4] = [
        (b"/a", b"", ErrorKind::Foreign, "another program"),
        (
            marker,
            b"\x02\0\0\0\0\0\0\0\0",
            ErrorKind::Foreign,
            "format 2",
        ),
        (marker, b"", ErrorKind::Damaged, "from a copy"),
        (marker, b"\x01\0", ErrorKind::Damaged, "from a copy"),
    ];
    for (key, value, kind, text) in rows {
        block_on(async {
            let engine = MemoryEngine::new();
            put_raw(&engine, key, value).await;
            let before = all(&engine).await;
            let opened = KvOptions::new()
                .path("some/place")
                .open(engine.clone())
                .await;
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            let told = error.to_string();
            assert!(told.contains(text) && told.contains("some/place"), "{told}");
            assert!(error.remedy().is_some());
            assert_eq!(all(&engine).await, before, "a refused engine is left alone");
        });
    }
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_can_be_replaced() {
    let rows: [(&[u8], ErrorKind); 3] = [
        (b"", ErrorKind::Damaged),
        (b"\x01\0\0\0\0\0\0\0\x01\0", ErrorKind::Damaged),
        (b"\x40\0\0\0\0\0\0\0\x01", ErrorKind::Foreign),
    ];
    for (record, kind) in rows {
        block_on(async {
            let engine = MemoryEngine::new();
            let store = KvDatastore::open(engine.clone()).await.unwrap();
            let (bad, good) = (Key::new("/bad"), Key::new("/good"));
            store.put(&good, "value").await.unwrap();
            put_raw(&engine, bad.as_bytes(), record).await;
            let error = store.get(&bad).await.unwrap_err();
            assert_eq!((error.kind(), error.key()), (kind, Some(&bad)));
            let refused = store.put_if_absent(&bad, "new").await.unwrap_err();
            assert_eq!(refused.kind(), kind);
            let listed: Result<Vec<_>, _> = store.query(Query::all()).try_collect().await;
            assert_eq!(listed.unwrap_err().key(), Some(&bad));
            let events: Vec<_> = store
                .maintain(Maintenance::Check)
                .try_collect()
                .await
                .unwrap();
            let found = events.iter().filter_map(|event| match event {
                MaintenanceEvent::Finding(finding) => finding.key.clone(),
                _ => None,
            });
            assert!(found.eq([bad.clone()]));
            assert_eq!(store.get(&good).await.unwrap(), "value");
            store.put(&bad, "again").await.unwrap();
            assert_eq!(store.get(&bad).await.unwrap(), "again");
        });
    }
}
