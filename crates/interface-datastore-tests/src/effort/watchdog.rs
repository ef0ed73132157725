//! Giving up on calls that nobody will wake.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use crate::{Failure, Outcome};

/// Runs a future, and gives up once it has not been woken for so long: a store that forgets to wake its callers must
/// not hold up the tests for ever.
pub(crate) async fn unless_stalled<T>(
    patience: Duration,
    future: impl Future<Output = T>,
) -> Outcome<T> {
    let mut future = pin!(future);
    let mut watchdog: Option<Watchdog> = None;
    std::future::poll_fn(|cx| {
        if watchdog.as_ref().is_some_and(Watchdog::has_barked) {
            let waited = format!("the store has not woken its caller for {patience:?}");
            return Poll::Ready(Err(Failure::new(waited)));
        }
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        watchdog
            .get_or_insert_with(|| Watchdog::new(patience))
            .calm(cx.waker());
        Poll::Pending
    })
    .await
}

/// A thread that wakes a task which nothing else has woken for some time. Ends when it is dropped.
struct Watchdog {
    shared: Arc<Shared>,
    _alive: mpsc::Sender<()>,
}

struct Shared {
    task: Mutex<(Instant, Waker)>,
    barked: AtomicBool,
}

impl Watchdog {
    fn new(patience: Duration) -> Self {
        let task = Mutex::new((Instant::now(), Waker::noop().clone()));
        let shared = Arc::new(Shared {
            task,
            barked: AtomicBool::new(false),
        });
        let (alive, owner) = mpsc::channel();
        let watched = shared.clone();
        thread::spawn(move || watched.watch(patience, &owner));
        Self {
            shared,
            _alive: alive,
        }
    }

    /// The task has been polled just now.
    fn calm(&self, waker: &Waker) {
        *self
            .shared
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = (Instant::now(), waker.clone());
    }

    fn has_barked(&self) -> bool {
        self.shared.barked.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn watch(&self, patience: Duration, owner: &mpsc::Receiver<()>) {
        while let Err(mpsc::RecvTimeoutError::Timeout) = owner.recv_timeout(patience / 4) {
            let (polled, waker) = self
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if polled.elapsed() > patience {
                self.barked.store(true, Ordering::SeqCst);
                waker.wake();
                return;
            }
        }
    }
}
