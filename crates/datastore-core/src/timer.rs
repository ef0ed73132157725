//! Sleeping without a runtime: who needs to sleep is given the means.

use std::{fmt, time::Duration};

use interface_datastore::{BoxFuture, MaybeSend, MaybeSync};

/// Lets a wrapper wait. Programs give the timer of their runtime, tests one that does not wait at all.
///
/// ```
/// use std::time::Duration;
///
/// use datastore_core::Timer;
/// use interface_datastore::BoxFuture;
///
/// /// Does not wait: for tests.
/// #[derive(Debug)]
/// struct NoWait;
///
/// impl Timer for NoWait {
///     fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
///         Box::pin(std::future::ready(()))
///     }
/// }
/// ```
pub trait Timer: fmt::Debug + MaybeSend + MaybeSync + 'static {
    /// Ends after `span`. Dropping it ends the waiting.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// The timer of tokio. Its sleeps must be polled within a runtime that has time enabled.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

#[cfg(feature = "tokio")]
impl Timer for TokioTimer {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        // Made at the first poll, so that calling this outside of a runtime does not panic by itself.
        Box::pin(async move { tokio::time::sleep(span).await })
    }
}
