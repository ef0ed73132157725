//! Folders of npm `ShardingDatastore` over `datastore-fs`.
//!
//! They look much like a directory of go-ds-flatfs. But their marker is the value of the key `/SHARDING`, the file
//! `SHARDING.data`; their functions see a key with its slash; and their keys may be any.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use datastore_files::{Change, Contents, Replace, Safety, Step, TempFile, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use super::layout::value;
use super::relocate::{copied, is_same};
use super::reshard::{files_in_root, finish, in_the_way};
use super::site::Site;
use super::unfinished::{Origin, Unfinished};
use super::{Done, Phase, Teller, Watch, layout};
use crate::failure::file_error;
use crate::names::Names;
use crate::open::{OWN, TEMP};
use crate::sharding::{self, Sharding};
use crate::{FlatfsOptions, ShardFunction};

/// The file that tells the function.
pub(super) const MARKER: &str = "SHARDING.data";
const MARKER_KEY: &str = "SHARDING";
/// Where `datastore-fs` of this family keeps what it needs, and keys that cannot be names.
const RESERVED: &str = ".datastore";
const RESERVED_KEYS: &str = ".datastore/keys";
/// So many files are synced and renamed at a time.
const GROUP: usize = 64;

/// Copies the values of a folder of npm `ShardingDatastore` into the store `to`, which is made if there is none: with the
/// function of `options`, else with that of the folder. A value of `to` with the same key is replaced unless it is equal.
///
/// Keys that flatfs cannot hold are told to `watch`, counted and left out. Repeated, it copies what is missing.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] if `from` is no such folder; those of opening and writing the store.
pub fn import_javascript(
    from: &Path,
    to: &Path,
    options: &FlatfsOptions,
    watch: &mut Watch<'_>,
) -> Result<Done, Error> {
    let mut teller = Teller::new(from, watch);
    let source = crate::open::open_root(from, &super::to_convert(options))?;
    let shard = function(&source)?;
    let (target, there) = open_or_create(to, options.shard.unwrap_or(shard), options)?;
    if options.shard.is_some_and(|wanted| wanted != there.shard) {
        return Err(Error::new(ErrorKind::InvalidArgument, Operation::Maintain)
            .with_path(to)
            .with_detail(format!("the store has the function {}", there.shard))
            .with_remedy("leave the function out"));
    }
    if there.names != Names::Flatfs {
        return Err(Error::unsupported(
            Operation::Maintain,
            "importing into a store of escaped names",
        )
        .with_path(to)
        .with_remedy("copy the values instead: datastore cp 'fs:FROM?sharding=marked' flatfs:TO"));
    }
    target.forget_usage()?;
    teller.phase(Phase::Copying, None)?;
    let mut copy = Copy {
        source: &source,
        target: &target,
        there,
        group: Vec::new(),
        done: Done::default(),
    };
    let mut walk = source.walk(Path::new(""), |_| true);
    while let Some(step) = walk.next(&source) {
        let step = step.map_err(|error| file_error(error, Operation::Maintain, None))?;
        copy.step(&shard, step, &mut teller)?;
    }
    copy.write()?;
    let done = copy.done;
    target.sync(&mut teller)?;
    target.store_usage();
    Ok(done)
}

fn open_or_create(
    path: &Path,
    shard: ShardFunction,
    options: &FlatfsOptions,
) -> Result<(Site, Sharding), Error> {
    match Site::open_store(path, options) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            layout::create(path, shard, options)?;
            Site::open_store(path, options)
        }
        opened => opened,
    }
}

/// Makes a folder of npm `ShardingDatastore` a flatfs store in place, with another function if one is in `options`. Values are
/// renamed if they need another place. It can be interrupted as [`reshard`](super::reshard) can.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] if `path` is no such folder; [`ErrorKind::Foreign`] if it holds a key that flatfs cannot hold, or
/// anything else: nothing is changed then. After any other error [`resume`](super::resume) does the rest, and so does the same
/// call again.
pub fn adopt_javascript(
    path: &Path,
    options: &FlatfsOptions,
    watch: &mut Watch<'_>,
) -> Result<Done, Error> {
    let mut teller = Teller::new(path, watch);
    let site = Site::open(path, options)?;
    if let Some(begun) = site
        .unfinished()?
        .filter(|begun| begun.origin == Origin::JavaScript)
    {
        return finish(&site, &begun, None, &mut teller);
    }
    if site.root.look(OsStr::new(sharding::FILE))?.is_some() {
        return Err(Error::new(ErrorKind::AlreadyExists, Operation::Maintain)
            .with_path(path.join(sharding::FILE))
            .with_detail("the directory is a flatfs store already, or on its way to be one"));
    }
    let from = Sharding {
        shard: function(&site.tree)?,
        names: Names::Flatfs,
    };
    let unfinished = Unfinished {
        origin: Origin::JavaScript,
        from,
        to: Sharding {
            shard: options.shard.unwrap_or(from.shard),
            ..from
        },
    };
    let total = check(&site, &unfinished, &mut teller)?;
    site.write_sharding(&unfinished.text(), Replace::No)?;
    finish(&site, &unfinished, Some(total), &mut teller)
}

/// The function that a folder's marker names.
fn function(tree: &Tree) -> Result<ShardFunction, Error> {
    let failed = |error| file_error(error, Operation::Maintain, None);
    let path = tree.full(Path::new(MARKER));
    let Some(file) = tree
        .open_file(Path::new(MARKER), Wait::Yes)
        .map_err(failed)?
    else {
        return Err(Error::new(ErrorKind::NotFound, Operation::Maintain)
            .with_path(path)
            .with_detail("the directory is no folder of npm ShardingDatastore")
            .with_remedy("check the path"));
    };
    let text = file.read(0..sharding::MAX_LEN, Wait::Yes).map_err(failed)?;
    let shard = String::from_utf8_lossy(&text).parse::<ShardFunction>();
    shard.and_then(ShardFunction::usable).map_err(|error| {
        Error::new(ErrorKind::Damaged, Operation::Maintain)
            .with_path(path)
            .with_detail(error.to_string())
            .with_remedy("write the function into it with which the folder was made")
            .with_source(error)
    })
}

/// The folder in which the JavaScript store has the value of the key `/STEM`, which may be one in another one; empty for the root.
/// None for the marker.
pub(super) fn folder(shard: &ShardFunction, stem: &str) -> Option<String> {
    let cut = shard.dir(&format!("/{stem}"));
    // The shard is made a key, and its namespaces are folders.
    let names: Vec<&str> = cut.split('/').filter(|name| !name.is_empty()).collect();
    (stem != MARKER_KEY).then(|| names.join("/"))
}

/// What a file of such a folder is.
enum Found<'p> {
    /// A value that flatfs can hold: the text of its key, and the name of the file.
    Value(&'p str, &'p str),
    /// Not a value.
    Own,
    /// Nothing that flatfs can hold.
    Other(&'static str),
}

fn classify<'p>(shard: &ShardFunction, to: &Sharding, path: &'p Path) -> Found<'p> {
    let first = path.components().next().map(Component::as_os_str);
    let first = first.and_then(OsStr::to_str).unwrap_or_default();
    let own = path == Path::new(MARKER)
        || first == RESERVED && !path.starts_with(RESERVED_KEYS)
        || first == TEMP
        || first.starts_with(OWN);
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if own || name.starts_with('.') && name.ends_with(".tmp") {
        return Found::Own;
    }
    if path.starts_with(RESERVED) {
        return Found::Other("flatfs cannot hold its key");
    }
    let Some(stem) = value(OsStr::new(name)) else {
        return Found::Other("it is no value");
    };
    let at = path.parent().and_then(Path::to_str);
    let is_held = to
        .key_of(OsStr::new(&to.shard.dir(stem)), OsStr::new(name))
        .is_some();
    if is_held && folder(shard, stem).as_deref() == at {
        return Found::Value(stem, name);
    }
    match is_held && !at.is_some_and(|at| at.contains('/')) {
        true => {
            Found::Other("it lies in a folder in which the JavaScript store does not look for it")
        }
        false => Found::Other("flatfs cannot hold its key"),
    }
}

/// Values on their way into a store.
struct Copy<'a> {
    source: &'a Tree,
    target: &'a Site,
    there: Sharding,
    group: Vec<(PathBuf, TempFile)>,
    done: Done,
}

impl Copy<'_> {
    fn step(
        &mut self,
        shard: &ShardFunction,
        step: Step,
        teller: &mut Teller<'_, '_>,
    ) -> Result<(), Error> {
        let (path, found) = match &step {
            Step::Folder(_) => return Ok(()),
            Step::File(path) => (path, classify(shard, &self.there, path)),
            Step::Other(path) => (path, Found::Other("it is no file")),
        };
        match found {
            Found::Own => Ok(()),
            Found::Other(reason) => {
                self.done.left_out = self.done.left_out.saturating_add(1);
                teller.left_out(&self.source.full(path), reason)
            }
            Found::Value(stem, name) => {
                self.value(path, Path::new(&self.there.shard.dir(stem)).join(name))?;
                teller.one_done()
            }
        }
    }

    fn value(&mut self, from: &Path, to: PathBuf) -> Result<(), Error> {
        if is_same(self.source, from, &self.target.tree, &to)? {
            self.done.unchanged = self.done.unchanged.saturating_add(1);
            return Ok(());
        }
        if let Some(temp) = copied(self.source, from, &self.target.tree)? {
            self.group.push((to, temp));
        }
        match self.group.len() < GROUP {
            true => Ok(()),
            false => self.write(),
        }
    }

    /// Gives the group its places.
    fn write(&mut self) -> Result<(), Error> {
        let group = std::mem::take(&mut self.group);
        let changes = group.into_iter().map(|(path, temp)| Change::Write {
            path,
            contents: Contents::Temp(temp),
            replace: Replace::Yes,
            obsolete: None,
        });
        for outcome in self.target.tree.apply(changes.collect(), Safety::Power) {
            outcome.map_err(|error| file_error(error, Operation::Maintain, None))?;
            self.done.values = self.done.values.saturating_add(1);
        }
        Ok(())
    }
}

/// Counts the values that have to be moved, and refuses what flatfs cannot hold.
fn check(site: &Site, unfinished: &Unfinished, teller: &mut Teller<'_, '_>) -> Result<u64, Error> {
    teller.phase(Phase::Counting, None)?;
    let taken = files_in_root(site)?;
    let mut walk = site.tree.walk(Path::new(""), |_| true);
    while let Some(step) = walk.next(&site.tree) {
        let step = step.map_err(|error| file_error(error, Operation::Maintain, None))?;
        let (path, found) = match &step {
            Step::Folder(_) => continue,
            Step::File(path) => (path, classify(&unfinished.from.shard, &unfinished.to, path)),
            Step::Other(path) => (path, Found::Other("it is no file")),
        };
        let found = match found {
            Found::Value(..) if path.components().count() > 2 => {
                Found::Other("the shard of so short a key is a folder in a folder")
            }
            found => found,
        };
        match found {
            Found::Own => {}
            Found::Other(reason) => {
                return Err(Error::new(ErrorKind::Foreign, Operation::Maintain)
                    .with_path(site.tree.full(path))
                    .with_detail(reason)
                    .with_remedy("move it away, or import the folder into another directory"));
            }
            Found::Value(stem, _) => {
                let target = unfinished.to.shard.dir(stem);
                if taken.contains(&target) {
                    return Err(in_the_way(site, &target));
                }
                teller.one_done()?;
            }
        }
    }
    Ok(teller.done)
}
