//! Opening, reading and listing a database that npm classic-level wrote.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use datastore_leveldb::{LevelDatastore, LevelOptions, Lock};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key, Query};
use pollster::block_on;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tables_snappy");

fn open(options: LevelOptions) -> LevelDatastore {
    block_on(LevelDatastore::open(
        FOLDER,
        options.with_lock(Lock::Ignore),
    ))
    .expect("a fixture")
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("leveldb");
    group.bench_function("open", |b| b.iter(|| open(LevelOptions::new())));
    let key = Key::new("/blocks/0001");
    for (name, cache) in [("cached", 8 << 20), ("uncached", 0)] {
        let store = open(LevelOptions::new().with_block_cache(cache));
        group.bench_function(format!("get/{name}"), |b| {
            b.iter(|| block_on(store.get(&key)).expect("an entry"));
        });
        for (way, query) in [("up", Query::all()), ("down", Query::all().reversed())] {
            group.bench_function(format!("list/{way}/{name}"), |b| {
                b.iter(|| {
                    block_on(store.query(query.clone()).try_collect::<Vec<_>>()).expect("a list")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
