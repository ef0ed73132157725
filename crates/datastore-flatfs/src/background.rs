//! Work that goes on while a store is used, on threads of its own: with a runtime or without, and never holding one up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

/// Background work of one store. When this is stopped, nothing more is written, and threads end soon after; dropping it waits for
/// them, so that they hold nothing any more.
pub(crate) struct Background {
    stop: Stop,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Tells work in the background when to end.
#[derive(Clone)]
pub(crate) struct Stop(Arc<Control>);

struct Control {
    stopped: AtomicBool,
    /// Held shared while something is written.
    writing: RwLock<()>,
    /// For waking those who wait for a while.
    bell: (Mutex<()>, Condvar),
    running: watch::Sender<usize>,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            stop: Stop(Arc::new(Control {
                stopped: AtomicBool::new(false),
                writing: RwLock::default(),
                bell: Default::default(),
                running: watch::Sender::new(0),
            })),
            threads: Mutex::default(),
        }
    }
}

impl Background {
    /// Starts a thread; false if the system has none left, and then the work is not done.
    pub(crate) fn spawn(&self, name: &str, work: impl FnOnce(&Stop) + Send + 'static) -> bool {
        let stop = self.stop.clone();
        let running = Running::new(stop.clone());
        let thread = std::thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || {
            let _running = running;
            work(&stop);
        });
        let Ok(thread) = spawned else { return false };
        let mut threads = self.threads();
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        true
    }

    /// What tells work when to end.
    pub(crate) fn stop_signal(&self) -> Stop {
        self.stop.clone()
    }

    /// Has all work end. What is being written is waited for.
    pub(crate) fn stop(&self) {
        let control = &self.stop.0;
        control.stopped.store(true, Ordering::SeqCst);
        drop(self.stop.bell());
        control.bell.1.notify_all();
        drop(
            control
                .writing
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Waits until no thread runs. Cancel-safe.
    pub(crate) async fn ended(&self) {
        let mut running = self.stop.0.running.subscribe();
        // The sender lives as long as self.
        let _ = running.wait_for(|running| *running == 0).await;
    }
}

impl Background {
    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // One that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Does something that changes files, unless it is time to end; until it is done, ending waits.
    pub(crate) fn unless_set<T>(&self, write: impl FnOnce() -> T) -> Option<T> {
        let control = &self.0;
        let _writing = control
            .writing
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        (!self.is_set()).then(write)
    }

    /// Waits until `is_time`, but no longer than `at_most`, nor beyond the end.
    pub(crate) fn wait(&self, at_most: Duration, is_time: impl Fn() -> bool) {
        let waiting = |_: &mut ()| !self.is_set() && !is_time();
        drop(
            self.0
                .bell
                .1
                .wait_timeout_while(self.bell(), at_most, waiting),
        );
    }

    /// Has those who wait look whether it is time.
    pub(crate) fn ring(&self) {
        drop(self.bell());
        self.0.bell.1.notify_all();
    }

    fn bell(&self) -> MutexGuard<'_, ()> {
        self.0.bell.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a thread from before it starts until it ends, however that may be.
struct Running(Stop);

impl Running {
    fn new(stop: Stop) -> Self {
        stop.0.running.send_modify(|running| *running += 1);
        Self(stop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.send_modify(|running| *running -= 1);
    }
}
