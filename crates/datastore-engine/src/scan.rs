//! Which entries a scan gives, in which order.

use std::{
    fmt,
    ops::{Bound, RangeBounds},
};

use bytes::Bytes;

/// A half-open range of keys: from `start`, which is in it, to `end`, which is not.
///
/// The end of a range that holds `key` as its last is `key` followed by a zero byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// The first key that may be in the range; empty: all up to the end.
    pub start: &'a [u8],
    /// The first key behind the range; none: all from the start.
    pub end: Option<&'a [u8]>,
}

impl KeyRange<'_> {
    /// Whether no key at all can be in the range.
    pub fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.start)
    }

    /// Whether the key is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start && self.end.is_none_or(|end| key < end)
    }
}

/// As maps take it. They panic if the range [is empty](KeyRange::is_empty).
impl RangeBounds<[u8]> for KeyRange<'_> {
    fn start_bound(&self) -> Bound<&[u8]> {
        Bound::Included(self.start)
    }

    fn end_bound(&self) -> Bound<&[u8]> {
        self.end.map_or(Bound::Unbounded, Bound::Excluded)
    }
}

impl fmt::Debug for KeyRange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRange")
    }
}

/// What [`EngineReader::scan`](crate::EngineReader::scan) is asked for.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// The first key that may be given; empty: from the very first.
    pub start: Bytes,
    /// The first key that is not given any more; none: to the very last.
    pub end: Option<Bytes>,
    /// In descending order.
    pub reverse: bool,
    /// Values are not read: those of the entries given are empty.
    pub keys_only: bool,
    /// At most so many entries.
    pub limit: Option<u64>,
}

impl Scan {
    /// All entries, ascending.
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys from `start` up to and without `end`, ascending.
    pub fn range(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self {
            start: start.into(),
            end: Some(end.into()),
            ..Self::default()
        }
    }

    /// The keys from `start` on, ascending.
    pub fn from(start: impl Into<Bytes>) -> Self {
        Self {
            start: start.into(),
            ..Self::default()
        }
    }

    /// The keys that begin with these bytes, ascending.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        Self {
            end: prefix_end(&start),
            start,
            ..Self::default()
        }
    }

    /// In descending order instead.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.reverse = !self.reverse;
        self
    }

    /// Without values.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// At most so many entries.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The keys concerned.
    pub fn key_range(&self) -> KeyRange<'_> {
        KeyRange {
            start: &self.start,
            end: self.end.as_deref(),
        }
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("reverse", &self.reverse)
            .field("keys_only", &self.keys_only)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The first key behind all that begin with the prefix; none if there is none.
fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte < 0xFF)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end.into())
}

/// A key with its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; empty in a scan of keys alone.
    pub value: Bytes,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key_len", &self.key.len())
            .field("value_len", &self.value.len())
            .finish()
    }
}
