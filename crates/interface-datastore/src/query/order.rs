//! Orders: in which sequence a query's entries come.

use std::{cmp::Ordering, fmt, sync::Arc};

use crate::{Entry, MaybeSend, MaybeSync};

/// Up or down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Greatest first.
    Descending,
}

/// An order of entries written in Rust; any `Fn(&Entry, &Entry) -> Ordering` is one.
///
/// The entries carry their values, whatever the query selects.
pub trait Comparator: MaybeSend + MaybeSync {
    /// Compares two entries.
    fn compare(&self, a: &Entry, b: &Entry) -> Ordering;
}

impl<F: Fn(&Entry, &Entry) -> Ordering + MaybeSend + MaybeSync> Comparator for F {
    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        self(a, b)
    }
}

/// What an [`Order`] compares.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum OrderBy {
    /// Keys by bytes.
    Key,
    /// Keys namespace by namespace, each by bytes: `/a/b` before `/a-b`.
    Namespaces,
    /// The number of namespaces.
    KeyDepth,
    /// Values by bytes.
    Value,
    /// Lengths of values.
    ValueLen,
    /// A comparison written in Rust. Cannot be serialised.
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(Arc<dyn Comparator>),
}

impl fmt::Debug for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Namespaces => "namespaces",
            Self::KeyDepth => "key depth",
            Self::Value => "value",
            Self::ValueLen => "value length",
            Self::Custom(_) => "custom",
        })
    }
}

/// One sorting criterion.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Order {
    /// What is compared.
    pub by: OrderBy,
    /// Which comes first.
    pub direction: Direction,
}

impl Order {
    /// Ascending by `by`.
    pub fn new(by: OrderBy) -> Self {
        Self {
            by,
            direction: Direction::Ascending,
        }
    }

    /// Ascending by the keys' bytes.
    pub fn by_key() -> Self {
        Self::new(OrderBy::Key)
    }

    /// Ascending by the values' bytes.
    pub fn by_value() -> Self {
        Self::new(OrderBy::Value)
    }

    /// Ascending by a comparison written in Rust.
    pub fn custom(comparator: impl Comparator + 'static) -> Self {
        Self::new(OrderBy::Custom(Arc::new(comparator)))
    }

    /// The same the other way round.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    /// Compares two entries. A value that an entry does not carry counts as empty.
    pub fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        let value_len = |entry: &Entry| entry.value.as_ref().map_or(0, |value| value.len() as u64);
        let len = |entry: &Entry| entry.size.unwrap_or_else(|| value_len(entry));
        let ordering = match &self.by {
            OrderBy::Key => a.key.cmp(&b.key),
            OrderBy::Namespaces => a.key.cmp_namespaces(&b.key),
            OrderBy::KeyDepth => a.key.namespaces().count().cmp(&b.key.namespaces().count()),
            OrderBy::Value => a
                .value
                .as_deref()
                .unwrap_or_default()
                .cmp(b.value.as_deref().unwrap_or_default()),
            OrderBy::ValueLen => len(a).cmp(&len(b)),
            OrderBy::Custom(comparator) => comparator.compare(a, b),
        };
        match self.direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    }

    /// Whether values must be read to compare.
    pub fn needs_value(&self) -> bool {
        matches!(self.by, OrderBy::Value | OrderBy::Custom(_))
    }

    /// Whether lengths of values must be known to compare.
    pub fn needs_size(&self) -> bool {
        matches!(self.by, OrderBy::ValueLen)
    }

    /// Whether keys play a part in the comparison.
    pub fn needs_key(&self) -> bool {
        matches!(
            self.by,
            OrderBy::Key | OrderBy::Namespaces | OrderBy::KeyDepth | OrderBy::Custom(_)
        )
    }
}
