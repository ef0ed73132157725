//! From failures with files to the errors of stores.

use datastore_files::{Action, FileError, ReadError, Reason};
use interface_datastore::{Error, ErrorKind, Key, Operation};

/// What can end a read that may have to be repeated where it may wait.
#[derive(Debug)]
pub(crate) enum Failure {
    File(FileError),
    Store(Error),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl ReadError for Failure {
    fn would_block(&self) -> bool {
        matches!(self, Self::File(error) if error.would_block())
    }
}

impl Failure {
    pub(crate) fn during(self, operation: Operation, key: Option<&Key>) -> Error {
        match self {
            Self::File(error) => file_error(error, operation, key),
            Self::Store(error) => error,
        }
    }
}

/// The error of a store for a failure with a file.
pub(crate) fn file_error(error: FileError, operation: Operation, key: Option<&Key>) -> Error {
    let kind = match (error.action(), error.reason()) {
        (_, Reason::NoSpace) => ErrorKind::NoSpace,
        (Action::Sync | Action::SyncFolder, _) => ErrorKind::SyncFailed,
        (_, Reason::TooManyOpenFiles | Reason::Interrupted) => ErrorKind::Unavailable,
        (_, Reason::ReadOnly) => ErrorKind::ReadOnly,
        (_, Reason::PermissionDenied) => ErrorKind::PermissionDenied,
        (_, Reason::NameTooLong) => ErrorKind::InvalidKey,
        (_, Reason::Locked) => ErrorKind::Locked,
        _ => ErrorKind::Failed,
    };
    let mut out = Error::new(kind, operation)
        .with_key_opt(key)
        .with_path(error.path());
    if let Some(remedy) = error.remedy() {
        out = out.with_remedy(remedy);
    }
    let what = match error.action() {
        Action::Rename => "cannot put the new file in its place".into(),
        action => format!("cannot {action}"),
    };
    out.with_detail(what).with_source(error.into_cause())
}
