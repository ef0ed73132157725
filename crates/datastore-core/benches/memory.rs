//! The memory store, and what each kind of wrapper adds to it: `cargo bench -p datastore-core`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datastore_core::key_transform::PrefixTransform;
use datastore_core::mount::Mount;
use datastore_core::{
    KeyTransformDatastore, MeasureDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore,
};
use futures::TryStreamExt;
use interface_datastore::{Batch, Datastore, DatastoreExt, Key, Query};

const KEYS: u64 = 10_000;
const VALUE: Bytes = Bytes::from_static(&[7; 256]);

fn keys() -> Vec<Key> {
    // Multiplication by an odd number scatters the keys without making two alike.
    let scattered = (0..KEYS).map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    scattered
        .map(|number| Key::new(format!("/small/{}/{number:016X}", number % 10)))
        .collect()
}

fn filled(store: Arc<dyn Datastore>) -> Arc<dyn Datastore> {
    let mut batch = Batch::new();
    for key in keys() {
        batch.put(key, VALUE);
    }
    pollster::block_on(store.write(batch)).expect("memory takes every batch");
    store
}

/// Memory alone, and below each wrapper.
fn stores() -> Vec<(&'static str, Arc<dyn Datastore>)> {
    let memory = MemoryDatastore::new;
    let prefix = || Key::new("/all");
    let mounted = MountDatastore::new([Mount::new(Key::new("/small"), &memory())]);
    vec![
        ("bare", memory().handle()),
        (
            "key transform",
            KeyTransformDatastore::new(&memory(), PrefixTransform::new(prefix())).handle(),
        ),
        (
            "measure",
            MeasureDatastore::new(&memory(), "bench").handle(),
        ),
        ("mount", mounted.expect("one mount is no clash").handle()),
        (
            "namespace",
            NamespaceDatastore::new(&memory(), prefix()).handle(),
        ),
    ]
}

/// The time of so many calls, one after another within one future.
fn times(count: u64, keys: &[Key], call: impl AsyncFn(&Key)) -> Duration {
    pollster::block_on(async {
        let start = Instant::now();
        for key in keys
            .iter()
            .cycle()
            .take(usize::try_from(count).unwrap_or(usize::MAX))
        {
            call(key).await;
        }
        start.elapsed()
    })
}

fn single(c: &mut Criterion) {
    let keys = keys();
    for (name, store) in stores() {
        let store = filled(store);
        c.benchmark_group("get").bench_function(name, |b| {
            b.iter_custom(|count| {
                times(count, &keys, async |key| {
                    black_box(store.get(key).await).expect("the key is there");
                })
            });
        });
        c.benchmark_group("put").bench_function(name, |b| {
            b.iter_custom(|count| {
                times(count, &keys, async |key| {
                    black_box(store.put(key, VALUE).await).expect("memory takes every put");
                })
            });
        });
    }
}

fn many(c: &mut Criterion) {
    let store = filled(MemoryDatastore::new().handle());
    let mut group = c.benchmark_group("query");
    for prefix in ["", "/small/3"] {
        let count = || async {
            let entries = store.query(Query::prefix(prefix));
            let counted = entries.try_fold(0, |count, _| std::future::ready(Ok(count + 1)));
            counted.await.expect("memory does not fail")
        };
        group.throughput(Throughput::Elements(pollster::block_on(count())));
        group.bench_function(BenchmarkId::from_parameter(prefix), |b| {
            b.iter(|| pollster::block_on(count()));
        });
    }
}

criterion_group!(benches, single, many);
criterion_main!(benches);
