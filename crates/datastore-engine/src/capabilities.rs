//! What an engine can do, as data.

use crate::{Durability, Error, Result};

/// How an engine does a range delete in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RangeDelete {
    /// Not at all: a batch that holds one is refused before any effect.
    Refused,
    /// As one delete for each key that is there. A range with more keys than this is refused before any effect, so that
    /// memory stays bounded and the batch atomic.
    Emulated {
        /// The most keys that the range deletes of one batch may meet.
        max_keys: u64,
    },
    /// By the engine itself, whatever the number of keys.
    Native,
}

/// What it costs to find the first entry of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScanCost {
    /// About as much as a get.
    Seek,
    /// The engine lists all of its keys first.
    ListsAll,
}

/// What an [`Engine`](crate::Engine) can do. Plain data: copying it gives no access to anything.
///
/// Built field by field from [`none`](Self::none), so that a claim which comes later is never made by accident. What an
/// engine does not claim it refuses with [`Unsupported`](crate::ErrorKind::Unsupported) before any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineCapabilities {
    /// Entries are there again after closing and opening.
    pub persistent: bool,
    /// The durability of a commit that asks for none.
    pub default_durability: Durability,
    /// The strongest durability of a commit.
    pub max_durability: Durability,
    /// [`Engine::snapshot`](crate::Engine::snapshot) works; scans and multi-gets see one moment.
    pub snapshots: bool,
    /// How range deletes are done.
    pub range_delete: RangeDelete,
    /// What scans cost.
    pub scan_cost: ScanCost,
    /// Reads whose data is cached are answered when they are first polled.
    pub inline_reads: bool,
    /// Commits of at most this durability, without range deletes, are answered when they are first polled; none: no commit is.
    pub inline_commits: Option<Durability>,
    /// A commit that was polled and dropped has taken effect when any later call starts, or never will. An engine that
    /// does not claim this keeps the order of commits alone: a read may come before a dropped commit takes effect.
    pub dropped_commits_settle: bool,
    /// [`Engine::size_on_disk`](crate::Engine::size_on_disk) works.
    pub size_on_disk: bool,
    /// [`Engine::compact`](crate::Engine::compact) works.
    pub compact: bool,
    /// [`Engine::check`](crate::Engine::check) works.
    pub check: bool,
    /// Longest key in bytes. No engine takes an empty key.
    pub max_key_len: Option<u64>,
    /// Longest value in bytes.
    pub max_value_len: Option<u64>,
}

impl EngineCapabilities {
    /// An engine that can do nothing but what every engine must.
    pub fn none() -> Self {
        Self {
            persistent: false,
            default_durability: Durability::Volatile,
            max_durability: Durability::Volatile,
            snapshots: false,
            range_delete: RangeDelete::Refused,
            scan_cost: ScanCost::ListsAll,
            inline_reads: false,
            inline_commits: None,
            dropped_commits_settle: false,
            size_on_disk: false,
            compact: false,
            check: false,
            max_key_len: None,
            max_value_len: None,
        }
    }

    /// The durability that a commit gets which asks for `wanted`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the engine cannot give it.
    pub fn durability(&self, wanted: Option<Durability>) -> Result<Durability> {
        let wanted = wanted.unwrap_or(self.default_durability);
        if wanted > self.max_durability {
            let max = self.max_durability;
            return Err(Error::unsupported(format!(
                "durability {wanted} was asked for, the engine gives at most {max}"
            )));
        }
        Ok(wanted)
    }
}
