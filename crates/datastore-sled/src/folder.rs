//! The files of a database, before sled looks at them and behind it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use datastore_engine::{Error, ErrorKind, Result};

use crate::error::{foreign, locked};

/// sled's log, which holds the entries and is what it locks.
pub(crate) const LOG: &str = "db";
/// sled's settings, which it writes first.
const SETTINGS: &str = "conf";
/// Values that are too long for the log.
const BLOBS: &str = "blobs";

/// Ours, behind the first flush: a log that is missing or empty then was lost.
const MARKER: &str = "datastore-sled";

/// How long sled's threads may hold the log behind its closing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What lies in a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or a creation that was cut off.
    Nothing,
    Database,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |error| Error::io(error).with_path(path)
}

/// Looks at a folder without changing it.
pub(crate) fn look(folder: &Path) -> Result<Found> {
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(folder)(error)),
    };
    if !metadata.is_dir() {
        return Err(foreign(folder, "it is not a folder"));
    }
    let (mut log, mut begun, mut others) = (None, false, false);
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let metadata = entry.metadata().map_err(failed(folder))?;
        match entry.file_name().to_str() {
            Some(LOG) if metadata.is_file() => log = Some(metadata.len()),
            Some(SETTINGS) if metadata.is_file() => {}
            Some(MARKER) if metadata.is_file() => begun = true,
            Some(BLOBS) if metadata.is_dir() => {
                let mut held = fs::read_dir(entry.path()).map_err(failed(folder))?;
                begun |= held.next().is_some();
            }
            _ => others = true,
        }
    }
    match log {
        Some(1..) => Ok(Found::Database),
        _ if begun => Err(damaged(folder, "its log is missing or empty")),
        _ if others => Err(foreign(folder, "it holds files of another program")),
        _ => Ok(Found::Nothing),
    }
}

fn damaged(folder: &Path, detail: &'static str) -> Error {
    Error::new(ErrorKind::Damaged)
        .with_path(folder)
        .with_detail(detail)
        .with_remedy("restore it from a copy")
}

/// Makes the folder, or takes away what a creation that was cut off has left.
pub(crate) fn begin(folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(folder)(error)),
        _ => match fs::remove_file(folder.join(SETTINGS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(folder)(error)),
            _ => Ok(()),
        },
    }
}

/// Notes that the database has begun.
pub(crate) fn mark(folder: &Path) -> Result<()> {
    let path = folder.join(MARKER);
    match File::create_new(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(&path)(error)),
        _ => Ok(()),
    }
}

/// Refuses a folder that somebody has open: sled itself makes and writes files before it finds out.
pub(crate) fn check_unlocked(folder: &Path) -> Result<()> {
    let log = match OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(LOG))
    {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(folder)(error)),
    };
    match log.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(locked(folder)),
        Err(TryLockError::Error(error)) => Err(failed(folder)(error)),
    }
}

/// Waits until sled's threads, which end behind its closing, have let go of the log.
pub(crate) fn wait_until_unlocked(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        match check_unlocked(folder) {
            Err(error) if error.kind() == ErrorKind::Locked && begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

/// Has the system write all files, and the names in the folders.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    let blobs = folder.join(BLOBS);
    for within in [&blobs, folder] {
        for entry in fs::read_dir(within).map_err(failed(within))? {
            let entry = entry.map_err(failed(within))?;
            let path = entry.path();
            if entry.file_type().map_err(failed(&path))?.is_dir() {
                continue;
            }
            // Where a handle must be for writing to be synced, one for reading is not enough.
            match OpenOptions::new().write(true).open(&path) {
                Ok(file) => sync_one(&file, &path)?,
                // sled removes what it needs no more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        #[cfg(unix)]
        sync_one(&File::open(within).map_err(failed(within))?, within)?;
    }
    Ok(())
}

fn sync_one(file: &File, path: &Path) -> Result<()> {
    file.sync_all().map_err(|error| {
        Error::new(ErrorKind::SyncFailed)
            .with_path(path)
            .with_remedy("write anew what must not be lost")
            .with_source(error)
    })
}
