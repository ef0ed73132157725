//! Blocks in a directory, read from the kernel's caches: `cargo bench -p datastore-flatfs`.
//!
//! For comparisons from commit to commit. `cargo xtask bench` compares with the bare calls and keeps the disk's own
//! effects out.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{Batch, DatastoreExt, Key, Query};
use tokio::runtime::Runtime;

const BLOCKS: usize = 1000;
const VALUE: Bytes = Bytes::from_static(&[7; 256]);

fn key(index: usize) -> Key {
    // As many shards as Kubo's blocks have: the spread digits stand next to the last one.
    Key::new(format!(
        "/CIQ{:016X}A",
        index.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    ))
}

fn store(runtime: &Runtime, blocking: Blocking) -> (FlatfsDatastore, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = FlatfsOptions::new().with_blocking(blocking);
    let opened = runtime.block_on(FlatfsDatastore::open(folder.path(), options));
    (opened.expect("the folder is empty and ours"), folder)
}

fn batch(keys: impl Iterator<Item = Key>) -> Batch {
    let mut batch = Batch::new();
    for key in keys {
        batch.put(key, VALUE);
    }
    batch
}

fn blocks(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for (name, blocking) in [("never", Blocking::Never), ("inline", Blocking::Inline)] {
        let (store, _folder) = store(&runtime, blocking);
        let filled = runtime.block_on(store.write(batch((0..BLOCKS).map(key))));
        filled.expect("the disk takes the values");
        let mut at = 0..;
        let mut next = || key(at.next().unwrap_or_default() % BLOCKS);
        let mut group = c.benchmark_group("block");
        group.bench_function(BenchmarkId::new("get", name), |b| {
            b.iter(|| {
                let value = runtime.block_on(store.get(&next()));
                black_box(value).expect("the key is there")
            });
        });
        group.bench_function(BenchmarkId::new("has", name), |b| {
            b.iter(|| {
                let found = runtime.block_on(store.has(&next()));
                assert!(found.expect("it can be read"));
            });
        });
        group.bench_function(BenchmarkId::new("put the same", name), |b| {
            b.iter(|| runtime.block_on(store.put(&next(), VALUE)).expect("space"));
        });
        group.bench_function(BenchmarkId::new("query", name), |b| {
            b.iter(|| {
                let entries: Vec<_> = runtime
                    .block_on(store.query(Query::all()).try_collect())
                    .expect("the folder can be listed");
                assert_eq!(entries.len(), BLOCKS);
            });
        });
    }
}

/// New blocks: putting over a file that is there would measure what the file system does then.
fn batches(c: &mut Criterion) {
    const SIZE: usize = 512;
    let runtime = Runtime::new().expect("a runtime");
    let (store, _folder) = store(&runtime, Blocking::Never);
    let mut written = 0;
    let mut group = c.benchmark_group("batch");
    group.sample_size(10);
    group.bench_function("512", |b| {
        let mut make = || {
            written += SIZE;
            batch((written..written + SIZE).map(key))
        };
        b.iter_batched(
            &mut make,
            |batch| runtime.block_on(store.write(batch)).expect("space"),
            criterion::BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, blocks, batches);
criterion_main!(benches);
