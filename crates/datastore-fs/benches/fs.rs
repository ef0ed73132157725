//! The store in a folder, reading from the kernel's caches: `cargo bench -p datastore-fs`.
//!
//! For comparisons from commit to commit. `cargo xtask bench` compares with the bare calls and keeps the disk's own
//! effects out, which matter most where files are created.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use futures::TryStreamExt;
use interface_datastore::{Batch, DatastoreExt, Key, Query};
use tokio::runtime::Runtime;

const KEYS: usize = 2000;
const VALUE: Bytes = Bytes::from_static(&[7; 256]);

fn keys(kind: &str, from: usize, count: usize) -> Vec<Key> {
    let range = from..from + count;
    range
        .map(|index| Key::new(format!("/{kind}/{}/{index:016X}", index % 10)))
        .collect()
}

fn batch(keys: &[Key]) -> Batch {
    let mut batch = Batch::new();
    for key in keys {
        batch.put(key.clone(), VALUE);
    }
    batch
}

/// A store with values, and the runtime that it is used from.
struct Fixture {
    store: FsDatastore,
    keys: Vec<Key>,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(blocking: Blocking) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let options = FsOptions::new().with_blocking(blocking);
        let store = runtime.block_on(FsDatastore::open(folder.path(), options));
        let store = store.expect("the folder is empty and ours");
        let keys = keys("small", 0, KEYS);
        let written = runtime.block_on(store.write(batch(&keys)));
        written.expect("the disk takes the values");
        Self {
            store,
            keys,
            runtime,
            _folder: folder,
        }
    }

    /// The time of so many calls, one after another.
    fn times(&self, count: u64, call: impl AsyncFn(&Key)) -> Duration {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.runtime.block_on(async {
            let start = Instant::now();
            for key in self.keys.iter().cycle().take(count) {
                call(key).await;
            }
            start.elapsed()
        })
    }
}

fn modes(c: &mut Criterion) {
    for (name, blocking) in [("never", Blocking::Never), ("inline", Blocking::Inline)] {
        let fixture = Fixture::new(blocking);
        let store = &fixture.store;
        c.benchmark_group("get").bench_function(name, |b| {
            b.iter_custom(|count| {
                fixture.times(count, async |key| {
                    black_box(store.get(key).await).expect("the key is there");
                })
            });
        });
        c.benchmark_group("has").bench_function(name, |b| {
            b.iter_custom(|count| {
                fixture.times(count, async |key| {
                    assert!(store.has(key).await.expect("the folder can be read"));
                })
            });
        });
        let mut query = c.benchmark_group("query");
        query.throughput(Throughput::Elements(KEYS as u64));
        query.bench_function(name, |b| {
            b.iter(|| {
                let entries: Vec<_> = fixture
                    .runtime
                    .block_on(store.query(Query::all()).try_collect())
                    .expect("the folder can be listed");
                assert_eq!(entries.len(), KEYS);
            });
        });
    }
}

/// Batches of new keys: putting over a file that is there would measure what the file system does then.
fn batches(c: &mut Criterion) {
    const SIZE: usize = 512;
    let fixture = Fixture::new(Blocking::Never);
    let mut written = 0;
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(SIZE as u64));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(1));
    group.warm_up_time(Duration::from_millis(200));
    group.bench_function("512", |b| {
        b.iter_custom(|count| {
            let mut took = Duration::ZERO;
            for _ in 0..count {
                let batch = batch(&keys("new", written, SIZE));
                written += SIZE;
                let start = Instant::now();
                let outcome = fixture.runtime.block_on(fixture.store.write(batch));
                took += start.elapsed();
                outcome.expect("the disk takes the values");
            }
            took
        });
    });
}

criterion_group!(benches, modes, batches);
criterion_main!(benches);
