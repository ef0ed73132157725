//! The public suites, over stores of all kinds.

use std::{path::PathBuf, sync::Arc};

use datastore_core::{MemoryDatastore, NamespaceDatastore};
use datastore_engine::{Durability, Result};
use datastore_files::Fs;
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, Names};
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use datastore_kv::{DatastoreEngine, DatastoreEngineOptions};
use interface_datastore::{DatastoreExt, Key};
use interface_datastore_tests::{
    engine::EngineSubject, engine_conformance, engine_crash_conformance, engine_on_a_failing_disk,
    on_tokio,
};

use crate::store::PlainStore;

/// Ranges are short, as each key is a file.
fn unsynced() -> DatastoreEngineOptions {
    DatastoreEngineOptions::new()
        .durability(Durability::Process)
        .max_range_keys(500)
}

async fn in_memory() -> EngineSubject {
    let store = MemoryDatastore::new();
    let part = move || NamespaceDatastore::new(&store, Key::root());
    let engine = DatastoreEngine::open(&part()).await.unwrap();
    EngineSubject::new(engine).with_reopen(move || {
        let part = part();
        async move { DatastoreEngine::open(&part).await }
    })
}

async fn plain() -> EngineSubject {
    let store = PlainStore::new();
    let engine = DatastoreEngine::open(&store).await.unwrap();
    EngineSubject::new(engine).with_reopen(move || {
        let store = store.another();
        async move { DatastoreEngine::open(&store).await }
    })
}

/// Beside a neighbour whose keys are not to be seen.
async fn in_a_namespace() -> EngineSubject {
    let store = PlainStore::new();
    store.put(&Key::new("/log"), "neighbour").await.unwrap();
    store
        .put(&Key::new("/logs/k/00"), "neighbour")
        .await
        .unwrap();
    let part = NamespaceDatastore::new(&store, Key::new("/log/0"));
    EngineSubject::new(DatastoreEngine::open(&part).await.unwrap())
}

async fn fs(folder: PathBuf, options: DatastoreEngineOptions) -> Result<DatastoreEngine> {
    let store = FsDatastore::open(folder, FsOptions::new()).await.unwrap();
    options.open(&store).await
}

async fn on_fs() -> EngineSubject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    EngineSubject::new(fs(path.clone(), unsynced()).await.unwrap())
        .with_reopen(move || fs(path.clone(), unsynced()))
        .keeping(folder)
}

async fn flatfs(folder: PathBuf, names: Names) -> Result<DatastoreEngine> {
    let options = FlatfsOptions::new().with_names(names);
    let store = FlatfsDatastore::open(folder, options).await.unwrap();
    unsynced().open(&store).await
}

async fn on_flatfs(names: Names) -> EngineSubject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    EngineSubject::new(flatfs(path.clone(), names).await.unwrap())
        .with_reopen(move || flatfs(path.clone(), names))
        .keeping(folder)
}

/// Calls of the disk come in the same order each time.
async fn on_a_disk(disk: Arc<dyn Fs>, options: DatastoreEngineOptions) -> Result<DatastoreEngine> {
    let inline = FsOptions::new()
        .with_blocking(Blocking::Inline)
        .with_fs(disk);
    let store = FsDatastore::open("/store", inline).await.unwrap();
    options.open(&store).await
}

engine_conformance!(over_memory, in_memory);
engine_conformance!(over_a_plain_store, plain);
engine_conformance!(over_a_plain_store_on_a_runtime, plain, block_on = on_tokio);
engine_conformance!(in_a_namespace_of_a_plain_store, in_a_namespace);
engine_conformance!(over_fs, on_fs);
engine_conformance!(over_fs_on_a_runtime, on_fs, block_on = on_tokio);
engine_conformance!(over_flatfs, || on_flatfs(Names::Flatfs));
engine_conformance!(over_flatfs_with_any_names, || on_flatfs(Names::Escaped));
engine_crash_conformance!(fs_killed, |folder| fs(folder, unsynced()));
engine_crash_conformance!(flatfs_killed, |folder| flatfs(folder, Names::Flatfs));

mod failing {
    use super::*;

    async fn disk() -> EngineSubject {
        engine_on_a_failing_disk(|disk| {
            on_a_disk(disk, DatastoreEngineOptions::new().max_range_keys(500))
        })
        .await
    }

    engine_conformance!(synced, disk);
}
