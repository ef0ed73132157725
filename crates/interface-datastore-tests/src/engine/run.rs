//! The macro that makes tests of cases, and what it calls.

use std::{future::Future, sync::Arc};

use super::{
    case::{ENGINE_CASES, EngineCase},
    subject::{EngineSubject, Make},
};
use crate::{BlockOn, Failure, Outcome, Verdict, run::run_to_end};

/// Makes one `#[test]` per case, in a module of the given name: as [`conformance!`](crate::conformance), for engines.
///
/// The second argument makes a fresh, empty engine for each case: a closure that gives a future of an
/// [`Engine`](datastore_engine::Engine) or of an [`EngineSubject`](crate::engine::EngineSubject). `block_on` names a function
/// that runs a future, for an engine that wants a runtime.
#[macro_export]
macro_rules! engine_conformance {
    ($name:ident, $factory:expr $(,)?) => {
        $crate::engine_conformance!($name, $factory, block_on = $crate::block_on);
    };
    ($name:ident, $factory:expr, block_on = $block_on:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            fn __run_case(group: &str, case: &str) {
                $crate::engine::run_engine_test(group, case, $factory, $block_on);
            }

            $crate::__with_engine_cases! { __engine_tests() }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_tests {
    (() $($group:ident { $($case:ident)* })*) => {$(
        mod $group {$(
            #[test]
            fn $case() {
                super::__run_case(stringify!($group), stringify!($case));
            }
        )*}
    )*};
}

/// Runs one case on a fresh subject, as the tests of [`engine_conformance!`](crate::engine_conformance) do, and tells what
/// was found.
///
/// # Panics
/// If the engine breaks the case's rule, or there is no such case.
pub fn run_engine_test<S, Fut>(
    group: &str,
    name: &str,
    factory: impl Fn() -> Fut + Send + Sync + 'static,
    block_on: impl BlockOn,
) -> Verdict
where
    S: Into<EngineSubject>,
    Fut: Future<Output = S> + Send + 'static,
{
    let make: Make = Arc::new(move || {
        let made = factory();
        Box::pin(async move { made.await.into() })
    });
    let known = |case: &&EngineCase| case.group == group && case.name == name;
    let outcome = match ENGINE_CASES.iter().find(known) {
        Some(case) => run_case(*case, make, Arc::new(block_on)),
        None => Err(Failure::new("there is no such case")),
    };
    match outcome {
        Ok(verdict) => verdict,
        Err(failure) => panic!("{group}::{name}: {failure}"),
    }
}

fn run_case(case: EngineCase, make: Make, block_on: Arc<dyn BlockOn>) -> Outcome<Verdict> {
    let runner = block_on.clone();
    run_to_end(
        &*runner,
        async move { case.run_fresh(make, block_on).await },
    )?
}
