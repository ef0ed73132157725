//! sled's errors in the words of engines.

use std::path::Path;

use datastore_engine::{Error, ErrorKind};
use datastore_files::FileError;

use crate::folder::LOG;

const REOPEN: &str = "close the engine and open it again: what was acknowledged is kept";
const RESTORE: &str = "restore it from a copy";

/// Translates an error of sled.
pub(crate) fn translate(path: &Path, error: sled::Error) -> Error {
    let (kind, remedy) = match &error {
        sled::Error::Io(error) => of_io(error),
        sled::Error::Corruption { .. } => (ErrorKind::Damaged, RESTORE),
        sled::Error::Unsupported(_) => (
            ErrorKind::Foreign,
            "open it with the version and the settings of sled that wrote it, or choose another folder",
        ),
        _ => (ErrorKind::Failed, REOPEN),
    };
    if kind == ErrorKind::Locked {
        return locked(path);
    }
    Error::new(kind)
        .with_path(path)
        .with_remedy(remedy)
        .with_detail(error.to_string())
        .with_source(error)
}

fn of_io(error: &std::io::Error) -> (ErrorKind, &'static str) {
    // sled knows no other way to say this.
    if error.to_string().starts_with("could not acquire lock") {
        return (ErrorKind::Locked, "");
    }
    let kind = Error::io(error.kind().into()).kind();
    match kind {
        // A file of a database that is gone, or that ends early.
        ErrorKind::NotFound | ErrorKind::Damaged => (ErrorKind::Damaged, RESTORE),
        _ => (kind, REOPEN),
    }
}

/// Somebody has the folder open, who is named where the system tells.
pub(crate) fn locked(path: &Path) -> Error {
    let remedy = match datastore_files::lock_holder(&path.join(LOG)) {
        Some(process) => format!("process {process} has it open; close it there"),
        None => "close it where it is open".to_owned(),
    };
    Error::new(ErrorKind::Locked)
        .with_path(path)
        .with_remedy(remedy)
}

/// What lies there is not ours.
pub(crate) fn foreign(path: &Path, detail: &'static str) -> Error {
    Error::new(ErrorKind::Foreign)
        .with_path(path)
        .with_detail(detail)
        .with_remedy("choose another folder, or move what is there")
}

/// A commit failed half way: what sled holds in memory is not to be trusted.
pub(crate) fn halted(path: &Path) -> Error {
    Error::new(ErrorKind::Failed)
        .with_path(path)
        .with_detail("an earlier commit failed half way")
        .with_remedy("end this program and start it again: what was acknowledged is kept")
}

/// The runtime went away before a hop could be made, or while it was under way.
pub(crate) fn interrupted(error: FileError) -> Error {
    Error::new(ErrorKind::OutcomeUnknown)
        .with_detail("the runtime is shutting down")
        .with_source(error)
}
