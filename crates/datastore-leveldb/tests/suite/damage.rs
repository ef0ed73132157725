//! Damaged databases: refused by default; with salvage what can be read is served and the rest is told.

use std::fs;
use std::path::{Path, PathBuf};

use datastore_leveldb::{LevelDatastore, LevelOptions};
use interface_datastore::{DatastoreExt, ErrorKind, Key, Query, Severity};
use pollster::block_on;

use crate::common::{Contents, codes, copy, expected, findings, listed, open};

fn salvage() -> LevelOptions {
    LevelOptions::new().with_salvage(true)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn file(folder: &Path, extension: &str) -> PathBuf {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|is| is == extension))
        .collect();
    paths.sort();
    paths.pop().unwrap()
}

fn all(store: &LevelDatastore) -> Contents {
    listed(store, Query::all()).unwrap().into_iter().collect()
}

/// Checks that everything served was written so, and how much is missing.
fn check_salvaged(served: &Contents, written: &Contents, missing: std::ops::RangeInclusive<usize>) {
    for (key, value) in served {
        assert_eq!(written.get(key), Some(value), "{}", key.escape_ascii());
    }
    let lost = written.len() - served.len();
    assert!(
        missing.contains(&lost),
        "{lost} of {} are missing",
        written.len()
    );
}

#[test]
fn a_torn_log_is_what_a_crash_leaves() {
    let mut expected = expected("killed");
    expected.remove(&b"/last"[..]);
    // Cut within the last record; within its header; or never written, though the file has grown.
    for (cut, zeros) in [(1, 0), (3, 0), (20, 0), (28, 0), (32, 0), (32, 40)] {
        let folder = copy("killed");
        change(&file(folder.path(), "log"), |bytes| {
            bytes.truncate(bytes.len() - cut);
            bytes.resize(bytes.len() + zeros, 0);
        });
        let store = open(folder.path(), LevelOptions::new()).unwrap();
        assert_eq!(all(&store), expected, "{cut}");
    }
}

#[test]
fn a_log_that_ends_in_damage_is_served_and_told() {
    let folder = copy("killed");
    change(&file(folder.path(), "log"), |bytes| {
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
    });
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let mut expected = expected("killed");
    expected.remove(&b"/last"[..]);
    assert_eq!(all(&store), expected);
    assert_eq!(codes(&store), ["damaged-log-tail"]);
}

#[test]
fn damage_within_a_log() {
    let folder = copy("killed");
    // The log has two blocks of 32 KiB at least; this is in the first, so the second stays readable.
    let log = file(folder.path(), "log");
    let blocks = fs::metadata(&log).unwrap().len() >> 15;
    if blocks == 0 {
        // Then another record is put behind the damage by way of a second log.
        let next = folder.path().join("000099.log");
        fs::copy(&log, next).unwrap();
    }
    change(&log, |bytes| bytes[30] ^= 0x10);
    let error = open(folder.path(), LevelOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(error.path(), Some(&*log));
    assert!(
        error
            .remedy()
            .is_some_and(|remedy| remedy.contains("salvage")),
        "{error}"
    );
    let store = open(folder.path(), salvage()).unwrap();
    assert!(codes(&store).contains(&"damaged-log".to_owned()));
    assert!(!all(&store).is_empty());
}

#[test]
fn a_damaged_block() {
    let written = expected("compacted");
    let folder = copy("compacted");
    let table = file(folder.path(), "ldb");
    change(&table, |bytes| bytes[2000] ^= 0x40);

    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let error = listed(&store, Query::all()).unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::Damaged, Some(&*table)),
        "{error}"
    );
    let found = findings(&store, &Key::root()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].severity, &found[0].code[..]),
        (Severity::Error, "damaged-block")
    );
    assert!(
        found[0].detail.contains("for keys after \"/"),
        "{}",
        found[0].detail
    );
    // Of a part of the keys in which nothing is damaged nothing is told; a table is checked as a whole.
    assert!(findings(&store, &Key::new("/zzz")).unwrap().is_empty());

    let salvaged = open(folder.path(), salvage()).unwrap();
    let served = all(&salvaged);
    check_salvaged(&served, &written, 1..=8);
    let reversed: Contents = listed(&salvaged, Query::all().reversed())
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(reversed, served);
    for key in written.keys() {
        let found = block_on(salvaged.get(&Key::raw(key).unwrap()));
        match served.get(key) {
            Some(value) => assert_eq!(found.unwrap(), value[..]),
            // What may have been there is never called absent.
            None => assert_eq!(found.unwrap_err().kind(), ErrorKind::Damaged),
        }
    }
}

/// What can be done to a table: where its blocks end can be found without index and footer.
#[test]
fn damaged_tables() {
    let flip = |from_end: usize| {
        move |path: &Path| {
            change(path, |bytes| {
                let at = bytes.len() - from_end;
                bytes[at] ^= 1;
            });
        }
    };
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let cut = |len: usize| move |path: &Path| change(path, |bytes| bytes.truncate(len));
    type Harm = Box<dyn Fn(&Path)>;
    let rows: [(&str, &str, Harm, bool); 6] = [
        ("footer", "damaged-table", Box::new(flip(1)), true),
        ("index", "damaged-table", Box::new(flip(100)), true),
        (
            "cut at the end",
            "damaged-table",
            Box::new(|path| change(path, |bytes| bytes.truncate(bytes.len() - 1))),
            true,
        ),
        ("cut within", "damaged-table", Box::new(cut(5000)), false),
        ("empty", "damaged-table", Box::new(cut(0)), false),
        ("removed", "missing-table", Box::new(remove), false),
    ];
    for fixture in ["tables_snappy", "compacted"] {
        let written = expected(fixture);
        for (what, code, harm, recovered) in &rows {
            let folder = copy(fixture);
            harm(&file(folder.path(), "ldb"));
            let read = open(folder.path(), LevelOptions::new());
            let error = read
                .and_then(|store| listed(&store, Query::all()))
                .unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Damaged,
                "{fixture} {what}: {error}"
            );

            let store = open(folder.path(), salvage()).unwrap();
            assert_eq!(codes(&store), [*code], "{fixture} {what}");
            let served = all(&store);
            if *recovered {
                assert_eq!(served, written, "{fixture} {what}");
                let told = findings(&store, &Key::root()).unwrap().remove(0).detail;
                assert!(
                    told.ends_with("salvage has found all of its blocks"),
                    "{told}"
                );
            } else if fixture == "compacted" {
                // It has one table, with some twenty blocks.
                let all = written.len();
                let missing = if *what == "cut within" {
                    10..=all - 10
                } else {
                    all..=all
                };
                check_salvaged(&served, &written, missing);
            }
            // A key that was never there is called absent only if nothing can have hidden it.
            let absent = block_on(store.get(&Key::new("/pins/0000x"))).unwrap_err();
            assert_eq!(
                absent.is_not_found(),
                *recovered,
                "{fixture} {what}: {absent}"
            );
        }
    }
}

#[test]
fn without_a_usable_manifest() {
    let remove = |folder: &Path, name: &str| fs::remove_file(folder.join(name)).unwrap();
    let flip = |folder: &Path, name: &str| change(&folder.join(name), |bytes| bytes[20] ^= 1);
    let empty = |folder: &Path, name: &str| change(&folder.join(name), Vec::clear);
    for (name, harm) in [
        ("CURRENT", &remove as &dyn Fn(&Path, &str)),
        ("CURRENT", &empty),
        ("MANIFEST-000002", &remove),
        ("MANIFEST-000002", &flip),
        ("MANIFEST-000002", &empty),
    ] {
        for fixture in ["compacted", "tables_snappy", "killed", "log"] {
            let folder = copy(fixture);
            harm(folder.path(), name);
            let error = open(folder.path(), LevelOptions::new()).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Damaged,
                "{fixture} {name}: {error}"
            );
            let store = open(folder.path(), salvage()).unwrap();
            assert_eq!(all(&store), expected(fixture), "{fixture} {name}");
            for (key, value) in expected(fixture).iter().take(30) {
                let found = block_on(store.get(&Key::raw(key).unwrap())).unwrap();
                assert_eq!(found, value[..], "{fixture} {name}");
            }
            assert_eq!(codes(&store), ["no-manifest"], "{fixture} {name}");
        }
    }
}
