//! Giving each value the place that another layout has for it.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use datastore_files::{Action, Contents, Kind, OpenFile, Replace, TempFile, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use super::Teller;
use super::folder::Folder;
use super::layout::value;
use super::site::Site;
use crate::failure::file_error;

/// So many folders are held open.
const MAX_OPEN: usize = 256;
/// So many folders are remembered as being there.
const MAX_MADE: usize = 1 << 16;
/// Values that cannot be renamed across file systems are copied in pieces of so many bytes.
const PIECE: u64 = 256 * 1024;

/// Moves values from one directory to another, or within one.
pub(super) struct Relocation<'a> {
    pub(super) from: &'a Site,
    pub(super) to: &'a Site,
    /// Whether a value may take another's place.
    pub(super) replace: Replace,
    /// The folder where the value of this text belongs that lies in this folder; none if it stays.
    pub(super) place: &'a dyn Fn(&str, &str) -> Option<String>,
    open: HashMap<String, Folder>,
    /// Folders that are known to be there.
    made: HashSet<String>,
}

impl<'a> Relocation<'a> {
    pub(super) fn new(
        from: &'a Site,
        to: &'a Site,
        replace: Replace,
        place: &'a dyn Fn(&str, &str) -> Option<String>,
    ) -> Self {
        Self {
            from,
            to,
            replace,
            place,
            open: HashMap::new(),
            made: HashSet::new(),
        }
    }

    /// Moves all that has to be. What has been moved is told to `teller`.
    pub(super) fn run(&mut self, teller: &mut Teller<'_, '_>) -> Result<(), Error> {
        let mut folders = self.from.shard_folders()?;
        folders.push(OsString::new());
        // A value in a folder whose own name were lost would be lost with it, so all of them are there first.
        for name in &folders {
            self.make_targets(name)?;
        }
        self.to.root.sync()?;
        for name in &folders {
            self.empty(name, teller)?;
        }
        Ok(())
    }

    /// Makes the folders into which the values of one folder go.
    fn make_targets(&mut self, name: &OsStr) -> Result<(), Error> {
        let Some((folder, name)) = self.from.folder(name)?.zip(name.to_str()) else {
            return Ok(());
        };
        for entry in folder.entries()? {
            let (file, kind) = entry?;
            match self.target_of(name, &file, kind) {
                Some(target) if !self.made.contains(&target) => self.make_target(target)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn make_target(&mut self, target: String) -> Result<(), Error> {
        self.target(&target)?;
        if self.made.len() >= MAX_MADE {
            self.made.clear();
        }
        self.made.insert(target);
        Ok(())
    }

    /// The folder into which a file goes; none if it stays.
    fn target_of(&self, folder: &str, file: &OsStr, kind: Kind) -> Option<String> {
        let stem = value(file).filter(|_| kind != Kind::Dir)?;
        (self.place)(folder, stem)
    }

    /// Moves what does not belong into one folder. Some file systems pass over names while others are taken away, so it is listed
    /// again until nothing is left to move.
    fn empty(&mut self, name: &OsStr, teller: &mut Teller<'_, '_>) -> Result<(), Error> {
        let Some((folder, name)) = self.from.folder(name)?.zip(name.to_str()) else {
            return Ok(());
        };
        loop {
            let mut moved = false;
            for entry in folder.entries()? {
                let (file, kind) = entry?;
                let Some(target) = self.target_of(name, &file, kind) else {
                    continue;
                };
                self.move_one((name, &folder), &file, &target)?;
                moved = true;
                teller.one_done()?;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn move_one(
        &mut self,
        (name, folder): (&str, &Folder),
        file: &OsStr,
        target: &str,
    ) -> Result<(), Error> {
        let to = self.target(target)?;
        match folder.rename(file, (&to, file), self.replace) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.copy((name, folder), file, (target, &to))?;
                folder.remove_file(file)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Where a rename that replaces nothing is a link and a removal, the process may have ended in between.
                match (folder.look(file)?, to.look(file)?) {
                    (Some((Kind::File, this)), Some((Kind::File, that)))
                        if this == that && this != 0 =>
                    {
                        folder.remove_file(file)
                    }
                    _ => Err(twice(folder, &to, file)),
                }
            }
            Err(error) => Err(to.failed(Action::Rename, file, error)),
        }
    }

    fn target(&mut self, name: &str) -> Result<Folder, Error> {
        if name.is_empty() {
            return Ok(self.to.root.clone());
        }
        if let Some(open) = self.open.get(name) {
            return Ok(open.clone());
        }
        let folder = self.to.root.find_or_make(OsStr::new(name), self.to.links)?;
        if self.open.len() >= MAX_OPEN {
            self.open.clear();
        }
        self.open.insert(name.to_owned(), folder.clone());
        Ok(folder)
    }

    /// Copies a value to another file system, durably, as it is removed here next.
    fn copy(
        &self,
        (name, folder): (&str, &Folder),
        file: &OsStr,
        (target, to): (&str, &Folder),
    ) -> Result<(), Error> {
        let here = Path::new(name).join(file);
        let there = Path::new(target).join(file);
        if self.replace == Replace::No && to.look(file)?.is_some() {
            // The process may have ended between copy and removal.
            return match is_same(&self.from.tree, &here, &self.to.tree, &there)? {
                true => Ok(()),
                false => Err(twice(folder, to, file)),
            };
        }
        match copied(&self.from.tree, &here, &self.to.tree)? {
            Some(temp) => self.to.write(&there, Contents::Temp(temp), self.replace),
            None => {
                let error = io::Error::other("it is no file, and cannot be copied");
                Err(folder.failed(Action::Read, file, error))
            }
        }
    }
}

/// Whether two files are there and hold the same.
pub(super) fn is_same(from: &Tree, here: &Path, to: &Tree, there: &Path) -> Result<bool, Error> {
    let open = |tree: &Tree, path| {
        let opened = tree.open_file(path, Wait::Yes);
        opened.map_err(|error| file_error(error, Operation::Maintain, None))
    };
    match (open(from, here)?, open(to, there)?) {
        (Some(here), Some(there)) => is_equal(&here, &there),
        _ => Ok(false),
    }
}

/// A temporary file of one tree with the contents of a file of another; none if there is no such file.
pub(super) fn copied(from: &Tree, path: &Path, to: &Tree) -> Result<Option<TempFile>, Error> {
    let failed = |error| file_error(error, Operation::Maintain, None);
    let Some(source) = from.open_file(path, Wait::Yes).map_err(failed)? else {
        return Ok(None);
    };
    let mut temp = to.temp_file().map_err(failed)?;
    loop {
        let range = temp.len()..temp.len().saturating_add(PIECE);
        let piece = source.read(range, Wait::Yes).map_err(failed)?;
        if piece.is_empty() {
            return Ok(Some(temp));
        }
        temp.write_all(&piece).map_err(failed)?;
    }
}

fn is_equal(here: &OpenFile, there: &OpenFile) -> Result<bool, Error> {
    let failed = |error| file_error(error, Operation::Maintain, None);
    if here.metadata().len != there.metadata().len {
        return Ok(false);
    }
    let mut at: u64 = 0;
    loop {
        let range = at..at.saturating_add(PIECE);
        let piece = here.read(range.clone(), Wait::Yes).map_err(failed)?;
        if piece != there.read(range, Wait::Yes).map_err(failed)? {
            return Ok(false);
        }
        if piece.is_empty() {
            return Ok(true);
        }
        at = at.saturating_add(piece.len() as u64);
    }
}

fn twice(folder: &Folder, to: &Folder, file: &OsStr) -> Error {
    let (here, there) = (folder.path().join(file), to.path().join(file));
    Error::new(ErrorKind::Damaged, Operation::Maintain)
        .with_path(&here)
        .with_detail(format!(
            "there is another value of the key in {}",
            there.display()
        ))
        .with_remedy("look which one is right, move the other one away, and run it again")
}
