//! Looking after a store: what can be asked for and what is found.

use std::{fmt, path::PathBuf};

use crate::Key;

/// A kind of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Maintenance {
    /// Looks for faults in the store's own structure; changes nothing.
    Check,
    /// Mends what `Check` finds, without losing a readable value.
    Repair,
    /// Reads every value and compares it with its checksum or hash; changes nothing.
    Scrub,
    /// Frees what nothing refers to: expired entries, left-over temporary files, empty folders.
    Gc,
    /// Rewrites the store into less space.
    Compact,
}

impl Maintenance {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Check,
        Self::Repair,
        Self::Scrub,
        Self::Gc,
        Self::Compact,
    ];

    /// The kind's name as programs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Repair => "repair",
            Self::Scrub => "scrub",
            Self::Gc => "gc",
            Self::Compact => "compact",
        }
    }
}

impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Harmless left-overs or things that the store does not know.
    Warning,
    /// Data is damaged, missing or unreachable.
    Error,
}

/// What was done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Action {
    /// Nothing.
    None,
    /// Mended, no data lost.
    Repaired,
    /// Moved aside, to be looked at.
    Quarantined,
    /// Removed, as it held nothing of use.
    Removed,
}

/// One thing that maintenance came upon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// A short name of the kind of finding, the same in every release: `stale-temporary-file`, say.
    pub code: String,
    /// The key concerned, where known.
    pub key: Option<Key>,
    /// The file concerned, where known.
    pub path: Option<PathBuf>,
    /// What it is and what to do, for a person.
    pub detail: String,
    /// What was done about it.
    pub action: Action,
}

impl Finding {
    /// A finding of this kind about which nothing was done.
    pub fn new(severity: Severity, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity,
            code: code.into(),
            key: None,
            path: None,
            detail: detail.into(),
            action: Action::None,
        }
    }

    /// Names the key.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Names the file.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Says what was done.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }
}

/// An item of the stream that maintenance gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaintenanceEvent {
    /// Something was found.
    Finding(Finding),
    /// How far it is.
    Progress {
        /// Items looked at so far.
        done: u64,
        /// Items in all, where known.
        total: Option<u64>,
    },
}

/// Space taken by a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskUsage {
    /// Bytes taken.
    pub bytes: u64,
    /// Whether that is counted rather than estimated.
    pub exact: bool,
}

impl DiskUsage {
    /// A counted number of bytes.
    pub fn exact(bytes: u64) -> Self {
        Self { bytes, exact: true }
    }

    /// An estimated number of bytes.
    pub fn approximate(bytes: u64) -> Self {
        Self {
            bytes,
            exact: false,
        }
    }
}
