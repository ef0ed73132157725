//! Group commit: what is ready while a group is being worked on makes up the next one.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{FileError, Result};
use crate::hop::Blocking;
use crate::tree::lock;

/// How many jobs make up a group at most.
const MAX_GROUP: usize = 256;
/// How long a group waits at most for jobs that are nearly ready.
const MAX_WAIT: Duration = Duration::from_millis(2);

type Work<J, R> = dyn Fn(Vec<J>) -> Vec<R> + Send + Sync;

/// Gathers jobs of concurrent callers so that they share what is dear, such as syncing a folder.
///
/// Each caller prepares its job by itself, side by side with others. Whoever is ready first works, for all that are ready
/// by then; for others that are preparing it waits a little while, so that groups do not fall apart. Clones share one
/// queue.
pub struct GroupCommit<J, R> {
    shared: Arc<Shared<J, R>>,
}

impl<J, R> Clone for GroupCommit<J, R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<J, R> {
    queue: Mutex<Queue<J, R>>,
    ready: Condvar,
    work: Box<Work<J, R>>,
}

struct Queue<J, R> {
    waiting: VecDeque<(J, oneshot::Sender<R>)>,
    /// How many are preparing a job for which others may wait.
    preparing: usize,
    working: bool,
}

impl<J, R> fmt::Debug for GroupCommit<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupCommit")
    }
}

/// Whether others may wait for a job that is being prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It will be ready soon.
    Welcome,
    /// It may take long.
    Declined,
}

impl<J: Send + 'static, R: Send + 'static> GroupCommit<J, R> {
    /// Groups that are worked on by `work`, which blocks and gives an outcome for each job, in order.
    pub fn new(work: impl Fn(Vec<J>) -> Vec<R> + Send + Sync + 'static) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            preparing: 0,
            working: false,
        };
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(queue),
                ready: Condvar::new(),
                work: Box::new(work),
            }),
        }
    }

    /// Prepares a job and has it done together with others, in one hop. Once this was polled the job is done even if the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// That of `prepare`, inside; outside [`Reason::Interrupted`](crate::Reason::Interrupted), naming `path`, if the
    /// runtime is shutting down.
    pub async fn submit<E: Send + 'static>(
        &self,
        blocking: Blocking,
        path: &Path,
        company: Company,
        prepare: impl FnOnce() -> Result<J, E> + Send + 'static,
    ) -> Result<Result<R, E>> {
        let shared = Arc::clone(&self.shared);
        let step = move || {
            let preparing = Preparing::new(&shared, company);
            let job = prepare();
            let queued = job.map(|job| shared.enqueue(job));
            drop(preparing);
            queued.map(|(outcome, lead)| {
                if lead {
                    Turn(&shared).work();
                }
                outcome
            })
        };
        match blocking.run(path, step).await? {
            Ok(outcome) => {
                let outcome = outcome.await;
                outcome.map(Ok).map_err(|_| FileError::interrupted(path))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

impl<J, R> Shared<J, R> {
    /// Queues a job; true if the caller has to work.
    fn enqueue(&self, job: J) -> (oneshot::Receiver<R>, bool) {
        let (sender, receiver) = oneshot::channel();
        let mut queue = lock(&self.queue);
        queue.waiting.push_back((job, sender));
        let lead = !std::mem::replace(&mut queue.working, true);
        (receiver, lead)
    }

    /// The next group; none if nothing waits, and then the turn is over.
    fn next_group(&self) -> Vec<(J, oneshot::Sender<R>)> {
        let mut queue = lock(&self.queue);
        if !queue.waiting.is_empty() {
            let waited = self
                .ready
                .wait_timeout_while(queue, MAX_WAIT, |queue| queue.is_small());
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let size = queue.waiting.len().min(MAX_GROUP);
        if size == 0 {
            // From here on the next caller leads.
            queue.working = false;
        }
        queue.waiting.drain(..size).collect()
    }
}

impl<J, R> Queue<J, R> {
    /// Whether it is better to wait: while one half of the callers has its jobs done, the other half prepares.
    fn is_small(&self) -> bool {
        self.preparing > self.waiting.len() && self.waiting.len() < MAX_GROUP
    }
}

/// Counts one who prepares.
struct Preparing<'a, J, R> {
    shared: &'a Shared<J, R>,
    company: Company,
}

impl<'a, J, R> Preparing<'a, J, R> {
    fn new(shared: &'a Shared<J, R>, company: Company) -> Self {
        if company == Company::Welcome {
            lock(&shared.queue).preparing += 1;
        }
        Self { shared, company }
    }
}

impl<J, R> Drop for Preparing<'_, J, R> {
    fn drop(&mut self) {
        if self.company == Company::Welcome {
            let mut queue = lock(&self.shared.queue);
            queue.preparing -= 1;
            if !queue.is_small() {
                self.shared.ready.notify_all();
            }
        }
    }
}

/// The right to work. If the work panics, what waits is let go.
struct Turn<'a, J, R>(&'a Shared<J, R>);

impl<J, R> Turn<'_, J, R> {
    fn work(self) {
        loop {
            let group = self.0.next_group();
            if group.is_empty() {
                std::mem::forget(self);
                return;
            }
            let (jobs, senders): (Vec<J>, Vec<_>) = group.into_iter().unzip();
            let outcomes = (self.0.work)(jobs);
            for (sender, outcome) in senders.into_iter().zip(outcomes) {
                // Nobody may be waiting any more.
                let _ = sender.send(outcome);
            }
        }
    }
}

impl<J, R> Drop for Turn<'_, J, R> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.working = false;
        queue.waiting.clear();
    }
}
