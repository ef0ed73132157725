//! Opening and creating.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use datastore_engine::{Error, ErrorKind, Result};
use fjall::{Database, PersistMode};

use crate::{FjallEngine, FjallOptions, engine::Opened, error::translate, torn_log};

/// The one keyspace: keys and values as they are.
const KEYSPACE: &str = "entries";
/// What fjall writes last when it creates a database.
const MARKER: &str = "version";

/// What is in the folder.
enum Found {
    Nothing,
    Database,
    Other,
}

pub(crate) fn open(options: &FjallOptions, folder: &Path) -> Result<FjallEngine> {
    match look(folder)? {
        Found::Database => {}
        Found::Nothing if options.create => create(options, folder)?,
        Found::Nothing => return Err(Error::new(ErrorKind::NotFound).with_path(folder)),
        Found::Other => return Err(foreign(folder, "it holds something else")),
    }
    let opened = open_database(options, folder)?;
    Ok(FjallEngine::new(opened, folder, options))
}

fn look(folder: &Path) -> Result<Found> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(foreign(folder, "it is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    }
    if folder.join(MARKER).is_file() {
        return Ok(Found::Database);
    }
    let empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
    Ok(if empty { Found::Nothing } else { Found::Other })
}

/// A kill half way through creating must not leave a folder that nobody can open: it gets its name once it is whole.
fn create(options: &FjallOptions, folder: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unnamed = tempfile::Builder::new()
        .prefix(".creating-")
        .tempdir_in(parent)
        .map_err(failed)?;
    let opened = open_database(options, unnamed.path())?;
    let synced = opened.database.persist(PersistMode::SyncAll);
    synced.map_err(|error| translate(folder, error))?;
    drop(opened);
    // An empty folder is in the way on some systems; one that is not stays.
    let _ = fs::remove_dir(folder);
    match fs::rename(unnamed.path(), folder) {
        // Its name is gone, and with it what would be removed.
        Ok(()) => drop(unnamed.keep()),
        // Somebody else was faster: theirs is opened.
        Err(_) if matches!(look(folder)?, Found::Database) => {}
        Err(error) => return Err(failed(error)),
    }
    sync_folder(parent).map_err(failed)
}

fn open_database(options: &FjallOptions, folder: &Path) -> Result<Opened> {
    let open = || options.apply(Database::builder(folder)).open();
    let opened = match open() {
        Err(fjall::Error::JournalRecovery(_)) if torn_log::mend(folder)? => open(),
        opened => opened,
    };
    let database = opened.map_err(|error| translate(folder, error))?;
    let names = database.list_keyspace_names();
    if !names.is_empty() && !database.keyspace_exists(KEYSPACE) {
        return Err(foreign(folder, "it holds the keyspaces of another program"));
    }
    let entries = database.keyspace(KEYSPACE, || options.keyspace());
    let entries = entries.map_err(|error| translate(folder, error))?;
    Ok(Opened { entries, database })
}

fn foreign(folder: &Path, detail: &'static str) -> Error {
    let remedy = "choose another folder, or move what is there";
    Error::new(ErrorKind::Foreign)
        .with_path(folder)
        .with_detail(detail)
        .with_remedy(remedy)
}

/// A name that a power cut may take away would take all acknowledged commits along.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened, and its file system keeps names in order.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
