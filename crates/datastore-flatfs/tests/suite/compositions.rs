//! The stores that programs lay over it.

use datastore_core::mount::Mount;
use datastore_core::{MemoryDatastore, MountDatastore, NamespaceDatastore};
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, Names};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, ErrorKind, Key, Query};
use interface_datastore_tests::{Subject, conformance};

use crate::common::block;

async fn flatfs(names: Names) -> (FlatfsDatastore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = FlatfsOptions::new().with_names(names);
    let store = FlatfsDatastore::open(folder.path(), options).await;
    (store.unwrap(), folder)
}

conformance!(in_a_namespace, || async {
    let (store, folder) = flatfs(Names::Escaped).await;
    Subject::new(NamespaceDatastore::new(&store, Key::new("/ns"))).keeping(folder)
});

/// As Kubo does: blocks in the directory, all else elsewhere.
fn kubo(blocks: &FlatfsDatastore) -> MountDatastore {
    let rest = MemoryDatastore::new();
    let mounts = [
        Mount::new(Key::new("/blocks"), blocks).stripped(),
        Mount::new(Key::root(), &rest),
    ];
    MountDatastore::new(mounts).unwrap()
}

conformance!(beside_another_store, || async {
    let (blocks, folder) = flatfs(Names::Flatfs).await;
    Subject::new(kubo(&blocks)).keeping(folder)
});

conformance!(what_lies_in_blocks, || async {
    let (blocks, folder) = flatfs(Names::Escaped).await;
    Subject::new(NamespaceDatastore::new(&kubo(&blocks), Key::new("/blocks"))).keeping(folder)
});

/// A block goes where Kubo puts it and comes back; what is no block's key is refused there, and taken elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_kubo() {
    let (blocks, folder) = flatfs(Names::Flatfs).await;
    let store = kubo(&blocks);
    let key = Key::new("/blocks").child(&block(b"hello world"));
    store.put(&key, "hello world").await.unwrap();
    let file = "32/CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I.data";
    assert_eq!(
        std::fs::read(folder.path().join(file)).unwrap(),
        b"hello world"
    );
    assert_eq!(store.get(&key).await.unwrap(), "hello world");
    let listed: Vec<Key> = store
        .query_keys(Query::prefix("/blocks/"))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, [key]);
    for text in ["/blocks/lower", "/blocks/A/B"] {
        let key = Key::new(text);
        let error = store.put(&key, "v").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey, "{error}");
        assert!(!store.has(&key).await.unwrap(), "{text}");
    }
    store.put(&Key::new("/local/filesroot"), "v").await.unwrap();
}
