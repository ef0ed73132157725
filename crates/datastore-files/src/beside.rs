//! The same blocking work on many things, several at a time.

use std::any::Any;
use std::iter::Enumerate;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::vec::IntoIter;

use crate::tree::lock;

type Caught<R> = Result<R, Box<dyn Any + Send>>;

/// Does `work` on each of `items`, on the calling thread and up to `helpers` more, and gives the outcomes in order. What
/// waits for the disk waits together then: the system merges concurrent syncs.
///
/// Helpers are the runtime's blocking threads where there is a runtime. If they are busy, or there are no more threads,
/// the caller does all of it. Blocks.
///
/// # Panics
///
/// If the work does, after the rest of it is done.
pub fn side_by_side<T, R>(
    items: Vec<T>,
    helpers: usize,
    work: impl Fn(T) -> R + Send + Sync + 'static,
) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let helpers = helpers.min(items.len().saturating_sub(1));
    if helpers == 0 {
        return items.into_iter().map(work).collect();
    }
    let shared = Arc::new(Shared {
        outcomes: Mutex::new(Outcomes {
            open: items.len(),
            done: items.iter().map(|_| None).collect(),
        }),
        todo: Mutex::new(items.into_iter().enumerate()),
        finished: Condvar::new(),
        work,
    });
    for _ in 0..helpers {
        let shared = Arc::clone(&shared);
        help(move || shared.run());
    }
    shared.run();
    shared.wait()
}

fn help(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => drop(std::thread::Builder::new().spawn(work)),
    }
}

struct Shared<T, R, W> {
    todo: Mutex<Enumerate<IntoIter<T>>>,
    outcomes: Mutex<Outcomes<R>>,
    finished: Condvar,
    work: W,
}

struct Outcomes<R> {
    open: usize,
    done: Vec<Option<Caught<R>>>,
}

impl<T, R, W: Fn(T) -> R> Shared<T, R, W> {
    /// Takes one thing after another until none is left.
    fn run(&self) {
        loop {
            let next = lock(&self.todo).next();
            let Some((index, item)) = next else { return };
            let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(item)));
            let mut outcomes = lock(&self.outcomes);
            if let Some(place) = outcomes.done.get_mut(index) {
                *place = Some(outcome);
            }
            outcomes.open -= 1;
            if outcomes.open == 0 {
                self.finished.notify_all();
            }
        }
    }

    /// Waits for what helpers have taken; what one of them panicked with goes on from here.
    fn wait(&self) -> Vec<R> {
        let outcomes = self
            .finished
            .wait_while(lock(&self.outcomes), |outcomes| outcomes.open > 0);
        let mut outcomes = outcomes.unwrap_or_else(PoisonError::into_inner);
        let done = std::mem::take(&mut outcomes.done);
        drop(outcomes);
        let passed_on = |outcome: Caught<R>| outcome.unwrap_or_else(|panic| resume_unwind(panic));
        done.into_iter().flatten().map(passed_on).collect()
    }
}
