//! What a store says that it takes.

use std::{fs, path::Path};

use datastore_engine::Engine;
use datastore_fjall::FjallOptions;
use datastore_kv::{KvDatastore, MemoryEngine};
use datastore_redb::RedbOptions;
use interface_datastore::{Datastore, DatastoreExt, DiskUsageOptions, Key};
use pollster::block_on;

/// The bytes of the files at or below a path.
fn bytes_at(path: &Path) -> u64 {
    if path.is_file() {
        return fs::metadata(path).unwrap().len();
    }
    let entries = fs::read_dir(path).unwrap();
    entries.map(|entry| bytes_at(&entry.unwrap().path())).sum()
}

const VALUE: usize = 50_000;

/// Puts a hundred values, and gives what the store says of all and of one.
async fn told(store: &KvDatastore<impl Engine>) -> (u64, u64) {
    for n in 0..100_u8 {
        let key = Key::new(format!("/many/{n}"));
        store.put(&key, vec![n; VALUE]).await.unwrap();
    }
    let one = Key::new("/many/7");
    let of_one = store
        .disk_usage_opts(&one, DiskUsageOptions::default())
        .await
        .unwrap();
    (store.disk_usage().await.unwrap().bytes, of_one.bytes)
}

#[test]
fn space_is_that_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let file = folder.path().join("redb");
        let store = KvDatastore::open(RedbOptions::new().open(&file).await.unwrap())
            .await
            .unwrap();
        let (all, one) = told(&store).await;
        assert_eq!(
            (all, one),
            (bytes_at(&file), (VALUE + 9 + "/many/7".len()) as u64)
        );
        assert!(all >= 100 * VALUE as u64);

        let path = folder.path().join("fjall");
        let store = KvDatastore::open(FjallOptions::new().open(&path).await.unwrap())
            .await
            .unwrap();
        let (_, one) = told(&store).await;
        assert_eq!(one, (VALUE + 9 + "/many/7".len()) as u64);
        // What its threads write behind the scenes comes and goes.
        let all = store.disk_usage().await.unwrap().bytes;
        assert!(all >= 100 * VALUE as u64, "{all}");

        let store = KvDatastore::open(MemoryEngine::new()).await.unwrap();
        let (all, one) = told(&store).await;
        assert!(
            all > 100 * one - 1000 && all < 100 * one + 1000,
            "{all} of 100 times {one}"
        );
    });
}
