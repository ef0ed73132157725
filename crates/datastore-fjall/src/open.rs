//! Opening and creating.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use datastore_engine::{
    Error, ErrorKind, Result,
    implement::{folder_of, sync_name},
};
use fjall::{Database, PersistMode};

use crate::{
    FjallEngine, FjallOptions,
    engine::Opened,
    error::{LOCK, translate},
    torn_log,
    writes::Writes,
};

/// The one keyspace: keys and values as they are.
const KEYSPACE: &str = "entries";
/// What fjall writes last when it creates a database.
const MARKER: &str = "version";
/// What it writes before that, besides its lock.
const LOG: &str = "0.jnl";
const TREES: &str = "keyspaces";

/// What is in the folder.
enum Found {
    NoFolder,
    /// It is empty: perhaps a place where a disk is mounted, which can be neither replaced nor renamed.
    Empty,
    /// What fjall had made when it was killed while it created a database.
    Begun,
    Database,
    Other,
}

pub(crate) fn open(options: &FjallOptions, folder: &Path) -> Result<FjallEngine> {
    match look(folder)? {
        Found::Database => {}
        Found::Other => return Err(foreign(folder, "it holds something else")),
        _ if !options.create => return Err(Error::new(ErrorKind::NotFound).with_path(folder)),
        Found::NoFolder => create(options, folder)?,
        Found::Begun => clear(folder)?,
        Found::Empty => {}
    }
    let opened = open_database(options, folder)?;
    Ok(FjallEngine::new(opened, folder, options))
}

fn look(folder: &Path) -> Result<Found> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(foreign(folder, "it is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::NoFolder),
        Err(error) => return Err(failed(error)),
    }
    if folder.join(MARKER).is_file() {
        return Ok(Found::Database);
    }
    let entries = fs::read_dir(folder).map_err(failed)?;
    let names: Vec<_> = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    Ok(match names.as_slice() {
        [] => Found::Empty,
        names
            if names
                .iter()
                .all(|name| name == LOCK || name == LOG || name == TREES)
                && is_unused(folder) =>
        {
            Found::Begun
        }
        _ => Found::Other,
    })
}

/// Whether nothing was ever stored: there is no table, and no batch in the log.
fn is_unused(folder: &Path) -> bool {
    let no_trees =
        fs::read_dir(folder.join(TREES)).map_or(true, |mut trees| trees.next().is_none());
    let mut first = [0];
    let read = File::open(folder.join(LOG)).and_then(|mut log| log.read(&mut first));
    no_trees && read.map_or(true, |_| first == [0])
}

/// Removes what a creation that was cut off has left.
fn clear(folder: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    let lock = File::create(folder.join(LOCK)).map_err(failed)?;
    if lock.try_lock().is_err() {
        return Err(translate(folder, fjall::Error::Locked));
    }
    for removed in [
        fs::remove_file(folder.join(LOG)),
        fs::remove_dir(folder.join(TREES)),
    ] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

/// A kill half way through creating must not leave a folder that nobody can open: it gets its name once it is whole.
fn create(options: &FjallOptions, folder: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    let unnamed = tempfile::Builder::new()
        .prefix(".creating-")
        .tempdir_in(folder_of(folder))
        .map_err(failed)?;
    let opened = open_database(options, unnamed.path())?;
    let synced = opened.database.persist(PersistMode::SyncAll);
    synced.map_err(|error| translate(folder, error))?;
    drop(opened);
    match fs::rename(unnamed.path(), folder) {
        // Its name is gone, and with it what would be removed.
        Ok(()) => drop(unnamed.keep()),
        // Somebody else was faster: theirs is opened.
        Err(_) if matches!(look(folder)?, Found::Database) => {}
        Err(error) => return Err(failed(error)),
    }
    sync_name(folder).map_err(failed)
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
    let writes = Writes::default();
    Ok(Opened {
        entries,
        database,
        writes,
    })
}

fn foreign(folder: &Path, detail: &'static str) -> Error {
    let remedy = "choose another folder, or move what is there";
    Error::new(ErrorKind::Foreign)
        .with_path(folder)
        .with_detail(detail)
        .with_remedy(remedy)
}
