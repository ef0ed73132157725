//! The conformance cases over every pair of wrappers of a memory store.

use std::sync::Arc;

use datastore_core::MemoryDatastore;
use interface_datastore_tests::{BlockOn, CASES, Case, Factory, block_on};

use crate::wrappers::{WRAPPERS, Wrapper, named};

/// Runs the chosen cases on fresh stores; each that fails is named.
pub(crate) fn run(
    name: &str,
    chosen: impl Fn(usize) -> bool,
    factory: &Arc<dyn Factory>,
    runner: &Arc<dyn BlockOn>,
) {
    let cases = CASES.iter().enumerate().filter(|(index, _)| chosen(*index));
    let failures: Vec<String> = cases
        .filter_map(|(_, case)| failure(case, factory, runner))
        .collect();
    assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
}

fn failure(
    case: &'static Case,
    factory: &Arc<dyn Factory>,
    runner: &Arc<dyn BlockOn>,
) -> Option<String> {
    let (outcome, told) = (Arc::new(std::sync::Mutex::new(None)), factory.clone());
    let (slot, inner_runner) = (outcome.clone(), runner.clone());
    runner.run(Box::pin(async move {
        let ran = case.run_fresh(told, inner_runner).await;
        *slot.lock().expect("nobody panics with it") = Some(ran);
    }));
    let ran = outcome.lock().expect("nobody panics with it").take();
    match ran.expect("the future has ended") {
        Ok(_) => None,
        Err(failure) => Some(format!("{case}: {failure}")),
    }
}

/// All cases in a full run, else one of so many: others for each `number`.
pub(crate) fn one_of(count: usize, number: usize) -> impl Fn(usize) -> bool {
    let full = std::env::var("RS_STORES_RUNS").is_ok_and(|runs| runs == "full");
    // 7 has no divisor in common with either count that is used.
    move |index| full || (index + number * 7).is_multiple_of(count)
}

fn check((outer_name, outer): Wrapper) {
    let runner: Arc<dyn BlockOn> = Arc::new(block_on);
    let row = WRAPPERS
        .iter()
        .position(|(name, _)| *name == outer_name)
        .unwrap_or(0);
    for (column, (inner_name, inner)) in WRAPPERS.iter().enumerate() {
        let make = move || async move { outer(&inner(&MemoryDatastore::new())) };
        let factory: Arc<dyn Factory> = Arc::new(make);
        let name = format!("{outer_name} over {inner_name}");
        run(
            &name,
            one_of(10, row * WRAPPERS.len() + column),
            &factory,
            &runner,
        );
    }
}

macro_rules! outer {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(named(stringify!($name)));
        }
    )*

        #[test]
        fn every_wrapper_has_its_test() {
            let tested = [$(stringify!($name)),*];
            assert!(WRAPPERS.iter().map(|(name, _)| *name).eq(tested));
        }
    };
}

outer! {
    auto_batch cache encrypt fault key_transform measure mount namespace read_only retry sharding tiered verify
}

#[test]
fn the_tenths_cover_all_cases() {
    let pairs = WRAPPERS.len() * WRAPPERS.len();
    let uncovered = (0..CASES.len()).filter(|case| !(0..pairs).any(|pair| one_of(10, pair)(*case)));
    assert_eq!(uncovered.count(), 0);
}
