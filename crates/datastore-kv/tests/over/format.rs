//! What stands in the store, byte by byte, and what is refused there.

use datastore_engine::{Engine, ErrorKind};
use datastore_kv::DatastoreEngine;
use interface_datastore::{Alphabet, Datastore, DatastoreExt, Key};
use pollster::block_on;

use crate::{
    steps::{State, batch, commit, held},
    store::{PlainStore, Stop},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_store_holds_what_the_format_says() {
    type Claims = fn(&mut interface_datastore::Capabilities);
    let rows: [(Claims, [&str; 5], &str); 2] = [
        (
            |_| {},
            [
                "/engine",
                "/j/o0000000000000001",
                "/j/r0000000000000001",
                "/k/00",
                "/k/cpnmuoj1e8",
            ],
            "/j/c00000000000000010000000000000001",
        ),
        (
            |can| {
                can.keys.max_namespaces = Some(1);
                can.keys.alphabet = Alphabet::Only((b'0'..=b'9').chain(b'A'..=b'Z').collect());
            },
            [
                "/ENGINE",
                "/JO0000000000000001",
                "/JR0000000000000001",
                "/K00",
                "/KCPNMUOJ1E8",
            ],
            "/JC00000000000000010000000000000001",
        ),
    ];
    for (claims, names, journal) in rows {
        block_on(async {
            let store = PlainStore::claiming(claims);
            let engine = DatastoreEngine::open(&store).await.unwrap();
            commit(&engine, &batch(|b| b.put(b"foobar", b"1").put(b"\0", b"")))
                .await
                .unwrap();
            assert_eq!(store.names().await, names);
            let memory = store.memory();
            let value =
                |name: &'static str| async move { memory.get(&Key::new(name)).await.unwrap() };
            assert_eq!(value(names[0]).await, "datastore-engine 1");
            assert_eq!(value(names[2]).await, "");
            assert_eq!(value(names[4]).await, "1");
            // Behind the journal and the look at the owner.
            store.stop_at(3, Stop::Before);
            commit(&engine, &batch(|b| b.put(b"a", b"two").delete(b"\0")))
                .await
                .unwrap_err();
            let found = value(journal).await;
            assert_eq!(
                hex(&found),
                "01000000000100000000000100000001000000036174776f155a5b5b"
            );
        });
    }
}

/// What an earlier user has left behind.
struct Left {
    notes: &'static [(&'static str, &'static [u8])],
    expected: Result<&'static [(&'static str, &'static str)], ErrorKind>,
}

const JOURNAL: &[u8] = b"\x01\x01\0\0\0\x01\0\0\0\x01av\x01\0\0\0\x01\0\0\0\x01bw";

fn journal() -> Vec<u8> {
    [JOURNAL, &crc32(JOURNAL)].concat()
}

/// The checksum of gzip, bit by bit.
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    (!crc).to_be_bytes()
}

#[test]
fn what_was_left_behind_is_applied_or_told() {
    let rows = [
        Left {
            notes: &[],
            expected: Ok(&[]),
        },
        Left {
            notes: &[
                ("/j/o0000000000000001", b"t"),
                ("/j/r0000000000000001", b""),
                ("/j/c00000000000000010000000000000007", b"J"),
            ],
            expected: Ok(&[("a", "v"), ("b", "w")]),
        },
        // The opening in between has not come to an end.
        Left {
            notes: &[
                ("/j/r0000000000000001", b""),
                ("/j/c00000000000000010000000000000007", b"J"),
                ("/j/o0000000000000002", b"t"),
            ],
            expected: Ok(&[("a", "v"), ("b", "w")]),
        },
        // It has: this is of a writer that came too late.
        Left {
            notes: &[
                ("/j/r0000000000000002", b""),
                ("/j/c00000000000000010000000000000007", b"J"),
                ("/j/o0000000000000002", b"t"),
            ],
            expected: Ok(&[]),
        },
        Left {
            notes: &[("/j/c00000000000000010000000000000007", b"x")],
            expected: Err(ErrorKind::Damaged),
        },
        Left {
            notes: &[(
                "/j/c00000000000000010000000000000007",
                b"\x02\x3c\x0c\x8e\xa1",
            )],
            expected: Err(ErrorKind::Foreign),
        },
        Left {
            notes: &[
                ("/j/oFFFFFFFFFFFFFFFF", b"t"),
                ("/j/x", b""),
                ("/j/c1", b"J"),
            ],
            expected: Ok(&[]),
        },
        Left {
            notes: &[("/j/offffffffffffffff", b"t")],
            expected: Err(ErrorKind::Damaged),
        },
        Left {
            notes: &[("/engine", b"datastore-engine 2")],
            expected: Err(ErrorKind::Foreign),
        },
        Left {
            notes: &[("/engine", b"something else")],
            expected: Err(ErrorKind::Foreign),
        },
    ];
    for (at, Left { notes, expected }) in rows.into_iter().enumerate() {
        block_on(async {
            let store = PlainStore::new();
            store
                .put(&Key::new("/engine"), "datastore-engine 1")
                .await
                .unwrap();
            for (name, value) in notes {
                let value = if *value == b"J" {
                    journal()
                } else {
                    value.to_vec()
                };
                store.put(&Key::new(name), value).await.unwrap();
            }
            let opened = DatastoreEngine::open(&store).await;
            let found = match &opened {
                Ok(engine) => Ok(held(engine).await.unwrap()),
                Err(error) => Err(error.kind()),
            };
            let state = |pairs: &[(&str, &str)]| -> State {
                pairs
                    .iter()
                    .map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()))
                    .collect()
            };
            assert_eq!(found, expected.map(state), "row {at}");
            if let Err(error) = opened {
                assert!(
                    error.remedy().is_some() || error.detail().is_some(),
                    "row {at}: {error}"
                );
            }
        });
    }
}

#[test]
fn stores_of_others_are_left_alone() {
    block_on(async {
        let store = PlainStore::new();
        store.put(&Key::new("/photos/cat"), "meow").await.unwrap();
        let refused = DatastoreEngine::open(&store).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Foreign);
        assert_eq!(store.names().await, ["/photos/cat"]);
    });
}

/// Keys that are not ours are no entries: nobody can tell what they hide.
#[test]
fn strangers_among_the_entries_are_told() {
    block_on(async {
        let store = PlainStore::new();
        let engine = DatastoreEngine::open(&store).await.unwrap();
        commit(&engine, &batch(|b| b.put(b"a", b"1").put(b"b", b"1")))
            .await
            .unwrap();
        store.put(&Key::new("/k/not-ours"), "x").await.unwrap();
        for refused in [
            held(&engine).await.unwrap_err(),
            commit(&engine, &batch(|b| b.delete_range(b"", None)))
                .await
                .unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Damaged);
            assert!(
                refused
                    .remedy()
                    .is_some_and(|remedy| remedy.contains("remove it"))
            );
        }
        let report = engine.check().await.unwrap();
        assert_eq!((report.entries, report.damage.len()), (2, 1));
    });
}

/// A store whose batches are atomic takes over what one without has left, and the other way round.
#[test]
fn both_ways_of_committing_read_each_other() {
    block_on(async {
        let plain = PlainStore::new();
        let engine = DatastoreEngine::open(&plain).await.unwrap();
        plain.stop_at(3, Stop::Before);
        let halted = batch(|b| b.put(b"a", b"1").put(b"b", b"1"));
        commit(&engine, &halted).await.unwrap_err();
        let whole = DatastoreEngine::open(&*plain.memory().handle())
            .await
            .unwrap();
        assert_eq!(held(&whole).await.unwrap().len(), 2);
        commit(&whole, &batch(|b| b.put(b"c", b"1").delete(b"a")))
            .await
            .unwrap();
        let again = DatastoreEngine::open(&plain.another()).await.unwrap();
        assert_eq!(
            held(&again).await.unwrap().into_keys().collect::<Vec<_>>(),
            [b"b", b"c"]
        );
    });
}
