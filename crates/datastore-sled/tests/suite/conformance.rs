//! The public suites.

use datastore_sled::SledOptions;
use interface_datastore_tests::{
    engine::{EnginePlace, EngineSubject},
    engine_conformance, engine_crash_conformance, engine_place_conformance,
};

use crate::runtime::on_tokio;

async fn in_folder(options: SledOptions) -> EngineSubject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    let engine = options.clone().open(&path).await.unwrap();
    EngineSubject::new(engine)
        .with_reopen(move || options.clone().open(path.clone()))
        .keeping(folder)
}

engine_conformance!(in_a_folder, || in_folder(SledOptions::new()));
engine_conformance!(
    on_a_runtime,
    || in_folder(SledOptions::new()),
    block_on = on_tokio
);
engine_conformance!(with_little_memory, || in_folder(
    SledOptions::new().cache_bytes(0).max_range_delete(10_000)
));
engine_crash_conformance!(killed, |folder| SledOptions::new().open(folder));
engine_place_conformance!(
    place,
    EnginePlace::new(|folder, create| SledOptions::new().create(create).open(folder))
);
