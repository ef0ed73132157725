//! The public suites.

use std::path::PathBuf;

use datastore_fjall::{FjallEngine, FjallOptions};
use datastore_kv::{KvDatastore, KvOptions, MemoryEngine};
use datastore_redb::{RedbEngine, RedbOptions};
use interface_datastore::Result;
use interface_datastore_tests::{
    Subject, conformance, crash_conformance, engine_conformance, on_tokio,
};

async fn redb(file: PathBuf) -> Result<KvDatastore<RedbEngine>> {
    let engine = RedbOptions::new().open(&file).await.unwrap();
    KvOptions::new().path(file).open(engine).await
}

async fn fjall(folder: PathBuf) -> Result<KvDatastore<FjallEngine>> {
    let engine = FjallOptions::new().open(&folder).await.unwrap();
    KvOptions::new().path(folder).open(engine).await
}

async fn on_redb() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Subject::new(redb(path.clone()).await.unwrap())
        .with_reopen(move || redb(path.clone()))
        .keeping(folder)
}

async fn on_fjall() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Subject::new(fjall(path.clone()).await.unwrap())
        .with_reopen(move || fjall(path.clone()))
        .keeping(folder)
}

engine_conformance!(memory_engine, || async { MemoryEngine::new() });
conformance!(over_memory, || async {
    KvDatastore::open(MemoryEngine::new()).await.unwrap()
});
conformance!(over_redb, on_redb);
conformance!(over_redb_on_a_runtime, on_redb, block_on = on_tokio);
conformance!(over_fjall, on_fjall);
conformance!(over_fjall_on_a_runtime, on_fjall, block_on = on_tokio);
crash_conformance!(redb_killed, redb);
crash_conformance!(fjall_killed, fjall);
