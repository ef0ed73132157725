//! Filters: which entries a query keeps.

use std::{cmp::Ordering, fmt, sync::Arc};

use bytes::Bytes;

use crate::{Entry, Key, MaybeSend, MaybeSync};

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A test of entries written in Rust; any `Fn(&Entry) -> bool` is one.
///
/// The entry carries its value, whatever the query selects.
pub trait Predicate: MaybeSend + MaybeSync {
    /// Whether the entry is wanted.
    fn accepts(&self, entry: &Entry) -> bool;
}

impl<F: Fn(&Entry) -> bool + MaybeSend + MaybeSync> Predicate for F {
    fn accepts(&self, entry: &Entry) -> bool {
        self(entry)
    }
}

/// Which entries a query keeps. Keys and values are compared as bytes.
///
/// Nested filters are followed to a depth of [`MAX_DEPTH`](Self::MAX_DEPTH); what lies deeper accepts nothing.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Filter {
    /// The key compared in byte order.
    Key(Comparison, Key),
    /// The key starts with these bytes.
    KeyPrefix(Bytes),
    /// The key ends with these bytes.
    KeySuffix(Bytes),
    /// The key contains these bytes.
    KeyContains(Bytes),
    /// The number of the key's namespaces.
    KeyDepth(Comparison, usize),
    /// The type of the key's last namespace: what stands before its last colon.
    KeyType(Bytes),
    /// The name of the key's last namespace: what stands behind its last colon.
    KeyName(Bytes),
    /// The value compared in byte order.
    Value(Comparison, Bytes),
    /// The value starts with these bytes.
    ValuePrefix(Bytes),
    /// The length of the value in bytes.
    ValueLen(Comparison, u64),
    /// All or nothing.
    Always(bool),
    /// The other filter does not accept.
    Not(Box<Filter>),
    /// All accept.
    AllOf(Vec<Filter>),
    /// At least one accepts.
    AnyOf(Vec<Filter>),
    /// A test written in Rust. Cannot be serialised.
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(Arc<dyn Predicate>),
}

impl Filter {
    /// How deep filters may be nested.
    pub const MAX_DEPTH: usize = 64;

    /// Keys that equal this one.
    pub fn key_equals(key: Key) -> Self {
        Self::Key(Comparison::Equal, key)
    }

    /// Keys that start with these bytes.
    pub fn key_prefix(bytes: impl AsRef<[u8]>) -> Self {
        Self::KeyPrefix(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// Keys that end with these bytes.
    pub fn key_suffix(bytes: impl AsRef<[u8]>) -> Self {
        Self::KeySuffix(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// Keys that contain these bytes.
    pub fn key_contains(bytes: impl AsRef<[u8]>) -> Self {
        Self::KeyContains(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// Values that equal these bytes.
    pub fn value_equals(bytes: impl Into<Bytes>) -> Self {
        Self::Value(Comparison::Equal, bytes.into())
    }

    /// Entries that a closure accepts.
    pub fn custom(predicate: impl Predicate + 'static) -> Self {
        Self::Custom(Arc::new(predicate))
    }

    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether the entry is wanted. A value that the entry does not carry counts as empty.
    pub fn accepts(&self, entry: &Entry) -> bool {
        self.accepts_at(entry, Self::MAX_DEPTH)
    }

    fn accepts_at(&self, entry: &Entry, depth: usize) -> bool {
        let Some(below) = depth.checked_sub(1) else {
            return false;
        };
        let key = entry.key.as_bytes();
        let value = entry.value.as_deref().unwrap_or_default();
        match self {
            Self::Key(how, other) => how.accepts(entry.key.cmp(other)),
            Self::KeyPrefix(bytes) => key.starts_with(bytes),
            Self::KeySuffix(bytes) => key.ends_with(bytes),
            Self::KeyContains(bytes) => contains(key, bytes),
            Self::KeyDepth(how, depth) => how.accepts(entry.key.namespaces().count().cmp(depth)),
            Self::KeyType(bytes) => entry.key.namespace_type() == &bytes[..],
            Self::KeyName(bytes) => entry.key.name() == &bytes[..],
            Self::Value(how, other) => how.accepts(value.cmp(other)),
            Self::ValuePrefix(bytes) => value.starts_with(bytes),
            Self::ValueLen(how, len) => {
                how.accepts(entry.size.unwrap_or(value.len() as u64).cmp(len))
            }
            Self::Always(answer) => *answer,
            Self::Not(filter) => below > 0 && !filter.accepts_at(entry, below),
            Self::AllOf(filters) => filters.iter().all(|filter| filter.accepts_at(entry, below)),
            Self::AnyOf(filters) => filters.iter().any(|filter| filter.accepts_at(entry, below)),
            Self::Custom(predicate) => predicate.accepts(entry),
        }
    }

    /// Whether the value itself must be read to decide.
    pub fn needs_value(&self) -> bool {
        self.any(&|filter| {
            matches!(
                filter,
                Self::Value(..) | Self::ValuePrefix(_) | Self::Custom(_)
            )
        })
    }

    /// Whether the value's length must be known to decide.
    pub fn needs_size(&self) -> bool {
        self.any(&|filter| matches!(filter, Self::ValueLen(..)))
    }

    /// Whether the key plays a part in the decision.
    pub fn needs_key(&self) -> bool {
        self.any(&|filter| {
            !matches!(
                filter,
                Self::Value(..)
                    | Self::ValuePrefix(_)
                    | Self::ValueLen(..)
                    | Self::Always(_)
                    | Self::Not(_)
                    | Self::AllOf(_)
                    | Self::AnyOf(_)
            )
        })
    }

    fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        let mut left = vec![self];
        while let Some(filter) = left.pop() {
            if test(filter) {
                return true;
            }
            match filter {
                Self::Not(filter) => left.push(filter),
                Self::AllOf(filters) | Self::AnyOf(filters) => left.extend(filters),
                _ => {}
            }
        }
        false
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || hay.windows(needle.len()).any(|window| window == needle)
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(how, key) => write!(f, "key {how:?} {key:?}"),
            Self::KeyPrefix(bytes) => write!(f, "key starts with {bytes:?}"),
            Self::KeySuffix(bytes) => write!(f, "key ends with {bytes:?}"),
            Self::KeyContains(bytes) => write!(f, "key contains {bytes:?}"),
            Self::KeyDepth(how, depth) => write!(f, "key depth {how:?} {depth}"),
            Self::KeyType(bytes) => write!(f, "key type {bytes:?}"),
            Self::KeyName(bytes) => write!(f, "key name {bytes:?}"),
            Self::Value(how, bytes) => write!(f, "value {how:?} {bytes:?}"),
            Self::ValuePrefix(bytes) => write!(f, "value starts with {bytes:?}"),
            Self::ValueLen(how, len) => write!(f, "value length {how:?} {len}"),
            Self::Always(answer) => write!(f, "{answer}"),
            Self::Not(filter) => f.debug_tuple("Not").field(filter).finish(),
            Self::AllOf(filters) => f.debug_tuple("AllOf").field(filters).finish(),
            Self::AnyOf(filters) => f.debug_tuple("AnyOf").field(filters).finish(),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}
