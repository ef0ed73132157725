//! What goes wrong with files, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::is_link;

/// A result with a [`FileError`].
pub type Result<T, E = FileError> = std::result::Result<T, E>;

/// What was being done to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Opening.
    Open,
    /// Creating.
    Create,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Making contents durable.
    Sync,
    /// Making the names in a folder durable.
    SyncFolder,
    /// Giving a finished file its name.
    Rename,
    /// Removing.
    Remove,
    /// Listing a folder.
    List,
    /// Asking for size and the like.
    Inspect,
    /// Locking.
    Lock,
}

impl Action {
    fn text(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::SyncFolder => "sync the folder",
            Self::Rename => "rename to",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Inspect => "inspect",
            Self::Lock => "lock",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why it failed: the part to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is there.
    NotFound,
    /// Something is there already.
    AlreadyExists,
    /// A symbolic link is in the way.
    LinkInTheWay,
    /// A file is where a folder should be.
    NotAFolder,
    /// A folder is where a file should be.
    IsAFolder,
    /// No space, inode or quota is left.
    NoSpace,
    /// The process or the system has too many files open.
    TooManyOpenFiles,
    /// The file system is read-only.
    ReadOnly,
    /// The system denies access.
    PermissionDenied,
    /// A name or path is longer than the file system takes.
    NameTooLong,
    /// Somebody else holds the lock.
    Locked,
    /// The answer is not in the caches; only where waiting was ruled out.
    WouldBlock,
    /// The runtime is shutting down and did not take the work, or the work panicked.
    Interrupted,
    /// Anything else; the source tells.
    Other,
}

impl Reason {
    pub(crate) fn of(action: Action, error: &io::Error) -> Self {
        if is_link(error) {
            return Self::LinkInTheWay;
        }
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            io::ErrorKind::NotADirectory => Self::NotAFolder,
            io::ErrorKind::IsADirectory => Self::IsAFolder,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::WouldBlock if action == Action::Lock => Self::Locked,
            io::ErrorKind::WouldBlock | io::ErrorKind::Unsupported => Self::WouldBlock,
            _ => Self::of_raw(error),
        }
    }

    #[cfg(unix)]
    fn of_raw(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE) => Self::TooManyOpenFiles,
            Some(Errno::NAMETOOLONG) => Self::NameTooLong,
            _ => Self::Other,
        }
    }

    #[cfg(not(unix))]
    fn of_raw(_: &io::Error) -> Self {
        Self::Other
    }

    /// What the user can do about it, where there is something to say.
    #[must_use]
    pub fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::LinkInTheWay => "remove the symbolic link or put what it points to in its place",
            Self::NotAFolder => "move the file away or choose another folder",
            Self::IsAFolder => "move the folder away, which this store did not make",
            Self::NoSpace => {
                "free space or inodes on that file system, or raise the quota, and repeat the write"
            }
            Self::TooManyOpenFiles => "close files, or raise the limit of open files (ulimit -n)",
            Self::ReadOnly => "mount the file system writable, or open the store read-only",
            Self::PermissionDenied => "give this user the right to the path, or run as its owner",
            Self::NameTooLong => "use shorter keys or a file system that takes longer names",
            Self::Locked => "close the program that holds it",
            Self::Interrupted => "keep the runtime running until the store is closed",
            Self::NotFound | Self::AlreadyExists | Self::WouldBlock | Self::Other => return None,
        })
    }
}

/// A failure with a file or folder: what was done, to which path, why it failed, and what to do.
#[derive(Debug)]
pub struct FileError {
    action: Action,
    reason: Reason,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// The failure of an action on a path.
    #[must_use]
    pub fn new(action: Action, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            reason: Reason::of(action, &source),
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn interrupted(path: &Path) -> Self {
        let source = io::Error::other("the blocking work did not finish");
        Self {
            action: Action::Open,
            reason: Reason::Interrupted,
            path: path.to_owned(),
            source,
        }
    }

    /// What was done.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Why it failed.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.reason.remedy()
    }

    /// The system's error alone, for errors that tell the rest themselves.
    #[must_use]
    pub fn into_cause(self) -> io::Error {
        self.source
    }

    /// The same failure as part of another action.
    pub(crate) fn during(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// A copy for another caller that the same failure concerns.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let source = match self.source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.source.kind(), self.source.to_string()),
        };
        Self {
            action: self.action,
            reason: self.reason,
            path: self.path.clone(),
            source,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.action.text(),
            self.path.display(),
            self.source
        )?;
        if let Some(remedy) = self.remedy() {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Adds action and path to results of the trait [`Fs`](crate::Fs).
pub(crate) trait Context<T> {
    fn during(self, action: Action, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn during(self, action: Action, path: &Path) -> Result<T> {
        self.map_err(|source| FileError::new(action, path, source))
    }
}
