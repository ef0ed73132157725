//! Events of changed keys.

use crate::{Key, Version};

/// A change that a watcher is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// The key got a new value.
    Put {
        /// The key.
        key: Key,
        /// Version of the new value, if the store has versions.
        version: Option<Version>,
    },
    /// The key's value was removed or expired.
    Delete {
        /// The key.
        key: Key,
    },
    /// So many events were dropped because the watcher was slow: read the present state again.
    Lagged(u64),
}

impl WatchEvent {
    /// The key concerned; none for [`Lagged`](Self::Lagged).
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => Some(key),
            Self::Lagged(_) => None,
        }
    }

    /// The same event with its key renamed, for wrappers; none if `rename` gives none.
    pub fn map_key(self, rename: impl FnOnce(&Key) -> Option<Key>) -> Option<Self> {
        match self {
            Self::Put { key, version } => rename(&key).map(|key| Self::Put { key, version }),
            Self::Delete { key } => rename(&key).map(|key| Self::Delete { key }),
            Self::Lagged(count) => Some(Self::Lagged(count)),
        }
    }
}
