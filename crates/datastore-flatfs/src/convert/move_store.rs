//! All values of one store into another.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use datastore_files::{Action, Kind, Replace};
use interface_datastore::{Error, ErrorKind, Operation};

use super::folder::Folder;
use super::layout::value;
use super::relocate::Relocation;
use super::site::{Site, USAGE};
use super::{Done, Phase, Teller, Watch};
use crate::FlatfsOptions;
use crate::open::{OWN, TEMP};
use crate::sharding::{self, Sharding};
use crate::unclean::QUARANTINE;

/// What temporary files of old releases of go-ds-flatfs in the folders are called.
const OLD_TEMP: &str = "put-";

/// Moves all values of the store `from` into the store `to`, each to the place that the function of `to` has for it, and
/// then empties `from`: its folders, `SHARDING` and `_README` are removed, and anything else in it is moved along into
/// `to`. An empty directory `from` is left.
///
/// A value of `to` with the same key is replaced. Values are renamed; on another file system they are copied, synced and
/// removed. Interrupted or failed, it can be repeated to do the rest, or be undone by moving from `to` to `from`.
///
/// # Errors
///
/// Besides those of opening the stores: [`ErrorKind::Foreign`] if a folder of `from` holds something else, which is found
/// once the values have been moved: what it is stays where it is, and `from` a store. [`ErrorKind::AlreadyExists`] if
/// something that would be moved along is in `to` already.
pub fn move_store(
    from: &Path,
    to: &Path,
    options: &FlatfsOptions,
    watch: &mut Watch<'_>,
) -> Result<Done, Error> {
    let mut teller = Teller::new(from, watch);
    check_apart(from, to)?;
    let (source, here) = Site::open_store(from, options)?;
    let (target, there) = Site::open_store(to, options)?;
    if here.names != there.names {
        return Err(Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
            .with_path(to)
            .with_detail("one of the two stores has escaped names and the other one has not")
            .with_remedy("copy the values instead: datastore cp"));
    }
    source.end_doubt(here, options)?;
    target.end_doubt(there, options)?;
    source.forget_usage()?;
    target.forget_usage()?;
    let done = move_values(&source, here, &target, there, &mut teller)?;
    // What is removed next must be in its new place for good.
    target.sync(&mut teller)?;
    clean_up(source, &target, &mut teller)?;
    target.store_usage();
    Ok(done)
}

fn check_apart(from: &Path, to: &Path) -> Result<(), Error> {
    // What is not there is told when it is opened.
    let (Ok(here), Ok(there)) = (from.canonicalize(), to.canonicalize()) else {
        return Ok(());
    };
    if !here.starts_with(&there) && !there.starts_with(&here) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
        .with_path(to)
        .with_detail("one of the two directories is or holds the other")
        .with_remedy("choose two directories side by side; to change the shard function in place, re-shard the store"))
}

fn move_values(
    source: &Site,
    here: Sharding,
    target: &Site,
    there: Sharding,
    teller: &mut Teller<'_, '_>,
) -> Result<Done, Error> {
    let place = move |folder: &str, stem: &str| {
        (here.shard.dir(stem) == folder).then(|| there.shard.dir(stem))
    };
    teller.phase(Phase::Moving, None)?;
    Relocation::new(source, target, Replace::Yes, &place).run(teller)?;
    Ok(Done {
        values: teller.done,
        ..Done::default()
    })
}

/// Empties a store without values. `SHARDING` goes last, so that it is a store as long as there is something to do.
fn clean_up(source: Site, target: &Site, teller: &mut Teller<'_, '_>) -> Result<(), Error> {
    teller.phase(Phase::CleaningUp, None)?;
    let root = &source.root;
    for name in source.shard_folders()? {
        clear_folder(&source, &name)?;
        teller.one_done()?;
    }
    let mut own = Vec::new();
    for (name, _) in root.entries()?.collect::<Result<Vec<_>, Error>>()? {
        match fate(&name) {
            Fate::MovesAlong => move_along(root, &target.root, &name)?,
            Fate::Goes => own.push(name),
            Fate::Last => {}
        }
    }
    target.root.sync()?;
    source.tree.release();
    root.remove_all(OsStr::new(TEMP), 1)?;
    for name in own {
        root.remove_file(&name)?;
    }
    root.remove_file(OsStr::new(sharding::README))?;
    root.sync()?;
    root.remove_file(OsStr::new(sharding::FILE))?;
    root.sync()?;
    source.unlock_and_forget()
}

enum Fate {
    MovesAlong,
    Goes,
    /// Gone at its own time.
    Last,
}

fn fate(name: &OsStr) -> Fate {
    match name.to_str() {
        Some(USAGE) => Fate::Goes,
        Some(QUARANTINE) => Fate::MovesAlong,
        Some(sharding::FILE | sharding::README | TEMP | crate::open::LOCK) => Fate::Last,
        Some(text) if text.starts_with(OWN) => Fate::Goes,
        _ => Fate::MovesAlong,
    }
}

/// Removes a folder of values that has none any more. A link to such a folder is removed, and the folder stays.
fn clear_folder(source: &Site, name: &OsStr) -> Result<(), Error> {
    let Some(folder) = source.root.find(name, source.links)? else {
        return Ok(());
    };
    for entry in folder.entries()?.collect::<Result<Vec<_>, Error>>()? {
        match entry {
            (file, Kind::File) if is_old_temp(&file) => folder.remove_file(&file)?,
            (file, _) => return Err(unknown(&folder, &file)),
        }
    }
    match source.root.look(name)? {
        Some((Kind::Link, _)) => source.root.remove_file(name),
        _ => source.root.remove_folder(name).map(|_| ()),
    }
}

fn is_old_temp(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(OLD_TEMP.as_bytes())
}

fn unknown(folder: &Folder, file: &OsStr) -> Error {
    let misplaced = value(file).is_some();
    let error =
        Error::new(ErrorKind::Foreign, Operation::Maintain).with_path(folder.path().join(file));
    if misplaced {
        return error
            .with_detail("this value lies in the wrong folder, so that no key leads to it; all others have been moved")
            .with_remedy("repair the store that it lies in, then run this again");
    }
    error
        .with_detail("this is none of a store's files; all values have been moved")
        .with_remedy("move it away, then run this again")
}

/// Moves something that is not the store's own.
fn move_along(from: &Folder, to: &Folder, name: &OsString) -> Result<(), Error> {
    match from.rename(name, (to, name), Replace::No) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::new(ErrorKind::AlreadyExists, Operation::Maintain)
                .with_path(to.path().join(name))
                .with_detail("it would be replaced by what the other store has under this name; all values have been moved")
                .with_remedy("move one of the two away, then run this again"))
        }
        Err(error) => Err(to.failed(Action::Rename, name, error)),
    }
}
