//! Another shard function for a store, in place.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use datastore_files::{Kind, Links, Replace};
use interface_datastore::{Error, ErrorKind, Operation};

use super::folder::Folder;
use super::javascript;
use super::layout::value;
use super::relocate::Relocation;
use super::site::Site;
use super::unfinished::{Origin, Unfinished};
use super::{Done, Phase, Teller, Watch};
use crate::sharding::{self, Sharding};
use crate::{FlatfsOptions, ShardFunction};

/// Gives a store another shard function, in place: each value is renamed to the folder that the new function has for it.
///
/// While that goes on, and after an interruption, `SHARDING` holds a text that no program takes for a shard function, so
/// that neither this crate nor go-ds-flatfs opens a store of which they would find only half. [`resume`] does the rest, and
/// so does the same call again. A store that has the function already is left alone.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] if it is no store, [`ErrorKind::InvalidArgument`] if no folder can have such a long name,
/// [`ErrorKind::Foreign`] if a value or a file would be in the way: nothing is changed then. After any other error
/// [`resume`] does the rest.
pub fn reshard(
    path: &Path,
    shard: ShardFunction,
    options: &FlatfsOptions,
    watch: &mut Watch<'_>,
) -> Result<Done, Error> {
    let shard = shard.usable().map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
            .with_path(path)
            .with_detail(error.to_string())
            .with_source(error)
    })?;
    let mut teller = Teller::new(path, watch);
    let site = Site::open(path, options)?;
    if let Some(begun) = site.unfinished()?.filter(|begun| begun.to.shard == shard) {
        return finish(&site, &begun, None, &mut teller);
    }
    let from = site.sharding()?;
    site.complete(&from)?;
    if from.shard == shard {
        return Ok(Done::default());
    }
    let unfinished = Unfinished {
        origin: Origin::Flatfs,
        from,
        to: Sharding { shard, ..from },
    };
    let total = count(&site, &unfinished, &mut teller)?;
    site.write_sharding(&unfinished.text(), Replace::Yes)?;
    finish(&site, &unfinished, Some(total), &mut teller)
}

/// Finishes a [`reshard`] or an [`adopt_javascript`](super::adopt_javascript) that was interrupted.
///
/// # Errors
///
/// [`ErrorKind::InvalidArgument`] if there is nothing to finish.
pub fn resume(path: &Path, options: &FlatfsOptions, watch: &mut Watch<'_>) -> Result<Done, Error> {
    let mut teller = Teller::new(path, watch);
    let site = Site::open(path, options)?;
    let unfinished = site.unfinished()?.ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
            .with_path(path)
            .with_detail("no conversion of this directory was interrupted")
    })?;
    finish(&site, &unfinished, None, &mut teller)
}

/// Moves what is still in its old place, and makes the directory a store of the new function.
pub(super) fn finish(
    site: &Site,
    unfinished: &Unfinished,
    total: Option<u64>,
    teller: &mut Teller<'_, '_>,
) -> Result<Done, Error> {
    site.forget_usage()?;
    teller.phase(Phase::Moving, total)?;
    let place = |folder: &str, stem: &str| unfinished.place(folder, stem);
    Relocation::new(site, site, Replace::No, &place).run(teller)?;
    let done = Done {
        values: teller.done,
        ..Done::default()
    };
    // A value whose new name were lost would be where nobody looks for it.
    site.sync(teller)?;
    let to = unfinished.to;
    site.root.remove_file(OsStr::new(sharding::README))?;
    to.write_readme(&site.tree);
    if unfinished.origin == Origin::JavaScript {
        // In a finished store it would look like a value in the wrong place.
        site.root.remove_file(OsStr::new(javascript::MARKER))?;
        site.root.sync()?;
    }
    site.write_sharding(&format!("{}\n", to.identifier()), Replace::Yes)?;
    teller.phase(Phase::CleaningUp, None)?;
    remove_empty_folders(site)?;
    site.store_usage();
    Ok(done)
}

fn remove_empty_folders(site: &Site) -> Result<(), Error> {
    for name in site.shard_folders()? {
        if let Some((Kind::Dir, _)) = site.root.look(&name)? {
            site.root.remove_folder(&name)?;
        }
    }
    site.root.sync()
}

impl Unfinished {
    /// The folder in which a value belongs that still has its old place; none for others.
    pub(super) fn place(&self, folder: &str, stem: &str) -> Option<String> {
        let target = self.to.shard.dir(stem);
        (target != folder && self.old_place(stem).as_deref() == Some(folder)).then_some(target)
    }

    /// Whether a value that is not in its old place would be in its new one.
    fn would_come_to_light(&self, folder: &str, stem: &str) -> bool {
        self.to.shard.dir(stem) == folder && self.old_place(stem).as_deref() != Some(folder)
    }

    fn old_place(&self, stem: &str) -> Option<String> {
        match self.origin {
            Origin::Flatfs => Some(self.from.shard.dir(stem)),
            Origin::JavaScript => javascript::folder(&self.from.shard, stem),
        }
    }
}

/// Counts the values to be moved, and refuses what would be mixed up.
fn count(site: &Site, unfinished: &Unfinished, teller: &mut Teller<'_, '_>) -> Result<u64, Error> {
    teller.phase(Phase::Counting, None)?;
    let taken = files_in_root(site)?;
    let mut folders = site.shard_folders()?;
    folders.push(OsString::new());
    for name in folders {
        let Some((folder, name)) = site.folder(&name)?.zip(name.to_str()) else {
            continue;
        };
        for entry in folder.entries()? {
            let (file, kind) = entry?;
            let Some(stem) = value(&file).filter(|_| kind != Kind::Dir) else {
                continue;
            };
            match unfinished.place(name, stem) {
                Some(target) if taken.contains(&target) => return Err(in_the_way(site, &target)),
                Some(_) => teller.one_done()?,
                None if unfinished.would_come_to_light(name, stem) => {
                    return Err(hidden_value(&folder, &file));
                }
                None => {}
            }
        }
    }
    Ok(teller.done)
}

/// What no folder can be called. Values, which may be many, have other names than folders.
pub(super) fn files_in_root(site: &Site) -> Result<HashSet<String>, Error> {
    let mut names = HashSet::new();
    for entry in site.root.entries()? {
        let (name, kind) = entry?;
        let folder = match kind {
            Kind::Dir => true,
            Kind::Link => site.root.find(&name, Links::Follow)?.is_some(),
            Kind::File | Kind::Other => false,
        };
        if !folder && value(&name).is_none() {
            names.extend(name.into_string());
        }
    }
    Ok(names)
}

pub(super) fn in_the_way(site: &Site, target: &str) -> Error {
    Error::new(ErrorKind::Foreign, Operation::Maintain)
        .with_path(site.root.path().join(target))
        .with_detail("the new function has a folder of this name")
        .with_remedy("move the file away, or choose another function")
}

fn hidden_value(folder: &Folder, file: &OsStr) -> Error {
    Error::new(ErrorKind::Foreign, Operation::Maintain)
        .with_path(folder.path().join(file))
        .with_detail("no key leads to this value now, but one would with the new function")
        .with_remedy("repair the store first, or move the file away")
}
