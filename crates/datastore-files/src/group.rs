//! Group commit: what comes while a group is being worked on makes up the next one.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{FileError, Result};
use crate::hop::Blocking;
use crate::tree::lock;

/// How many jobs make up a group at most.
const MAX_GROUP: usize = 256;
/// How long a group waits at most for the jobs of those who were in the last one.
const MAX_WAIT: Duration = Duration::from_millis(2);
/// The wait is at most this part of the time that the last group took, so that it costs little where nobody comes.
const WAIT_PART: u32 = 4;

type Work<J, R> = dyn Fn(Vec<J>, &mut dyn FnMut(R)) + Send + Sync;

/// Gathers jobs of concurrent callers so that they share what is dear, such as syncing a folder.
///
/// Whoever comes while nobody works takes the turn, and works for all that have come by then. The turn waits a little
/// while for as many as the last group had: callers that write one thing after another come back together, and groups
/// do not fall apart. Clones share one queue.
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
    /// Told when a group is as large as the last one.
    enough: Condvar,
    work: Box<Work<J, R>>,
}

struct Queue<J, R> {
    waiting: VecDeque<(J, oneshot::Sender<R>)>,
    working: bool,
    last: LastGroup,
}

/// What the next group goes by.
#[derive(Clone, Copy, Default)]
struct LastGroup {
    size: usize,
    took: Duration,
}

impl<J, R> fmt::Debug for GroupCommit<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupCommit")
    }
}

impl<J: Send + 'static, R: Send + 'static> GroupCommit<J, R> {
    /// Groups that are worked on by `work`, which blocks and gives an outcome for each job, in order.
    pub fn new(work: impl Fn(Vec<J>) -> Vec<R> + Send + Sync + 'static) -> Self {
        Self::telling(move |jobs, tell| work(jobs).into_iter().for_each(tell))
    }

    /// Groups that are worked on by `work`, which blocks and tells the outcome of each job, in order. The callers do not wait for
    /// what it does after that.
    pub fn telling(work: impl Fn(Vec<J>, &mut dyn FnMut(R)) + Send + Sync + 'static) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            working: false,
            last: LastGroup::default(),
        };
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(queue),
                enough: Condvar::new(),
                work: Box::new(work),
            }),
        }
    }

    /// Has a job done together with others, in one hop for all. Once this was polled the job is done even if the future
    /// is dropped or the runtime ends.
    ///
    /// # Errors
    ///
    /// [`Reason::Interrupted`](crate::Reason::Interrupted), naming `path`, if the work panicked or no thread could be had for it.
    pub async fn submit(&self, blocking: Blocking, path: &Path, job: J) -> Result<R> {
        let (outcome, turn) = self.shared.enqueue(job);
        if let Some(turn) = turn {
            if blocking.hops() {
                drop(tokio::task::spawn_blocking(|| turn.work()));
            } else {
                turn.work();
            }
        }
        outcome.await.map_err(|_| FileError::interrupted(path))
    }
}

impl<J: Send + 'static, R: Send + 'static> Shared<J, R> {
    /// Queues a job; gives the turn if nobody has it.
    fn enqueue(self: &Arc<Self>, job: J) -> (oneshot::Receiver<R>, Option<Turn<J, R>>) {
        let (sender, receiver) = oneshot::channel();
        let mut queue = lock(&self.queue);
        queue.waiting.push_back((job, sender));
        let taken = std::mem::replace(&mut queue.working, true);
        if taken && !queue.is_small() {
            self.enough.notify_one();
        }
        drop(queue);
        (
            receiver,
            (!taken).then(|| Turn {
                shared: Arc::clone(self),
                thread: Thread::Lent,
            }),
        )
    }

    /// The next group; none if nothing waits, and then the turn is over.
    fn next_group(&self) -> Vec<(J, oneshot::Sender<R>)> {
        let mut queue = lock(&self.queue);
        if !queue.waiting.is_empty() {
            let wait = MAX_WAIT.min(queue.last.took / WAIT_PART);
            let waited = self
                .enough
                .wait_timeout_while(queue, wait, |queue| queue.is_small());
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let size = queue.waiting.len().min(MAX_GROUP);
        if size == 0 {
            // From here on the next caller has the turn.
            queue.working = false;
        }
        queue.waiting.drain(..size).collect()
    }
}

impl<J, R> Queue<J, R> {
    fn is_small(&self) -> bool {
        self.waiting.len() < self.last.size.min(MAX_GROUP)
    }
}

/// The right to work. If the work panics, or there is no thread for it at all, what waits is let go.
struct Turn<J: Send + 'static, R: Send + 'static> {
    shared: Arc<Shared<J, R>>,
    thread: Thread,
}

/// Where a turn is worked off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// On the caller's, or one that its runtime lends.
    Lent,
    /// On one of its own.
    Own,
    /// Nowhere any more: it was given back in order.
    Over,
}

impl<J: Send + 'static, R: Send + 'static> Turn<J, R> {
    fn work(mut self) {
        loop {
            let group = self.shared.next_group();
            if group.is_empty() {
                self.thread = Thread::Over;
                return;
            }
            let (jobs, senders): (Vec<J>, Vec<_>) = group.into_iter().unzip();
            let (size, started) = (senders.len(), Instant::now());
            let mut senders = senders.into_iter();
            (self.shared.work)(jobs, &mut |outcome| {
                if let Some(sender) = senders.next() {
                    // Nobody may be waiting any more.
                    let _ = sender.send(outcome);
                }
            });
            let took = started.elapsed();
            lock(&self.shared.queue).last = LastGroup { size, took };
        }
    }
}

impl<J: Send + 'static, R: Send + 'static> Drop for Turn<J, R> {
    fn drop(&mut self) {
        if self.thread == Thread::Over {
            return;
        }
        if self.thread == Thread::Lent && !std::thread::panicking() {
            // The runtime that was to lend a thread has ended. Callers on others wait all the same.
            let turn = Self {
                shared: Arc::clone(&self.shared),
                thread: Thread::Own,
            };
            // Without a thread the turn is dropped once more, and then lets go of what waits.
            let _ = std::thread::Builder::new().spawn(|| turn.work());
            return;
        }
        let mut queue = lock(&self.shared.queue);
        queue.working = false;
        let abandoned = std::mem::take(&mut queue.waiting);
        // Dropping a job may run code of others.
        drop(queue);
        drop(abandoned);
    }
}
