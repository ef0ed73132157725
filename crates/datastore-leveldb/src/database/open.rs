//! Opening: from the files of a folder to tables and memtable.

use std::path::Path;

use bytes::Bytes;
use datastore_files::{Tree, Wait};
use interface_datastore::{Error, ErrorKind, Finding, Operation, Severity};

use super::files::{self, Listing};
use super::levels::{Levels, TableMeta};
use super::manifest::{self, MAX_CURRENT, Manifest};
use super::memtable::{MemTable, Replay};
use crate::failure::Failure;
use crate::format::names::{CURRENT, manifest_named_by};
use crate::options::LevelOptions;

/// How often reading begins again because another program changed the database meanwhile.
const TRIES: usize = 8;

/// What a database held when it was opened.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) memtable: MemTable,
    pub(crate) levels: Levels,
    /// What was noticed while opening.
    pub(crate) findings: Vec<Finding>,
}

/// Reads what makes up the database.
pub(crate) fn load(tree: &Tree, options: &LevelOptions) -> Result<Contents, Failure> {
    for _ in 0..TRIES {
        let before = stamp(tree)?;
        let loaded = match load_once(tree, options) {
            Err(failure) if options.salvage && failure.is_loss() => rebuild(tree, options, failure),
            loaded => loaded,
        };
        // Tables and logs of one moment: they change only together with the manifest.
        if stamp(tree)? == before {
            return loaded;
        }
    }
    let error = Error::new(ErrorKind::Unavailable, Operation::Open).with_path(tree.path());
    Err(error
        .with_detail("another program changes the database all the time")
        .with_remedy("close that program, or read a copy")
        .into())
}

/// Tells states of the database apart: what `CURRENT` says, and the length of the manifest in force.
fn stamp(tree: &Tree) -> Result<(Bytes, u64), Failure> {
    let Some(file) = tree.open_file(Path::new(CURRENT), Wait::Yes)? else {
        return Ok((Bytes::new(), 0));
    };
    let text = file.read(0..MAX_CURRENT, Wait::Yes)?;
    let name = manifest_named_by(&text).and_then(|_| std::str::from_utf8(&text).ok());
    let manifest = match name {
        Some(name) => tree.metadata(Path::new(name.trim_end()), Wait::Yes)?,
        None => None,
    };
    Ok((text, manifest.map_or(0, |about| about.len)))
}

fn load_once(tree: &Tree, options: &LevelOptions) -> Result<Contents, Failure> {
    let listing = Listing::read(tree)?;
    let mut manifest = manifest::read(tree, &listing, manifest::current(tree)?)?;
    let mut findings = std::mem::take(&mut manifest.findings);
    let tables = tables(tree, &listing, &mut manifest, options.salvage)?;
    let (levels, overlapping) = Levels::of(tables);
    for level in overlapping {
        let detail =
            format!("tables of level {level} lie over each other; all are searched for every key");
        findings.push(
            Finding::new(Severity::Warning, "overlapping-level", detail).with_path(tree.path()),
        );
    }
    let logs = listing
        .logs
        .iter()
        .filter(|(number, _)| manifest.needs_log(**number));
    let memtable = replay(
        tree,
        logs.map(|(_, name)| name.as_ref()),
        options,
        &mut findings,
    )?;
    Ok(Contents {
        memtable,
        levels,
        findings,
    })
}

/// The tables that the manifest lists, each with its level.
fn tables(
    tree: &Tree,
    listing: &Listing,
    manifest: &mut Manifest,
    salvage: bool,
) -> Result<Vec<(u64, TableMeta)>, Failure> {
    let listed = std::mem::take(&mut manifest.tables).into_iter();
    let tables = listed.map(|((level, number), entry)| {
        let table = TableMeta::listed(entry, listing.tables.get(&number));
        match table.is_missing && !salvage {
            true => Err(Failure::Damaged(files::missing_table(tree, &table.name))),
            false => Ok((level, table)),
        }
    });
    tables.collect()
}

fn replay<'a>(
    tree: &Tree,
    logs: impl Iterator<Item = &'a Path>,
    options: &LevelOptions,
    findings: &mut Vec<Finding>,
) -> Result<MemTable, Failure> {
    let mut replay = Replay::default();
    for name in logs {
        replay.log(tree, name, options.max_log_len, options.salvage)?;
    }
    let (memtable, found) = replay.finish();
    findings.extend(found);
    Ok(memtable)
}

/// Without a usable manifest: every table and every log of the folder. Tables that were compacted away and not yet
/// removed count too, so what was deleted long ago may come back.
fn rebuild(tree: &Tree, options: &LevelOptions, failure: Failure) -> Result<Contents, Failure> {
    let listing = Listing::read(tree)?;
    let why = failure.during(Operation::Open, None);
    let detail =
        format!("all tables and logs of the folder are read, as the manifest cannot be: {why}");
    let finding = Finding::new(Severity::Error, "no-manifest", detail).with_path(tree.path());
    let mut findings = vec![finding];
    let tables = listing.tables.iter();
    let levels = Levels::unknown(tables.map(|(number, name)| TableMeta::found(*number, name)));
    let logs = listing.logs.values().map(AsRef::as_ref);
    let memtable = replay(tree, logs, options, &mut findings)?;
    Ok(Contents {
        memtable,
        levels,
        findings,
    })
}
