//! The public suites.

use datastore_fjall::FjallOptions;
use interface_datastore_tests::{
    engine::{EnginePlace, EngineSubject},
    engine_conformance, engine_crash_conformance, engine_place_conformance, on_tokio,
};

async fn in_folder(options: FjallOptions) -> EngineSubject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    let engine = options.clone().open(&path).await.unwrap();
    EngineSubject::new(engine)
        .with_reopen(move || options.clone().open(path.clone()))
        .keeping(folder)
}

engine_conformance!(in_a_folder, || in_folder(FjallOptions::new()));
engine_conformance!(
    on_a_runtime,
    || in_folder(FjallOptions::new()),
    block_on = on_tokio
);
engine_conformance!(with_little_memory, || in_folder(
    FjallOptions::new()
        .cache_bytes(0)
        .memtable_bytes(0)
        .workers(1)
        .max_range_delete(10_000)
));
engine_crash_conformance!(killed, |folder| FjallOptions::new().open(folder));
engine_place_conformance!(
    place,
    EnginePlace::new(|folder, create| FjallOptions::new().create(create).open(folder))
);
