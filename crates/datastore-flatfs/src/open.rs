//! Opening a directory: what is refused, what is created.

use std::path::Path;

use datastore_files::{FileError, Reason, Tree};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::failure::file_error;
use crate::options::FlatfsOptions;
use crate::sharding::{self, Sharding};

/// Where temporary files lie. go-ds-flatfs empties it whenever it opens a directory.
pub(crate) const TEMP: &str = ".temp";

/// Opens a directory. Blocks.
pub(crate) fn open(path: &Path, options: &FlatfsOptions) -> Result<(Tree, Sharding), Error> {
    let tree = open_root(path, options)?;
    let wanted = Sharding {
        shard: options.shard.unwrap_or_default(),
        names: options.names.unwrap_or_default(),
    };
    let sharding = match Sharding::read(&tree)? {
        Some(_) if options.error_if_exists => return Err(exists(path)),
        Some(found) => found,
        None if options.read_only || !options.create_if_missing => {
            return Err(Error::new(ErrorKind::NotFound, Operation::Open)
                .with_path(tree.full(Path::new(sharding::FILE)))
                .with_detail("the directory is no flatfs store"));
        }
        None => wanted.write(&tree)?,
    };
    Ok((tree, sharding))
}

fn open_root(path: &Path, options: &FlatfsOptions) -> Result<Tree, Error> {
    let open = || Tree::open(options.fs.clone(), path, Path::new(TEMP));
    match open() {
        Err(error) if error.reason() == Reason::NotFound && options.create_if_missing => {
            let created = Tree::create(&*options.fs, path);
            match created {
                Err(error) if error.reason() != Reason::AlreadyExists => Err(open_error(error)),
                _ => open().map_err(open_error),
            }
        }
        opened => opened.map_err(open_error),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, Operation::Open)
        .with_path(path)
        .with_detail("there is a store already")
        .with_remedy("choose another directory, or open without error_if_exists")
}

fn open_error(error: FileError) -> Error {
    file_error(error, Operation::Open, None)
}
