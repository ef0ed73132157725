//! Group commit: what arrives while a group is being worked on makes up the next one.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::error::{FileError, Result};
use crate::hop::Blocking;
use crate::tree::lock;

/// How many jobs make up a group at most.
const MAX_GROUP: usize = 256;

type Work<J, R> = dyn Fn(Vec<J>) -> Vec<R> + Send + Sync;

/// Gathers jobs of concurrent callers so that they share what is dear, such as syncing a folder.
///
/// One caller at a time works, for all that wait; nobody waits longer for company than the group before takes.
pub struct GroupCommit<J, R> {
    shared: Arc<Shared<J, R>>,
}

struct Shared<J, R> {
    queue: Mutex<Queue<J, R>>,
    work: Box<Work<J, R>>,
}

struct Queue<J, R> {
    waiting: VecDeque<(J, oneshot::Sender<R>)>,
    working: bool,
}

impl<J, R> fmt::Debug for GroupCommit<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupCommit")
    }
}

impl<J: Send + 'static, R: Send + 'static> GroupCommit<J, R> {
    /// Groups that are worked on by `work`, which blocks and gives an outcome for each job, in order.
    pub fn new(work: impl Fn(Vec<J>) -> Vec<R> + Send + Sync + 'static) -> Self {
        let queue = Mutex::new(Queue {
            waiting: VecDeque::new(),
            working: false,
        });
        Self {
            shared: Arc::new(Shared {
                queue,
                work: Box::new(work),
            }),
        }
    }

    /// Has a job done together with others. Once this was polled the job is done even if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Reason::Interrupted`](crate::Reason::Interrupted), naming `path`, if the runtime is shutting down.
    pub async fn submit(&self, blocking: Blocking, path: &Path, job: J) -> Result<R> {
        let (sender, receiver) = oneshot::channel();
        let lead = {
            let mut queue = lock(&self.shared.queue);
            queue.waiting.push_back((job, sender));
            !std::mem::replace(&mut queue.working, true)
        };
        if lead {
            let turn = Turn(Some(Arc::clone(&self.shared)));
            blocking.run(path, move || turn.work()).await?;
        }
        receiver.await.map_err(|_| FileError::interrupted(path))
    }
}

/// The right to work. If it is dropped unused (the runtime shut down), what waits is let go.
struct Turn<J, R>(Option<Arc<Shared<J, R>>>);

impl<J, R> Turn<J, R> {
    fn work(mut self) {
        while let Some(shared) = self.0.clone() {
            let group: Vec<_> = {
                let mut queue = lock(&shared.queue);
                let size = queue.waiting.len().min(MAX_GROUP);
                if size == 0 {
                    // From here on the next caller leads.
                    queue.working = false;
                    self.0 = None;
                }
                queue.waiting.drain(..size).collect()
            };
            let (jobs, senders): (Vec<J>, Vec<_>) = group.into_iter().unzip();
            if jobs.is_empty() {
                continue;
            }
            for (sender, outcome) in senders.into_iter().zip((shared.work)(jobs)) {
                // Nobody may be waiting any more.
                let _ = sender.send(outcome);
            }
        }
    }
}

impl<J, R> Drop for Turn<J, R> {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            let mut queue = lock(&shared.queue);
            queue.working = false;
            queue.waiting.clear();
        }
    }
}
