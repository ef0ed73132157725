//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datastore_fs::{FsDatastore, FsOptions};
use serde_json::Value;

/// Opens a store, or fails the test.
pub async fn open(path: &Path) -> FsDatastore {
    open_with(path, FsOptions::new()).await
}

pub async fn open_with(path: &Path, options: FsOptions) -> FsDatastore {
    FsDatastore::open(path, options).await.unwrap()
}

/// A vector file: the repository's copy, or the one in the folder that `RS_STORES_VECTORS` names.
pub fn vectors(name: &str) -> Value {
    let given =
        std::env::var_os("RS_STORES_VECTORS").map(|folder| PathBuf::from(folder).join(name));
    let path = given.filter(|path| path.exists()).unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/vectors")
            .join(name)
    });
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// All files below a folder with their contents, and all folders with nothing, by relative path. Links are not followed.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            let relative = path.strip_prefix(root).unwrap().to_owned();
            if kind.is_dir() {
                found.insert(relative, None);
                pending.push(path);
            } else if kind.is_file() {
                found.insert(relative, Some(std::fs::read(&path).unwrap()));
            } else {
                found.insert(relative, Some(b"link".to_vec()));
            }
        }
    }
    found
}

/// As [`tree`], without the folder that is the store's own.
pub fn plain_tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = tree(root);
    found.retain(|path, _| !path.starts_with(".datastore"));
    found
}
