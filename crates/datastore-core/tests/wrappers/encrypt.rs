use datastore_core::{EncryptDatastore, MemoryDatastore, encrypt::SecretKey};
use interface_datastore::{
    Batch, Bytes, Datastore, DatastoreExt, ErrorKind, Key, Maintenance, MaintenanceEvent, Query,
    query::{Comparison, Filter, Order},
};

use crate::support::{all, key, kind, listed, pieces};

const OVERHEAD: u64 = 41;

fn stores() -> (MemoryDatastore, EncryptDatastore) {
    let memory = MemoryDatastore::new();
    let store = EncryptDatastore::new(&memory, &SecretKey::from_bytes([1; 32]));
    (memory, store)
}

#[test]
fn every_way_in_encrypts_and_every_way_out_decrypts() {
    pollster::block_on(async {
        let (memory, store) = stores();
        let value = "attack at dawn";
        store.put(&key("/put"), value).await.unwrap();
        store
            .put_stream(&key("/stream"), pieces(&["attack ", "at dawn"]))
            .await
            .unwrap();
        all(store.put_many([(key("/many"), value.into())]))
            .await
            .unwrap();
        let mut batch = Batch::new();
        batch.put(key("/batch"), value).put(key("/empty"), "");
        store.write(batch).await.unwrap();

        for (name, stored) in listed(&memory, Query::all()).await.unwrap() {
            let plain = if name == "/empty" { "" } else { value };
            assert_eq!(stored.len() as u64, plain.len() as u64 + OVERHEAD, "{name}");
            assert!(
                !stored.windows(6).any(|window| window == b"attack"),
                "{name}"
            );
            let key = key(&name);
            assert_eq!(store.get(&key).await.unwrap(), plain, "{name}");
            assert_eq!(
                store.get_size(&key).await.unwrap(),
                plain.len() as u64,
                "{name}"
            );
            let stream = store.get_stream(&key).await.unwrap();
            assert_eq!(stream.entry.size, Some(plain.len() as u64), "{name}");
            assert_eq!(
                all(stream.body).await.unwrap().concat(),
                plain.as_bytes(),
                "{name}"
            );
            let many = all(store.get_many([key])).await.unwrap();
            assert_eq!(many[0].clone().into_value(), plain, "{name}");
        }
        assert_eq!(store.get_range(&key("/put"), 7..9).await.unwrap(), "at");
    });
}

#[test]
fn the_same_value_is_never_stored_alike() {
    pollster::block_on(async {
        let (memory, store) = stores();
        let mut seen = Vec::new();
        for _ in 0..2 {
            store.put(&key("/a"), "same").await.unwrap();
            seen.push(memory.get(&key("/a")).await.unwrap());
        }
        assert_ne!(seen[0], seen[1]);
    });
}

#[test]
fn queries_see_plain_values_and_sizes() {
    pollster::block_on(async {
        let (_, store) = stores();
        for (name, value) in [("/a", "zz"), ("/b", "y"), ("/c", "xxx")] {
            store.put(&key(name), value).await.unwrap();
        }
        let long = Filter::ValueLen(Comparison::Greater, 1);
        let cases = [
            (Query::all(), vec!["/a", "/b", "/c"]),
            (
                Query::all().with_filter(Filter::value_equals("y")),
                vec!["/b"],
            ),
            (Query::all().with_filter(long).keys_only(), vec!["/a", "/c"]),
            (
                Query::all().with_order(Order::by_value()),
                vec!["/c", "/b", "/a"],
            ),
            (
                Query::all().reversed().with_offset(1).with_limit(1),
                vec!["/b"],
            ),
            (
                Query::all().with_start_after(key("/a")).keys_only(),
                vec!["/b", "/c"],
            ),
        ];
        for (query, expected) in cases {
            let names: Vec<_> = listed(&store, query.clone())
                .await
                .unwrap()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(names, expected, "{query:?}");
        }
        let sizes = all(store.query(Query::all().sizes_only())).await.unwrap();
        assert_eq!(
            sizes.iter().map(|entry| entry.size).collect::<Vec<_>>(),
            [Some(2), Some(1), Some(3)]
        );
    });
}

/// What is done to the stored bytes, and the error that reading them then gives.
#[test]
fn changed_bytes_are_refused() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, Change, ErrorKind); 8] = [
        ("version", |bytes| bytes[0] = 2, ErrorKind::Foreign),
        ("nonce", |bytes| bytes[1] ^= 1, ErrorKind::Damaged),
        ("value", |bytes| bytes[25] ^= 1, ErrorKind::Damaged),
        (
            "tag",
            |bytes| *bytes.last_mut().unwrap() ^= 0x80,
            ErrorKind::Damaged,
        ),
        ("cut", |bytes| bytes.truncate(40), ErrorKind::Damaged),
        (
            "cut by one",
            |bytes| bytes.truncate(bytes.len() - 1),
            ErrorKind::Damaged,
        ),
        ("longer", |bytes| bytes.push(0), ErrorKind::Damaged),
        ("emptied", Vec::clear, ErrorKind::Damaged),
    ];
    for (what, change, expected) in cases {
        pollster::block_on(async {
            let (memory, store) = stores();
            let a = key("/a");
            store.put(&a, "value").await.unwrap();
            let mut bytes = memory.get(&a).await.unwrap().to_vec();
            change(&mut bytes);
            memory.put(&a, bytes).await.unwrap();
            assert_eq!(kind(store.get(&a).await), expected, "{what}");
            assert_eq!(kind(listed(&store, Query::all()).await), expected, "{what}");
            let events = all(store.maintain(Maintenance::Scrub)).await.unwrap();
            let is_finding = |event: &MaintenanceEvent| matches!(event, MaintenanceEvent::Finding(finding) if finding.key.as_ref() == Some(&a));
            assert_eq!(
                events.iter().filter(|event| is_finding(event)).count(),
                1,
                "{what}"
            );
        });
    }
}

#[test]
fn a_value_belongs_to_its_key_and_its_secret() {
    pollster::block_on(async {
        let (memory, store) = stores();
        store.put(&key("/a"), "value").await.unwrap();
        let moved = memory.get(&key("/a")).await.unwrap();
        memory.put(&key("/b"), moved).await.unwrap();
        assert_eq!(kind(store.get(&key("/b")).await), ErrorKind::Damaged);
        let other = EncryptDatastore::new(&memory, &SecretKey::generate().unwrap());
        let error = other.get(&key("/a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("secret key"), "{error}");
        assert_eq!(error.key(), Some(&key("/a")));
    });
}

#[test]
fn sizes_of_what_was_not_encrypted_are_damage() {
    pollster::block_on(async {
        let (memory, store) = stores();
        memory.put(&key("/a"), "short").await.unwrap();
        assert_eq!(kind(store.get_size(&key("/a")).await), ErrorKind::Damaged);
        assert_eq!(
            kind(all(store.query(Query::all().sizes_only())).await),
            ErrorKind::Damaged
        );
    });
}

#[test]
fn lengths_are_limited_before_the_memory_is_taken() {
    pollster::block_on(async {
        let (_, store) = stores();
        let store = store.with_max_value_len(4);
        assert_eq!(store.capabilities(&Key::root()).max_value_len, Some(4));
        assert!(
            store
                .put(&key("/a"), Bytes::from_static(&[0; 4]))
                .await
                .is_ok()
        );
        assert_eq!(
            kind(store.put(&key("/a"), Bytes::from_static(&[0; 5])).await),
            ErrorKind::InvalidArgument
        );
        let endless = Box::pin(futures::stream::repeat_with(|| {
            Ok(Bytes::from_static(b"more"))
        }));
        assert_eq!(
            kind(store.put_stream(&key("/a"), endless).await),
            ErrorKind::InvalidArgument
        );
    });
}

#[test]
fn secrets_do_not_show() {
    let secret = SecretKey::from_bytes([0xab; 32]);
    let store = EncryptDatastore::new(&MemoryDatastore::new(), &secret);
    for shown in [format!("{secret:?}"), format!("{store:?}")] {
        assert!(
            !shown.contains("171") && !shown.to_lowercase().contains("abab"),
            "{shown}"
        );
    }
}
