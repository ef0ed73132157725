//! A gate that calls wait at until a test opens it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use event_listener::Event;

/// Holds calls up until it is opened, so that a test decides which of two racing calls goes first.
///
/// Closed at first; opened once, for good. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    open: AtomicBool,
    arrived: AtomicU64,
    event: Event,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all pass, those who wait and those who come later.
    pub fn open(&self) {
        self.0.open.store(true, Ordering::SeqCst);
        self.0.event.notify(usize::MAX);
    }

    /// How many calls have come to the gate so far.
    pub fn arrived(&self) -> u64 {
        self.0.arrived.load(Ordering::SeqCst)
    }

    /// Waits until so many calls have come to the gate. Cancel-safe.
    pub async fn reached_by(&self, calls: u64) {
        self.until(|state| state.arrived.load(Ordering::SeqCst) >= calls)
            .await;
    }

    /// Comes to the gate and waits until it is open.
    pub async fn pass(&self) {
        self.0.arrived.fetch_add(1, Ordering::SeqCst);
        self.0.event.notify(usize::MAX);
        self.until(|state| state.open.load(Ordering::SeqCst)).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        while !holds(&self.0) {
            let listener = self.0.event.listen();
            // A change between the check and the listening would otherwise be missed.
            if holds(&self.0) {
                return;
            }
            listener.await;
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("open", &self.0.open)
            .field("arrived", &self.0.arrived)
            .finish()
    }
}
