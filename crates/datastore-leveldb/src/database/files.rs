//! The files of a database's folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use datastore_files::{Action, DirEntry, FileError, OpenFile, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::failure::{Damage, Failure};
use crate::format::log::{Item, Log};
use crate::format::names::FileName;

/// What lies in the folder, by number.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) tables: BTreeMap<u64, OsString>,
    pub(crate) logs: BTreeMap<u64, OsString>,
    pub(crate) manifests: BTreeMap<u64, OsString>,
    /// Those that no database has.
    pub(crate) foreign: Vec<OsString>,
    has_current: bool,
}

impl Listing {
    /// Lists the folder; refuses one that is certainly no database of LevelDB.
    pub(crate) fn read(tree: &Tree) -> Result<Self, Failure> {
        let mut listing = Self::default();
        names(tree)?.into_iter().for_each(|name| listing.add(name));
        listing.refuse_others(tree)?;
        Ok(listing)
    }

    fn add(&mut self, name: OsString) {
        match FileName::of(&name) {
            FileName::Current => self.has_current = true,
            FileName::Manifest(number) => drop(self.manifests.insert(number, name)),
            FileName::Log(number) => drop(self.logs.insert(number, name)),
            FileName::Table(number) => {
                // Should there be both, the newer extension counts, as in LevelDB.
                let newer = Path::new(&name).extension().is_some_and(|is| is == "ldb");
                if newer || !self.tables.contains_key(&number) {
                    self.tables.insert(number, name);
                }
            }
            FileName::Foreign => self.foreign.push(name),
            FileName::Lock | FileName::Auxiliary => {}
        }
    }

    fn refuse_others(&self, tree: &Tree) -> Result<(), Failure> {
        let error = |kind, detail| {
            let error = Error::new(kind, Operation::Open).with_path(tree.path());
            Failure::from(error.with_detail(detail))
        };
        let is_options = |name: &OsString| name.to_string_lossy().starts_with("OPTIONS-");
        if self.foreign.iter().any(is_options) {
            return Err(error(
                ErrorKind::Foreign,
                "the folder holds a database of RocksDB or Pebble, not of LevelDB",
            ));
        }
        let has_parts = [&self.tables, &self.logs, &self.manifests]
            .iter()
            .any(|files| !files.is_empty());
        match (self.has_current || has_parts, self.foreign.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(error(
                ErrorKind::NotFound,
                "there is no database in the folder",
            )),
            (false, false) => Err(error(
                ErrorKind::Foreign,
                "the folder holds files, but no database of LevelDB",
            )),
        }
    }
}

/// The names of all that lies in the folder.
pub(crate) fn names(tree: &Tree) -> Result<Vec<OsString>, Failure> {
    let entries = tree.entries(Path::new(""))?.into_iter().flatten();
    let unreadable = |error| Failure::File(FileError::new(Action::List, tree.path(), error));
    let name = |entry: io::Result<DirEntry>| entry.map(|entry| entry.name).map_err(unreadable);
    entries.map(name).collect()
}

/// Asks for a read to be repeated where it may wait.
pub(crate) fn would_block(tree: &Tree, name: &Path) -> Failure {
    let error = io::ErrorKind::WouldBlock.into();
    Failure::File(FileError::new(Action::Read, &tree.full(name), error))
}

/// Opens a file of the folder, which was there before.
pub(crate) fn open(tree: &Tree, name: &Path, wait: Wait) -> Result<OpenFile, Failure> {
    let opened = tree.open_file(name, wait)?;
    opened.ok_or_else(|| Failure::Vanished(tree.full(name)))
}

/// Reads a log or manifest, and hands over what it holds.
pub(crate) fn read_log(
    tree: &Tree,
    name: &Path,
    mut take: impl FnMut(Item) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = open(tree, name, Wait::Yes)?;
    let read = |range: Range<u64>| -> Result<Bytes, Failure> { Ok(file.read(range, Wait::Yes)?) };
    let mut log = Log::new(file.metadata().len, read);
    while let Some(item) = log.next()? {
        take(item)?;
    }
    Ok(())
}

/// Damage in a file of the folder.
pub(crate) fn damage(tree: &Tree, name: &Path, offset: Option<u64>, what: &'static str) -> Damage {
    Damage {
        path: tree.full(name),
        offset,
        what,
    }
}

/// That a table is not where the manifest says.
pub(crate) fn missing_table(tree: &Tree, name: &Path) -> Damage {
    damage(tree, name, None, "a table is missing")
}
