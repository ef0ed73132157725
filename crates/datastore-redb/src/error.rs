//! redb's errors in the words of engines.

use std::path::Path;

use datastore_engine::{Error, ErrorKind};
use datastore_files::FileError;

const REOPEN: &str = "close the engine and open it again: what was acknowledged is kept";

/// Translates an error of redb, of whatever phase.
pub(crate) fn translate(path: &Path, error: impl Into<redb::Error>) -> Error {
    let error = error.into();
    let kind = match &error {
        redb::Error::Corrupted(_) => ErrorKind::Damaged,
        redb::Error::DatabaseClosed => ErrorKind::Closed,
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => ErrorKind::Locked,
        redb::Error::UpgradeRequired(_) => ErrorKind::Foreign,
        redb::Error::ValueTooLarge(_) => ErrorKind::InvalidArgument,
        redb::Error::Io(error) => Error::io(std::io::Error::from(error.kind())).kind(),
        _ => ErrorKind::Failed,
    };
    let remedy = match &error {
        redb::Error::Corrupted(_) => "restore it from a copy; `check` tells more",
        redb::Error::UpgradeRequired(_) => {
            "upgrade the file with redb 2.6 first (`Database::upgrade`)"
        }
        redb::Error::Io(_) => REOPEN,
        _ if kind == ErrorKind::Failed => REOPEN,
        _ => "",
    };
    let mut told = Error::new(kind).with_path(path);
    if kind == ErrorKind::Locked {
        told = held(told, path);
    }
    if !remedy.is_empty() {
        told = told.with_remedy(remedy);
    }
    told.with_detail(error.to_string()).with_source(error)
}

/// Names who holds the file, where the system tells.
fn held(error: Error, path: &Path) -> Error {
    let who = match datastore_files::lock_holder(path) {
        Some(process) => format!("process {process} has it open; close it there"),
        None => "close it where it is open".to_owned(),
    };
    error.with_remedy(who)
}

/// The runtime went away before a hop could be made, or while it was under way.
pub(crate) fn interrupted(error: FileError) -> Error {
    Error::new(ErrorKind::OutcomeUnknown)
        .with_detail("the runtime is shutting down")
        .with_source(error)
}
