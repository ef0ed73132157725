//! Directories to be converted, on the real file system.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions, ShardFunction, convert};
use interface_datastore::{DatastoreExt, Error, ErrorKind, Key};
use pollster::block_on;

/// A private folder, removed in the end.
pub(crate) struct Place(tempfile::TempDir);

/// Files by their paths, with their contents as text.
pub(crate) type Files = BTreeMap<String, String>;

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A store with these keys, whose values are the keys.
    pub(crate) fn store(&self, name: &str, shard: &str, keys: &[String]) -> PathBuf {
        let path = self.path(name);
        block_on(async {
            let options = options().with_shard(function(shard));
            let store = FlatfsDatastore::open(&path, options).await.unwrap();
            for key in keys {
                store.put(&Key::new(key), key.clone()).await.unwrap();
            }
            store.close().await.unwrap();
        });
        path
    }

    /// All files and folders, but for those of our own that tell other users of the store and those that count: folders
    /// end with a slash.
    pub(crate) fn tree(&self, name: &str) -> Files {
        let mut files = Files::new();
        collect(&self.path(name), "", &mut files);
        files.retain(|path, _| {
            !path.starts_with(".flatfs-") && path != "diskUsage.cache" && !path.starts_with(".temp")
        });
        files
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            let below = format!("{path}/");
            collect(&entry.path(), &below, files);
            files.insert(below, String::new());
        } else {
            files.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// What [`Place::tree`] shows of a store that holds these keys and nothing else.
pub(crate) fn expected(shard: &str, keys: &[String]) -> Files {
    let shard = function(shard);
    let mut files = Files::from([("SHARDING".to_owned(), format!("{shard}\n"))]);
    for key in keys {
        let folder = shard.dir(key);
        if folder.is_empty() {
            files.insert(format!("{key}.data"), key.clone());
            continue;
        }
        files.insert(format!("{folder}/"), String::new());
        files.insert(format!("{folder}/{key}.data"), key.clone());
    }
    files
}

/// The same without what depends on the function alone.
pub(crate) fn without_readme(mut files: Files) -> Files {
    files.remove("_README");
    files
}

pub(crate) fn keys(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("KEY{}{at:03}", ["AB", "CD", "XY", ""][at % 4]))
        .collect()
}

pub(crate) fn function(text: &str) -> ShardFunction {
    ShardFunction::from_short(text).unwrap()
}

pub(crate) fn options() -> FlatfsOptions {
    FlatfsOptions::new().with_blocking(Blocking::Inline)
}

pub(crate) fn go_on(_: convert::Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Every key is found with its value, and nothing else is listed.
pub(crate) fn check(path: &Path, keys: &[String]) {
    block_on(async {
        let options = options().with_create_if_missing(false);
        let store = FlatfsDatastore::open(path, options).await.unwrap();
        for key in keys {
            assert_eq!(store.get(&Key::new(key)).await.unwrap(), key, "{key}");
        }
        let mut listed = 0;
        let mut entries = store.query(interface_datastore::Query::all());
        while let Some(entry) = futures::StreamExt::next(&mut entries).await {
            entry.unwrap();
            listed += 1;
        }
        assert_eq!(listed, keys.len(), "{}", path.display());
        store.close().await.unwrap();
    });
}

/// Fails in this way, naming this path, and saying this.
pub(crate) fn refused<T: std::fmt::Debug>(
    outcome: Result<T, Error>,
    kind: ErrorKind,
    path: &Path,
    says: &str,
) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.path(), Some(path), "{error}");
    assert!(error.to_string().contains(says), "{error}");
}
