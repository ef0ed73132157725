//! One of each wrapper, so that they can be put over anything.

use std::{sync::Arc, time::Duration};

use datastore_core::{
    AutoBatchDatastore, CacheDatastore, EncryptDatastore, FaultDatastore, KeyTransformDatastore,
    MeasureDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore, ReadOnlyDatastore,
    RetryDatastore, RetryPolicy, ShardingDatastore, TieredDatastore, Timer, VerifyDatastore,
    encrypt::SecretKey, fault::Rule, key_transform::from_fns, mount::Mount, sharding::Shard,
};
use interface_datastore::{BoxFuture, Datastore, Key};

/// A wrapper's name, and how it is put over a store.
pub(crate) type Wrapper = (&'static str, fn(&dyn Datastore) -> Arc<dyn Datastore>);

pub(crate) const WRAPPERS: &[Wrapper] = &[
    ("auto_batch", |inner| {
        AutoBatchDatastore::new(inner).handle()
    }),
    ("cache", |inner| {
        CacheDatastore::new(inner, 1 << 20).handle()
    }),
    ("encrypt", |inner| {
        EncryptDatastore::new(inner, &SecretKey::from_bytes([3; 32])).handle()
    }),
    ("fault", |inner| {
        FaultDatastore::new(inner, Vec::<Rule>::new()).handle()
    }),
    ("key_transform", |inner| {
        let there = |key: &Key| Some(Key::new("/kt").child(key));
        let back = |inner: &Key| inner.strip_namespace(&Key::new("/kt"));
        KeyTransformDatastore::new(inner, from_fns(there, back)).handle()
    }),
    ("measure", |inner| {
        MeasureDatastore::new(inner, "test").handle()
    }),
    ("mount", |inner| {
        let mounts = [
            Mount::new(Key::root(), inner),
            Mount::new(Key::new("/q"), &MemoryDatastore::new()),
        ];
        MountDatastore::new(mounts).expect("two prefixes").handle()
    }),
    ("namespace", |inner| {
        NamespaceDatastore::new(inner, Key::new("/ns")).handle()
    }),
    ("read_only", |inner| ReadOnlyDatastore::new(inner).handle()),
    ("retry", |inner| {
        RetryDatastore::new(inner, RetryPolicy::default(), Arc::new(NoWait)).handle()
    }),
    ("sharding", |inner| {
        let shard = Shard::next_to_last(2).expect("2 is in range");
        ShardingDatastore::new(inner, shard).handle()
    }),
    ("tiered", |inner| {
        let tiers = [MemoryDatastore::new().handle(), inner.handle()];
        let tiered = TieredDatastore::new(tiers).expect("there are tiers");
        tiered.promote_on_read(true).handle()
    }),
    ("verify", |inner| {
        VerifyDatastore::new(inner, |_: &Key, _: &[u8]| Ok(())).handle()
    }),
];

/// The wrapper of this name.
pub(crate) fn named(name: &str) -> Wrapper {
    let found = WRAPPERS.iter().find(|(other, _)| *other == name);
    *found.expect("a wrapper of the table")
}

#[derive(Debug)]
struct NoWait;

impl Timer for NoWait {
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
