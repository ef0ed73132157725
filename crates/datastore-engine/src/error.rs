//! The one error of engines.

use std::{
    borrow::Cow,
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A result with an engine's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed: the part to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// While opening without leave to create: there is no database.
    NotFound,
    /// A key, a value or an option that no engine, or not this one, takes; nothing has been done.
    InvalidArgument,
    /// The engine lacks what was asked for; nothing has been done.
    Unsupported,
    /// The engine was opened for reading only.
    ReadOnly,
    /// The engine has been closed.
    Closed,
    /// Somebody else holds the database.
    Locked,
    /// What lies there is not a database of this engine, or one of a format that this version does not know.
    Foreign,
    /// Stored data contradicts its own format or checksums.
    Damaged,
    /// No space (or no inodes, or no quota) is left.
    NoSpace,
    /// The system denies access.
    PermissionDenied,
    /// A remote engine cannot tell whether the commit took effect.
    OutcomeUnknown,
    /// Making commits durable failed; those it covered may be lost, and the engine says what to do.
    SyncFailed,
    /// Anything else; the source tells.
    Failed,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no database",
            Self::InvalidArgument => "invalid argument",
            Self::Unsupported => "not supported by this engine",
            Self::ReadOnly => "read-only",
            Self::Closed => "the engine is closed",
            Self::Locked => "locked by another user",
            Self::Foreign => "not a database that this engine can open",
            Self::Damaged => "stored data is damaged",
            Self::NoSpace => "no space left",
            Self::PermissionDenied => "permission denied",
            Self::OutcomeUnknown => "outcome unknown",
            Self::SyncFailed => "sync failed",
            Self::Failed => "failed",
        })
    }
}

const LEAVE: &str = "give this user leave to read and write there, or choose another place";
const ROOM: &str = "make room there, and try again";

/// What went wrong, where, and what to do about it. Cheap to clone.
///
/// Built by engines: `Error::new(kind).with_path(path).with_remedy("…")`. The cause is the [`source`](StdError::source).
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    path: Option<PathBuf>,
    detail: Option<Cow<'static, str>>,
    remedy: Option<Cow<'static, str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            path: None,
            detail: None,
            remedy: None,
            source: None,
        }))
    }

    /// The engine lacks `what`.
    pub fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported).with_detail(what)
    }

    /// An argument that makes no sense here, and why.
    pub fn invalid(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidArgument).with_detail(what)
    }

    /// The engine has been closed.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed)
    }

    /// A failure of the system, of the kind that its code tells, with the remedy where that is plain.
    pub fn io(error: io::Error) -> Self {
        let mut told = Self::new(kind_of(&error));
        match told.kind() {
            ErrorKind::PermissionDenied => told = told.with_remedy(LEAVE),
            ErrorKind::NoSpace => told = told.with_remedy(ROOM),
            _ => {}
        }
        told.with_source(error)
    }

    /// Names the file, folder or address concerned.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Says in a few words what exactly was wrong. Never says keys or values, which may be secret.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Why the call failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, folder or address concerned.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What exactly was wrong.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// What the user can do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorKind::Damaged,
        _ => ErrorKind::Failed,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        write!(f, "{}", inner.kind)?;
        if let Some(path) = &inner.path {
            write!(f, ": {}", path.display())?;
        }
        if let Some(detail) = &inner.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(remedy) = &inner.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        match &self.0.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Error, ErrorKind};

    #[test]
    fn failures_of_the_system_say_what_to_do() {
        let rows = [
            (
                io::ErrorKind::PermissionDenied,
                ErrorKind::PermissionDenied,
                Some("leave"),
            ),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                ErrorKind::PermissionDenied,
                Some("leave"),
            ),
            (io::ErrorKind::StorageFull, ErrorKind::NoSpace, Some("room")),
            (io::ErrorKind::NotFound, ErrorKind::NotFound, None),
            (io::ErrorKind::Other, ErrorKind::Failed, None),
        ];
        for (system, kind, remedy) in rows {
            let error = Error::io(system.into()).with_path("some/place");
            assert_eq!(error.kind(), kind);
            let says = error.remedy();
            assert_eq!(says.is_some(), remedy.is_some(), "{error}");
            assert!(
                remedy.is_none_or(|word| says.unwrap_or("").contains(word)),
                "{error}"
            );
        }
    }
}
