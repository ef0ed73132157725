//! Commits that their callers let go of half way: they are ended before anybody looks.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use interface_datastore::{BoxFuture, Result};

/// A commit, and the telling of it. Owns what it needs, but not the store.
pub(crate) type Step = BoxFuture<'static, Result<()>>;

/// The steps that were begun and dropped. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Orphans(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many there are: mostly none, which costs one load to know.
    count: AtomicUsize,
    dropped: Mutex<Vec<Step>>,
    /// Those that somebody is driving.
    driven: async_lock::Mutex<Vec<Step>>,
}

impl Shared {
    fn dropped(&self) -> MutexGuard<'_, Vec<Step>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orphans {
    /// Runs a step. Dropped before it was polled it never happens; dropped later it goes on as an orphan.
    pub(crate) fn run(&self, step: Step) -> Running {
        Running {
            orphans: self.clone(),
            step: Some(step),
            begun: false,
        }
    }

    /// Ends all steps whose callers are gone. Cancel-safe: who comes next goes on with them.
    pub(crate) async fn settle(&self) {
        if self.0.count.load(Ordering::SeqCst) > 0 {
            // Boxed, so that nobody carries room for what seldom happens.
            Box::pin(self.drive()).await;
        }
    }

    async fn drive(&self) {
        let mut driven = self.0.driven.lock().await;
        loop {
            driven.append(&mut self.0.dropped());
            let Some(step) = driven.last_mut() else {
                return;
            };
            // Nobody is left to be told how it ended.
            let _ = step.await;
            driven.pop();
            self.0.count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A step that its caller waits for.
pub(crate) struct Running {
    orphans: Orphans,
    /// None once it has ended.
    step: Option<Step>,
    begun: bool,
}

impl Future for Running {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.begun = true;
        let Some(step) = &mut self.step else {
            return Poll::Ready(Ok(()));
        };
        let polled = step.as_mut().poll(cx);
        if polled.is_ready() {
            self.step = None;
        }
        polled
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(step) = self.step.take_if(|_| self.begun) {
            let shared = &self.orphans.0;
            shared.count.fetch_add(1, Ordering::SeqCst);
            shared.dropped().push(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::{Orphans, Step};
    use futures_util::FutureExt;

    /// A step that waits twice, and counts when it ends.
    fn step(ended: &Arc<AtomicU32>) -> Step {
        let ended = ended.clone();
        Box::pin(async move {
            let mut waits = 2;
            std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if waits == 0 {
                    return std::task::Poll::Ready(());
                }
                waits -= 1;
                std::task::Poll::Pending
            })
            .await;
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }

    #[test]
    fn what_was_begun_is_ended() {
        let (orphans, ended) = (Orphans::default(), Arc::new(AtomicU32::new(0)));
        let is_ended = || ended.load(Ordering::SeqCst);
        drop(orphans.run(step(&ended)));
        pollster::block_on(orphans.settle());
        assert_eq!(is_ended(), 0, "it never began");
        for _ in 0..2 {
            assert!(orphans.run(step(&ended)).now_or_never().is_none());
        }
        assert!(
            orphans.settle().now_or_never().is_none(),
            "it waits, and gives up"
        );
        pollster::block_on(orphans.settle());
        assert_eq!(is_ended(), 2);
        pollster::block_on(orphans.run(step(&ended))).unwrap();
        assert!(orphans.settle().now_or_never().is_some());
        assert_eq!(is_ended(), 3);
    }
}
