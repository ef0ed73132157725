//! Which files a loss of power may have damaged, and whether it did.

use std::path::Path;

use datastore_files::{FileError, Metadata, OpenFile, Tree, Wait};
use interface_datastore::Key;

use crate::multihash::Multihash;

/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

/// How much is doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Empty values of keys that are hashes of something else: nothing is known of what happened to the store.
    Empties,
    /// Empty values, and values that are not what their keys are hashes of, unless they were synced before they got their names.
    Contents,
}

/// Files that may not be what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) depth: Depth,
    /// Those changed since then, in nanoseconds since 1970.
    pub(crate) since: u64,
    /// When the system that lost power was up again: what was written before and is whole now is on the disk.
    pub(crate) until: u64,
}

/// What can be said of a file without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Whole,
    Torn,
    /// Its contents tell.
    Contents(Multihash),
}

impl Suspect {
    pub(super) fn sight(&self, key: &Key, metadata: &Metadata, hashes: bool) -> Sight {
        let synced = self.depth == Depth::Contents && metadata.was_synced_before_named();
        if metadata.modified < self.since || synced {
            return Sight::Whole;
        }
        let hash = Multihash::of(key);
        if metadata.len == 0 {
            let torn = match (hash, self.depth) {
                (Some(hash), _) => !hash.is_of(b""),
                (None, Depth::Contents) => true,
                (None, Depth::Empties) => false,
            };
            return if torn { Sight::Torn } else { Sight::Whole };
        }
        match hash {
            Some(hash) if hashes && self.depth == Depth::Contents => Sight::Contents(hash),
            _ => Sight::Whole,
        }
    }
}

/// What hashing a file showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashed {
    /// It is what the hash is of.
    Right,
    /// It is not, and holds something.
    Wrong,
    /// It is not, and holds nothing but zeros.
    Zeros,
}

/// Hashes an open file piece by piece.
pub(crate) fn hashed(file: &OpenFile, hash: &Multihash) -> Result<Hashed, FileError> {
    let mut hasher = hash.hasher();
    let mut zeros = true;
    let len = file.metadata().len;
    let mut at = 0;
    while at < len {
        let piece = file.read(at..at.saturating_add(PIECE), Wait::Yes)?;
        if piece.is_empty() {
            break;
        }
        zeros = zeros && piece.iter().all(|byte| *byte == 0);
        hasher.update(&piece);
        at = at.saturating_add(piece.len() as u64);
    }
    Ok(match (hash.is_result(hasher), zeros) {
        (true, _) => Hashed::Right,
        (false, true) => Hashed::Zeros,
        (false, false) => Hashed::Wrong,
    })
}

/// Hashes a file; none if there is none any more.
pub(crate) fn hashed_at(
    tree: &Tree,
    path: &Path,
    hash: &Multihash,
) -> Result<Option<Hashed>, FileError> {
    let opened = tree.open_file(path, Wait::Yes)?;
    opened.map(|file| hashed(&file, hash)).transpose()
}
