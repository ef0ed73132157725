//! The public suites.

use datastore_redb::RedbOptions;
use interface_datastore_tests::{
    engine::EngineSubject, engine_conformance, engine_crash_conformance,
};

use crate::{medium::Medium, runtime::on_tokio};

async fn on_file(options: RedbOptions) -> EngineSubject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    let engine = options.clone().open(&path).await.unwrap();
    EngineSubject::new(engine)
        .with_reopen(move || options.clone().open(path.clone()))
        .keeping(folder)
}

engine_conformance!(on_a_file, || on_file(RedbOptions::new()));
engine_conformance!(
    on_a_runtime,
    || on_file(RedbOptions::new()),
    block_on = on_tokio
);
engine_conformance!(with_little_memory, || on_file(
    RedbOptions::new().cache_bytes(0).quick_repair(false)
));
engine_conformance!(on_a_failing_medium, || async {
    Medium::default().subject().await
});
engine_crash_conformance!(killed, |file| RedbOptions::new().open(file));
