//! Opening a directory: what is refused, what is created.

use std::path::Path;

use datastore_files::{
    Access, Action, EmptiedFolders, FileError, Kind, Links, LockMode, Reason, Tree, TreeLock,
};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::failure::file_error;
use crate::options::FlatfsOptions;
use crate::shard::ShardError;
use crate::sharding::{self, Sharding};

/// Where temporary files lie. go-ds-flatfs empties it whenever it opens a directory.
pub(crate) const TEMP: &str = ".temp";
/// What the names of our own files start with. go-ds-flatfs leaves names with a dot alone.
pub(crate) const OWN: &str = ".flatfs-";
/// The file that a store's user holds locked.
pub(crate) const LOCK: &str = ".flatfs-lock";
/// The file in which the JavaScript `ShardingDatastore` keeps its shard function.
const JAVASCRIPT: &str = "SHARDING.data";

/// An open directory.
pub(crate) struct Opened {
    pub(crate) tree: Tree,
    pub(crate) sharding: Sharding,
    /// None if it is only read, or if no lock was wanted.
    pub(crate) lock: Option<TreeLock>,
    /// Whether it was created just now.
    pub(crate) created: bool,
}

/// Opens a directory. Blocks.
pub(crate) fn open(path: &Path, options: &FlatfsOptions) -> Result<Opened, Error> {
    if let Some(shard) = options.shard {
        shard.usable().map_err(|error| unusable(path, error))?;
    }
    let tree = open_root(path, options)?;
    let found = Sharding::read(&tree)?;
    match &found {
        Some(found) => check_agreement(&tree, found, options)?,
        None => check_creation(&tree, options)?,
    }
    if options.read_only {
        let sharding = found.ok_or_else(|| no_store(&tree))?;
        return Ok(Opened {
            tree,
            sharding,
            lock: None,
            created: false,
        });
    }
    let lock = match options.lock {
        true => Some(lock(&tree)?),
        false => None,
    };
    // Who held the lock until now may have made the store, or given it another shard function.
    let found = Sharding::read(&tree)?;
    if let Some(found) = &found {
        check_agreement(&tree, found, options)?;
    }
    // Shows whether the directory can be written, too.
    drop(tree.temp_file().map_err(write_error)?);
    let sharding = match found {
        Some(found) => found,
        None => create(&tree, options)?,
    };
    // What a batch needs to be completed would be swept, too.
    crate::batch::complete(&tree, &sharding)?;
    tree.sweep().map_err(open_error)?;
    Ok(Opened {
        tree,
        sharding,
        lock,
        created: found.is_none(),
    })
}

pub(crate) fn open_root(path: &Path, options: &FlatfsOptions) -> Result<Tree, Error> {
    let open = || Tree::open(options.fs.clone(), path, Path::new(TEMP));
    let opened = match open() {
        Err(error) if error.reason() == Reason::NotFound => {
            if options.read_only || !options.create_if_missing {
                return Err(missing(path, options, error));
            }
            create_root(path, options)?;
            open()
        }
        opened => opened,
    };
    let links = match options.follow_shard_links {
        true => Links::Follow,
        false => Links::Refuse,
    };
    Ok(opened
        .map_err(open_error)?
        .with_emptied_folders(EmptiedFolders::Keep)
        .with_measured_removals()
        .with_access(Access::Owner)
        .with_open_folders()
        .with_links_in_root(links))
}

/// Makes the directory, but none above it, where a wrong path would scatter stores.
fn create_root(path: &Path, options: &FlatfsOptions) -> Result<(), Error> {
    let above = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Err(error) = options.fs.open_root(above) {
        return Err(Error::new(ErrorKind::NotFound, Operation::Open)
            .with_path(above)
            .with_detail("the directory that shall hold the store is not there")
            .with_remedy("check the path, or make that directory")
            .with_source(error));
    }
    match Tree::create(&*options.fs, path) {
        // Somebody else was faster; whether there is a store by now is seen to later.
        Err(error) if error.reason() != Reason::AlreadyExists => Err(open_error(error)),
        _ => Ok(()),
    }
}

pub(crate) fn lock(tree: &Tree) -> Result<TreeLock, Error> {
    let locked = tree.lock(Path::new(LOCK), LockMode::Exclusive);
    locked.map_err(|error| match error.reason() {
        Reason::Locked => {
            let holder = error.duplicate().into_cause();
            file_error(error, Operation::Open, None)
                .with_detail(format!("the store's lock: {holder}"))
                .with_remedy("close the program that holds it, open the store read-only, or switch the lock off if another lock keeps the two apart")
        }
        _ => write_error(error),
    })
}

/// The error of what needs the right to write.
fn write_error(error: FileError) -> Error {
    let reason = error.reason();
    let out = open_error(error);
    match reason {
        Reason::ReadOnly | Reason::PermissionDenied => out.with_remedy(
            "open the store read-only, or give this user the right to write the directory",
        ),
        _ => out,
    }
}

/// Creates a store in a directory that has none.
fn create(tree: &Tree, options: &FlatfsOptions) -> Result<Sharding, Error> {
    let wanted = Sharding {
        shard: options.shard.unwrap_or_default(),
        names: options.names.unwrap_or_default(),
    };
    let sharding = wanted.write(tree)?;
    // Somebody else may have created the store just now, with other options.
    check_agreement(
        tree,
        &sharding,
        &options.clone().with_error_if_exists(false),
    )?;
    Ok(sharding)
}

/// Compares what was found with what was asked for.
fn check_agreement(tree: &Tree, found: &Sharding, options: &FlatfsOptions) -> Result<(), Error> {
    found
        .shard
        .usable()
        .map_err(|error| too_long(tree, error))?;
    let disagreement = match (options.shard, options.names) {
        (Some(wanted), _) if wanted != found.shard => {
            format!(
                "the store has the shard function {}, and {wanted} was asked for",
                found.shard
            )
        }
        (_, Some(wanted)) if wanted != found.names => {
            format!(
                "the store has names of kind {:?}, and {wanted:?} was asked for",
                found.names
            )
        }
        _ if options.error_if_exists => {
            return Err(Error::new(ErrorKind::AlreadyExists, Operation::Open)
                .with_path(tree.path())
                .with_detail("there is a store already")
                .with_remedy("choose another directory, or open without error_if_exists"));
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
        .with_path(tree.full(Path::new(sharding::FILE)))
        .with_detail(disagreement)
        .with_remedy(
            "open the store without that option; its shard function is changed by re-sharding",
        ))
}

/// Refuses to make a store of a directory that is something else.
fn check_creation(tree: &Tree, options: &FlatfsOptions) -> Result<(), Error> {
    let mut others = false;
    let entries = tree.entries(Path::new("")).map_err(open_error)?;
    for entry in entries.into_iter().flatten() {
        let entry = entry
            .map_err(|error| FileError::new(Action::List, tree.path(), error))
            .map_err(open_error)?;
        if entry.name == JAVASCRIPT && entry.kind == Kind::File {
            return Err(Error::new(ErrorKind::Foreign, Operation::Open)
                .with_path(tree.full(Path::new(JAVASCRIPT)))
                .with_detail("this is the mark of a sharded store of the JavaScript packages")
                .with_remedy("import it into a flatfs store, or choose another directory"));
        }
        // What a creation that was cut short leaves, and an opening by go-ds-flatfs.
        let own = entry.name == TEMP || entry.name.to_string_lossy().starts_with(OWN);
        others |= !own;
    }
    if others {
        return Err(Error::new(ErrorKind::Foreign, Operation::Open)
            .with_path(tree.full(Path::new(sharding::FILE)))
            .with_detail("the directory is not empty and has no file SHARDING, so it is no flatfs store")
            .with_remedy("choose an empty directory, or write the file with the shard function if it was lost"));
    }
    if options.read_only || !options.create_if_missing {
        return Err(no_store(tree));
    }
    Ok(())
}

fn missing(path: &Path, options: &FlatfsOptions, error: FileError) -> Error {
    Error::new(ErrorKind::NotFound, Operation::Open)
        .with_path(path)
        .with_detail("there is no such directory")
        .with_remedy(if options.read_only {
            "check the path; a store that is opened read-only must exist"
        } else {
            "check the path, or open with create_if_missing"
        })
        .with_source(error.into_cause())
}

fn no_store(tree: &Tree) -> Error {
    Error::new(ErrorKind::NotFound, Operation::Open)
        .with_path(tree.full(Path::new(sharding::FILE)))
        .with_detail("the directory is empty, there is no store in it")
        .with_remedy("check the path, or open for writing with create_if_missing")
}

/// What `SHARDING` says is a function, and no file system could hold its folders.
fn too_long(tree: &Tree, error: ShardError) -> Error {
    Error::new(ErrorKind::Unsupported, Operation::Open)
        .with_path(tree.full(Path::new(sharding::FILE)))
        .with_detail(error.to_string())
        .with_remedy("look whether this is the function with which the directory was created")
        .with_source(error)
}

fn unusable(path: &Path, error: ShardError) -> Error {
    Error::new(ErrorKind::InvalidArgument, Operation::Open)
        .with_path(path)
        .with_detail(error.to_string())
        .with_source(error)
}

fn open_error(error: FileError) -> Error {
    if error.reason() == Reason::NotAFolder {
        return Error::new(ErrorKind::Foreign, Operation::Open)
            .with_path(error.path())
            .with_detail("a file is where a directory should be")
            .with_remedy("move the file away or choose another directory")
            .with_source(error.into_cause());
    }
    file_error(error, Operation::Open, None)
}
