//! Stores in directories, opened by URL: which files they make, and what is refused.

use std::{fs, sync::Arc};

use datastore_open::{OpenOptions, Registry};
use interface_datastore::{Datastore, DatastoreExt, ErrorKind, Key, Result};
use pollster::block_on;
use tempfile::TempDir;

/// A private folder in which stores of one scheme are opened.
struct Place {
    scheme: &'static str,
    folder: TempDir,
}

impl Place {
    fn new(scheme: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { scheme, folder }
    }

    fn open(&self, name: &str, given: OpenOptions) -> Result<Arc<dyn Datastore>> {
        let url = format!("{}:{}/{name}", self.scheme, self.folder.path().display());
        block_on(Registry::with_defaults().open(&url, given))
    }

    /// Opens each, puts the key, and finds its value in the file.
    fn makes(&self, rows: &[(&str, &str, &str)]) {
        for (name, key, file) in rows {
            let store = self.open(name, OpenOptions::new()).expect(name);
            block_on(store.put(&Key::new(key), "1")).expect(name);
            block_on(store.close()).expect(name);
            let value = fs::read_to_string(self.folder.path().join(file)).expect(file);
            assert_eq!(value, "1", "{name}");
        }
    }

    fn refuses(&self, rows: &[(&str, ErrorKind)]) {
        for (name, kind) in rows {
            let error = self.open(name, OpenOptions::new()).expect_err(name);
            assert_eq!(error.kind(), *kind, "{name}: {error}");
        }
        // Reading makes nothing.
        let error = self.open("none", OpenOptions::read_only()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(!self.folder.path().join("none").exists());
    }

    /// What `makes` has put is read and cannot be written.
    fn reads(&self, name: &str, key: &str) {
        let store = self.open(name, OpenOptions::read_only()).expect(name);
        let key = Key::new(key);
        assert_eq!(block_on(store.get(&key)).expect(name), "1");
        let error = block_on(store.put(&key, "2")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{name}: {error}");
    }
}

#[test]
fn folders_of_files() {
    let place = Place::new("fs");
    place.makes(&[
        ("plain", "/a", "plain/a.data"),
        ("ext?extension=.bin&names=portable", "/a", "ext/a.bin"),
        (
            "with%20blank?blocking=inline&durability=power",
            "/a",
            "with blank/a.data",
        ),
    ]);
    place.refuses(&[
        ("none?create=never", ErrorKind::NotFound),
        ("none?read-only=true", ErrorKind::NotFound),
        ("plain?create=new", ErrorKind::AlreadyExists),
        ("plain?extension=.bin", ErrorKind::InvalidArgument),
        ("plain?names=posix", ErrorKind::InvalidArgument),
        ("plain?blocking=maybe", ErrorKind::InvalidArgument),
    ]);
    place.reads("plain", "/a");
    let bare = place.folder.path().join("plain").display().to_string();
    let store = block_on(Registry::with_defaults().open(&bare, OpenOptions::read_only())).unwrap();
    assert!(block_on(store.has(&Key::new("/a"))).unwrap());
}

#[test]
fn folders_sharded_as_in_javascript() {
    let place = Place::new("fs");
    place.makes(&[
        ("js?sharding=next-to-last/2", "/hello", "js/ll/hello.data"),
        ("js?sharding=marked", "/world", "js/rl/world.data"),
        ("js", "/rl/world", "js/rl/world.data"),
    ]);
    let marker = fs::read_to_string(place.folder.path().join("js/SHARDING.data")).unwrap();
    assert_eq!(marker, "/repo/flatfs/shard/v1/next-to-last/2\n");
    place.reads("js?sharding=marked", "/hello");
    place.reads("js?sharding=/repo/flatfs/shard/v1/next-to-last/2", "/hello");
    place.reads("js", "/ll/hello");
    place.refuses(&[
        ("js?sharding=prefix/2", ErrorKind::InvalidArgument),
        ("js?sharding=middle/2", ErrorKind::InvalidArgument),
        ("new?sharding=marked", ErrorKind::InvalidArgument),
    ]);
}

#[test]
fn directories_of_flatfs() {
    let place = Place::new("flatfs");
    place.makes(&[
        ("plain", "/QUUX", "plain/UU/QUUX.data"),
        (
            "prefix?shard=prefix/3&blocking=inline&lock=false",
            "/QUUX",
            "prefix/QUU/QUUX.data",
        ),
        (
            "whole?shard=/repo/flatfs/shard/v1/suffix/2&durability=power&check-hashes=false",
            "/QUUX",
            "whole/UX/QUUX.data",
        ),
        (
            "any?names=escaped&follow-shard-links=true",
            "/a/b",
            "any/NM/C4NM4.data",
        ),
    ]);
    place.refuses(&[
        ("none?create=never", ErrorKind::NotFound),
        ("plain?create=new", ErrorKind::AlreadyExists),
        ("plain?shard=prefix/3", ErrorKind::InvalidArgument),
        ("plain?shard=prefix", ErrorKind::InvalidArgument),
        ("plain?shard=prefix/-1", ErrorKind::InvalidArgument),
        ("plain?names=all", ErrorKind::InvalidArgument),
        ("plain?names=escaped", ErrorKind::InvalidArgument),
        ("plain?lock=1", ErrorKind::InvalidArgument),
    ]);
    place.reads("plain", "/QUUX");
}
