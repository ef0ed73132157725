//! Ctrl-C and termination: the first signal stops the command cleanly, the second ends the program at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use interface_datastore::{AbortController, AbortSignal};
use tokio::runtime::Runtime;

const INT: u8 = 2;
#[cfg(unix)]
const TERM: u8 = 15;

/// Whether and by what the program has been interrupted.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    controller: AbortController,
    /// 0: by nothing.
    received: Arc<AtomicU8>,
}

impl Interrupt {
    pub(crate) fn new() -> Self {
        Self {
            controller: AbortController::new(),
            received: Arc::default(),
        }
    }

    /// Aborted by the first signal.
    pub(crate) fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// The number of the signal that came.
    pub(crate) fn received(&self) -> Option<u8> {
        Some(self.received.load(Ordering::SeqCst)).filter(|number| *number != 0)
    }

    /// Hears signals from now on.
    pub(crate) fn listen(&self, runtime: &Runtime) {
        let this = self.clone();
        let _inside = runtime.enter();
        // Where signals cannot be heard, they end the program as they do any other.
        let Ok(mut signals) = Signals::new() else {
            return;
        };
        runtime.spawn(async move {
            let number = signals.next().await;
            this.received.store(number, Ordering::SeqCst);
            this.controller.abort();
            let number = signals.next().await;
            std::process::exit(i32::from(number) + 128);
        });
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> u8 {
        let interrupt = std::pin::pin!(self.interrupt.recv());
        let terminate = std::pin::pin!(self.terminate.recv());
        match futures_util::future::select(interrupt, terminate).await {
            futures_util::future::Either::Left(_) => INT,
            futures_util::future::Either::Right(_) => TERM,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INT
    }
}
