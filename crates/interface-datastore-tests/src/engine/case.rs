//! The table of the cases of engines.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use datastore_engine::BoxFuture;
use futures_util::FutureExt;

use super::subject::{EngineSubject, Make};
use crate::{BlockOn, Failure, Outcome, Verdict, effort::unless_stalled};

/// How long an engine may go without waking its caller.
const PATIENCE: Duration = Duration::from_secs(60);

/// One case: a rule that every engine keeps, and an async function that checks it.
#[derive(Clone, Copy)]
pub struct EngineCase {
    /// What it is about: the module of its test.
    pub group: &'static str,
    /// Its name in the group: the name of its test.
    pub name: &'static str,
    run: for<'a> fn(&'a EngineSubject) -> BoxFuture<'a, Outcome<Verdict>>,
}

impl EngineCase {
    /// Runs the case on a fresh, empty subject. What the engine does not claim must be refused
    /// ([`Verdict::Refused`]); what the subject has no means for is [`Verdict::NotProven`].
    ///
    /// # Errors
    /// The rule that the engine breaks.
    pub async fn run(&self, subject: &EngineSubject) -> Outcome<Verdict> {
        match (self.run)(subject).await {
            Err(failure) => match failure.missing() {
                Some(missing) => Ok(Verdict::NotProven(missing.to_owned())),
                None => Err(failure),
            },
            outcome => outcome,
        }
    }

    /// Makes a subject, runs the case on it and lets go of it. A panic of the engine is a failure.
    pub(crate) async fn run_fresh(
        &self,
        make: Make,
        block_on: Arc<dyn BlockOn>,
    ) -> Outcome<Verdict> {
        let subject = EngineSubject::make(&make, block_on).await;
        let work = unless_stalled(PATIENCE, self.run(&subject));
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        subject.tear_down().await;
        outcome.unwrap_or_else(|_| Err(Failure::new("the engine panicked")))?
    }
}

impl fmt::Display for EngineCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

impl fmt::Debug for EngineCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EngineCase({self})")
    }
}

/// All cases of engines, handed to a macro of this crate: groups and cases.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_engine_cases {
    ($callback:ident $args:tt) => {
        $crate::$callback! { $args
            reads { get get_many sizes keys refused_keys inline }
            batches {
                last_wins range_deletes bounded_ranges none_at_all all_or_nothing reused large durabilities
                inline unpolled dropped in_order
            }
            scans { bounds prefixes limits keys_only long lazy one_moment }
            snapshots { isolated several closed }
            upkeep { sync size compact check closed reopened }
            threads { atomic_for_readers batches_for_single_gets acknowledged_is_there }
            model { operations }
            faults { no_space write_error short_write sync_error read_error }
            power { survives }
        }
    };
}

macro_rules! __engine_table {
    (() $($group:ident { $($case:ident)* })*) => {
        &[$($(EngineCase {
            group: stringify!($group),
            name: stringify!($case),
            run: |subject| Box::pin($crate::engine::cases::$group::$case(subject)),
        },)*)*]
    };
}
pub(crate) use __engine_table;

/// All cases of engines.
pub const ENGINE_CASES: &[EngineCase] = crate::__with_engine_cases!(__engine_table());
