//! Every call of the blocking form, over a store that has all of them.

use std::time::Duration;

use bytes::Bytes;
use datastore_core::MemoryDatastore;
use interface_datastore::{
    Batch, Durability, ErrorKind, Key, Query, WatchEvent, blocking::Datastore,
};

fn key(text: &str) -> Key {
    Key::new(text)
}

fn store_with(keys: &[&str]) -> Datastore {
    let store = Datastore::new(&MemoryDatastore::new());
    for text in keys {
        let value = text.trim_start_matches('/').to_owned();
        store.put(&key(text), value).unwrap();
    }
    store
}

#[test]
fn single_values() {
    let store = store_with(&["/hello"]);
    let (there, missing) = (key("/hello"), key("/missing"));
    assert_eq!(store.get(&there).unwrap(), "hello");
    assert_eq!(store.get(&missing).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.try_get(&there).unwrap(), Some("hello".into()));
    assert_eq!(store.try_get(&missing).unwrap(), None);
    assert_eq!(store.get_range(&there, 1..3).unwrap(), "el");
    assert_eq!(store.get_size(&there).unwrap(), 5);
    let metadata = store.metadata(&there).unwrap();
    assert_eq!(
        (metadata.key, metadata.size, metadata.value),
        (there.clone(), Some(5), None)
    );
    assert!(store.has(&there).unwrap() && !store.has(&missing).unwrap());
    assert!(!store.put_if_absent(&there, "again").unwrap());
    assert!(store.put_if_absent(&missing, "new").unwrap());
    assert_eq!(store.get(&missing).unwrap(), "new");
    store.delete(&there).unwrap();
    assert!(!store.has(&there).unwrap());
}

#[test]
fn many_values() {
    let store = store_with(&["/a", "/a/b", "/c"]);
    let all = ["/c", "/a", "/a/b"].map(key);
    let read: Vec<Bytes> = store
        .get_many(all.clone())
        .map(|entry| entry.unwrap().into_value())
        .collect();
    assert_eq!(read, ["c", "a", "a/b"]);
    let put = [(key("/d"), "d".into()), (key("/c"), "new".into())];
    let stored: Vec<Key> = store.put_many(put).map(Result::unwrap).collect();
    assert_eq!(stored, ["/d", "/c"].map(key));
    assert_eq!(store.get(&key("/c")).unwrap(), "new");
    let gone: Vec<Key> = store
        .delete_many(["/d", "/a"].map(key))
        .map(Result::unwrap)
        .collect();
    assert_eq!(gone, ["/d", "/a"].map(key));
    let left: Vec<Key> = store.query_keys(Query::all()).map(Result::unwrap).collect();
    assert_eq!(left, ["/a/b", "/c"].map(key));
    let entries: Vec<_> = store
        .query(Query::prefix("/c"))
        .map(|entry| entry.unwrap().value)
        .collect();
    assert_eq!(entries, [Some("new".into())]);
    let mut batch = Batch::new();
    batch.put(key("/e"), "e").delete(key("/c"));
    store.write(batch).unwrap();
    assert!(store.has(&key("/e")).unwrap() && !store.has(&key("/c")).unwrap());
    assert_eq!(store.delete_prefix("/a").unwrap(), 1);
    assert!(
        store
            .query_keys(Query::all())
            .map(Result::unwrap)
            .eq([key("/e")])
    );
}

#[test]
fn the_store_as_a_whole() {
    let store = store_with(&["/a"]);
    assert_eq!(store.sync(&Key::root()).unwrap(), Durability::Volatile);
    assert_eq!(store.disk_usage().unwrap().bytes, 3);
    store.close().unwrap();
    assert_eq!(store.get(&key("/a")).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_watch_waits_for_the_next_event_of_its_scope() {
    let store = store_with(&[]);
    let mut events = store.watch(&key("/a")).unwrap();
    let writer = store.clone();
    let writing = std::thread::spawn(move || {
        // Whoever waits already is woken, whoever does not finds it waiting.
        std::thread::sleep(Duration::from_millis(10));
        writer.put(&key("/b"), "outside").unwrap();
        writer.put(&key("/a/b"), "inside").unwrap();
        writer.close().unwrap();
    });
    let event = events.next().unwrap().unwrap();
    assert!(matches!(&event, WatchEvent::Put { key, .. } if *key == Key::new("/a/b")));
    assert!(events.next().is_none());
    writing.join().unwrap();
}
