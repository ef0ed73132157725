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

const FOLLOW: &str = "open the store with follow_shard_links if the link was made on purpose, or put what it points to in its place";

/// The error of a store for a failure with a file.
pub(crate) fn file_error(error: FileError, operation: Operation, key: Option<&Key>) -> Error {
    let out = Error::new(kind_of(&error), operation)
        .with_key_opt(key)
        .with_path(error.path())
        .with_detail(format!("cannot {}", error.action()));
    let of_shard = error.path().extension().is_none() && error.reason() == Reason::LinkInTheWay;
    let remedy = if of_shard {
        Some(FOLLOW)
    } else {
        error.remedy()
    };
    let out = match remedy {
        Some(remedy) => out.with_remedy(remedy),
        None => out,
    };
    out.with_source(error.into_cause())
}

fn kind_of(error: &FileError) -> ErrorKind {
    match error.reason() {
        Reason::NoSpace => ErrorKind::NoSpace,
        _ if matches!(error.action(), Action::Sync | Action::SyncFolder) => ErrorKind::SyncFailed,
        Reason::TooManyOpenFiles | Reason::Interrupted => ErrorKind::Unavailable,
        Reason::ReadOnly => ErrorKind::ReadOnly,
        Reason::PermissionDenied => ErrorKind::PermissionDenied,
        Reason::NameTooLong => ErrorKind::InvalidKey,
        Reason::Locked => ErrorKind::Locked,
        _ => ErrorKind::Failed,
    }
}
