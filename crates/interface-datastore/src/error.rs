//! The one error of the family.

use std::{
    borrow::Cow,
    error::Error as StdError,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::Key;

/// A result with the family's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed: the part to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key holds no value; while opening: the store is not there. Never used for anything else.
    NotFound,
    /// The caller's [`AbortSignal`](crate::AbortSignal) ended the call.
    Aborted,
    /// The key's bytes break the rules of keys or those of the store.
    InvalidKey,
    /// An argument other than the key makes no sense.
    InvalidArgument,
    /// The store lacks what was asked for; nothing has been done.
    Unsupported,
    /// A condition on the key's present state was not met; nothing has been done.
    PreconditionFailed,
    /// A write may or may not have taken effect (a connection was lost, say).
    OutcomeUnknown,
    /// No store is mounted for the key.
    NoMount,
    /// The store or this handle on it does not take writes.
    ReadOnly,
    /// The store has been closed.
    Closed,
    /// Somebody else holds the store.
    Locked,
    /// There is a store where none was wanted.
    AlreadyExists,
    /// What lies there is not this kind of store, or one of a format that this version does not know.
    Foreign,
    /// Stored data contradicts its own format or checksum.
    Damaged,
    /// No space (or no inodes, or no quota) is left.
    NoSpace,
    /// The system or the server denies access.
    PermissionDenied,
    /// The store cannot be reached or asks to come back later.
    Unavailable,
    /// The call took longer than it may.
    TimedOut,
    /// Syncing failed; the writes that it covered count as not durable until they are written again.
    SyncFailed,
    /// Anything else; the source tells.
    Failed,
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Aborted => "aborted",
            Self::InvalidKey => "invalid key",
            Self::InvalidArgument => "invalid argument",
            Self::Unsupported => "not supported by this store",
            Self::PreconditionFailed => "precondition failed",
            Self::OutcomeUnknown => "outcome unknown",
            Self::NoMount => "no datastore mounted for this key",
            Self::ReadOnly => "read-only",
            Self::Closed => "the store is closed",
            Self::Locked => "locked by another user",
            Self::AlreadyExists => "already exists",
            Self::Foreign => "not a store that this version can open",
            Self::Damaged => "stored data is damaged",
            Self::NoSpace => "no space left",
            Self::PermissionDenied => "permission denied",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed out",
            Self::SyncFailed => "sync failed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What was being done when a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Opening or creating a store.
    Open,
    /// Closing a store.
    Close,
    /// Storing a value, in whatever way.
    Put,
    /// Reading a value, in whatever way.
    Get,
    /// Asking whether a key is there.
    Has,
    /// Removing a key.
    Delete,
    /// Listing.
    Query,
    /// Applying a batch.
    Write,
    /// Making earlier writes durable.
    Sync,
    /// Watching for changes.
    Watch,
    /// Checking, repairing and the like.
    Maintain,
    /// Counting the space taken.
    DiskUsage,
}

impl Operation {
    /// The lower-case name used in messages, logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Put => "put",
            Self::Get => "get",
            Self::Has => "has",
            Self::Delete => "delete",
            Self::Query => "query",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Watch => "watch",
            Self::Maintain => "maintain",
            Self::DiskUsage => "disk usage",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a batch got that failed in a store whose batches are not atomic.
///
/// Keys in no list were not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchReport {
    /// Keys whose operation took effect.
    pub applied: Vec<Key>,
    /// Keys whose operation failed without effect.
    pub failed: Vec<Key>,
    /// Keys whose operation may or may not have taken effect.
    pub unknown: Vec<Key>,
}

impl BatchReport {
    /// A report that names no key yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What went wrong, with what, and what to do about it. Cheap to clone.
///
/// Built by stores: `Error::new(kind, operation).with_key(key).with_detail("…")`. The text names the operation, the
/// key, the path and the remedy where there are any; the cause is the [`source`](StdError::source).
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: Operation,
    key: Option<Key>,
    path: Option<PathBuf>,
    detail: Option<Cow<'static, str>>,
    remedy: Option<Cow<'static, str>>,
    report: Option<BatchReport>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind in this operation.
    pub fn new(kind: ErrorKind, operation: Operation) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            key: None,
            path: None,
            detail: None,
            remedy: None,
            report: None,
            source: None,
        }))
    }

    /// The key holds no value.
    pub fn not_found(operation: Operation, key: &Key) -> Self {
        Self::new(ErrorKind::NotFound, operation).with_key(key)
    }

    /// The store lacks `what`.
    pub fn unsupported(operation: Operation, what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, operation).with_detail(what)
    }

    /// Names the key.
    pub fn with_key(mut self, key: &Key) -> Self {
        self.0.key = Some(key.clone());
        self
    }

    /// Names the key if there is one.
    pub fn with_key_opt(self, key: Option<&Key>) -> Self {
        match key {
            Some(key) => self.with_key(key),
            None => self,
        }
    }

    /// Renames the key, if the error names one: for wrappers that translate keys.
    ///
    /// Keys in a [`BatchReport`] are renamed too; where `rename` gives none the key is left out.
    pub fn map_key(mut self, rename: impl Fn(&Key) -> Option<Key>) -> Self {
        self.0.key = self.0.key.as_ref().and_then(&rename);
        if let Some(report) = &mut self.0.report {
            for keys in [&mut report.applied, &mut report.failed, &mut report.unknown] {
                *keys = keys.iter().filter_map(&rename).collect();
            }
        }
        self
    }

    /// Names the file, folder or address concerned.
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Says in a few words what exactly was wrong.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says what the user can do about it.
    pub fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Keeps the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Says how far a batch got.
    pub fn with_report(mut self, report: BatchReport) -> Self {
        self.0.report = Some(report);
        self
    }

    /// The same error as met in another operation: `has` calls `get` inside, say.
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Why it failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The key concerned, where known.
    pub fn key(&self) -> Option<&Key> {
        self.0.key.as_ref()
    }

    /// The file, folder or address concerned, where known.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What to do about it, where known.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// How far a batch got, if this is the failure of one.
    pub fn report(&self) -> Option<&BatchReport> {
        self.0.report.as_ref()
    }

    /// Whether the key simply holds no value.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether the caller's signal ended the call.
    pub fn is_aborted(&self) -> bool {
        self.kind() == ErrorKind::Aborted
    }

    /// Whether the same call may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::OutcomeUnknown
        )
    }

    /// The `name` that the JavaScript stores give such an error, for callers that log or match on it.
    pub fn js_name(&self) -> &'static str {
        self.js().0
    }

    /// The older `code` that the JavaScript stores give such an error.
    pub fn js_code(&self) -> &'static str {
        self.js().1
    }

    fn js(&self) -> (&'static str, &'static str) {
        match (self.kind(), self.operation()) {
            (ErrorKind::NotFound, _) => ("NotFoundError", "ERR_NOT_FOUND"),
            (ErrorKind::Aborted, _) => ("AbortError", "ERR_ABORTED"),
            // In JavaScript a get without a mount is plainly not found.
            (ErrorKind::NoMount, Operation::Get) => ("NotFoundError", "ERR_NOT_FOUND"),
            (_, Operation::Open) => ("OpenFailedError", "ERR_OPEN_FAILED"),
            (_, Operation::Close) => ("CloseFailedError", "ERR_CLOSE_FAILED"),
            (_, Operation::Put) => ("PutFailedError", "ERR_PUT_FAILED"),
            (_, Operation::Get) => ("GetFailedError", "ERR_GET_FAILED"),
            (_, Operation::Delete) => ("DeleteFailedError", "ERR_DELETE_FAILED"),
            (_, Operation::Has) => ("HasFailedError", "ERR_HAS_FAILED"),
            // Kinds that JavaScript has no class for, named in its manner.
            (_, Operation::Query) => ("QueryFailedError", "ERR_QUERY_FAILED"),
            (_, Operation::Write) => ("BatchFailedError", "ERR_BATCH_FAILED"),
            (_, Operation::Sync) => ("SyncFailedError", "ERR_SYNC_FAILED"),
            (_, Operation::Watch) => ("WatchFailedError", "ERR_WATCH_FAILED"),
            (_, Operation::Maintain) => ("MaintainFailedError", "ERR_MAINTAIN_FAILED"),
            (_, Operation::DiskUsage) => ("DiskUsageFailedError", "ERR_DISK_USAGE_FAILED"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        write!(f, "{}", inner.operation)?;
        if let Some(key) = &inner.key {
            write!(f, " {}", Escaped(&key.to_string()))?;
        }
        write!(f, ": {}", inner.kind)?;
        if let Some(detail) = &inner.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(path) = &inner.path {
            write!(f, " at {}", Escaped(&path.display().to_string()))?;
        }
        if let Some(remedy) = &inner.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("message", &self.to_string());
        if let Some(report) = &self.0.report {
            out.field("report", report);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Text from outside in a message: control characters must not reach a terminal.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() {
                write!(f, "{}", c.escape_default())
            } else {
                write!(f, "{c}")
            }
        })
    }
}
