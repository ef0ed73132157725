//! From failures with files to the errors of stores.

use std::path::Path;

use datastore_files::{Action, FileError, Reason};
use interface_datastore::{Error, ErrorKind, Key, Operation};

const LEFT_OUT: &str = "--skip-refused leaves such keys out; a copy to an fs: store keeps them all";

/// A failure with the folder itself.
pub(super) fn open(error: FileError, path: &Path) -> Error {
    let kind = match error.reason() {
        Reason::NotFound => ErrorKind::NotFound,
        Reason::NotAFolder => ErrorKind::Foreign,
        _ => kind_of(&error),
    };
    build(kind, Operation::Open, error).with_path(path)
}

/// A failure with the file of a key.
pub(super) fn file(error: FileError, operation: Operation, key: Option<&Key>) -> Error {
    let kind = kind_of(&error);
    let built = build(kind, operation, error).with_key_opt(key);
    match kind {
        ErrorKind::InvalidKey => built.with_remedy(LEFT_OUT),
        ErrorKind::AlreadyExists => built.with_remedy(
            "--resume passes over files with the same contents, --overwrite replaces all",
        ),
        _ => built,
    }
}

/// No file can have the name.
pub(super) fn no_such_name(operation: Operation, key: &Key) -> Error {
    Error::new(ErrorKind::InvalidKey, operation)
        .with_key(key)
        .with_detail("the system takes no file names like this")
        .with_remedy(LEFT_OUT)
}

/// A file and a folder would have the same name.
pub(super) fn clash(key: &Key, path: &Path) -> Error {
    Error::new(ErrorKind::InvalidKey, Operation::Put)
        .with_key(key)
        .with_path(path)
        .with_detail("one key needs a file and another one a folder of the same name")
        .with_remedy(LEFT_OUT)
}

fn kind_of(error: &FileError) -> ErrorKind {
    match (error.action(), error.reason()) {
        (_, Reason::NoSpace) => ErrorKind::NoSpace,
        (Action::Sync, _) => ErrorKind::SyncFailed,
        (_, Reason::AlreadyExists) => ErrorKind::AlreadyExists,
        (_, Reason::NameTooLong) => ErrorKind::InvalidKey,
        (_, Reason::ReadOnly) => ErrorKind::ReadOnly,
        (_, Reason::PermissionDenied) => ErrorKind::PermissionDenied,
        (_, Reason::Locked) => ErrorKind::Locked,
        (_, Reason::TooManyOpenFiles | Reason::Interrupted) => ErrorKind::Unavailable,
        _ => ErrorKind::Failed,
    }
}

fn build(kind: ErrorKind, operation: Operation, error: FileError) -> Error {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let mut built = Error::new(kind, operation)
        .with_path(error.path())
        .with_detail(cause.unwrap_or_default());
    if let Some(remedy) = error.remedy() {
        built = built.with_remedy(remedy);
    }
    built.with_source(error)
}
