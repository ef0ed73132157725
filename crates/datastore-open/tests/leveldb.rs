//! `leveldb:` URLs: databases are found, only read, and never made.

use std::{fs, path::Path};

use datastore_open::{OpenOptions, Registry};
use interface_datastore::{DatastoreExt, ErrorKind, Key};
use pollster::block_on;

/// What npm classic-level writes into the manifest and the log of a new database for one put of `/a`.
const MANIFEST: &[u8] = b"\x56\xf9\xb8\xf8\x1c\x00\x01\x01\x1aleveldb.BytewiseComparator\xa4\x9c\x8b\xbe\x08\x00\x01\x02\x03\x09\x00\x03\x04\x04\x00";
const LOG: &[u8] =
    b"\xd3\x9b\x66\xa3\x14\x00\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x02/a\x03\x01\x02\x03";

fn write_database(folder: &Path) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("CURRENT"), "MANIFEST-000002\n").unwrap();
    fs::write(folder.join("MANIFEST-000002"), MANIFEST).unwrap();
    fs::write(folder.join("000003.log"), LOG).unwrap();
}

#[test]
fn databases() {
    let place = tempfile::tempdir().unwrap();
    write_database(&place.path().join("db"));
    fs::create_dir(place.path().join("empty")).unwrap();
    let registry = Registry::with_defaults();
    let (key, writable) = (Key::new("/a"), OpenOptions::new());
    for (name, given, expected) in [
        ("db", writable.clone(), Ok(())),
        ("db", OpenOptions::read_only(), Ok(())),
        (
            "db?lock=ignore&salvage=true&blocking=inline",
            writable.clone(),
            Ok(()),
        ),
        ("db?durability=volatile", writable.clone(), Ok(())),
        ("db?create=never", writable.clone(), Ok(())),
        (
            "db?create=new",
            writable.clone(),
            Err(ErrorKind::Unsupported),
        ),
        (
            "db?durability=process",
            writable.clone(),
            Err(ErrorKind::Unsupported),
        ),
        (
            "db?lock=hold",
            writable.clone(),
            Err(ErrorKind::InvalidArgument),
        ),
        (
            "db?lock=no",
            writable.clone(),
            Err(ErrorKind::InvalidArgument),
        ),
        (
            "db?salvage=maybe",
            writable.clone(),
            Err(ErrorKind::InvalidArgument),
        ),
        (
            "db?blocking=maybe",
            writable.clone(),
            Err(ErrorKind::InvalidArgument),
        ),
        ("empty", writable.clone(), Err(ErrorKind::NotFound)),
        ("none", writable, Err(ErrorKind::NotFound)),
        ("none", OpenOptions::read_only(), Err(ErrorKind::NotFound)),
    ] {
        let url = format!("leveldb:{}/{name}", place.path().display());
        let opened = block_on(registry.open(&url, given));
        let outcome = opened
            .as_ref()
            .map(drop)
            .map_err(interface_datastore::Error::kind);
        assert_eq!(outcome, expected, "{name}: {opened:?}");
        let Ok(store) = opened else { continue };
        assert_eq!(block_on(store.get(&key)).unwrap(), [1, 2, 3][..], "{name}");
        let error = block_on(store.put(&key, "1")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{name}: {error}");
    }
    assert!(!place.path().join("none").exists());
}
