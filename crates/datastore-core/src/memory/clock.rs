//! Where the memory store takes the time from.

use interface_datastore::{MaybeSend, MaybeSync, Timestamp};

/// Tells the time by which entries expire. Any `Fn() -> Timestamp` is a clock.
///
/// It may be asked at any moment, so it must not call the store that asks.
pub trait Clock: MaybeSend + MaybeSync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + MaybeSend + MaybeSync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}
