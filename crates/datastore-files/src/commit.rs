//! Changes of several callers, made durable together.

use std::time::{Duration, Instant};

use crate::beside::side_by_side;
use crate::error::Result;
use crate::group::GroupCommit;
use crate::publish::{Change, Changed, Safety};
use crate::tree::Tree;

/// A group gets one more thread to prepare changes for so many of them.
const JOBS_PER_THREAD: usize = 8;
/// Shorter jobs are done by one thread, or two if all of them take [`WORTH_ONE`]. It takes 5 µs to write a small value, and 30 to
/// write one of 256 KiB.
const WORTH_WAKING: Duration = Duration::from_micros(15);
/// For less than this no thread is woken.
const WORTH_ONE: Duration = Duration::from_micros(50);

/// Prepares a change that shall survive loss of power, its value written already; or tells the outcome if there is nothing
/// to change. Blocks.
pub type Job<T> = Box<dyn FnOnce() -> Result<Prepared<T>, T> + Send>;

/// See [`Prepared::conclude`].
pub type Conclude<T> = Box<dyn FnOnce(Result<Changed>) -> T + Send>;

/// A change whose time has come, and what follows it.
pub struct Prepared<T> {
    /// The change.
    pub change: Change,
    /// Makes the caller's outcome of the change's. What must be held until then, such as a key, is held by this.
    pub conclude: Conclude<T>,
}

impl<T> std::fmt::Debug for Prepared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> GroupCommit<Job<T>, T> {
    /// Groups whose changes are applied to a tree at [`Safety::Power`], so that they share their syncs.
    #[must_use]
    pub fn of_changes(tree: Tree) -> Self {
        Self::telling(move |jobs, tell| commit(&tree, jobs, tell))
    }
}

/// Prepares the changes, by several threads if that takes longer than it takes to wake them: the second one shows, as for
/// the first one everything is cold.
fn prepare<T: Send + 'static>(jobs: Vec<Job<T>>) -> Vec<Result<Prepared<T>, T>> {
    let helpers = jobs.len() / JOBS_PER_THREAD;
    let mut prepared = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    prepared.extend(jobs.next().map(|job| job()));
    let started = Instant::now();
    prepared.extend(jobs.next().map(|job| job()));
    let one = started.elapsed();
    let all = one.saturating_mul(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
    let helpers = match one {
        long if long >= WORTH_WAKING => helpers,
        _ if all >= WORTH_ONE => helpers.min(1),
        _ => 0,
    };
    prepared.extend(side_by_side(jobs.collect(), helpers, |job| job()));
    prepared
}

fn commit<T: Send + 'static>(tree: &Tree, jobs: Vec<Job<T>>, tell: &mut dyn FnMut(T)) {
    let prepared = prepare(jobs);
    let mut changes = Vec::with_capacity(prepared.len());
    let mut rest = Vec::with_capacity(prepared.len());
    for job in prepared {
        rest.push(job.map(|ready| {
            changes.push(ready.change);
            ready.conclude
        }));
    }
    let (outcomes, opened) = tree.apply_before_closing(changes, Safety::Power);
    let mut outcomes = outcomes.into_iter();
    let conclude = |job: Result<Conclude<T>, T>| match job {
        // apply gives as many outcomes as it takes changes.
        Ok(conclude) => conclude(outcomes.next().unwrap_or(Ok(Changed::WasAbsent))),
        Err(outcome) => outcome,
    };
    rest.into_iter().map(conclude).for_each(tell);
    drop(opened);
}
