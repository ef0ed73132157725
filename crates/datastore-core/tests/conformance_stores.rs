//! The conformance cases over the stores of this crate that hold data, and those that rename keys.

use std::sync::Arc;

use datastore_core::{
    BlackHoleDatastore, KeyTransformDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore,
    ShardingDatastore,
    key_transform::{PrefixTransform, from_fns},
    mount::Mount,
    sharding::Shard,
};
use interface_datastore::{Datastore, DatastoreExt, Key};
use interface_datastore_tests::conformance;

fn key(text: &str) -> Key {
    Key::new(text)
}

conformance!(memory, || async { MemoryDatastore::new() });

conformance!(black_hole, || async { BlackHoleDatastore::new() });

/// A memory store with entries around those of `/ns`, which must never be seen.
async fn crowded() -> MemoryDatastore {
    let store = MemoryDatastore::new();
    for name in ["/", "/n", "/ns-a", "/nsx", "/nsx/y", "/z/one"] {
        store.put(&key(name), "not yours").await.unwrap();
    }
    store
}

conformance!(namespace, || async {
    NamespaceDatastore::new(&crowded().await, key("/ns"))
});

conformance!(namespace_of_all, || async {
    NamespaceDatastore::new(&MemoryDatastore::new(), Key::root())
});

conformance!(nested_namespaces, || async {
    let outer = NamespaceDatastore::new(&crowded().await, key("/ns"));
    NamespaceDatastore::new(&outer, key("/in/side"))
});

conformance!(prefix_transform, || async {
    KeyTransformDatastore::new(&crowded().await, PrefixTransform::new(key("/ns")))
});

conformance!(opaque_transform, || async {
    let there = |key: &Key| Some(Key::new("/ns").child(key));
    let back = |inner: &Key| inner.strip_namespace(&Key::new("/ns"));
    KeyTransformDatastore::new(&crowded().await, from_fns(there, back))
});

conformance!(mount_of_all, || async {
    MountDatastore::new([Mount::new(Key::root(), &MemoryDatastore::new())]).unwrap()
});

/// The cases use keys under these and others: each goes to another store.
fn mounts(stripped: bool) -> MountDatastore {
    let mounts = ["/", "/a", "/q", "/z", "/dht", "/z/deep"].map(|prefix| {
        let mount = Mount::new(key(prefix), &MemoryDatastore::new());
        if stripped { mount.stripped() } else { mount }
    });
    MountDatastore::new(mounts).unwrap()
}

conformance!(mount, || async { mounts(false) });

conformance!(stripped_mount, || async { mounts(true) });

conformance!(mount_of_namespaces, || async {
    let shared = MemoryDatastore::new();
    let at = |prefix: &str, place: &str| {
        Mount::new(key(prefix), &NamespaceDatastore::new(&shared, key(place)))
    };
    MountDatastore::new([at("/", "/one"), at("/z", "/two")]).unwrap()
});

fn sharded(inner: &impl Datastore) -> ShardingDatastore {
    ShardingDatastore::new(inner, Shard::next_to_last(2).unwrap())
}

conformance!(sharding, || async { sharded(&MemoryDatastore::new()) });

conformance!(sharding_with_marker, || async {
    let shard = Shard::suffix(2).ok();
    ShardingDatastore::open(&MemoryDatastore::new(), shard)
        .await
        .unwrap()
});

conformance!(namespace_over_sharding, || async {
    NamespaceDatastore::new(&sharded(&MemoryDatastore::new()), key("/ns"))
});

conformance!(sharding_over_namespace, || async {
    let namespace: Arc<dyn Datastore> =
        NamespaceDatastore::new(&crowded().await, key("/ns")).handle();
    sharded(&namespace)
});
