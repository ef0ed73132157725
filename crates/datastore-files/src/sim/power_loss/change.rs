//! What was done to a file system, in order: from this history all images are computed.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use super::tree::{Body, Ino, Tree};
use crate::fs::{Replace, SyncWhat};

/// One operation that had, or was to have, an effect on the disk.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Create {
        dir: Ino,
        name: OsString,
        ino: Ino,
        body: Body,
        time: u64,
    },
    Remove {
        dir: Ino,
        name: OsString,
        ino: Ino,
    },
    Rename {
        from: (Ino, OsString),
        to: (Ino, OsString),
        ino: Ino,
        replace: Replace,
        replaced: Option<Ino>,
    },
    Write {
        ino: Ino,
        offset: usize,
        bytes: Arc<[u8]>,
        time: u64,
    },
    SetModified {
        ino: Ino,
        nanos: u64,
    },
    Sync {
        of: Synced,
        ino: Ino,
        covers: usize,
        outcome: Outcome,
    },
}

/// What a sync was asked to make durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    Names,
    Contents(SyncWhat),
    /// The whole disk: the file or folder that it was asked of does not matter.
    Everything,
}

/// How a sync ended, of the changes whose number is below its `covers`: those that came after it began are not its matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Durable,
    Lost,
}

impl Change {
    /// Does it to the live tree.
    pub(super) fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Create {
                dir,
                name,
                ino,
                body,
                time,
            } => {
                tree.insert(*ino, body.clone(), *time);
                tree.link(*dir, name, *ino);
            }
            Self::Remove { dir, name, .. } => tree.unlink(*dir, name),
            Self::Rename { to, ino, .. } => {
                tree.unlink_all(*ino);
                tree.link(to.0, &to.1, *ino);
            }
            Self::Write {
                ino,
                offset,
                bytes,
                time,
            } => {
                tree.write(*ino, bytes, *offset);
                tree.set_modified(*ino, *time);
            }
            Self::SetModified { ino, nanos } => tree.set_modified(*ino, *nanos),
            Self::Sync { .. } => {}
        }
    }
}

/// One line, for people who read why a test failed. Files and folders are called by their numbers.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create {
                dir,
                name,
                ino,
                body,
                ..
            } => {
                let what = if body.is_dir() { "folder" } else { "file" };
                write!(f, "create {what} {ino} as {name:?} in {dir}")
            }
            Self::Remove { dir, name, ino } => write!(f, "remove {ino}, {name:?} in {dir}"),
            Self::Rename { from, to, ino, .. } => {
                write!(
                    f,
                    "rename {ino} from {:?} in {} to {:?} in {}",
                    from.1, from.0, to.1, to.0
                )
            }
            Self::Write {
                ino, offset, bytes, ..
            } => {
                write!(f, "write {} bytes at {offset} of {ino}", bytes.len())
            }
            Self::SetModified { ino, .. } => write!(f, "set time of {ino}"),
            Self::Sync {
                of, ino, outcome, ..
            } => {
                let what = match of {
                    Synced::Names => "names in",
                    Synced::Contents(_) => "contents of",
                    Synced::Everything => "everything for",
                };
                let failed = if *outcome == Outcome::Lost {
                    "fail to "
                } else {
                    ""
                };
                write!(f, "{failed}sync {what} {ino}")
            }
        }
    }
}
