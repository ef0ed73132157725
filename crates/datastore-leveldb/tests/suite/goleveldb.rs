//! What goleveldb wrote: deleted keys, levels, and the folder of Kubo. Other tests read these databases, too.

use std::fs;

use datastore_leveldb::LevelOptions;
use interface_datastore::{DatastoreExt, ErrorKind, Key, Query};
use pollster::block_on;

use crate::common::{expected, fixture, listed, open};

/// The key number `number` of its kind, of 100 bytes, as the writer made it.
fn long(kind: &str, number: usize) -> Key {
    Key::new(format!(
        "{:k<100}",
        format!("/{kind}/{:04}/", number * 7919 % 10007)
    ))
}

/// Keys of a kind: how many were put, and how many of them are left.
type Kind = (&'static str, usize, usize);

/// Name, how many tables there are, and the keys that were put by number.
const DATABASES: &[(&str, usize, &[Kind])] = &[
    (
        "levels_snappy",
        4,
        &[("blocks", 150, 112), ("pins", 18, 18)],
    ),
    ("levels_plain", 10, &[("blocks", 100, 75), ("pins", 12, 12)]),
    ("filters", 1, &[("blocks", 60, 45), ("pins", 7, 7)]),
    (
        "transaction",
        3,
        &[("blocks", 20, 14), ("pins", 2, 2), ("txn", 40, 40)],
    ),
    ("recovered", 2, &[("blocks", 60, 45), ("pins", 7, 7)]),
    ("log", 0, &[("log", 2, 1)]),
];

#[test]
fn put_again_and_deleted() {
    for (name, tables, kinds) in DATABASES {
        let name = format!("goleveldb/{name}");
        let names = fs::read_dir(fixture(&name)).unwrap();
        let names = names.map(|entry| entry.unwrap().path());
        let found = names.filter(|path| path.extension().is_some_and(|end| end == "ldb"));
        assert!(found.count() >= *tables, "{name}");
        let store = open(&fixture(&name), LevelOptions::new()).expect(&name);
        let expected = expected(&name);
        for (kind, put, left) in *kinds {
            let is_there = |number: &usize| {
                let key = long(kind, *number);
                assert_eq!(key.as_bytes().len(), 100);
                let has = block_on(store.has(&key)).unwrap();
                let got = block_on(store.get(&key)).map(|value| value.to_vec());
                match expected.get(key.as_bytes()) {
                    Some(value) => assert_eq!(got.unwrap(), *value, "{name} {key}"),
                    None => {
                        assert_eq!(got.unwrap_err().kind(), ErrorKind::NotFound, "{name} {key}");
                    }
                }
                has
            };
            let found = (0..*put).filter(is_there).count();
            assert_eq!(found, *left, "{name} {kind}");
        }
    }
}

#[test]
fn the_folder_of_kubo() {
    let store = open(&fixture("goleveldb/kubo"), LevelOptions::new()).unwrap();
    let get = |key: &str| block_on(store.get(&Key::new(key))).unwrap();
    assert_eq!(get("/local/filesroot"), "newer".repeat(7));
    assert_eq!(get("/local/again"), "opened");
    // Every third was deleted.
    let kept = (0..30).filter(|number| number % 3 != 0);
    let kept = kept.map(|number| format!("/pins/pin/PIN{number:05}").into_bytes());
    let pins = listed(&store, Query::prefix("/pins/pin/")).unwrap();
    assert!(pins.into_iter().map(|(key, _)| key).eq(kept));
}
