//! The rules of ordered engines ([`datastore_engine::Engine`]), as tests that you run on your own engine.
//!
//! ```
//! use interface_datastore_tests::{engine::ReferenceEngine, engine_conformance};
//!
//! // Your engine instead of this one: each test makes a fresh, empty one.
//! engine_conformance!(my_engine, || async { ReferenceEngine::new() });
//! # fn main() {}
//! ```
//!
//! What the engine claims in its [`EngineCapabilities`](datastore_engine::EngineCapabilities) is proven, what it does not
//! claim must be refused. A factory that gives an [`EngineSubject`] offers more means: a way to open the data again, a medium
//! that fails, one that loses power. [`engine_crash_conformance!`](crate::engine_crash_conformance) kills a writing process.
//! What a case cannot prove for lack of means it tells as "not proven", never as passed: see [`EngineCase::run`].

mod as_store;
mod case;
mod cases;
mod failing;
mod file;
mod place;
mod reference;
mod run;
mod store_over;
mod subject;

pub(crate) use self::case::__engine_table;
pub use self::{
    as_store::survives_kills,
    case::{ENGINE_CASES, EngineCase},
    failing::FailingEngine,
    file::SimulatedFile,
    place::{EnginePlace, run_engine_place_test},
    reference::ReferenceEngine,
    run::run_engine_test,
    store_over::{EngineStoreOpener, over_a_failing_engine},
    subject::{EngineCrashSubject, EngineSubject},
};
