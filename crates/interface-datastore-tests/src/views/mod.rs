//! Wrappers that show a part of a store: nothing that is done through them may leave that part.

mod cases;
mod read_only;
mod recorder;

use std::sync::{Arc, Mutex, PoisonError};

use interface_datastore::{Datastore, Key};

pub(crate) use self::recorder::Recorder;
use crate::{BlockOn, Failure, Outcome, ReferenceDatastore, run::run_to_end};

/// Everything that an inner store was asked: the operation's name, and the key or scope.
pub(crate) type Log = Arc<Mutex<Vec<(&'static str, Key)>>>;

/// A wrapper over a store of this crate that can do everything and remembers what it was asked.
pub(crate) struct View {
    pub(crate) outer: Arc<dyn Datastore>,
    pub(crate) inner: ReferenceDatastore,
    /// The key of the inner store that the wrapper shows as its root.
    pub(crate) scope: Key,
    log: Log,
}

impl View {
    fn new(scope: Key, wrap: &dyn Fn(Arc<dyn Datastore>) -> Arc<dyn Datastore>) -> Self {
        let (inner, log) = (ReferenceDatastore::new(), Log::default());
        let outer = wrap(Arc::new(Recorder::new(inner.clone(), log.clone())));
        Self {
            outer,
            inner,
            scope,
            log,
        }
    }

    /// What the inner store has been asked since the last time.
    pub(crate) fn take_log(&self) -> Vec<(&'static str, Key)> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The inner key of an outer one.
    pub(crate) fn inside(&self, key: &Key) -> Key {
        self.scope.child(key)
    }
}

/// All rules of views, handed to a macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_view_cases {
    ($callback:ident $args:tt) => {
        $crate::$callback! { $args
            stays_inside
            foreign_entries_are_hidden
            batch_conditions
            expiry
            watch
            maintenance
            disk_usage_and_sync
            errors_name_outer_keys
        }
    };
}

/// Makes one `#[test]` for each rule of wrappers that show a part of a store: that no TTL, batch condition, watch,
/// maintenance, sync or disk usage leaves it.
///
/// The second argument wraps any store; the third is the key of the inner store that the wrapper shows as its root.
///
/// ```
/// # use interface_datastore_tests::namespace_conformance;
/// # mod my { use std::sync::Arc; use interface_datastore::Datastore;
/// # pub fn namespaced(inner: Arc<dyn Datastore>, _: &str) -> Arc<dyn Datastore> { inner } }
/// namespace_conformance!(namespace_keeps_inside, |inner| my::namespaced(inner, "/a/b"), "/a/b");
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! namespace_conformance {
    ($name:ident, $wrap:expr, $scope:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            fn __run_case(case: &str) {
                $crate::run_view_test(case, $scope, $wrap);
            }

            $crate::__with_view_cases! { __view_tests() }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __view_tests {
    (() $($case:ident)*) => {$(
        #[test]
        fn $case() {
            __run_case(stringify!($case));
        }
    )*};
}

type Run = for<'a> fn(&'a View) -> interface_datastore::BoxFuture<'a, Outcome>;

macro_rules! __view_table {
    (() $($case:ident)*) => {
        &[$((stringify!($case), |view| Box::pin($crate::views::cases::$case(view)))),*]
    };
}
pub(crate) use __view_table;

const CASES: &[(&str, Run)] = crate::__with_view_cases!(__view_table());

/// Names of the rules that [`namespace_conformance!`](crate::namespace_conformance) tests.
pub fn view_cases() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Checks one rule of wrappers that show a part of a store.
///
/// # Errors
/// The way in which something leaves the part, or that there is no such rule.
pub fn check_view(
    case: &str,
    scope: &str,
    wrap: impl Fn(Arc<dyn Datastore>) -> Arc<dyn Datastore>,
    block_on: &dyn BlockOn,
) -> Outcome {
    let run = CASES
        .iter()
        .find(|(name, _)| *name == case)
        .map(|(_, run)| *run);
    let run = run.ok_or_else(|| Failure::new(format!("there is no rule {case}")))?;
    let view = View::new(Key::new(scope), &wrap);
    run_to_end(block_on, async move { run(&view).await })?
}

/// What the tests of [`namespace_conformance!`](crate::namespace_conformance) call.
///
/// # Panics
/// If the wrapper breaks the rule.
pub fn run_view_test(
    case: &str,
    scope: &str,
    wrap: impl Fn(Arc<dyn Datastore>) -> Arc<dyn Datastore>,
) {
    if let Err(failure) = check_view(case, scope, wrap, &crate::block_on) {
        panic!("{case}: {failure}");
    }
}

/// Makes a `#[test]` that a wrapper refuses everything that writes, and passes everything that reads.
///
/// The second argument wraps any store.
///
/// ```
/// # use interface_datastore_tests::read_only_conformance;
/// # mod my { use std::sync::Arc; use interface_datastore::Datastore;
/// # pub fn read_only(inner: Arc<dyn Datastore>) -> Arc<dyn Datastore> { inner } }
/// read_only_conformance!(read_only_refuses, |inner| my::read_only(inner));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! read_only_conformance {
    ($name:ident, $wrap:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            #[test]
            fn refuses_writes_and_passes_reads() {
                if let Err(failure) = $crate::check_read_only($wrap, &$crate::block_on) {
                    panic!("{failure}");
                }
            }
        }
    };
}

/// Checks that a wrapper refuses everything that writes, and passes everything that reads.
///
/// # Errors
/// What it lets through or keeps back.
pub fn check_read_only(
    wrap: impl Fn(Arc<dyn Datastore>) -> Arc<dyn Datastore>,
    block_on: &dyn BlockOn,
) -> Outcome {
    let view = View::new(Key::root(), &wrap);
    run_to_end(block_on, async move { read_only::check(&view).await })?
}
