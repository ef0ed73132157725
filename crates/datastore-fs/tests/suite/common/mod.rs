//! What the tests of this crate share.

pub(crate) mod hex;
pub(crate) mod tree;

use std::path::{Path, PathBuf};

use datastore_fs::{FsDatastore, FsOptions};
use serde_json::Value;

/// Opens a store, or fails the test.
pub(crate) async fn open(path: &Path) -> FsDatastore {
    open_with(path, FsOptions::new()).await
}

pub(crate) async fn open_with(path: &Path, options: FsOptions) -> FsDatastore {
    FsDatastore::open(path, options).await.unwrap()
}

/// A vector file: the repository's copy, or the one in the folder that `RS_STORES_VECTORS` names.
pub(crate) fn vectors(name: &str) -> Value {
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
