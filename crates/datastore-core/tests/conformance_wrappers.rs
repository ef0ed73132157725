//! The public harness over each wrapper of the memory store, in its variants. Pairs of wrappers are in `pairs`.

use std::{sync::Arc, time::Duration};

use datastore_core::{
    AutoBatchDatastore, FaultDatastore, MeasureDatastore, MemoryDatastore, ReadOnlyDatastore,
    RetryDatastore, RetryPolicy, TieredDatastore, Timer, VerifyDatastore, WritePolicy, fault::Rule,
};
use interface_datastore::{BoxFuture, Datastore, Key};
use interface_datastore_tests::conformance;

#[derive(Debug)]
struct NoWait;

impl Timer for NoWait {
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn memory() -> MemoryDatastore {
    MemoryDatastore::new()
}

fn tiered() -> TieredDatastore {
    TieredDatastore::new([memory().handle(), memory().handle(), memory().handle()])
        .expect("there are tiers")
}

fn verified(inner: &dyn Datastore) -> VerifyDatastore {
    VerifyDatastore::new(inner, |_: &Key, _: &[u8]| Ok(()))
}

fn retried(inner: &dyn Datastore) -> RetryDatastore {
    RetryDatastore::new(inner, RetryPolicy::default(), Arc::new(NoWait))
}

conformance!(auto_batch, || async { AutoBatchDatastore::new(&memory()) });
conformance!(auto_batch_small, || async {
    AutoBatchDatastore::new(&memory()).with_limits(2, 1000)
});
conformance!(fault, || async {
    FaultDatastore::new(&memory(), Vec::<Rule>::new())
});
conformance!(measure, || async {
    MeasureDatastore::new(&memory(), "test")
});
conformance!(read_only, || async { ReadOnlyDatastore::new(&memory()) });
conformance!(retry, || async { retried(&memory()) });
conformance!(tiered_plain, || async { tiered() });
conformance!(tiered_promoting, || async {
    tiered().promote_on_read(true)
});
conformance!(tiered_around, || async {
    tiered()
        .promote_on_read(true)
        .with_write_policy(WritePolicy::Around)
});
conformance!(verify, || async { verified(&memory()) });

#[cfg(feature = "cache")]
mod cached {
    use datastore_core::CacheDatastore;

    use super::*;

    conformance!(plain, || async { CacheDatastore::new(&memory(), 1 << 20) });
    conformance!(tiny, || async {
        CacheDatastore::new(&memory(), 500).with_absence(true)
    });
    conformance!(absence, || async {
        CacheDatastore::new(&memory(), 1 << 20).with_absence(true)
    });
}

#[cfg(feature = "encrypt")]
mod encrypted {
    use datastore_core::{EncryptDatastore, encrypt::SecretKey};

    use super::*;

    fn encrypted(inner: &dyn Datastore) -> EncryptDatastore {
        EncryptDatastore::new(inner, &SecretKey::from_bytes([3; 32]))
    }

    conformance!(plain, || async { encrypted(&memory()) });
}
