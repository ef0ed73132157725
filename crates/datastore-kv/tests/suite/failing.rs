//! Engines that fail and lose power: nothing acknowledged is lost at its durability, and the store goes on.

use datastore_fjall::FjallOptions;
use datastore_kv::{KvDatastore, MemoryEngine};
use datastore_redb::RedbOptions;
use interface_datastore::BoxFuture;
use interface_datastore_tests::{
    Verdict, block_on,
    engine::{EngineSubject, FailingEngine, over_a_failing_engine},
    run_test,
};

type Make = fn() -> BoxFuture<'static, EngineSubject>;

fn memory() -> BoxFuture<'static, EngineSubject> {
    Box::pin(async { MemoryEngine::new().into() })
}

fn redb() -> BoxFuture<'static, EngineSubject> {
    Box::pin(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database");
        let open = move || RedbOptions::new().open(path.clone());
        let engine = open().await.unwrap();
        EngineSubject::new(engine).with_reopen(open).keeping(folder)
    })
}

fn fjall() -> BoxFuture<'static, EngineSubject> {
    Box::pin(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database");
        let open = move || FjallOptions::new().workers(1).open(path.clone());
        let engine = open().await.unwrap();
        EngineSubject::new(engine).with_reopen(open).keeping(folder)
    })
}

fn proves(engine: Make, cases: &[(&str, &str)]) {
    for (group, case) in cases {
        let factory = move || async move {
            over_a_failing_engine(engine().await, |engine: FailingEngine| {
                KvDatastore::open(engine)
            })
            .await
        };
        let verdict = run_test(group, case, factory, block_on);
        assert_eq!(verdict, Verdict::Proven, "{group}::{case}");
    }
}

/// The others are about names of files.
const FAULTS: [(&str, &str); 5] = [
    ("faults", "no_space"),
    ("faults", "write_error"),
    ("faults", "sync_error"),
    ("faults", "read_error"),
    ("faults", "failed_sync_stays_failed"),
];

#[test]
fn faults_over_memory() {
    // Nothing in memory is ever synced.
    proves(memory, &FAULTS[..4]);
}

#[test]
fn faults_over_redb() {
    proves(redb, &FAULTS);
}

#[test]
fn faults_over_fjall() {
    proves(fjall, &FAULTS);
}

#[test]
fn power_over_redb() {
    proves(redb, &[("power", "ordered"), ("power", "power")]);
}

#[test]
fn power_over_fjall() {
    proves(fjall, &[("power", "ordered"), ("power", "power")]);
}
