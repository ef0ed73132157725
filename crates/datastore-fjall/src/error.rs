//! fjall's errors in the words of engines.

use std::{io, path::Path};

use datastore_engine::{Error, ErrorKind};
use datastore_files::FileError;

/// fjall's lock file.
pub(crate) const LOCK: &str = "lock";

const REOPEN: &str = "close the engine and open it again: what was acknowledged is kept";
const RESTORE: &str = "restore it from a copy; `check` tells how much can be read";

/// Translates an error of fjall.
pub(crate) fn translate(path: &Path, error: fjall::Error) -> Error {
    let (kind, remedy) = match &error {
        fjall::Error::Io(error) => of_io(error),
        fjall::Error::Storage(error) => of_tree(error),
        fjall::Error::Locked => (ErrorKind::Locked, ""),
        fjall::Error::InvalidVersion(_) => (
            ErrorKind::Foreign,
            "open it with the version of fjall that wrote it, or choose another folder",
        ),
        // A sync or a write of the log has failed, and what it covered may be lost.
        fjall::Error::Poisoned => (ErrorKind::SyncFailed, REOPEN),
        fjall::Error::KeyspaceDeleted => (ErrorKind::Failed, ""),
        _ => (ErrorKind::Damaged, RESTORE),
    };
    let mut told = Error::new(kind).with_path(path);
    if !remedy.is_empty() {
        told = told.with_remedy(remedy);
    }
    if kind == ErrorKind::Locked {
        told = held(told, path);
    }
    told.with_detail(error.to_string()).with_source(error)
}

fn of_io(error: &io::Error) -> (ErrorKind, &'static str) {
    // A file that is gone, or there though the others know nothing of it, or read at a place that cannot be: nothing of a
    // database goes or comes by itself, and its own numbers fit.
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidInput
    ) {
        return (ErrorKind::Damaged, RESTORE);
    }
    let kind = Error::io(error.kind().into()).kind();
    match kind {
        ErrorKind::Damaged => (kind, RESTORE),
        _ => (kind, REOPEN),
    }
}

fn of_tree(error: &fjall::LsmError) -> (ErrorKind, &'static str) {
    match error {
        fjall::LsmError::Io(error) => of_io(error),
        _ => (ErrorKind::Damaged, RESTORE),
    }
}

/// Names who holds the folder, where the system tells.
fn held(error: Error, path: &Path) -> Error {
    error.with_remedy(match datastore_files::lock_holder(&path.join(LOCK)) {
        Some(process) => format!("process {process} has it open; close it there"),
        None => "close it where it is open".to_owned(),
    })
}

/// The runtime went away before a hop could be made, or while it was under way.
pub(crate) fn interrupted(error: FileError) -> Error {
    Error::new(ErrorKind::OutcomeUnknown)
        .with_detail("the runtime is shutting down")
        .with_source(error)
}
