//! The engine suite tested on engines that keep the rules and on engines that break them.

mod broken;
mod disk_engine;
mod self_test;

use datastore_engine::BoxFuture;
use interface_datastore_tests::{
    block_on,
    engine::{EngineSubject, FailingEngine, ReferenceEngine, run_engine_test},
    engine_conformance,
};

use self::disk_engine::{DiskFlaw, disk_subject};

engine_conformance!(reference, || async { ReferenceEngine::new() });
engine_conformance!(while_nothing_fails, || async {
    FailingEngine::over(ReferenceEngine::new())
});
engine_conformance!(on_a_disk, || async { disk_subject(DiskFlaw::None) });

/// Stands for a runtime.
fn some_runtime(future: BoxFuture<'static, ()>) {
    block_on(future);
}

engine_conformance!(
    on_a_runtime,
    || async { EngineSubject::new(ReferenceEngine::new()) },
    block_on = some_runtime
);

#[test]
#[should_panic(expected = "there is no such case")]
fn unknown_cases_are_told() {
    run_engine_test(
        "reads",
        "nonsense",
        || async { ReferenceEngine::new() },
        block_on,
    );
}
