//! Opening a folder: what is refused, what is created.

use std::path::Path;

use datastore_files::{FileError, Kind, Reason, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::failure::file_error;
use crate::layout::{Layout, MARKER, Names, RESERVED, TEMP};
use crate::marker::Marker;
use crate::options::FsOptions;

const DEFAULT_EXTENSION: &str = ".data";
const MAX_EXTENSION: usize = 64;
/// The marker of a go-ds-flatfs folder, whose files would all be foreign to us.
const FLATFS_MARKER: &str = "SHARDING";

/// Opens a folder. Blocks.
pub(crate) fn open(path: &Path, options: &FsOptions) -> Result<(Tree, Layout), Error> {
    if let Some(extension) = &options.extension {
        check_extension(path, extension)?;
    }
    let tree = open_root(path, options)?;
    let marker = Marker::read(&tree)?;
    match &marker {
        Some(marker) => check_agreement(&tree, marker, options)?,
        None => refuse_flatfs(&tree)?,
    }
    let marker = match (marker, options.read_only) {
        (Some(marker), true) => marker,
        (None, true) => wanted(options, default_names(false)),
        (found, false) => open_for_writing(&tree, found, options)?,
    };
    Ok((
        tree,
        Layout {
            extension: marker.extension,
            names: marker.names,
        },
    ))
}

fn open_root(path: &Path, options: &FsOptions) -> Result<Tree, Error> {
    let open = || Tree::open(options.fs.clone(), path, Path::new(TEMP));
    match open() {
        Ok(_) if options.error_if_exists => Err(exists(path)),
        Ok(tree) => Ok(tree),
        Err(error) if error.reason() == Reason::NotFound => {
            if options.read_only || !options.create_if_missing {
                return Err(missing(path, options, error));
            }
            match Tree::create(&*options.fs, path) {
                Err(error)
                    if error.reason() == Reason::AlreadyExists && options.error_if_exists =>
                {
                    Err(exists(path))
                }
                Err(error) if error.reason() != Reason::AlreadyExists => Err(open_error(error)),
                _ => open().map_err(open_error),
            }
        }
        Err(error) => Err(open_error(error)),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, Operation::Open)
        .with_path(path)
        .with_detail("the folder is there already")
        .with_remedy("choose another folder, or open without error_if_exists")
}

fn missing(path: &Path, options: &FsOptions, error: FileError) -> Error {
    Error::new(ErrorKind::NotFound, Operation::Open)
        .with_path(path)
        .with_detail("there is no such folder")
        .with_remedy(if options.read_only {
            "check the path; a store that is opened read-only must exist"
        } else {
            "check the path, or open with create_if_missing"
        })
        .with_source(error.into_cause())
}

fn open_error(error: FileError) -> Error {
    if error.reason() == Reason::NotAFolder {
        return Error::new(ErrorKind::Foreign, Operation::Open)
            .with_path(error.path())
            .with_detail("a file is where the folder of the store should be")
            .with_remedy("move the file away or choose another folder")
            .with_source(error.into_cause());
    }
    file_error(error, Operation::Open, None)
}

fn refuse_flatfs(tree: &Tree) -> Result<(), Error> {
    let marker = Path::new(FLATFS_MARKER);
    let found = tree.metadata(marker, Wait::Yes).map_err(open_error)?;
    if found.is_some_and(|metadata| metadata.kind == Kind::File) {
        return Err(Error::new(ErrorKind::Foreign, Operation::Open)
            .with_path(tree.full(marker))
            .with_detail("this is the marker of a flatfs folder")
            .with_remedy("open the folder as flatfs, or choose another"));
    }
    Ok(())
}

fn check_agreement(tree: &Tree, marker: &Marker, options: &FsOptions) -> Result<(), Error> {
    let disagreement = if options
        .extension
        .as_ref()
        .is_some_and(|wanted| *wanted != marker.extension)
    {
        format!(
            "the store was created with the extension {:?}",
            marker.extension
        )
    } else if options.names.is_some_and(|wanted| wanted != marker.names) {
        format!(
            "the store was created with names of kind {:?}",
            marker.names.as_str()
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
        .with_path(tree.full(Path::new(MARKER)))
        .with_detail(disagreement)
        .with_remedy("open it without that option"))
}

/// Sweeps, claims a place for temporary files, which shows whether the folder can be written, and sees to the marker.
fn open_for_writing(
    tree: &Tree,
    found: Option<Marker>,
    options: &FsOptions,
) -> Result<Marker, Error> {
    drop(tree.temp_file().map_err(open_error)?);
    tree.sweep().map_err(open_error)?;
    if let Some(marker) = found {
        return Ok(marker);
    }
    let ignores_case = ignores_case(tree)?;
    if ignores_case && options.names == Some(Names::JavaScript) {
        return Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
            .with_path(tree.path())
            .with_detail(
                "this file system ignores case, so keys that differ in case only would be mixed up",
            )
            .with_remedy("open it with portable names"));
    }
    let marker = wanted(options, default_names(ignores_case)).write(tree)?;
    // Somebody else may have created the store just now, with other options.
    check_agreement(tree, &marker, options)?;
    Ok(marker)
}

fn ignores_case(tree: &Tree) -> Result<bool, Error> {
    let shouted = RESERVED.to_ascii_uppercase();
    let found = tree
        .metadata(Path::new(&shouted), Wait::Yes)
        .map_err(open_error)?;
    Ok(found.is_some_and(|metadata| metadata.kind == Kind::Dir))
}

fn default_names(ignores_case: bool) -> Names {
    if ignores_case || cfg!(windows) {
        Names::Portable
    } else {
        Names::JavaScript
    }
}

fn wanted(options: &FsOptions, names: Names) -> Marker {
    Marker {
        names: options.names.unwrap_or(names),
        extension: options
            .extension
            .clone()
            .unwrap_or_else(|| DEFAULT_EXTENSION.to_owned()),
    }
}

fn check_extension(path: &Path, extension: &str) -> Result<(), Error> {
    let strange = |c: char| c == '/' || c == '\\' || c.is_control();
    if extension.len() <= MAX_EXTENSION && !extension.chars().any(strange) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
        .with_path(path)
        .with_detail(format!("{extension:?} cannot be the end of file names"))
        .with_remedy(format!(
            "use at most {MAX_EXTENSION} bytes without slashes and control characters"
        )))
}
