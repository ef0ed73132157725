//! What npm packages and goleveldb wrote is read: by key, in order, both ways, in parts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use datastore_leveldb::{LevelOptions, Lock};
use futures::TryStreamExt;
use interface_datastore::query::{Filter, Order};
use interface_datastore::{
    ByteRange, Datastore, DatastoreExt, ErrorKind, GetOptions, Key, Query, Version,
};
use pollster::block_on;

use crate::common::{ALL, codes, copy, expected, fixture, listed, open};

#[test]
fn every_entry_is_found() {
    for name in ALL {
        let store = open(&fixture(name), LevelOptions::new()).expect(name);
        let expected = expected(name);
        let all = listed(&store, Query::all()).expect(name);
        assert!(
            all.iter().map(|(k, v)| (k, v)).eq(expected.iter()),
            "{name}"
        );
        for (key, value) in &expected {
            let key = Key::raw(key).unwrap();
            block_on(async {
                assert_eq!(store.get(&key).await.unwrap(), value[..], "{name} {key}");
                assert!(store.has(&key).await.unwrap(), "{name} {key}");
                let size = store.get_size(&key).await.unwrap();
                assert_eq!(size, value.len() as u64, "{name} {key}");
            });
        }
    }
}

#[test]
fn what_was_deleted_or_never_there_is_not_found() {
    for name in ALL {
        let store = open(&fixture(name), LevelOptions::new()).expect(name);
        let expected = expected(name);
        for number in 0..120 {
            for kind in ["blocks", "pins", "local", "zzz"] {
                let key = Key::new(format!("/{kind}/{number:04}"));
                let has = block_on(store.has(&key)).unwrap();
                assert_eq!(has, expected.contains_key(key.as_bytes()), "{name} {key}");
                if !has {
                    let error = block_on(store.get(&key)).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{name} {key}");
                    assert_eq!(error.key(), Some(&key));
                }
            }
        }
    }
}

#[test]
fn queries_are_served_in_order_both_ways() {
    let key = Key::new;
    for name in [
        "tables_snappy",
        "compacted",
        "killed",
        "log",
        "foreign_keys",
        "goleveldb/levels_plain",
        "goleveldb/levels_snappy",
    ] {
        let store = open(&fixture(name), LevelOptions::new()).expect(name);
        let all: Vec<_> = expected(name).into_iter().collect();
        let mut after_exclusive = Query::all();
        after_exclusive.start = Some(Bound::Excluded(key("/local/0050")));
        after_exclusive.end = Some(Bound::Included(key("/pins/0050")));
        for query in [
            Query::all(),
            Query::prefix("/pins"),
            Query::prefix("/blocks/00"),
            Query::prefix("/a"),
            Query::prefix("no slash"),
            Query::prefix("/zzz"),
            Query::within(key("/local")),
            Query::within(key("/a")),
            Query::within(Key::root()),
            Query::all()
                .with_start(key("/local/0031"))
                .with_end(key("/pins/0101")),
            Query::all().with_start(key("/z")).with_end(key("/b")),
            Query::all()
                .with_start_after(key("/local/0031"))
                .with_limit(7),
            Query::prefix("/pins")
                .with_filter(Filter::key_suffix("5"))
                .with_offset(2),
            Query::all().with_limit(0),
            after_exclusive,
        ] {
            for reverse in [false, true] {
                let query = if reverse {
                    query.clone().reversed()
                } else {
                    query.clone()
                };
                let mut wanted: Vec<_> = all
                    .iter()
                    .filter(|(key, _)| query.covers(&Key::raw(key).unwrap()))
                    .filter(|(key, _)| query.filters.is_empty() || key.ends_with(b"5"))
                    .cloned()
                    .collect();
                if reverse {
                    wanted.reverse();
                }
                let wanted = wanted.into_iter().skip(query.offset as usize);
                let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
                let wanted: Vec<_> = wanted.take(limit).collect();
                assert_eq!(
                    listed(&store, query.clone()).unwrap(),
                    wanted,
                    "{name} {query:?}"
                );
            }
        }
    }
}

#[test]
fn queries_select_and_sort() {
    let store = open(&fixture("large_values"), LevelOptions::new()).unwrap();
    let entries = |query| block_on(store.query(query).try_collect::<Vec<_>>()).unwrap();
    for entry in entries(Query::all().keys_only()) {
        assert_eq!(entry.value, None, "{}", entry.key);
    }
    let sizes: Vec<_> = entries(
        Query::all()
            .sizes_only()
            .with_order(Order::by_key().descending()),
    )
    .iter()
    .map(|entry| (entry.key.to_string(), entry.size))
    .collect();
    let sizes: Vec<_> = sizes.iter().map(|(key, size)| (&key[..], *size)).collect();
    let expected = [
        ("/large/d", Some(0)),
        ("/large/c", Some(90_000)),
        ("/large/b", Some(1)),
        ("/large/a", Some(200_000)),
    ];
    assert_eq!(sizes, expected);
}

#[test]
fn parts_of_values_and_versions() {
    let store = open(&fixture("large_values"), LevelOptions::new()).unwrap();
    let key = Key::new("/large/c");
    block_on(async {
        let part = store.get_range(&key, 5..12).await.unwrap();
        assert_eq!(part, "5678901");
        let last = store
            .get_opts(&key, GetOptions::range(ByteRange::Last(3)))
            .await;
        assert_eq!(last.unwrap().into_value(), "789");
        let error = store.get_range(&key, 90_001..90_002).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let pieces = store.get_stream(&key).await.unwrap().body;
        let pieces: Vec<_> = pieces.try_collect().await.unwrap();
        assert_eq!(pieces.concat().len(), 90_000);

        let about = store.get_opts(&key, GetOptions::metadata()).await.unwrap();
        assert_eq!((about.value, about.size), (None, Some(90_000)));
        for (version, found) in [(about.version, true), (Some(Version::from(1 << 40)), false)] {
            let options = GetOptions::exists().with_if_version(version);
            let outcome = store
                .get_opts(&key, options)
                .await
                .map_err(|error| error.kind());
            let expected = if found {
                None
            } else {
                Some(ErrorKind::PreconditionFailed)
            };
            assert_eq!(outcome.err(), expected);
        }
    });
}

#[test]
fn many_keys_are_read_in_source_order() {
    let store = open(&fixture("tables_snappy"), LevelOptions::new()).unwrap();
    let expected = expected("tables_snappy");
    let keys: Vec<_> = expected
        .keys()
        .rev()
        .map(|key| Key::raw(key).unwrap())
        .collect();
    let twice = [keys.clone(), keys.clone()].concat();
    let read: Vec<_> = block_on(store.get_many(twice).try_collect()).unwrap();
    assert_eq!(read.len(), 2 * keys.len());
    for (entry, key) in read.iter().zip(keys.iter().chain(&keys)) {
        assert_eq!(entry.key, *key);
        assert_eq!(
            entry.value.as_deref(),
            expected.get(key.as_bytes()).map(|v| &v[..])
        );
    }
    let with_missing = [keys[0].clone(), Key::new("/none"), keys[1].clone()];
    let outcome: Result<Vec<_>, _> = block_on(store.get_many(with_missing).try_collect());
    assert!(outcome.unwrap_err().is_not_found());
}

#[test]
fn the_same_without_caches_and_within_a_runtime() {
    let options = LevelOptions::new().with_block_cache(0).with_open_tables(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    for name in ALL {
        let expected = expected(name);
        runtime.block_on(async {
            let store = datastore_leveldb::LevelDatastore::open(fixture(name), options.clone());
            let store = store.await.unwrap();
            let all: Vec<_> = store
                .query(Query::all().reversed())
                .try_collect()
                .await
                .unwrap();
            assert_eq!(all.len(), expected.len(), "{name}");
            for (key, value) in expected.iter().take(20) {
                let key = Key::raw(key).unwrap();
                assert_eq!(store.get(&key).await.unwrap(), value[..], "{name} {key}");
            }
            store.close().await.unwrap();
        });
    }
}

#[test]
fn whole_databases_have_nothing_to_find() {
    for name in ALL {
        let store = open(&fixture(name), LevelOptions::new()).expect(name);
        let expected: &[&str] = match *name {
            "foreign_keys" => &["foreign-key"; 3],
            _ => &[],
        };
        assert_eq!(codes(&store), expected, "{name}");
    }
}

#[test]
fn space_taken() {
    let folder = copy("compacted");
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let usage = |key: &str| {
        let key = Key::new(key);
        block_on(async {
            store
                .disk_usage_opts(&key, Default::default())
                .await
                .unwrap()
        })
    };
    let (whole, pins, none) = (usage("/"), usage("/pins"), usage("/zzz"));
    assert!(whole.exact && !pins.exact);
    assert!(
        pins.bytes > 2000 && pins.bytes < whole.bytes,
        "{pins:?} {whole:?}"
    );
    assert_eq!(none.bytes, 0);
}

/// Every file with its contents and the time when it was last changed, and the folder's own time.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let seen = files.chain([folder.to_owned()]).map(|path| {
        let contents = match path.is_dir() {
            true => Vec::new(),
            false => std::fs::read(&path).unwrap(),
        };
        let changed = path.metadata().unwrap().modified().unwrap();
        (path, (contents, changed))
    });
    seen.collect()
}

#[test]
fn nothing_is_written() {
    let locks: &[Lock] = match cfg!(target_os = "linux") {
        true => &[Lock::Respect, Lock::Ignore, Lock::Hold],
        false => &[Lock::Respect, Lock::Ignore],
    };
    for name in ALL {
        for lock in locks {
            for salvage in [false, true] {
                let folder = copy(name);
                if salvage {
                    // So that there is something that others would repair.
                    std::fs::remove_file(folder.path().join("CURRENT")).unwrap();
                }
                let before = files(folder.path());
                let options = LevelOptions::new().with_lock(*lock).with_salvage(salvage);
                let store = open(folder.path(), options).unwrap();
                listed(&store, Query::all()).unwrap();
                codes(&store);
                block_on(store.sync(&Key::root())).unwrap();
                block_on(store.close()).unwrap();
                assert!(files(folder.path()) == before, "{name} {lock:?} {salvage}");
            }
        }
    }
}
