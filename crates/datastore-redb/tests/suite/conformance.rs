//! The public suites.

use datastore_redb::RedbOptions;
use interface_datastore_tests::{
    engine::{EnginePlace, EngineSubject},
    engine_conformance, engine_crash_conformance, engine_place_conformance, on_tokio,
};

use crate::medium::Medium;

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
// redb verifies checksums where it is told to look at all of them, and trusts what it reads otherwise.
engine_place_conformance!(
    place,
    EnginePlace::new(|file, create| RedbOptions::new().create(create).open(file)).trusting_reads()
);
engine_place_conformance!(
    place_checked_on_open,
    EnginePlace::new(|file, create| {
        let options = RedbOptions::new().check_on_open(true);
        options.create(create).open(file)
    })
);
