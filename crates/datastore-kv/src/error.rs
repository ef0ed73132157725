//! Errors of engines as those of stores.

use datastore_engine as engine;
use interface_datastore::{Condition, Error, ErrorKind, Key, Operation};

use crate::record::Unreadable;

/// The error of opening a store whose engine could not be opened.
pub fn open_error(error: engine::Error) -> Error {
    match error.kind() {
        engine::ErrorKind::NotFound => worded(ErrorKind::NotFound, Operation::Open, error)
            .with_remedy("check the path, or allow the store to be made"),
        _ => translate(Operation::Open, error),
    }
}

/// An error of the engine, met in an operation.
pub(crate) fn translate(operation: Operation, error: engine::Error) -> Error {
    let kind = match error.kind() {
        engine::ErrorKind::InvalidArgument => ErrorKind::InvalidArgument,
        engine::ErrorKind::Unsupported => ErrorKind::Unsupported,
        engine::ErrorKind::ReadOnly => ErrorKind::ReadOnly,
        engine::ErrorKind::Closed => ErrorKind::Closed,
        engine::ErrorKind::Locked => ErrorKind::Locked,
        engine::ErrorKind::Foreign => ErrorKind::Foreign,
        engine::ErrorKind::Damaged => ErrorKind::Damaged,
        engine::ErrorKind::NoSpace => ErrorKind::NoSpace,
        engine::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        engine::ErrorKind::OutcomeUnknown => ErrorKind::OutcomeUnknown,
        engine::ErrorKind::SyncFailed => ErrorKind::SyncFailed,
        // An engine that is open is there: this must not be taken for a missing value.
        _ => ErrorKind::Failed,
    };
    worded(kind, operation, error)
}

/// With the engine's words.
fn worded(kind: ErrorKind, operation: Operation, error: engine::Error) -> Error {
    let mut own = Error::new(kind, operation);
    if let Some(path) = error.path() {
        own = own.with_path(path);
    }
    if let Some(detail) = error.detail() {
        own = own.with_detail(detail.to_owned());
    }
    if let Some(remedy) = error.remedy() {
        own = own.with_remedy(remedy.to_owned());
    }
    own.with_source(error)
}

/// A record that cannot be read.
pub(crate) fn unreadable(operation: Operation, key: &Key, why: Unreadable) -> Error {
    let error = match why {
        Unreadable::CutOff => Error::new(ErrorKind::Damaged, operation)
            .with_detail("the record ends within its head")
            .with_remedy("delete or overwrite the key, or restore the store from a copy"),
        Unreadable::Flags(flags) => Error::new(ErrorKind::Foreign, operation)
            .with_detail(format!(
                "the record has the flags 0x{flags:02x}, which this version does not know"
            ))
            .with_remedy("use the version of datastore-kv that wrote it"),
    };
    error.with_key(key)
}

/// A condition that does not hold.
pub(crate) fn unmet(operation: Operation, key: &Key, condition: &Condition) -> Error {
    let detail = match condition {
        Condition::IfAbsent => "the key holds a value",
        _ => "the key holds another value or none",
    };
    Error::new(ErrorKind::PreconditionFailed, operation)
        .with_key(key)
        .with_detail(detail)
}
