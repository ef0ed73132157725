//! The macro that makes tests of cases, and what it calls.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{BlockOn, CASES, Factory, Failure, Outcome, Verdict};

/// Makes one `#[test]` per case, in a module of the given name.
///
/// The second argument makes a fresh, empty store for each case: a closure that gives a future of a [`Datastore`] or of
/// a [`Subject`]. Futures run without a runtime; for a store that wants one, name a function that runs a future:
/// `block_on = my_runtime`, where `fn my_runtime(future: BoxFuture<'static, ()>)`. It is called on many threads.
///
/// ```
/// use interface_datastore_tests::{ReferenceDatastore, conformance};
///
/// conformance!(my_store, || async { ReferenceDatastore::new() });
/// # fn main() {}
/// ```
///
/// [`Datastore`]: interface_datastore::Datastore
/// [`Subject`]: crate::Subject
#[macro_export]
macro_rules! conformance {
    ($name:ident, $factory:expr $(,)?) => {
        $crate::conformance!($name, $factory, block_on = $crate::block_on);
    };
    ($name:ident, $factory:expr, block_on = $block_on:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            fn __run_case(group: &str, case: &str) {
                $crate::run_test(group, case, $factory, $block_on);
            }

            $crate::__with_cases! { __tests() }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (() $($group:ident { $($case:ident [$($need:ident)*])* })*) => {$(
        mod $group {$(
            #[test]
            fn $case() {
                super::__run_case(stringify!($group), stringify!($case));
            }
        )*}
    )*};
}

/// Runs one case on a fresh subject, as the tests of [`conformance!`] do, and tells what was found.
///
/// # Panics
/// If the store breaks the case's rule, or there is no such case.
pub fn run_test(group: &str, name: &str, factory: impl Factory, block_on: impl BlockOn) -> Verdict {
    let (factory, block_on): (Arc<dyn Factory>, Arc<dyn BlockOn>) =
        (Arc::new(factory), Arc::new(block_on));
    match outcome(group, name, factory, block_on) {
        Ok(verdict) => verdict,
        Err(failure) => panic!("{group}::{name}: {failure}"),
    }
}

fn outcome(
    group: &str,
    name: &str,
    factory: Arc<dyn Factory>,
    block_on: Arc<dyn BlockOn>,
) -> Outcome<Verdict> {
    let case = CASES
        .iter()
        .find(|case| case.group == group && case.name == name)
        .ok_or_else(|| Failure::new("there is no such case"))?;
    let runner = block_on.clone();
    run_to_end(
        &*runner,
        async move { case.run_fresh(factory, block_on).await },
    )?
}

/// Runs a future on the caller's executor and brings its outcome back.
pub(crate) fn run_to_end<T: Send + 'static>(
    block_on: &dyn BlockOn,
    future: impl Future<Output = T> + interface_datastore::MaybeSend + 'static,
) -> Outcome<T> {
    let slot = Arc::new(Mutex::new(None));
    let filled = slot.clone();
    block_on.run(Box::pin(async move {
        let outcome = future.await;
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }));
    let outcome = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.ok_or_else(|| Failure::new("block_on returned before the future ended"))
}
