//! Cancelling by a signal, without a runtime.
//!
//! Dropping a future cancels it. A signal does the same from elsewhere and for many calls at once; the call then ends
//! with [`ErrorKind::Aborted`], never with "not found" or `false`.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use event_listener::{Event, EventListener};
use futures_core::Stream;
use futures_util::future::{Either, select};

use crate::{BoxStream, Error, ErrorKind, Key, Operation, Result};

#[derive(Default)]
struct State {
    aborted: AtomicBool,
    event: Event,
}

/// The sender's side: aborts every call that holds its [`AbortSignal`].
#[derive(Clone, Default)]
pub struct AbortController(Arc<State>);

impl AbortController {
    /// A controller that has not aborted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal to put into the options of calls.
    pub fn signal(&self) -> AbortSignal {
        AbortSignal(self.0.clone())
    }

    /// Aborts; for good, and again without effect.
    pub fn abort(&self) {
        self.0.aborted.store(true, Ordering::SeqCst);
        self.0.event.notify(usize::MAX);
    }
}

impl fmt::Debug for AbortController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortController")
            .field(&self.signal().is_aborted())
            .finish()
    }
}

/// Tells a call that nobody waits for it any more. Cheap to clone.
#[derive(Clone)]
pub struct AbortSignal(Arc<State>);

impl AbortSignal {
    /// A signal that is aborted already.
    pub fn already_aborted() -> Self {
        let controller = AbortController::new();
        controller.abort();
        controller.signal()
    }

    /// Whether the controller has aborted.
    #[inline]
    pub fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::SeqCst)
    }

    /// Waits until the controller aborts. Cancel-safe.
    pub async fn aborted(&self) {
        while !self.is_aborted() {
            let listener = self.0.event.listen();
            // Aborting between the check and the listening would otherwise be missed.
            if self.is_aborted() {
                return;
            }
            listener.await;
        }
    }
}

impl fmt::Debug for AbortSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortSignal")
            .field(&self.is_aborted())
            .finish()
    }
}

/// Fails with [`ErrorKind::Aborted`] if the signal is there and aborted.
#[inline]
pub fn check_aborted(
    signal: Option<&AbortSignal>,
    operation: Operation,
    key: Option<&Key>,
) -> Result<()> {
    match signal {
        Some(signal) if signal.is_aborted() => Err(aborted(operation, key)),
        _ => Ok(()),
    }
}

/// Runs `work` until it ends or the signal aborts; then `work` is dropped and the outcome is [`ErrorKind::Aborted`].
pub async fn abortable<T>(
    signal: Option<&AbortSignal>,
    operation: Operation,
    key: Option<&Key>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(signal) = signal else {
        return work.await;
    };
    check_aborted(Some(signal), operation, key)?;
    match select(pin!(signal.aborted()), pin!(work)).await {
        Either::Left(((), _)) => Err(aborted(operation, key)),
        Either::Right((outcome, _)) => outcome,
    }
}

/// Passes `stream` on until the signal aborts; then its last item is an error of kind [`ErrorKind::Aborted`].
pub fn abortable_stream<T: 'static>(
    signal: Option<AbortSignal>,
    operation: Operation,
    stream: BoxStream<'static, Result<T>>,
) -> BoxStream<'static, Result<T>> {
    match signal {
        None => stream,
        Some(signal) => Box::pin(AbortableStream {
            signal,
            operation,
            stream: Some(stream),
            listener: None,
        }),
    }
}

fn aborted(operation: Operation, key: Option<&Key>) -> Error {
    Error::new(ErrorKind::Aborted, operation)
        .with_key_opt(key)
        .with_detail("the caller's signal aborted the call")
}

struct AbortableStream<T> {
    signal: AbortSignal,
    operation: Operation,
    /// None once it ended or was aborted.
    stream: Option<BoxStream<'static, Result<T>>>,
    listener: Option<EventListener>,
}

impl<T> Stream for AbortableStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.stream.is_none() {
            return Poll::Ready(None);
        }
        loop {
            if this.signal.is_aborted() {
                this.stream = None;
                return Poll::Ready(Some(Err(aborted(this.operation, None))));
            }
            let fresh = this.listener.is_none();
            let listener = this
                .listener
                .get_or_insert_with(|| this.signal.0.event.listen());
            match Pin::new(listener).poll(cx) {
                Poll::Ready(()) => this.listener = None,
                // A new listener may have come after the abort: look once more.
                Poll::Pending if fresh => {}
                Poll::Pending => break,
            }
        }
        let polled = this
            .stream
            .as_mut()
            .map_or(Poll::Ready(None), |stream| stream.as_mut().poll_next(cx));
        if let Poll::Ready(None) = polled {
            this.stream = None;
        }
        polled
    }
}
