//! The order of commits: they take effect in the order in which they were first polled, those that wait together as one.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use datastore_engine::{Batch, BoxFuture, Error, Result};
use futures_util::{FutureExt, future::Shared};

use super::{core::Core, journal};

/// The commits that wait, and the round of those that are being carried out. Callers drive the round together; one that
/// all of them let go of goes on with whoever comes next.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// A caller has let go of a commit that is being carried out: it must be over before anybody looks.
    orphaned: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// The round under way, with its number.
    round: Option<(u64, Round)>,
    rounds: u64,
    closed: bool,
}

type Round = Shared<BoxFuture<'static, ()>>;

struct Waiting {
    batch: Batch,
    outcome: Arc<Outcome>,
}

/// How a commit ended, once it has.
#[derive(Default)]
struct Outcome(Mutex<Option<Result<()>>>);

impl Outcome {
    fn get(&self) -> Option<Result<()>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, outcome: Result<()>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a batch behind those that were polled before it.
    pub(super) async fn commit(&self, core: &Arc<Core>, batch: &Batch) -> Result<()> {
        let ticket = self.enter(batch.clone())?;
        loop {
            if let Some(outcome) = ticket.outcome.get() {
                return outcome;
            }
            match self.round(core) {
                Some(round) => self.drive(round).await,
                // What is neither waiting nor under way has an outcome.
                None => return Err(Error::closed()),
            }
        }
    }

    fn enter(&self, batch: Batch) -> Result<Ticket<'_>> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::closed());
        }
        let outcome = Arc::<Outcome>::default();
        state.waiting.push_back(Waiting {
            batch,
            outcome: outcome.clone(),
        });
        Ok(Ticket {
            queue: self,
            outcome,
        })
    }

    /// The round under way, or a new one of those that wait.
    fn round(&self, core: &Arc<Core>) -> Option<(u64, Round)> {
        let mut state = self.state();
        if state.round.is_none() {
            let group = take_group(&mut state.waiting, core.most_together);
            if group.is_empty() {
                return None;
            }
            let core = core.clone();
            let work: BoxFuture<'static, ()> = Box::pin(async move {
                let (batches, outcomes): (Vec<_>, Vec<_>) = group
                    .into_iter()
                    .map(|one| (one.batch, one.outcome))
                    .unzip();
                let outcome = core.carry_out(&batches).await;
                outcomes.iter().for_each(|told| told.set(outcome.clone()));
            });
            state.rounds += 1;
            state.round = Some((state.rounds, work.shared()));
        }
        state.round.clone()
    }

    async fn drive(&self, (number, round): (u64, Round)) {
        round.await;
        let mut state = self.state();
        if state
            .round
            .as_ref()
            .is_some_and(|(other, _)| *other == number)
        {
            state.round = None;
            self.orphaned.store(false, Ordering::SeqCst);
        }
    }

    /// Waits until no commit is half done whose caller is gone.
    pub(super) async fn settle(&self) {
        if self.orphaned.load(Ordering::SeqCst) {
            let round = self.state().round.clone();
            if let Some(round) = round {
                self.drive(round).await;
            }
        }
    }

    /// Takes no more commits, and waits for those that it has.
    pub(super) async fn close(&self, core: &Arc<Core>) {
        self.state().closed = true;
        while let Some(round) = self.round(core) {
            self.drive(round).await;
        }
    }
}

/// Those in front that can be committed as one. Ranges may turn out to be too long: a batch with any goes alone, and fails alone.
fn take_group(waiting: &mut VecDeque<Waiting>, most: u64) -> Vec<Waiting> {
    let mut group: Vec<Waiting> = waiting.pop_front().into_iter().collect();
    let Some(first) = group
        .first()
        .filter(|first| !first.batch.has_range_deletes())
    else {
        return group;
    };
    let mut bytes = journal::len_at_most(&first.batch);
    while let Some(next) = waiting.front() {
        bytes = bytes.saturating_add(journal::len_at_most(&next.batch));
        if next.batch.has_range_deletes() || bytes > most {
            break;
        }
        group.extend(waiting.pop_front());
    }
    group
}

/// A caller's place in the queue.
struct Ticket<'a> {
    queue: &'a Queue,
    outcome: Arc<Outcome>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.outcome.get().is_some() {
            return;
        }
        let mut state = self.queue.state();
        let place = state
            .waiting
            .iter()
            .position(|waiting| Arc::ptr_eq(&waiting.outcome, &self.outcome));
        match place {
            // It has not begun, and never will.
            Some(place) => drop(state.waiting.remove(place)),
            None if state.round.is_some() => self.queue.orphaned.store(true, Ordering::SeqCst),
            None => {}
        }
    }
}
