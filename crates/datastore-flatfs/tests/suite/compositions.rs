//! The stores that programs lay over it.

use std::sync::Arc;

use datastore_core::mount::Mount;
use datastore_core::{MemoryDatastore, MountDatastore, NamespaceDatastore};
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, Names};
use interface_datastore::{Datastore, Key};
use interface_datastore_tests::{Subject, conformance};

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
async fn kubo() -> Subject {
    let (blocks, folder) = flatfs(Names::Flatfs).await;
    let rest = MemoryDatastore::new();
    let mounts = [
        Mount::new(Key::new("/blocks"), &blocks).stripped(),
        Mount::new(Key::root(), &rest),
    ];
    Subject::new(MountDatastore::new(mounts).unwrap()).keeping(folder)
}

conformance!(beside_another_store, kubo);

// What the mount sends it, seen through a namespace: every key of the harness then is a block's.
conformance!(blocks_of_kubo, || async {
    let (blocks, folder) = flatfs(Names::Flatfs).await;
    let rest: Arc<dyn Datastore> = MemoryDatastore::new().handle();
    let mounts = [
        Mount::new(Key::new("/blocks"), &blocks).stripped(),
        Mount::new(Key::root(), &*rest),
    ];
    let mounted = MountDatastore::new(mounts).unwrap();
    Subject::new(NamespaceDatastore::new(&mounted, Key::new("/blocks"))).keeping(folder)
});
