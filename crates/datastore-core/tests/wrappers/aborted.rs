//! A signal that is aborted already outranks every other outcome, in every store.

use std::sync::Arc;

use datastore_core::{
    AutoBatchDatastore, BlackHoleDatastore, FaultDatastore, KeyTransformDatastore,
    MeasureDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore, ReadOnlyDatastore,
    RetryDatastore, RetryPolicy, ShardingDatastore, TieredDatastore, VerifyDatastore, fault::Rule,
    key_transform::from_fns, mount::Mount, sharding::Shard,
};
use interface_datastore::{AbortSignal, Datastore, ErrorKind, Key};

use crate::support::{Naps, every_call, key};

fn stores() -> Vec<(&'static str, Arc<dyn Datastore>)> {
    let memory = MemoryDatastore::new();
    let reversed = || {
        from_fns(
            |key: &Key| Some(key.reverse()),
            |key: &Key| Some(key.reverse()),
        )
    };
    let mounted = MountDatastore::new([Mount::new(key("/elsewhere"), &memory)]);
    let naps = Arc::new(Naps::default());
    vec![
        ("auto batch", AutoBatchDatastore::new(&memory).handle()),
        ("black hole", BlackHoleDatastore::new().handle()),
        #[cfg(feature = "cache")]
        (
            "cache",
            datastore_core::CacheDatastore::new(&memory, 1000).handle(),
        ),
        #[cfg(feature = "encrypt")]
        ("encrypt", {
            let secret = datastore_core::encrypt::SecretKey::from_bytes([3; 32]);
            datastore_core::EncryptDatastore::new(&memory, &secret).handle()
        }),
        (
            "fault",
            FaultDatastore::new(&memory, Vec::<Rule>::new()).handle(),
        ),
        (
            "key transform",
            KeyTransformDatastore::new(&memory, reversed()).handle(),
        ),
        ("measure", MeasureDatastore::new(&memory, "test").handle()),
        ("memory", memory.handle()),
        ("mount", mounted.unwrap().handle()),
        (
            "namespace",
            NamespaceDatastore::new(&memory, key("/ns")).handle(),
        ),
        ("read-only", ReadOnlyDatastore::new(&memory).handle()),
        (
            "retry",
            RetryDatastore::new(&memory, RetryPolicy::default(), naps).handle(),
        ),
        (
            "sharding",
            ShardingDatastore::new(&memory, Shard::suffix(2).unwrap()).handle(),
        ),
        (
            "tiered",
            TieredDatastore::new([memory.handle()]).unwrap().handle(),
        ),
        (
            "verify",
            VerifyDatastore::new(&memory, |_: &Key, _: &[u8]| Ok(())).handle(),
        ),
    ]
}

#[test]
fn outranks_every_other_outcome() {
    for (name, store) in stores() {
        let calls = every_call(&*store, Some(AbortSignal::already_aborted()));
        for (call, outcome) in pollster::block_on(calls) {
            assert_eq!(outcome, Some(ErrorKind::Aborted), "{call} of {name}");
        }
    }
}
