//! What the tests of this crate share.

pub(crate) mod go;
pub(crate) mod hex;
pub(crate) mod tree;

use std::path::{Path, PathBuf};

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use serde_json::Value;

/// Opens a store, or fails the test.
pub(crate) async fn open_with(path: &Path, options: FlatfsOptions) -> FlatfsDatastore {
    FlatfsDatastore::open(path, options).await.unwrap()
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

/// The key of a block: its SHA-256 as a multihash, as Kubo has it.
pub(crate) fn block(value: &[u8]) -> interface_datastore::Key {
    use sha2::Digest;
    let mut multihash = vec![0x12, 32];
    multihash.extend(sha2::Sha256::digest(value));
    interface_datastore::Key::new(data_encoding::BASE32_NOPAD.encode(&multihash))
}

/// Closes a store, or fails the test.
pub(crate) async fn finish(store: FlatfsDatastore) {
    interface_datastore::DatastoreExt::close(&store)
        .await
        .unwrap();
}

/// Waits until the bytes used are counted.
pub(crate) async fn counted(store: &FlatfsDatastore) {
    store.counted().await;
}
