//! How much space the directory takes.

/// How well the disk usage is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Accuracy {
    /// Every file was counted.
    Exact,
    /// Estimated from a sample.
    Approximate,
    /// The count took too long and was given up.
    TimedOut,
    /// Not known.
    Unknown,
}

/// The counter that writes keep up to date.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    bytes: std::sync::atomic::AtomicI64,
}

impl Usage {
    /// A change added `added` bytes to the directory and removed `removed`: files by their length, new shard folders by
    /// theirs.
    pub(crate) fn changed(&self, added: u64, removed: u64) {
        let by = i64::try_from(added)
            .unwrap_or(i64::MAX)
            .saturating_sub(i64::try_from(removed).unwrap_or(i64::MAX));
        self.bytes
            .fetch_add(by, std::sync::atomic::Ordering::Relaxed);
    }

    /// The present number.
    pub(crate) fn now(&self) -> (u64, Accuracy) {
        let bytes = self.bytes.load(std::sync::atomic::Ordering::Relaxed);
        (u64::try_from(bytes).unwrap_or(0), Accuracy::Unknown)
    }
}
