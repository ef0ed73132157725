//! Telling watchers of changes, with a bounded queue for each.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_core::Stream;

use crate::{BoxStream, Key, Operation, Result, WatchEvent, WatchOptions, abortable_stream};

/// The watchers of one store. Cheap to clone; clones share them.
///
/// Costs a store one atomic load a write as long as nobody watches.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    count: AtomicUsize,
    queues: Mutex<Vec<Weak<Watcher>>>,
}

struct Watcher {
    scope: Key,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<WatchEvent>,
    lagged: u64,
    closed: bool,
    waker: Option<Waker>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watchers {
    /// No watchers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream of the events at or under `scope` that are told from now on.
    pub fn subscribe(
        &self,
        scope: &Key,
        options: WatchOptions,
    ) -> BoxStream<'static, Result<WatchEvent>> {
        let watcher = Arc::new(Watcher {
            scope: scope.clone(),
            capacity: options.capacity.max(1),
            state: Mutex::new(State::default()),
        });
        let mut queues = lock(&self.0.queues);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&watcher));
        self.0.count.store(queues.len(), Ordering::SeqCst);
        abortable_stream(
            options.abort,
            Operation::Watch,
            Box::pin(Subscription(watcher)),
        )
    }

    /// Whether anybody watches: only then an event need be made.
    pub fn any(&self) -> bool {
        self.0.count.load(Ordering::SeqCst) > 0
    }

    /// Tells the watchers of an event. Never waits.
    pub fn tell(&self, event: &WatchEvent) {
        if !self.any() {
            return;
        }
        let mut queues = lock(&self.0.queues);
        queues.retain(|queue| {
            let Some(watcher) = queue.upgrade() else {
                return false;
            };
            watcher.tell(event);
            true
        });
        self.0.count.store(queues.len(), Ordering::SeqCst);
    }

    /// Ends all streams once their waiting events are taken: the store closes.
    pub fn close(&self) {
        for watcher in lock(&self.0.queues)
            .drain(..)
            .filter_map(|queue| queue.upgrade())
        {
            let mut state = lock(&watcher.state);
            state.closed = true;
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        }
        self.0.count.store(0, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for Watchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watchers").field(&self.0.count).finish()
    }
}

impl Watcher {
    fn tell(&self, event: &WatchEvent) {
        let concerned = event
            .key()
            .is_none_or(|key| *key == self.scope || self.scope.is_ancestor_of(key));
        if !concerned {
            return;
        }
        let mut state = lock(&self.state);
        if state.lagged > 0 || state.events.len() >= self.capacity {
            state.lagged += 1;
        } else {
            state.events.push_back(event.clone());
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

struct Subscription(Arc<Watcher>);

impl Stream for Subscription {
    type Item = Result<WatchEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = lock(&self.0.state);
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        if state.lagged > 0 {
            return Poll::Ready(Some(Ok(WatchEvent::Lagged(std::mem::take(
                &mut state.lagged,
            )))));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
