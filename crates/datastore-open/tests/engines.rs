//! `kv:` and the schemes of its engines: what they make, their options, and what they refuse to take for a store.

use std::{fs, path::Path, sync::Arc};

use datastore_open::{OpenOptions, Registry};
use interface_datastore::{
    Claim, Datastore, DatastoreExt, Durability, ErrorKind, Key, PutOptions, Result,
};
use pollster::block_on;
use tempfile::TempDir;

fn open(
    place: &TempDir,
    scheme: &str,
    rest: &str,
    given: OpenOptions,
) -> Result<Arc<dyn Datastore>> {
    let url = format!("{scheme}:{}/{rest}", place.path().display());
    block_on(Registry::with_defaults().open(&url, given))
}

/// Every scheme, and one that opens what it makes, with the default durability.
const SCHEMES: &[(&str, &str, Durability)] = &[
    ("kv", "fjall", Durability::Process),
    ("fjall", "kv", Durability::Process),
    ("redb", "kv", Durability::Power),
    #[cfg(feature = "sled")]
    ("sled", "kv", Durability::Process),
];

#[test]
fn what_is_stored_stays() {
    for (scheme, same, durability) in SCHEMES {
        let (place, key) = (tempfile::tempdir().unwrap(), Key::new("/a"));
        let missing = open(&place, scheme, "db?create=never", OpenOptions::new()).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{scheme}: {missing}");
        assert!(!place.path().join("db").exists(), "{scheme}");

        let store = open(&place, scheme, "db?create=new", OpenOptions::new()).unwrap();
        let can = store.capabilities(&Key::root());
        assert_eq!(can.default_durability, *durability, "{scheme}");
        block_on(store.put(&key, "1")).unwrap();
        let locked = open(&place, scheme, "db", OpenOptions::read_only()).unwrap_err();
        assert_eq!(locked.kind(), ErrorKind::Locked, "{scheme}: {locked}");
        block_on(store.close()).unwrap();

        let refused = open(&place, scheme, "db?create=new", OpenOptions::new()).unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::AlreadyExists,
            "{scheme}: {refused}"
        );
        for scheme in [scheme, same] {
            let store = open(&place, scheme, "db?read-only=true", OpenOptions::new()).unwrap();
            assert_eq!(
                store.capabilities(&Key::root()).writable,
                Claim::No,
                "{scheme}"
            );
            assert_eq!(block_on(store.get(&key)).unwrap(), "1", "{scheme}");
            let error = block_on(store.put(&key, "2")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ReadOnly, "{scheme}: {error}");
            block_on(store.close()).unwrap();
        }
    }
}

#[test]
fn options() {
    let bad = Some(ErrorKind::InvalidArgument);
    for (scheme, options, kind) in [
        ("kv", "cache=1MiB&blocking=inline", None),
        ("kv", "cache=0", None),
        ("kv", "cache=1MB", bad),
        ("kv", "cache=-1", bad),
        ("kv", "cache=%2b1", bad),
        ("kv", "cache=", bad),
        ("kv", "cache=KiB", bad),
        ("kv", "cache=18014398509481984KiB", bad),
        ("kv", "memtable=8MiB", bad),
        ("kv", "blocking=maybe", bad),
        (
            "fjall",
            "cache=4194304&memtable=1MiB&log=64MiB&open-files=10&workers=1",
            None,
        ),
        ("fjall", "memtable=1023KiB", bad),
        ("fjall", "log=1MiB", bad),
        ("fjall", "open-files=9", bad),
        ("fjall", "workers=0", bad),
        ("fjall", "workers=257", bad),
        ("fjall", "workers=1KiB", bad),
        ("fjall", "quick-repair=true", bad),
        (
            "redb",
            "cache=1GiB&check=true&quick-repair=false&blocking=never",
            None,
        ),
        ("redb", "check=yes", bad),
        #[cfg(feature = "sled")]
        ("sled", "cache=1MiB&blocking=inline", None),
        #[cfg(feature = "sled")]
        ("sled", "cache=1023KiB", bad),
        ("redb", "memtable=8MiB", bad),
    ] {
        let place = tempfile::tempdir().unwrap();
        let opened = open(&place, scheme, &format!("db?{options}"), OpenOptions::new());
        let found = opened.as_ref().err().map(interface_datastore::Error::kind);
        assert_eq!(found, kind, "{scheme} {options}: {opened:?}");
        if let Err(error) = opened {
            assert!(error.remedy().is_some(), "{scheme} {options}: {error}");
            assert!(!place.path().join("db").exists(), "{scheme} {options}");
        }
    }
}

#[test]
fn durability_of_writes_that_ask_for_none() {
    for (scheme, _, _) in SCHEMES {
        for level in Durability::ALL {
            let place = tempfile::tempdir().unwrap();
            let rest = format!("db?durability={level}");
            let opened = open(&place, scheme, &rest, OpenOptions::new());
            if *scheme == "sled" && level > Durability::Process {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{scheme}: {error}");
                continue;
            }
            let store = opened.unwrap();
            let can = store.capabilities(&Key::root());
            assert_eq!(can.default_durability, level, "{scheme}");
            block_on(store.put_opts(&Key::new("/a"), "1".into(), PutOptions::default())).unwrap();
            block_on(store.close()).unwrap();
        }
    }
}

/// A place that holds one of everything.
fn zoo() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let file = |path: &str, contents: &[u8]| {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    };
    for (scheme, rest) in [
        ("fs", "fs"),
        ("fs", "sharded?sharding=next-to-last/2"),
        ("flatfs", "flatfs"),
        ("fjall", "fjall"),
        ("redb", "redb"),
    ] {
        let store = open(&place, scheme, rest, OpenOptions::new()).unwrap();
        block_on(store.put(&Key::new("/QUUX"), "1")).unwrap();
        block_on(store.close()).unwrap();
    }
    file("leveldb/CURRENT", b"MANIFEST-000002\n");
    file("leveldb/MANIFEST-000002", b"");
    file("rocksdb/CURRENT", b"MANIFEST-000002\n");
    file("rocksdb/MANIFEST-000002", b"");
    file("rocksdb/OPTIONS-000003", b"");
    file("badger/KEYREGISTRY", b"");
    file("sled/conf", b"");
    file("sled/db", b"x");
    file("kubo/config", b"{}");
    file("kubo/version", b"18\n");
    file("js/a.data", b"1");
    file("file", b"redb, but no database");
    fs::create_dir(place.path().join("empty")).unwrap();
    place
}

/// All files of a folder, so that nothing is seen to be changed by being refused.
fn files(folder: &Path, into: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            into.push((path.clone(), Vec::new()));
            files(&path, into);
        } else {
            into.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    into.sort();
}

#[test]
fn no_kind_of_store_is_taken_for_another() {
    let place = zoo();
    let root = place.path().display().to_string();
    let mut before = Vec::new();
    files(place.path(), &mut before);
    // What lies there, and the URL that opens it, `-` for none, `?` where it bears no mark.
    for (name, opens) in [
        ("fs", "fs:ROOT/fs"),
        ("sharded", "fs:ROOT/sharded?sharding=marked"),
        ("flatfs", "flatfs:ROOT/flatfs"),
        ("fjall", "kv:ROOT/fjall"),
        ("redb", "kv:ROOT/redb"),
        ("leveldb", "leveldb:ROOT/leveldb"),
        ("kubo", "kubo:ROOT/kubo"),
        ("sled", "kv:ROOT/sled"),
        ("rocksdb", "-"),
        ("badger", "-"),
        ("js", "?"),
        ("file", "?"),
    ] {
        for scheme in ["kv", "fjall", "redb", "fs", "flatfs", "leveldb", "kubo"] {
            let own = opens.starts_with(&format!("{scheme}:"))
                || scheme == name
                || scheme == "fs" && name == "js"
                || scheme == "flatfs" && name == "sharded";
            if own {
                continue;
            }
            let error = open(&place, scheme, name, OpenOptions::new()).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Foreign,
                "{name} as {scheme}: {error}"
            );
            let says = match opens {
                "-" => "no scheme here opens that".to_owned(),
                "?" => continue,
                url => format!("open it as {}", url.replace("ROOT", &root)),
            };
            assert!(
                error.to_string().contains(&says),
                "{name} as {scheme}: {error}"
            );
        }
    }
    let mut after = Vec::new();
    files(place.path(), &mut after);
    assert!(before == after, "being refused has changed something");
}

/// What `kv:` would open, had it the engine.
#[cfg(not(feature = "sled"))]
#[test]
fn an_engine_that_was_left_out_is_named() {
    let place = zoo();
    let error = open(&place, "kv", "sled", OpenOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("a database of sled"), "{error}");
}
