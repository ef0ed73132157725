//! What reads and writes give back.

use bytes::Bytes;

use crate::{BoxStream, Key, Result, Timestamp, Version};

/// A key with what was asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key; the root if [it was to be left out](crate::GetOptions::omit_key).
    pub key: Key,
    /// The value, or the range of it that was asked for; none if the value was not asked for.
    pub value: Option<Bytes>,
    /// Length of the whole value in bytes; none if neither asked for nor known for free.
    pub size: Option<u64>,
    /// Version of the value, if the store has versions.
    pub version: Option<Version>,
    /// When the entry expires, if it does.
    pub expires: Option<Timestamp>,
}

impl Entry {
    /// An entry that tells no more than that the key is there.
    #[inline]
    pub fn of_key(key: Key) -> Self {
        Self {
            key,
            value: None,
            size: None,
            version: None,
            expires: None,
        }
    }

    /// An entry with the whole value.
    #[inline]
    pub fn of_value(key: Key, value: Bytes) -> Self {
        let size = Some(value.len() as u64);
        Self {
            key,
            value: Some(value),
            size,
            version: None,
            expires: None,
        }
    }

    /// An entry with the size of the value.
    #[inline]
    pub fn of_size(key: Key, size: u64) -> Self {
        Self {
            key,
            value: None,
            size: Some(size),
            version: None,
            expires: None,
        }
    }

    /// The same with a value, or a part of one.
    #[inline]
    #[must_use]
    pub fn with_value(mut self, value: Bytes) -> Self {
        self.value = Some(value);
        self
    }

    /// The same with a version.
    #[inline]
    #[must_use]
    pub fn with_version(mut self, version: Option<Version>) -> Self {
        self.version = version;
        self
    }

    /// The same with an expiry.
    #[inline]
    #[must_use]
    pub fn with_expires(mut self, expires: Option<Timestamp>) -> Self {
        self.expires = expires;
        self
    }

    /// The same under another key: for wrappers that translate keys.
    #[inline]
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// The value; empty if it was not asked for.
    #[inline]
    pub fn into_value(self) -> Bytes {
        self.value.unwrap_or_default()
    }
}

/// What a finished write reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Version of the new value, if the store has versions and the write stored one value.
    pub version: Option<Version>,
}

impl Written {
    /// A write whose value got this version.
    pub fn with_version(version: Version) -> Self {
        Self {
            version: Some(version),
        }
    }
}

/// A value as a stream of its pieces, for values larger than memory.
#[non_exhaustive]
pub struct ValueStream {
    /// Key, whole size, version and expiry; never the value.
    pub entry: Entry,
    /// The pieces in order. After an error the stream ends. Dropping it stops reading.
    pub body: BoxStream<'static, Result<Bytes>>,
}

impl ValueStream {
    /// A value told by `entry` whose pieces come from `body`.
    pub fn new(entry: Entry, body: BoxStream<'static, Result<Bytes>>) -> Self {
        Self { entry, body }
    }
}

impl std::fmt::Debug for ValueStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueStream")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
