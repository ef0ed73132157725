//! Counters of calls, kept without a lock, and their snapshot.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use interface_datastore::{Error, ErrorKind, Operation};

use crate::lock::lock;

/// How many latency classes there are: the last holds all that took about 35 minutes or more.
pub(super) const CLASSES: usize = 32;

/// The operations that are counted, each at its place in [`Counters`].
const OPERATIONS: [Operation; 11] = [
    Operation::Put,
    Operation::Get,
    Operation::Has,
    Operation::Delete,
    Operation::Query,
    Operation::Write,
    Operation::Sync,
    Operation::Watch,
    Operation::Maintain,
    Operation::DiskUsage,
    Operation::Close,
];

#[derive(Debug, Default)]
pub(super) struct Counters {
    operations: [Arc<OperationCounters>; OPERATIONS.len()],
    /// Never touched: stands in for an operation that is not in the list.
    other: Arc<OperationCounters>,
}

#[derive(Debug, Default)]
pub(super) struct OperationCounters {
    calls: AtomicU64,
    succeeded: AtomicU64,
    not_found: AtomicU64,
    dropped: AtomicU64,
    pub(super) items: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    /// Of the timed calls, as the two below.
    total_nanos: AtomicU64,
    slowest_nanos: AtomicU64,
    latency: [AtomicU64; CLASSES],
    /// Errors other than "not found", which is an answer and as frequent as one. By the kind's text, as kinds have no
    /// order.
    errors: Mutex<BTreeMap<String, (ErrorKind, u64)>>,
}

/// How a call ended.
pub(super) enum End<'a> {
    Succeeded,
    Failed(&'a Error),
    Dropped,
}

impl Counters {
    pub(super) fn of(&self, operation: Operation) -> &Arc<OperationCounters> {
        OPERATIONS
            .iter()
            .position(|known| *known == operation)
            .and_then(|place| self.operations.get(place))
            .unwrap_or(&self.other)
    }

    pub(super) fn snapshot(&self) -> Vec<OperationStats> {
        OPERATIONS
            .iter()
            .zip(&self.operations)
            .map(|(operation, counters)| counters.snapshot(*operation))
            .filter(|stats| stats.calls > 0)
            .collect()
    }
}

impl OperationCounters {
    /// Counts a call that begins; its number, from 0.
    pub(super) fn began(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn ended(&self, end: &End<'_>) {
        match end {
            End::Succeeded => {
                self.succeeded.fetch_add(1, Ordering::Relaxed);
            }
            End::Dropped => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            End::Failed(error) if error.is_not_found() => {
                self.not_found.fetch_add(1, Ordering::Relaxed);
            }
            End::Failed(error) => {
                let kind = error.kind();
                lock(&self.errors)
                    .entry(kind.to_string())
                    .or_insert((kind, 0))
                    .1 += 1;
            }
        }
    }

    /// Takes down the time of a call that ended.
    pub(super) fn took(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
        // Most calls are not the slowest, and a look costs less than a write.
        if nanos > self.slowest_nanos.load(Ordering::Relaxed) {
            self.slowest_nanos.fetch_max(nanos, Ordering::Relaxed);
        }
        if let Some(class) = self.latency.get(latency_class(nanos)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn snapshot(&self, operation: Operation) -> OperationStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let latency: Vec<u64> = self.latency.iter().map(read).collect();
        OperationStats {
            operation,
            calls: read(&self.calls),
            succeeded: read(&self.succeeded),
            not_found: read(&self.not_found),
            dropped: read(&self.dropped),
            errors: lock(&self.errors).values().copied().collect(),
            items: read(&self.items),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            timed: latency.iter().sum(),
            total: Duration::from_nanos(read(&self.total_nanos)),
            slowest: Duration::from_nanos(read(&self.slowest_nanos)),
            latency,
        }
    }
}

/// Class 0 is below 1 µs, class n below 2^n µs.
fn latency_class(nanos: u64) -> usize {
    let micros = nanos / 1000;
    ((u64::BITS - micros.leading_zeros()) as usize).min(CLASSES - 1)
}

/// What was counted of one operation since the store was wrapped.
///
/// Calls, items and bytes are counted without exception; times are those of the [`timed`](Self::timed) calls alone.
/// Counters are read one after another while calls go on, so their sums may be off by the calls of that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationStats {
    /// The operation. Streaming forms count under the single one: `put_many` is one call of `put` with many items.
    pub operation: Operation,
    /// Calls begun.
    pub calls: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls answered with "not found".
    pub not_found: u64,
    /// Calls whose future or stream was dropped before its end.
    pub dropped: u64,
    /// Calls that failed otherwise, by kind.
    pub errors: Vec<(ErrorKind, u64)>,
    /// Items given by streams, and operations in batches.
    pub items: u64,
    /// Bytes of values taken.
    pub bytes_in: u64,
    /// Bytes of values given.
    pub bytes_out: u64,
    /// Ended calls whose time was taken: a fair sample of all, chosen before they begin, unless
    /// [every call is timed](super::MeasureDatastore::time_one_in).
    pub timed: u64,
    /// Time that the timed calls took together; that of a stream lasts until its end, consumer included.
    pub total: Duration,
    /// Time of the slowest of the timed calls.
    pub slowest: Duration,
    /// The timed calls by time: the first number counts those below 1 µs, the n-th after it those below 2^n µs.
    pub latency: Vec<u64>,
}

impl OperationStats {
    /// Calls that failed with something else than "not found".
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }

    /// The mean time of a call, as the timed ones tell it; none if none was timed yet.
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.total.as_nanos().checked_div(u128::from(self.timed))?;
        Some(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_classes_double() {
        let cases = [
            (0, 0),
            (999, 0),
            (1_000, 1),
            (1_999, 1),
            (2_000, 2),
            (1_000_000, 10),
            (u64::MAX, CLASSES - 1),
        ];
        for (nanos, class) in cases {
            assert_eq!(latency_class(nanos), class, "{nanos} ns");
        }
    }
}
