//! What the workloads are run against.

use std::future::Future;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

/// A store, a peer's store, or the bare calls that no store can beat.
///
/// Methods are resolved at compile time: a subject whose methods do not wait pays nothing for their being `async`.
pub(crate) trait Subject: Clone + Send + Sync + 'static {
    /// Keys in the form that this subject takes, made outside of the measured time.
    type Key: Clone + Send + Sync + 'static;

    /// How it is used by several tasks at once.
    const TASKS: Tasks;

    fn key(text: &str) -> Self::Key;

    fn put(&self, key: &Self::Key, value: Bytes) -> impl Future<Output = Result<()>> + Send;

    /// Stores what is there already. The limit is to find that out: it opens and compares.
    fn put_again(&self, key: &Self::Key, value: Bytes) -> impl Future<Output = Result<()>> + Send {
        self.put(key, value)
    }

    /// Stores all pairs, in the best way that the subject has for several at once.
    fn write(&self, pairs: Vec<(Self::Key, Bytes)>) -> impl Future<Output = Result<()>> + Send;

    /// Stores all pairs as they come from a stream.
    fn put_many(&self, pairs: Vec<(Self::Key, Bytes)>) -> impl Future<Output = Result<()>> + Send {
        self.write(pairs)
    }

    fn get(&self, key: &Self::Key) -> impl Future<Output = Result<Bytes>> + Send;

    /// Reads all keys, in the best way for several at once; gives the bytes of all values.
    fn get_many(&self, keys: Vec<Self::Key>) -> impl Future<Output = Result<usize>> + Send {
        async move {
            let mut bytes = 0;
            for key in &keys {
                bytes += self.get(key).await?.len();
            }
            Ok(bytes)
        }
    }

    fn has(&self, key: &Self::Key) -> impl Future<Output = Result<bool>> + Send;

    fn delete(&self, key: &Self::Key) -> impl Future<Output = Result<()>> + Send;

    /// Reads the entries whose keys have this raw prefix; gives their number and the bytes of their values.
    fn query(&self, prefix: &str) -> impl Future<Output = Result<(usize, usize)>> + Send;

    /// Counts the keys with this raw prefix, having made each.
    fn query_keys(&self, prefix: &str) -> impl Future<Output = Result<usize>> + Send;
}

/// How tasks run beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tasks {
    /// One after another, where waking a thread would cost more than the work.
    Turns,
    /// Each on a thread of its own, started before the time.
    Threads,
    /// As tasks of the runtime.
    Spawned,
}

impl Tasks {
    /// Runs all, and gives their outcomes and the time from the first start to the last end.
    pub(crate) async fn run<T, F>(self, tasks: Vec<F>) -> Result<(Vec<T>, Duration)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match self {
            Self::Turns => in_turns(tasks).await,
            Self::Threads => on_threads(tasks),
            Self::Spawned => spawned(tasks).await,
        }
    }
}

async fn in_turns<T, F: Future<Output = Result<T>>>(tasks: Vec<F>) -> Result<(Vec<T>, Duration)> {
    let start = Instant::now();
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        outcomes.push(task.await?);
    }
    Ok((outcomes, start.elapsed()))
}

fn on_threads<T, F>(tasks: Vec<F>) -> Result<(Vec<T>, Duration)>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send,
{
    let count = tasks.len();
    let ready = Barrier::new(count + 1);
    let arrived = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let start_on_thread = |task| {
            let (ready, arrived) = (&ready, &arrived);
            scope.spawn(move || {
                arrived.fetch_add(1, Ordering::SeqCst);
                ready.wait();
                pollster::block_on(task)
            })
        };
        let threads: Vec<_> = tasks.into_iter().map(start_on_thread).collect();
        while arrived.load(Ordering::SeqCst) < count {
            std::thread::yield_now();
        }
        // Before the barrier: behind it, this thread may be the last to go on.
        let start = Instant::now();
        ready.wait();
        let outcomes = threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a task panicked")?)
            .collect::<Result<_>>()?;
        Ok((outcomes, start.elapsed()))
    })
}

async fn spawned<T, F>(tasks: Vec<F>) -> Result<(Vec<T>, Duration)>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let start = Instant::now();
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        outcomes.push(task.await??);
    }
    Ok((outcomes, start.elapsed()))
}
