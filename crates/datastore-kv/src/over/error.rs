//! Errors of stores as those of engines.

use datastore_engine::{Error, ErrorKind};
use interface_datastore as store;

/// An error of the store below. It is the source, which names the store's key; the error itself names none.
pub(super) fn translate(error: store::Error) -> Error {
    let kind = match error.kind() {
        store::ErrorKind::InvalidKey | store::ErrorKind::InvalidArgument => {
            ErrorKind::InvalidArgument
        }
        store::ErrorKind::Unsupported => ErrorKind::Unsupported,
        store::ErrorKind::OutcomeUnknown => ErrorKind::OutcomeUnknown,
        store::ErrorKind::ReadOnly => ErrorKind::ReadOnly,
        store::ErrorKind::Closed => ErrorKind::Closed,
        store::ErrorKind::Locked => ErrorKind::Locked,
        store::ErrorKind::Foreign => ErrorKind::Foreign,
        store::ErrorKind::Damaged => ErrorKind::Damaged,
        store::ErrorKind::NoSpace => ErrorKind::NoSpace,
        store::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        store::ErrorKind::SyncFailed => ErrorKind::SyncFailed,
        // An engine that is open is there: a missing value must not be taken for a missing database.
        _ => ErrorKind::Failed,
    };
    let mut own = Error::new(kind).with_detail(format!(
        "the store below failed to {}: {}",
        error.operation(),
        error.kind()
    ));
    if let Some(path) = error.path() {
        own = own.with_path(path);
    }
    if let Some(remedy) = error.remedy() {
        own = own.with_remedy(remedy.to_owned());
    }
    own.with_source(error)
}

/// Somebody else has opened the engine since.
pub(super) fn taken_over() -> Error {
    Error::new(ErrorKind::Locked)
        .with_detail("another user has opened this engine since")
        .with_remedy("let one process at a time write to it; open it again to take it back")
}
