//! Empty stores, and directories from before there were `SHARDING` files.

use std::ffi::OsStr;
use std::path::Path;

use datastore_files::{Links, Replace};
use interface_datastore::{Error, ErrorKind, Operation};

use super::folder::Folder;
use super::site::Site;
use crate::names::Names;
use crate::open::TEMP;
use crate::sharding::{self, Sharding};
use crate::{FlatfsOptions, ShardFunction};

/// Makes an empty store in `path`, which must be an empty directory or not be there; the one above it must.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if there is a store, whatever its shard function; [`ErrorKind::Foreign`] if something else is
/// in the directory.
pub fn create(path: &Path, shard: ShardFunction, options: &FlatfsOptions) -> Result<(), Error> {
    let options = options
        .clone()
        .with_create_if_missing(true)
        .with_error_if_exists(true)
        .with_read_only(false)
        .with_shard(shard);
    let created = crate::open::open(path, &options)?;
    created.tree.release();
    drop(created);
    Folder::root(&options.fs, path)?.remove_folder(OsStr::new(TEMP))?;
    Ok(())
}

/// Makes a directory a store whose values lie in folders named by the first `length` characters of their keys, but which has
/// no `SHARDING` file. Values are not touched.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if there is such a file; [`ErrorKind::InvalidArgument`] if no folder can have a name so long,
/// or if a value lies in a folder of another name: it could not be found any more.
pub fn upgrade(path: &Path, length: u64, options: &FlatfsOptions) -> Result<(), Error> {
    let shard = ShardFunction::prefix(length).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
            .with_path(path)
            .with_detail(error.to_string())
            .with_source(error)
    })?;
    let site = Site::open(path, options)?;
    if site.root.look(OsStr::new(sharding::FILE))?.is_some() {
        return Err(Error::new(ErrorKind::AlreadyExists, Operation::Maintain)
            .with_path(path.join(sharding::FILE))
            .with_detail("the directory has a shard function already")
            .with_remedy("to give it another one, re-shard it"));
    }
    let sharding = Sharding {
        shard,
        names: Names::Flatfs,
    };
    check_places(&site, &sharding)?;
    let text = format!("{}\n", sharding.identifier());
    site.write_sharding(&text, Replace::No)?;
    site.drop_empty_temp()
}

/// Looks at one value of each folder.
fn check_places(site: &Site, sharding: &Sharding) -> Result<(), Error> {
    for name in site.shard_folders()? {
        let Some(folder) = site.root.find(&name, Links::Follow)? else {
            continue;
        };
        for entry in folder.entries()? {
            let (file, _) = entry?;
            let Some((stem, shown)) = value(&file).zip(name.to_str()) else {
                continue;
            };
            if sharding.shard.dir(stem) != shown {
                let length = shown.chars().count();
                return Err(Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
                    .with_path(folder.path().join(&file))
                    .with_detail(format!("with {} its folder would be called {}", sharding.shard, sharding.shard.dir(stem)))
                    .with_remedy(format!("if the folders are called by the first characters of the keys, the number is {length}")));
            }
            break;
        }
    }
    Ok(())
}

/// The key's text in the name of a file that holds a value.
pub(super) fn value(name: &OsStr) -> Option<&str> {
    let stem = name.to_str()?.strip_suffix(crate::names::EXTENSION)?;
    (!stem.starts_with('.')).then_some(stem)
}

/// Makes a store a directory without a `SHARDING` file, as programs from before them had. Values are not touched.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for a store whose folders are not named by the first characters of keys, or whose names are
/// escaped; [`ErrorKind::NotFound`] if it is no store.
pub fn downgrade(path: &Path, options: &FlatfsOptions) -> Result<(), Error> {
    let (site, sharding) = Site::open_store(path, options)?;
    if !sharding.shard.is_prefix() || sharding.names != Names::Flatfs {
        return Err(Error::unsupported(
            Operation::Maintain,
            format!("downgrading a store of {}", sharding.identifier()),
        )
        .with_path(path)
        .with_remedy("re-shard it with a prefix function first"));
    }
    site.root.remove_file(OsStr::new(sharding::README))?;
    site.root.remove_file(OsStr::new(sharding::FILE))?;
    site.root.sync()
}
