//! The table of all cases.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use interface_datastore::{BoxFuture, ErrorKind};

use crate::{BlockOn, Factory, Failure, Need, Outcome, Subject, Verdict, effort::unless_stalled};

/// One case: a rule that every store keeps, and an async function that checks it.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is about: the module of its test.
    pub group: &'static str,
    /// Its name in the group: the name of its test.
    pub name: &'static str,
    /// What it needs of the store. If the store denies one of these, its refusal is checked instead.
    pub needs: &'static [Need],
    run: for<'a> fn(&'a Subject) -> BoxFuture<'a, Outcome>,
}

impl Case {
    /// Runs the case on a fresh, empty subject.
    ///
    /// # Errors
    /// The rule that the store breaks.
    pub async fn run(&self, subject: &Subject) -> Outcome<Verdict> {
        for need in self.needs {
            if let Some(verdict) = need.settle(subject).await? {
                return Ok(verdict);
            }
        }
        match (self.run)(subject).await {
            Ok(()) => Ok(Verdict::Proven),
            Err(failure) if failure.missing().is_some() => Ok(Verdict::NotProven(
                failure.missing().unwrap_or_default().into(),
            )),
            Err(failure) if self.may_refuse(subject, &failure) => Ok(Verdict::NotProven(
                "the store says that it varies, and refused here".into(),
            )),
            Err(failure) => Err(failure),
        }
    }

    /// Makes a subject, runs the case on it and lets go of it. A panic of the store is a failure.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_fresh(
        &self,
        factory: Arc<dyn Factory>,
        block_on: Arc<dyn BlockOn>,
    ) -> Outcome<Verdict> {
        let subject = Subject::make(factory, block_on).await;
        let work = unless_stalled(subject.patience(), self.run(&subject));
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        subject.tear_down().await;
        outcome.unwrap_or_else(|_| Err(Failure::new("the store panicked")))?
    }

    fn may_refuse(&self, subject: &Subject, failure: &Failure) -> bool {
        let capabilities = subject.capabilities();
        let refused = matches!(
            failure.error_kind(),
            Some(ErrorKind::Unsupported | ErrorKind::ReadOnly)
        );
        refused
            && self
                .needs
                .iter()
                .any(|need| need.claim(&capabilities) == interface_datastore::Claim::Varies)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &format_args!("{self}"))
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

macro_rules! __table {
    (() $($group:ident { $($case:ident [$($need:ident)*])* })*) => {
        &[$($(Case {
            group: stringify!($group),
            name: stringify!($case),
            needs: &[$(Need::$need),*],
            run: |subject| Box::pin($crate::cases::$group::$case(subject)),
        },)*)*]
    };
}
pub(crate) use __table;

/// All cases.
pub const CASES: &[Case] = crate::__with_cases!(__table());
